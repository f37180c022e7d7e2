/** `replay --capture`: frames with what became of them, the same for every batch size, and never in an input's place. */

import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capture, Host } from '../../../fixtures/scene.ts';
import { OPT_COMMENT } from '../../../src/pcap/pcapng-format.ts';
import { OptionWalk } from '../../../src/pcap/pcapng-options.ts';
import { CaptureReader } from '../../../src/pcap/reader.ts';
import { MemorySource } from '../../../src/pcap/source.ts';
import { command, readBytes } from './run.ts';

const CONFIG = `
ports:
  a: { adapter: memory, vlan: 10 }
  b: { adapter: memory, mode: trunk, vlans: '10' }
  c: { adapter: memory, vlan: 20 }
`;
let dir = '';
const at = (name: string) => join(dir, name);
const [a, b] = [1, 2].map((n) => new Host(n));

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'etherloom-recording-'));
  writeFileSync(at('sw.yaml'), CONFIG);
  const frames: [number, Uint8Array][] = [
    [0, a.arpRequest(b)],
    [100, a.ping(b, 1)],
  ];
  writeFileSync(at('a.pcap'), capture(frames));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const run = (out: string, more: { capture: string | true; batch?: number }, inputs = [`a=${at('a.pcap')}`]) =>
  command({ config: at('sw.yaml'), inputs, out: at(out), json: true, ...more });

/** `port comment` of every frame. */
function lines(file: string): string[] {
  const reader = new CaptureReader(new MemorySource(readBytes(file)));
  const found: string[] = [];
  const walk = new OptionWalk();
  while (reader.next()) {
    walk.begin(reader.view, reader.optionsOffset, reader.optionsLength, reader.littleEndian);
    let comment = '';
    while (walk.next()) {
      const { valueOffset, valueLength } = walk;
      const value = reader.buffer.subarray(valueOffset, valueOffset + valueLength);
      if (walk.code === OPT_COMMENT) comment = Buffer.from(value).toString();
    }
    found.push(`${reader.interfaces[reader.interfaceId]!.name} ${comment}`);
  }
  return found;
}

describe('replay --capture', () => {
  it('records what came, what left and what became of it, in order', async () => {
    expect(await run('one', { capture: true })).toMatchObject({ status: 0, stderr: '' });
    expect(lines(at('one/capture.pcapng'))).toEqual([
      'a vlan 10; flood to 1 port',
      'b vlan 10; from a',
      'a vlan 10; flood to 1 port',
      'b vlan 10; from a',
    ]);
    expect(readdirSync(at('one')).sort()).toEqual(['b.pcap', 'capture.pcapng']);
  });

  it('is the same for every batch size, with or without a filter', async () => {
    for (const batch of [1, 7, 256]) {
      await run(`batch${batch}`, { capture: 'arp or (vlan and arp)', batch });
      expect(readBytes(at(`batch${batch}/capture.pcapng`))).toEqual(readBytes(at('batch1/capture.pcapng')));
    }
    expect(lines(at('batch1/capture.pcapng'))).toEqual(['a vlan 10; flood to 1 port', 'b vlan 10; from a']);
  });

  it('is a capture where nothing passes the filter', async () => {
    await run('none', { capture: 'udp' });
    expect(lines(at('none/capture.pcapng'))).toEqual([]);
  });

  it('refuses a filter that is none, and to take the place of an input', async () => {
    const wrong = await run('wrong', { capture: 'tcp and' });
    expect(wrong).toMatchObject({ status: 2, stdout: '' });
    expect(wrong.stderr).toMatch(/^etherloom: --capture: filter:8: the filter ends here; valid is .*\n$/);
    expect(existsSync(at('wrong'))).toBe(false);
    const again = await run('one', { capture: true }, [`a=${at('one/capture.pcapng')}`]);
    expect(again.status).toBe(2);
    expect(again.stderr).toMatch(/would overwrite the input/);
  });
});
