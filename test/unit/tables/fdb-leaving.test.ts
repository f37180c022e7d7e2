/** A port that leaves its bridge with all that it has learned: no walk over the table, and no frame that pays for it later. */
import { describe, expect, it } from 'vitest';
import { putEntry, removeEntry, setPortBridge } from '../../../src/tables/fdb/entries.ts';
import {
  createFdb,
  type Fdb,
  KIND_BLACKHOLE,
  KIND_STATIC,
  META_STALE,
  META_USED,
  NO_PORT,
} from '../../../src/tables/fdb/fdb.ts';
import { flushPort } from '../../../src/tables/fdb/flush.ts';
import { relearn } from '../../../src/tables/fdb/learn.ts';
import { needsSweep, sweepSlice } from '../../../src/tables/fdb/sweep.ts';
import { auditFdb } from './audit-fdb.ts';

const ENTRIES = 2000;
const [LEAVING, STAYING] = [0, 1];

function filled(): Fdb {
  const fdb = createFdb({ entries: ENTRIES, ports: 4, fids: 8, bridges: 2, seed: 7 });
  fdb.bridgeLimit.fill(ENTRIES);
  for (const port of [LEAVING, STAYING]) setPortBridge(fdb, port, 0);
  for (let n = 0; n < ENTRIES; n++) relearn(fdb, 1, 0x0200, n, LEAVING, 0);
  return fdb;
}

function leave(fdb: Fdb, to: number): void {
  flushPort(fdb, LEAVING, 0);
  setPortBridge(fdb, LEAVING, to);
}

describe('what a port has learned that leaves its bridge', () => {
  it('is counted where the port is, and swept like anything flushed', () => {
    const fdb = filled();
    leave(fdb, 1);
    expect([...fdb.bridgeCount]).toEqual([0, ENTRIES]);
    expect(auditFdb(fdb)).toEqual([]);
    leave(fdb, -1);
    expect([...fdb.bridgeCount]).toEqual([0, 0]);
    expect(auditFdb(fdb)).toEqual([]);
    let slices = 0;
    while (needsSweep(fdb, 0) && !sweepSlice(fdb, 0, 1024)) slices++;
    expect(slices).toBeGreaterThan(1);
    expect(fdb.meta[META_USED]).toBe(0);
    expect(auditFdb(fdb)).toEqual([]);
  });

  it('gives way to new addresses a few at a time', () => {
    const fdb = filled();
    leave(fdb, -1);
    for (let n = 0; n < ENTRIES; n++) {
      const before = fdb.meta[META_USED]!;
      relearn(fdb, 1, 0x0204, n, STAYING, 0);
      expect(before - fdb.meta[META_USED]!).toBeLessThan(32);
    }
    expect(fdb.meta[META_STALE]).toBe(1);
    expect(fdb.portCount[STAYING]).toBe(ENTRIES);
    expect(auditFdb(fdb)).toEqual([]);
  });

  it('counts against nobody in the bridge that the port comes to', () => {
    const fdb = filled();
    fdb.bridgeLimit[1] = 10;
    leave(fdb, 1);
    for (let n = 0; n < 10; n++) relearn(fdb, 2, 0x0204, n, LEAVING, 0);
    expect(fdb.bridgeCount[1]).toBe(10);
    expect(auditFdb(fdb)).toEqual([]);
  });
});

describe('configured entries', () => {
  it('are counted by port and FID', () => {
    const fdb = filled();
    putEntry(fdb, 1, 0x0200, 5, STAYING, KIND_STATIC);
    putEntry(fdb, 2, 0x0200, 5, STAYING, KIND_STATIC);
    putEntry(fdb, 2, 0x0200, 6, -1, KIND_BLACKHOLE);
    putEntry(fdb, 2, 0x0200, 6, -1, KIND_BLACKHOLE);
    expect([fdb.portConfigured[STAYING], fdb.fidConfigured[1], fdb.fidConfigured[2]]).toEqual([2, 1, 2]);
    expect(NO_PORT).toBeGreaterThan(fdb.portConfigured.length);
    removeEntry(fdb, 2, 0x0200, 5);
    expect([fdb.portConfigured[STAYING], fdb.fidConfigured[1], fdb.fidConfigured[2]]).toEqual([1, 1, 1]);
    expect(auditFdb(fdb)).toEqual([]);
  });
});
