/** What the writers write, tshark reads: an independent reader's view of every base capture. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CaptureReader } from '../../../src/pcap/reader.ts';
import { MemorySource } from '../../../src/pcap/source.ts';
import { baseCaptures } from './bases.ts';
import { readAll, type Seen } from './records.ts';

const FIELDS = ['frame.number', 'frame.len', 'frame.cap_len', 'frame.time_epoch'];
const available = spawnSync('tshark', ['--version']).status === 0;

describe.skipIf(!available)('tshark (skipped where it is not installed)', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'etherloom-pcap-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it.each(baseCaptures())('sees the same in $name', ({ bytes }) => {
    const file = join(folder, 'capture');
    writeFileSync(file, bytes);
    const args = ['-n', '-r', file, '-T', 'fields', ...FIELDS.flatMap((field) => ['-e', field])];
    const { status, stdout, stderr } = spawnSync('tshark', args, { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const theirs = stdout.split('\n').filter(Boolean);
    const ours = readAll(() => new CaptureReader(new MemorySource(bytes))).records;
    expect(theirs).toHaveLength(ours.length);
    ours.forEach((record, i) => {
      if (record.kind === 'packet') expect(theirs[i]).toBe(line(record));
    });
  });
});

function line({ n, origLen, capLen, timed, seconds, nanos }: Seen): string {
  const time = timed ? `${seconds}.${String(nanos).padStart(9, '0')}` : '';
  return [n, origLen, capLen, time].join('\t');
}
