/** Every shared capture, record for record, against what tshark says of it (see the captures' README). */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openFileSource } from '../../../src/adapters/file-source.ts';
import { CaptureReader } from '../../../src/pcap/reader.ts';
import { MemorySource } from '../../../src/pcap/source.ts';
import { OneByteSource, readAll, type Seen } from './records.ts';

const captures = join(import.meta.dirname, '../../../../shared/captures');
const present = existsSync(join(captures, 'files'));

/** wiretap's encapsulation numbers of the link types that occur in the captures. */
const LINKTYPE_OF_ENCAP = new Map<number | null, number>([
  [1, 1],
  [15, 0],
  [null, -1],
]);

interface Expected {
  n: number;
  len: number;
  cap_len: number;
  encap: number | null;
}

function expected(name: string): Partial<Seen>[] {
  const lines = readFileSync(join(captures, 'expected', `${name}.jsonl`), 'utf8').split('\n');
  return lines.filter(Boolean).map((line) => {
    const frame = JSON.parse(line) as Expected;
    return {
      n: frame.n,
      origLen: frame.len,
      capLen: frame.cap_len,
      linkType: LINKTYPE_OF_ENCAP.get(frame.encap) ?? NaN,
    };
  });
}

describe.skipIf(!present)('shared captures (../shared/captures)', () => {
  const names = present ? readdirSync(join(captures, 'files')) : [];
  const summary = present ? JSON.parse(readFileSync(join(captures, 'expected/_SUMMARY.json'), 'utf8')) : {};

  it.each(names)('%s', (name) => {
    const path = join(captures, 'files', name);
    const source = openFileSource(path);
    const seen = readAll(() => new CaptureReader(source, { file: name }));
    source.close();
    expect(seen.records.map(({ n, origLen, capLen, linkType }) => ({ n, origLen, capLen, linkType }))).toEqual(
      expected(name),
    );
    expect(seen.error !== null, `error: ${seen.error?.message}`).toBe(summary[name].exit !== 0);
    if (seen.error) expect(seen.error.message).toMatch(new RegExp(`^${name}: byte \\d+: `));
  });

  it.each(names)('%s: single bytes give the same', (name) => {
    const bytes = readFileSync(join(captures, 'files', name));
    const whole = readAll(() => new CaptureReader(new MemorySource(bytes)));
    const single = readAll(() => new CaptureReader(new OneByteSource(bytes)));
    expect(single).toEqual(whole);
  });
});
