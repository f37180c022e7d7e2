/** Strips of the FDB: whatever comes and goes, a walk by strips meets every record, and few slots beside them. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFdb, erase, isRecord, KIND_SHIFT, keyHigh, place, startSlot } from '../../../src/tables/fdb/fdb.ts';
import { resizeFdb } from '../../../src/tables/fdb/resize.ts';
import { nextTouched } from '../../../src/tables/fdb/strips.ts';

const make = (entries: number) => createFdb({ entries, ports: 4, fids: 4, bridges: 1, seed: 7 });
/** Configured: on no list. */
const STATIC = 1 << KIND_SHIFT;

function slotsByStrips({ strips, slots }: ReturnType<typeof make>): number[] {
  const seen: number[] = [];
  for (let s = nextTouched(strips, 0, slots); s < slots; s = nextTouched(strips, s + 1, slots)) seen.push(s);
  return seen;
}

describe('strips of the FDB', () => {
  it('lead to every record, after any placing, erasing and resizing', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('place' as const), n: fc.nat(199) }),
      fc.record({ do: fc.constant('erase' as const), n: fc.nat(199) }),
      fc.record({ do: fc.constant('resize' as const), n: fc.integer({ min: 200, max: 2000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const fdb = make(1000);
        const slotOf = (mac: number) => {
          for (let s = 0; s < fdb.slots; s++) if (isRecord(fdb.rec[s * 4 + 1]) && fdb.rec[s * 4] === mac) return s;
          return -1;
        };
        const there = new Set<number>();
        for (const { do: verb, n } of steps) {
          const slot = slotOf(n);
          if (verb === 'resize') resizeFdb(fdb, n);
          else if (verb === 'place' && slot < 0) {
            const high = keyHigh(0x0200, 1);
            expect(place(fdb, n, high, startSlot(fdb, n, high), 0, STATIC)).toBeGreaterThanOrEqual(0);
            there.add(n);
          } else if (verb === 'erase' && slot >= 0) {
            erase(fdb, slot);
            there.delete(n);
          }
        }
        const met = slotsByStrips(fdb).filter((s) => isRecord(fdb.rec[s * 4 + 1]));
        expect(met.map((s) => fdb.rec[s * 4]).sort((a, b) => a - b)).toEqual([...there].sort((a, b) => a - b));
      }),
      { numRuns: 100 },
    );
  });

  it('of a large table with one record are one', () => {
    const fdb = make(65_536);
    expect(slotsByStrips(fdb)).toEqual([]);
    const high = keyHigh(0x0200, 1);
    const slot = place(fdb, 5, high, startSlot(fdb, 5, high), 0, STATIC);
    const seen = slotsByStrips(fdb);
    expect(seen).toContain(slot);
    expect(seen.length).toBeLessThanOrEqual(32);
  });

  it('at the end of the table', () => {
    const fdb = make(100);
    const last = fdb.slots - 1;
    place(fdb, 1, keyHigh(0x0200, 1), last, 0, STATIC);
    expect(slotsByStrips(fdb).at(-1)).toBe(last);
  });
});
