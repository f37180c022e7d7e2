/** Captures in files and through pipes. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFileSink, openFileSource } from '../../../src/adapters/file-source.ts';
import { PcapWriter } from '../../../src/pcap/pcap-writer.ts';
import { CaptureReader } from '../../../src/pcap/reader.ts';
import { frame } from './bases.ts';

describe('file source and sink', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'etherloom-file-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('writes a capture and reads it again', () => {
    const path = join(folder, 'many.pcap');
    const sink = openFileSink(path);
    const writer = new PcapWriter(sink);
    for (let i = 0; i < 50_000; i++) writer.write(frame(64, i), 0, 64, 64, i, 0);
    writer.flush();
    sink.close();
    expect(readFileSync(path).length).toBe(24 + 50_000 * 80);
    const source = openFileSource(path);
    const reader = new CaptureReader(source, { file: path });
    let n = 0;
    while (reader.next()) expect(reader.seconds).toBe(n++);
    source.close();
    source.close(); // twice does no harm
    expect(n).toBe(50_000);
    expect(reader.bytesRead).toBe(24 + 50_000 * 80);
  });

  it('says what the system says when there is no such file', () => {
    expect(() => openFileSource(join(folder, 'none.pcap'))).toThrow(/ENOENT.*none\.pcap/);
    expect(() => openFileSink(join(folder, 'none', 'x.pcap'))).toThrow(/ENOENT/);
  });

  it('reads a named pipe that is fed slowly', async () => {
    const path = join(folder, 'slow.pcap');
    const pipe = join(folder, 'pipe');
    const sink = openFileSink(path);
    const writer = new PcapWriter(sink);
    for (let i = 0; i < 3; i++) writer.write(frame(64, i), 0, 64, 64, i, 0);
    writer.flush();
    sink.close();
    execFileSync('mkfifo', [pipe]);
    const feeder = spawn('sh', ['-c', `exec > "${pipe}"; head -c 100 "${path}"; sleep 0.1; tail -c +101 "${path}"`]);
    const source = openFileSource(pipe);
    const reader = new CaptureReader(source);
    while (reader.next());
    source.close();
    expect(reader.recordNumber).toBe(3);
    await new Promise((done) => feeder.on('exit', done));
  });
});
