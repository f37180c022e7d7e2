/**
 * Rebuilding what belongs to records from the records themselves, after a worker died while it was writing: counts,
 * lists, graves. Allocates; control path.
 */

import {
  count,
  countConfigured,
  type Fdb,
  isRecord,
  KIND_MASK,
  META_BURIED,
  META_GRAVES_LOST,
  META_STALE,
  META_SWEEP_AT,
  META_USED,
  PORT_MASK,
  place,
  startSlot,
} from './fdb.ts';

/**
 * `alone`: records may have been moving, so that some are there twice, and all are placed anew. Otherwise others may be
 * looking, and each stays where it is. Lists are by the time of each entry.
 */
export function rebuildFdb(fdb: Fdb, alone: boolean): void {
  const { rec, meta, slots } = fdb;
  const records = alone ? takeOut(fdb) : null;
  fdb.head.fill(-1);
  fdb.tail.fill(-1);
  const { portCount, fidCount, bridgeCount, portConfigured, fidConfigured } = fdb;
  for (const counts of [portCount, fidCount, bridgeCount, portConfigured, fidConfigured]) counts.fill(0);
  meta[META_USED] = 0;
  meta[META_BURIED] = 0;
  meta[META_GRAVES_LOST] = 0;
  meta[META_SWEEP_AT] = 0;
  // Somebody may have flushed and not come to say so.
  meta[META_STALE] = 1;
  const learned: number[] = [];
  if (records !== null) {
    for (const [low, high, stampMs, word3] of records) {
      const slot = place(fdb, low, high, startSlot(fdb, low, high), stampMs, word3);
      if ((word3 & KIND_MASK) === 0) learned.push(slot);
      else countConfigured(fdb, word3 & PORT_MASK, high & 0xffff, 1);
    }
  } else {
    for (let slot = 0; slot < slots; slot++) {
      const at = slot << 2;
      if (!isRecord(rec[at + 1])) {
        if (rec[at + 1] === 0) continue;
        meta[META_BURIED]++;
        meta[META_GRAVES_LOST]++;
        continue;
      }
      meta[META_USED]++;
      if ((rec[at + 3] & KIND_MASK) === 0) learned.push(slot);
      else countConfigured(fdb, rec[at + 3] & PORT_MASK, rec[at + 1] & 0xffff, 1);
    }
  }
  learned.sort((a, b) => (rec[(a << 2) + 2] - rec[(b << 2) + 2]) | 0);
  for (const slot of learned) count(fdb, slot, rec[(slot << 2) + 3] & PORT_MASK, rec[(slot << 2) + 1] & 0xffff);
}

/** Empties the table; returns its records, the newest of each key. */
function takeOut({ rec, slots }: Fdb): Iterable<[number, number, number, number]> {
  const records = new Map<string, [number, number, number, number]>();
  for (let slot = 0; slot < slots; slot++) {
    const at = slot << 2;
    const high = rec[at + 1];
    if (!isRecord(high)) continue;
    const key = `${high} ${rec[at]}`;
    const twin = records.get(key);
    if (twin === undefined || ((rec[at + 2] - twin[2]) | 0) > 0) {
      records.set(key, [rec[at], high, rec[at + 2], rec[at + 3]]);
    }
  }
  rec.fill(0);
  return records.values();
}
