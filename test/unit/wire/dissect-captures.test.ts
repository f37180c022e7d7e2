/** Every Ethernet frame of the shared captures, field for field, against tshark (see the captures' README). */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CaptureReader } from '../../../src/pcap/reader.ts';
import { MemorySource } from '../../../src/pcap/source.ts';
import { dissectFrame } from '../../../src/wire/dissect.ts';

const captures = join(import.meta.dirname, '../../../../shared/captures');
const present = existsSync(join(captures, 'files'));

type Json = Record<string, unknown>;

const SEGMENT = ['eth_dst', 'eth_src', 'eth_type', 'eth_len', 'tags', 'ip', 'udp'];
const FRAME = ['n', 'len', 'cap_len', 'encap', 'vxlan', 'arp', 'icmpv6'];

const pick = (from: Json, keys: string[]) =>
  Object.fromEntries(keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]]));
const segment = (from: unknown) => (from === null ? null : pick(from as Json, SEGMENT));
const graded = (frame: Json) => ({
  ...pick(frame, FRAME),
  outer: segment(frame.outer),
  inner: segment(frame.inner),
});

function* frames(name: string): Generator<Json> {
  const reader = new CaptureReader(new MemorySource(readFileSync(join(captures, 'files', name))), { file: name });
  while (reader.next()) {
    if (reader.kind !== 'packet' || reader.linkType !== 1) continue;
    const { view, offset, capLen, origLen, recordNumber } = reader;
    yield JSON.parse(JSON.stringify(dissectFrame(view, offset, capLen, origLen, recordNumber))) as Json;
  }
}

describe.skipIf(!present)('shared captures (../shared/captures)', () => {
  const names = present ? readdirSync(join(captures, 'files')) : ['skipped: ../shared/captures is not there'];

  it.each(names)('%s', (name) => {
    const lines = readFileSync(join(captures, 'expected', `${name}.jsonl`), 'utf8')
      .split('\n')
      .filter(Boolean);
    const expected = lines.map((line) => JSON.parse(line) as Json).filter((frame) => frame.encap === 1);
    const seen: Json[] = [];
    try {
      for (const frame of frames(name)) seen.push(frame);
    } catch {
      // a damaged capture: where it must stop is the pcap room's test
    }
    expect(seen.map(graded)).toEqual(expected.map(graded));
  });
});
