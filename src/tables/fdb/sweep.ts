/**
 * Sweeping: taking out what has expired and what flushes left behind.
 *
 * Lookups never believe an expired or flushed entry, so sweeping only makes room, counts and `aged` events
 * right. It can be done in slices, so that a million entries never stall forwarding. A whole sweep remembers
 * when the next entry can expire, and until then there is nothing to do.
 */

import { EVENT_AGED, writeEvent } from './events.ts';
import {
  BURIED,
  erase,
  type Fdb,
  GENERATION_SHIFT,
  generationOf,
  isRecord,
  isWatched,
  KIND_MASK,
  META_DUE_KNOWN,
  META_DUE_MS,
  META_FLUSHES,
  META_GRAVES_LOST,
  META_MIN_AGE_MS,
  META_STALE,
  META_SWEEP_AT,
  META_SWEEP_DUE_MS,
  META_SWEEP_FLUSHES,
  PORT_MASK,
  STAT_AGED,
} from './fdb.ts';
import { closeGrave, closeGraves } from './graves.ts';

/** Whether anything can have expired, or a flush left something to take out. */
export function needsSweep(fdb: Fdb, nowMs: number): boolean {
  const { meta } = fdb;
  if (meta[META_STALE] !== 0 || meta[META_SWEEP_AT] !== 0 || meta[META_DUE_KNOWN] === 0) return true;
  if (meta[META_GRAVES_LOST] !== 0) return true;
  return ((nowMs - meta[META_DUE_MS]) | 0) > 0;
}

/** Sweeps the whole table. */
export function sweepAll(fdb: Fdb, nowMs: number): void {
  fdb.meta[META_SWEEP_AT] = 0;
  sweepSlice(fdb, nowMs, fdb.slots);
}

/**
 * Entries that one slice of a sweep takes out: at 1 M entries an erase touches half a dozen cold cache lines, and
 * a slice of nothing but expired ones would stall forwarding for tens of milliseconds.
 */
const ERASES_PER_SLICE = 512;

/**
 * Sweeps up to `most` slots, and takes out a bounded number of entries, from where the last slice ended; true when
 * that completed a pass. `most` >= the table's slots sweeps it whole.
 */
export function sweepSlice(fdb: Fdb, nowMs: number, most: number): boolean {
  const { meta, rec, fidAgeMs } = fdb;
  closeGraves(fdb);
  let slot = meta[META_SWEEP_AT];
  if (slot === 0) {
    meta[META_SWEEP_FLUSHES] = meta[META_FLUSHES];
    // What is learned from now on cannot expire before this.
    meta[META_SWEEP_DUE_MS] = (nowMs + meta[META_MIN_AGE_MS]) | 0;
  }
  const end = Math.min(slot + most, fdb.slots);
  let erases = most >= fdb.slots ? fdb.slots : ERASES_PER_SLICE;
  let due = meta[META_SWEEP_DUE_MS];
  while (slot < end && erases > 0) {
    const at = slot << 2;
    const high = rec[at + 1];
    const word3 = rec[at + 3];
    if (high === BURIED && !isWatched(fdb)) {
      closeGrave(fdb, slot);
      erases--;
      continue;
    }
    if (!isRecord(high) || (word3 & KIND_MASK) !== 0) {
      slot++;
      continue;
    }
    const fid = high & 0xffff;
    const age = fidAgeMs[fid];
    const expired = ((nowMs - rec[at + 2]) | 0) > age;
    const flushed = word3 >>> GENERATION_SHIFT !== generationOf(fdb, word3 & PORT_MASK, fid);
    if (expired || flushed) {
      if (!flushed) {
        fdb.stats[STAT_AGED]++;
        writeEvent(fdb.events, EVENT_AGED, high, rec[at], word3 & PORT_MASK, -1, nowMs);
      }
      // The gap is closed from behind: look at this slot again.
      erase(fdb, slot);
      erases--;
      continue;
    }
    const expires = (rec[at + 2] + age) | 0;
    if (((expires - due) | 0) < 0) due = expires;
    slot++;
  }
  meta[META_SWEEP_DUE_MS] = due;
  if (slot < fdb.slots) {
    meta[META_SWEEP_AT] = slot;
    return false;
  }
  meta[META_SWEEP_AT] = 0;
  if (meta[META_FLUSHES] === meta[META_SWEEP_FLUSHES]) {
    meta[META_STALE] = 0;
    meta[META_FLUSHES] = 0;
    meta[META_DUE_MS] = due;
    meta[META_DUE_KNOWN] = 1;
  }
  return true;
}
