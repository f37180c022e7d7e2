/**
 * More or less room: all records are placed anew, and the lists of ports keep their order. Control path: it allocates, and other
 * threads must be given the new arrays.
 */

import { sharedInt32 } from '../shared.ts';
import {
  type Fdb,
  isRecord,
  KIND_MASK,
  META_BURIED,
  META_GRAVES_LOST,
  META_SWEEP_AT,
  META_USED,
  PORT_MASK,
  place,
  slotsFor,
  startSlot,
} from './fdb.ts';
import { blockShift } from './hash.ts';
import { linkTail, newerOf } from './links.ts';
import { createStrips } from './strips.ts';

/** Moves the table to `entries` entries of room. */
export function resizeFdb(fdb: Fdb, entries: number): void {
  const old = fdb.rec;
  const oldSlots = fdb.slots;
  const order: number[] = [];
  // Lists are rebuilt in their own order, configured entries have none.
  for (let port = 0; port < fdb.head.length; port++) {
    for (let s = fdb.head[port]; s >= 0; s = newerOf(fdb, s)) order.push(s);
  }
  for (let s = 0; s < oldSlots; s++) {
    if (isRecord(old[(s << 2) + 1]) && (old[(s << 2) + 3] & KIND_MASK) !== 0) order.push(s);
  }
  const slots = slotsFor(Math.max(entries, order.length));
  if (slots === oldSlots) return;
  fdb.slots = slots;
  fdb.shift = blockShift(slots);
  fdb.rec = sharedInt32(slots * 4);
  fdb.strips = createStrips(slots);
  fdb.links = sharedInt32(slots * 2);
  fdb.head.fill(-1);
  fdb.tail.fill(-1);
  fdb.meta[META_USED] = 0;
  fdb.meta[META_BURIED] = 0;
  fdb.meta[META_GRAVES_LOST] = 0;
  fdb.meta[META_SWEEP_AT] = 0;
  for (const s of order) {
    const at = s << 2;
    const start = startSlot(fdb, old[at], old[at + 1]);
    const slot = place(fdb, old[at], old[at + 1], start, old[at + 2], old[at + 3]);
    if ((old[at + 3] & KIND_MASK) === 0) linkTail(fdb, slot, old[at + 3] & PORT_MASK);
  }
}
