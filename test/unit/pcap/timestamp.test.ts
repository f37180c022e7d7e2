/** if_tsresol and if_tsoffset against the same sum in whole numbers. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Timescale } from '../../../src/pcap/timestamp.ts';

function exact(tsresol: number, high: number, low: number): { seconds: bigint; nanos: bigint } {
  const units = (tsresol & 0x80 ? 2n : 10n) ** BigInt(tsresol & 0x7f);
  const ticks = (BigInt(high) << 32n) | BigInt(low);
  return { seconds: ticks / units, nanos: ((ticks % units) * 1_000_000_000n) / units };
}

const word = fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff));

describe('Timescale', () => {
  it('equals exact arithmetic for every resolution, as far as a double holds the seconds', () => {
    fc.assert(
      fc.property(fc.nat(255), word, word, (tsresol, high, low) => {
        const scale = new Timescale(tsresol);
        const { seconds, nanos } = exact(tsresol, high, low);
        scale.convert(high, low);
        if (seconds > BigInt(Number.MAX_SAFE_INTEGER)) {
          expect(Number.isInteger(scale.seconds)).toBe(true);
          expect(scale.nanos >= 0 && scale.nanos < 1e9).toBe(true);
        } else {
          expect([BigInt(scale.seconds), BigInt(scale.nanos)]).toEqual([seconds, nanos]);
        }
      }),
      { numRuns: 20_000 },
    );
  });

  it.each([
    [6, 0, 1_700_000_000, 123_456_000],
    [9, 0, 1_700_000_000, 123_456_789],
    [9, 3600, 1_700_003_600, 123_456_789],
    [9, -3600, 1_699_996_400, 123_456_789],
    [12, 0, 1_700_000, 123_456_789],
  ])('resolution %i with offset %i', (tsresol, offset, seconds, nanos) => {
    const ticks =
      tsresol === 6 ? 1_700_000_000_123_456n : tsresol === 9 ? 1_700_000_000_123_456_789n : 1_700_000_123_456_789_000n;
    const scale = new Timescale(tsresol, offset);
    scale.convert(Number(ticks >> 32n), Number(ticks & 0xffff_ffffn));
    expect([scale.seconds, scale.nanos]).toEqual([seconds, nanos]);
  });
});
