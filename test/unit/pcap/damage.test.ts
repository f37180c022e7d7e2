/** Damaged captures: every cut, many mutations. Only CaptureError may come out, and bounded memory go in. */
import { describe, expect, it } from 'vitest';
import { CaptureReader } from '../../../src/pcap/reader.ts';
import { MemorySource } from '../../../src/pcap/source.ts';
import { baseCaptures } from './bases.ts';
import { fuzzCapture } from './mutate.ts';
import { OneByteSource, readAll } from './records.ts';

const bases = baseCaptures();

function read(bytes: Uint8Array, readAhead = true) {
  return readAll(() => new CaptureReader(new MemorySource(bytes), { file: 'cut', readAhead }));
}

describe('a capture cut at every byte', () => {
  it.each(bases)('$name: delivers what is complete, then one clear error', ({ name, bytes, recordEnds }) => {
    const whole = read(bytes);
    expect(whole.error).toBeNull();
    expect(whole.records).toHaveLength(recordEnds.length);
    // Which of the two old record headers is meant is guessed from whole records: a cut one may mislead.
    const guessed = name.includes('modified');
    for (let length = 0; length < bytes.length; length++) {
      const { records, error } = read(bytes.slice(0, length));
      const complete = recordEnds.filter((end) => end <= length).length;
      if (!guessed || complete >= 3) expect(records, `cut at ${length}`).toEqual(whole.records.slice(0, complete));
      if (error) {
        expect(error.message).toMatch(/^cut: byte \d+: [^\n]+$/);
        expect(error.byteOffset).toBeLessThanOrEqual(length);
      }
      if (error === null && !guessed) expect(cleanEnd(bytes, recordEnds, length), `cut at ${length}`).toBe(true);
    }
  });

  it.each(bases)('$name: goes on failing when asked again', ({ bytes }) => {
    const reader = new CaptureReader(new MemorySource(bytes.slice(0, bytes.length - 1)));
    let failure: unknown;
    try {
      while (reader.next());
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeDefined();
    expect(() => reader.next()).toThrow(failure as Error);
  });
});

/** pcap may end between records only; pcapng between blocks, so at a multiple of four. */
function cleanEnd(bytes: Uint8Array, recordEnds: number[], length: number): boolean {
  if (bytes[0] === 0x0a) return length % 4 === 0;
  return length === 24 || recordEnds.includes(length);
}

describe('mutated captures', () => {
  const captures = bases.map((base) => base.bytes);
  const CAPTURES = 60_000;

  it(`${CAPTURES} of them: nothing but CaptureError, every record within its memory`, () => {
    const kinds = { clean: 0, damaged: 0, records: 0 };
    for (let seed = 0; seed < CAPTURES; seed++) {
      const bytes = fuzzCapture(seed, captures);
      try {
        const { error, records } = read(bytes);
        kinds.records += records.length;
        if (error === null) kinds.clean++;
        else kinds.damaged++;
        for (const record of records) check(record, bytes.length);
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
    expect(kinds.clean).toBeGreaterThan(CAPTURES / 20);
    expect(kinds.damaged).toBeGreaterThan(CAPTURES / 20);
    expect(kinds.records).toBeGreaterThan(CAPTURES);
  });

  it('read byte by byte they give the same', () => {
    for (let seed = 0; seed < 5000; seed++) {
      const bytes = fuzzCapture(seed, captures);
      const single = readAll(() => new CaptureReader(new OneByteSource(bytes), { file: 'cut' }));
      expect(single, `seed ${seed}`).toEqual(read(bytes));
    }
  });

  it('a seed always makes the same capture', () => {
    for (let seed = 0; seed < 100; seed++) expect(fuzzCapture(seed, captures)).toEqual(fuzzCapture(seed, captures));
  });
});

function check(record: ReturnType<typeof read>['records'][number], fileBytes: number): void {
  if (record.capLen < 0 || record.capLen > fileBytes) throw new Error(`capLen ${record.capLen}`);
  if (!Number.isInteger(record.capLen + record.origLen + record.seconds)) throw new Error('not an integer');
  if (!(record.nanos >= 0 && record.nanos < 1e9 && Number.isInteger(record.nanos))) throw new Error(`${record.nanos}`);
}

describe('hostile lengths cost no memory', () => {
  it.each([0x7ffffffc, 0xfffffffc, 134_348_832])('a block of %i bytes that is not there', (length) => {
    const pcapng = bases.find((base) => base.name.startsWith('pcapng LE'))!.bytes.slice();
    const second = new DataView(pcapng.buffer).getUint32(4, true);
    new DataView(pcapng.buffer).setUint32(second + 4, length, true);
    const reader = new CaptureReader(new MemorySource(pcapng));
    expect(() => reader.next()).toThrow(/byte \d+: /);
    expect(reader.buffer.length).toBeLessThanOrEqual(64 * 1024);
  });

  it('200,000 frames from a source of any length leave the window at its size', () => {
    const [header, record] = [bases[0]!.bytes.subarray(0, 24), bases[0]!.bytes.subarray(24, 24 + 16 + 60)];
    let left = 200_000;
    let piece = header;
    let at = 0;
    const source = {
      read(into: Uint8Array, offset: number, length: number): number {
        let done = 0;
        while (done < length && left > 0) {
          const n = Math.min(length - done, piece.length - at);
          into.set(piece.subarray(at, at + n), offset + done);
          done += n;
          at += n;
          if (at < piece.length) break;
          if (piece === record) left--;
          piece = record;
          at = 0;
        }
        return done;
      },
    };
    const reader = new CaptureReader(source);
    while (reader.next());
    expect(reader.recordNumber).toBe(200_000);
    expect(reader.bytesRead).toBe(24 + 200_000 * record.length);
    expect(reader.buffer.length).toBeLessThanOrEqual(1024 * 1024);
  });
});
