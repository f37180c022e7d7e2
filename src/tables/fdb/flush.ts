/**
 * Flushing: forgetting what was learned on a port, in a VLAN, or everywhere, by one increment instead of a walk.
 */

import { type Fdb, META_FLUSHES, META_STALE } from './fdb.ts';
import { sweepAll } from './sweep.ts';

/**
 * Generations are 16 bits and go up by two, so that those of entries, the sum of an odd one of the port and an even one
 * of the FID, are odd. Long before one could come round, what is stale is taken out.
 */
const SWEEP_AFTER_FLUSHES = 15_000;
const STEP = 2;

/** Forgets what was learned on a port. O(1). */
export function flushPort(fdb: Fdb, port: number, nowMs: number): void {
  fdb.portGeneration[port] = (fdb.portGeneration[port] + STEP) & 0xffff;
  noteFlush(fdb, nowMs);
}

/** Forgets what was learned in a VLAN. O(1). */
export function flushFid(fdb: Fdb, fid: number, nowMs: number): void {
  fdb.fidGeneration[fid] = (fdb.fidGeneration[fid] + STEP) & 0xffff;
  noteFlush(fdb, nowMs);
}

/** Forgets everything learned: one increment per FID, whatever the table holds. */
export function flushAll(fdb: Fdb, nowMs: number): void {
  for (let fid = 1; fid < fdb.fidGeneration.length; fid++) {
    fdb.fidGeneration[fid] = (fdb.fidGeneration[fid] + STEP) & 0xffff;
  }
  noteFlush(fdb, nowMs);
}

function noteFlush(fdb: Fdb, nowMs: number): void {
  fdb.meta[META_STALE] = 1;
  if (++fdb.meta[META_FLUSHES] >= SWEEP_AFTER_FLUSHES) sweepAll(fdb, nowMs);
}
