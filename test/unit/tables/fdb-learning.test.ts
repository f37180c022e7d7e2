/** A table that is full nearly always: whatever goes and comes, each entry is where a probe for it arrives. */
import { describe, expect, it } from 'vitest';
import {
  capacityOf,
  createFdb,
  type Fdb,
  keyHigh,
  META_USED,
  OVERFLOW_FAIR,
  OVERFLOW_LRU,
  OVERFLOW_REFUSE,
  probe,
  startSlot,
} from '../../../src/tables/fdb/fdb.ts';
import { flushPort } from '../../../src/tables/fdb/flush.ts';
import { learnSource } from '../../../src/tables/fdb/learn.ts';
import { auditFdb } from './audit-fdb.ts';

const PORTS = 4;
const AGE_MS = 200;

function full(overflow: number, limit: number, seed: number): Fdb {
  const fdb = createFdb({ entries: 50, ports: PORTS, fids: 4, bridges: 1, seed });
  fdb.bridgeLimit[0] = limit;
  fdb.bridgeOverflow[0] = overflow;
  fdb.portBridge.fill(0);
  fdb.fidAgeMs.fill(AGE_MS);
  return fdb;
}

const find = (fdb: Fdb, low: number, high: number) => probe(fdb, low, high, startSlot(fdb, low, high));

describe('learning in a full table', () => {
  for (const [name, overflow] of [
    ['fair', OVERFLOW_FAIR],
    ['lru', OVERFLOW_LRU],
    ['refuse', OVERFLOW_REFUSE],
  ] as const) {
    it(`leaves it whole: ${name}`, () => {
      for (let seed = 1; seed <= 4; seed++) {
        const fdb = full(overflow, seed < 3 ? 48 : 1000, seed);
        let state = seed;
        const below = (n: number) => {
          state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
          return (state >>> 8) % n;
        };
        for (let n = 0; n < 1500; n++) {
          const low = below(120);
          const high = keyHigh(0x0200, 1 + below(2));
          const port = below(PORTS);
          if (below(300) === 0) flushPort(fdb, port, n);
          learnSource(fdb, find(fdb, low, high), low, high, port, n);
          if (overflow !== OVERFLOW_REFUSE && seed < 3) expect(find(fdb, low, high)).toBeGreaterThanOrEqual(0);
          expect(auditFdb(fdb)).toEqual([]);
        }
      }
    });
  }

  it('takes as many as there is room for, and not one more', () => {
    const fdb = full(OVERFLOW_REFUSE, 1000, 3);
    for (let low = 0; low < 100; low++) learnSource(fdb, find(fdb, low, keyHigh(0, 1)), low, keyHigh(0, 1), 0, 0);
    expect(fdb.meta[META_USED]).toBe(capacityOf(fdb));
    expect(auditFdb(fdb)).toEqual([]);
  });

  it('says where a probe for an address that is not there has ended', () => {
    const fdb = full(OVERFLOW_FAIR, 48, 5);
    for (let low = 0; low < 48; low++) {
      const slot = ~find(fdb, low, keyHigh(0, 1));
      expect(fdb.rec[(slot << 2) + 1]).toBe(0);
      learnSource(fdb, ~slot, low, keyHigh(0, 1), 0, 0);
      expect(find(fdb, low, keyHigh(0, 1))).toBe(slot);
    }
  });
});
