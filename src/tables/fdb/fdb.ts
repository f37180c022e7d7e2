/**
 * The forwarding database: (FID, MAC) -> port, learned from source addresses or configured.
 *
 * One idea: open addressing with linear probing over 16-byte records in one Int32Array, so that a lookup is
 * usually one cache line, plus two links a slot that string the learned entries of each port into a list, least
 * recently used first, so that eviction is O(1) and fair. Deleting shifts the cluster back, so there are no
 * tombstones and a storm of random addresses does not slow later lookups.
 *
 *   word 0   MAC bytes 2..5
 *   word 1   MAC bytes 0..1 << 16 | FID           0 = empty (FID 0 does not exist)
 *   word 2   milliseconds when last seen (learned entries)
 *   word 3   generation << 16 | kind << 12 | port
 *
 * Flush by port or by FID (fdb/flush.ts) is one increment: a learned entry counts only while its generation equals the sum of
 * its port's and its FID's. What a flush leaves behind is swept up later (fdb/sweep.ts), or at once when a
 * limit or a reader needs exact counts.
 *
 * Several workers may forward by it at once (gate.ts). Lookups take no lock: while another may be in a batch, no record
 * moves and no slot is used again, and a record changes its port by one store. Whoever writes has the lock and looks
 * again for what it has found without. What goes then is buried: word 1 is a key that no frame has, so that probes go on
 * behind it and whoever holds the slot still reads where the address was. Graves are closed when a worker is alone
 * (fdb/graves.ts). Generations of learned entries are odd, so that no word 3 of one is 0: a slot whose key can be seen
 * before the rest of it, as on ARM, holds nothing that counts.
 *
 * The hash is keyed (fdb/hash.ts) so that nobody outside can aim at one cluster. Sizing: 24 bytes a slot at a
 * load of at most 0.8 is 30 bytes an entry.
 *
 * Limits: `fdb/learn.ts`. Nothing here throws or allocates on the way of a frame.
 */

import type { Gate } from '../gate.ts';
import { sharedFloat64, sharedInt32 } from '../shared.ts';
import { createFdbEvents, type FdbEvents } from './events.ts';
import { blockShift, MAX_SLOTS, makeSeed, slotOf, wholeBlocks } from './hash.ts';
import { linkTail, moveLinks, unlink } from './links.ts';
import { createStrips, touchStrip } from './strips.ts';

// Kinds, in word 3. Only dynamic entries age, move, are counted against limits and are flushed.
export const KIND_DYNAMIC = 0;
export const KIND_STATIC = 1;
export const KIND_STICKY = 2;
export const KIND_LOCAL = 3;
export const KIND_EXTERNAL = 4;
export const KIND_BLACKHOLE = 5;
export const FDB_KIND_NAMES = ['dynamic', 'static', 'sticky', 'local', 'external', 'blackhole'] as const;
export type FdbKindName = (typeof FDB_KIND_NAMES)[number];

/** The port of entries that belong to no port: local entries of a bridge, blackholes. */
export const NO_PORT = 0xfff;
export const PORT_MASK = 0xfff;
export const KIND_SHIFT = 12;
export const KIND_MASK = 0x7000;
export const GENERATION_SHIFT = 16;

export const OVERFLOW_FAIR = 0;
export const OVERFLOW_LRU = 1;
export const OVERFLOW_REFUSE = 2;

/** Columns of `Fdb.stats`. */
export const STAT_LEARNED = 0;
export const STAT_MOVED = 1;
export const STAT_AGED = 2;
export const STAT_EVICTED = 3;
export const STAT_REFUSED = 4;
export const STAT_STATIC_VIOLATIONS = 5;
export const STAT_NAMES = ['learned', 'moved', 'aged', 'evicted', 'refused', 'staticViolations'] as const;

/** Word 1 of a grave: no key, for FID 0 does not exist. */
export const BURIED = 1 << 16;
/** Graves whose slots are known; there may be more (META_GRAVES_LOST). */
export const GRAVES = 4096;

export interface Fdb {
  /** Slots: whole blocks (fdb/hash.ts), not a power of two. */
  slots: number;
  /** log2 of the slots in a block. */
  shift: number;
  /** 4 words per slot. */
  rec: Int32Array;
  /** fdb/strips.ts */
  strips: Uint8Array;
  /** fdb/links.ts: of learned entries only. */
  links: Int32Array;
  readonly seed: Int32Array;
  /** Ends of the lists per port: head is the least recently used. */
  readonly head: Int32Array;
  readonly tail: Int32Array;
  readonly portGeneration: Int32Array;
  readonly fidGeneration: Int32Array;
  /** Idle milliseconds after which a learned entry of the FID is gone; write with `setFidAge`. */
  readonly fidAgeMs: Int32Array;
  /** Learned entries per port, FID, bridge; after a flush too high until swept (see `meta`). */
  readonly portCount: Int32Array;
  readonly fidCount: Int32Array;
  readonly bridgeCount: Int32Array;
  /** Configured entries per port and FID. */
  readonly portConfigured: Int32Array;
  readonly fidConfigured: Int32Array;
  /** 0 = no limit of its own. */
  readonly portLimit: Int32Array;
  readonly fidLimit: Int32Array;
  readonly bridgeLimit: Int32Array;
  /** OVERFLOW_* per bridge. */
  readonly bridgeOverflow: Int32Array;
  /** Bridge of each port, -1 = none: which lists compete for a bridge's room. */
  readonly portBridge: Int32Array;
  /** META_*. */
  readonly meta: Int32Array;
  readonly stats: Float64Array;
  readonly events: FdbEvents;
  /** Slots of graves, META_GRAVES of them. */
  readonly graves: Int32Array;
  /** How workers keep out of each other's way; null while there is only one. */
  readonly gate: Gate | null;
}

/** Slots in use, of every kind, stale ones included. */
export const META_USED = 0;
/** 1 when a flush left stale entries behind: counts are too high until the next whole sweep. */
export const META_STALE = 1;
/** Flushes since a whole sweep began after the last of them: generations are 16 bits and must not come round. */
export const META_FLUSHES = 2;
/** Where the incremental sweep goes on. */
export const META_SWEEP_AT = 3;
/** META_FLUSHES as it was when the sweep under way began. */
export const META_SWEEP_FLUSHES = 4;
/** Earliest expiry that the sweep under way has seen (ms). */
export const META_SWEEP_DUE_MS = 5;
/** Nothing expires before this time (ms); holds while META_DUE_KNOWN is 1. */
export const META_DUE_MS = 6;
export const META_DUE_KNOWN = 7;
/** The shortest age of any FID so far. */
export const META_MIN_AGE_MS = 8;
/** Ports from here on have never held a learned entry. */
export const META_PORTS_END = 9;
/** Slots that are buried, and of those the ones that `graves` had no room for. */
export const META_BURIED = 10;
export const META_GRAVES_LOST = 11;
const META_WORDS = 12;

export interface FdbSize {
  /** Entries to make room for, learned and configured. */
  entries: number;
  ports: number;
  fids: number;
  bridges: number;
  /** Seed of the keyed hash; the same seed gives the same table. */
  seed: number;
  /** Events kept until they are drained (rounded up to a power of two); 4,096 by default. */
  events?: number;
  /** Of several workers. */
  gate?: Gate | null;
}

const MAX_LOAD = 0.8;
/** 802.1Q-2022 §8.8.3: recommended ageing time. */
const DEFAULT_AGE_MS = 300_000;

/** Slots of a table with room for this many entries. Throws RangeError beyond 13 million. */
export function slotsFor(entries: number): number {
  const slots = Math.max(64, Math.ceil((entries + 1) / MAX_LOAD));
  if (slots > MAX_SLOTS) throw new RangeError(`fdb: ${entries} entries are more than ${MAX_SLOTS * MAX_LOAD}`);
  return wholeBlocks(slots);
}

/** Entries that the table has room for before it grows. */
export function capacityOf({ slots }: Fdb): number {
  return mostOf(slots);
}

/** MAX_LOAD of the slots. Integers: V8 turns the division into a multiplication, where doubles take 2 ns (bench S12). */
function mostOf(slots: number): number {
  return (Math.imul(slots, 4) / 5) | 0;
}

/** 95 % of them, which graves may take part in: a probe must find an empty slot. */
function fullestOf(slots: number): number {
  return (Math.imul(slots, 19) / 20) | 0;
}

export function createFdb(size: FdbSize): Fdb {
  const slots = slotsFor(size.entries);
  return {
    slots,
    shift: blockShift(slots),
    rec: sharedInt32(slots * 4),
    strips: createStrips(slots),
    links: sharedInt32(slots * 2),
    seed: makeSeed(size.seed),
    head: sharedInt32(size.ports).fill(-1),
    tail: sharedInt32(size.ports).fill(-1),
    portGeneration: sharedInt32(size.ports).fill(1),
    fidGeneration: sharedInt32(size.fids),
    fidAgeMs: sharedInt32(size.fids).fill(DEFAULT_AGE_MS),
    portCount: sharedInt32(size.ports),
    fidCount: sharedInt32(size.fids),
    bridgeCount: sharedInt32(size.bridges),
    portConfigured: sharedInt32(size.ports),
    fidConfigured: sharedInt32(size.fids),
    portLimit: sharedInt32(size.ports),
    fidLimit: sharedInt32(size.fids),
    bridgeLimit: sharedInt32(size.bridges),
    bridgeOverflow: sharedInt32(size.bridges),
    portBridge: sharedInt32(size.ports).fill(-1),
    meta: firstMeta(),
    stats: sharedFloat64(STAT_NAMES.length),
    events: createFdbEvents(size.events ?? 4096),
    graves: sharedInt32(size.gate == null ? 0 : GRAVES),
    gate: size.gate ?? null,
  };
}

function firstMeta(): Int32Array {
  const meta = sharedInt32(META_WORDS);
  meta[META_MIN_AGE_MS] = DEFAULT_AGE_MS;
  return meta;
}

export function setFidAge(fdb: Fdb, fid: number, ageMs: number): void {
  fdb.fidAgeMs[fid] = ageMs;
  fdb.meta[META_MIN_AGE_MS] = Math.min(fdb.meta[META_MIN_AGE_MS], ageMs);
  fdb.meta[META_DUE_KNOWN] = 0;
}

/** Word 1 of a key: MAC bytes 0..1 and the FID. */
export function keyHigh(macHigh: number, fid: number): number {
  return (macHigh << 16) | fid;
}

/** The generation that a learned entry of this port and FID must have to count: odd (fdb/flush.ts). */
export function generationOf(fdb: Fdb, port: number, fid: number): number {
  return (fdb.portGeneration[port] + fdb.fidGeneration[fid]) & 0xffff;
}

/** Whether word 1 is that of an entry, and not of an empty slot or a grave. */
export function isRecord(word1: number): boolean {
  return (word1 & 0xffff) !== 0;
}

/**
 * Slot of the key, stale and expired entries included, or `~slot` of the empty one where the probe ended. `start` is
 * startSlot(...).
 */
export function probe(fdb: Fdb, low: number, high: number, start: number): number {
  const { rec, slots } = fdb;
  let slot = start;
  for (;;) {
    const at = slot << 2;
    const word1 = rec[at + 1];
    if (word1 === high && rec[at] === low) return slot;
    if (word1 === 0) return ~slot;
    if (++slot === slots) slot = 0;
  }
}

export function startSlot(fdb: Fdb, low: number, high: number): number {
  return slotOf(fdb.seed, fdb.slots, fdb.shift, low, high);
}

/** Whether the entry counts now: configured, or learned, not flushed and seen within its FID's age. */
export function isLive(fdb: Fdb, slot: number, nowMs: number): boolean {
  const at = slot << 2;
  const word3 = fdb.rec[at + 3];
  if ((word3 & KIND_MASK) !== 0) return true;
  const fid = fdb.rec[at + 1] & 0xffff;
  return (
    word3 >>> GENERATION_SHIFT === generationOf(fdb, word3 & PORT_MASK, fid) &&
    ((nowMs - fdb.rec[at + 2]) | 0) <= fdb.fidAgeMs[fid]
  );
}

/**
 * Puts a record where the probe for it ends. The caller knows that the key is absent. Returns the slot, or -1
 * when the table is at its maximum load.
 */
export function place(fdb: Fdb, low: number, high: number, start: number, stampMs: number, word3: number): number {
  const { rec, slots, meta } = fdb;
  const used = meta[META_USED];
  if (used >= mostOf(slots) || used + meta[META_BURIED] >= fullestOf(slots)) return -1;
  let slot = start;
  while (rec[(slot << 2) + 1] !== 0) if (++slot === slots) slot = 0;
  touchStrip(fdb.strips, slot);
  const at = slot << 2;
  rec[at] = low;
  rec[at + 2] = stampMs;
  rec[at + 3] = word3;
  // The key word goes last: a reader on another thread sees no half-made entry.
  if (fdb.gate === null) rec[at + 1] = high;
  else Atomics.store(rec, at + 1, high);
  meta[META_USED] = used + 1;
  return slot;
}

/** Whether others may be looking at records while this thread writes them. */
export function isWatched({ gate }: Fdb): boolean {
  return gate !== null && !gate.alone;
}

/** Takes out a record, and a learned entry off its list and counts. */
export function erase(fdb: Fdb, slot: number): void {
  const { rec } = fdb;
  const at = slot << 2;
  const word3 = rec[at + 3];
  if ((word3 & KIND_MASK) === 0) uncount(fdb, slot, word3 & PORT_MASK, rec[at + 1] & 0xffff);
  else countConfigured(fdb, word3 & PORT_MASK, rec[at + 1] & 0xffff, -1);
  fdb.meta[META_USED]--;
  if (isWatched(fdb)) bury(fdb, slot);
  else closeGap(fdb, slot);
}

/** Takes out a record that is on no list and not counted any more, under the eyes of others. */
export function bury(fdb: Fdb, slot: number): void {
  const { rec, meta, graves } = fdb;
  Atomics.store(rec, (slot << 2) + 1, BURIED);
  const n = meta[META_BURIED]++ - meta[META_GRAVES_LOST];
  if (n < graves.length) graves[n] = slot;
  else meta[META_GRAVES_LOST]++;
}

/** Frees a slot, and fills it from behind in its cluster. */
export function closeGap(fdb: Fdb, slot: number): void {
  const { rec, slots } = fdb;
  let gap = slot;
  let from = slot;
  for (;;) {
    if (++from === slots) from = 0;
    const f = from << 2;
    if (rec[f + 1] === 0) break;
    // A grave stays where it is until its own turn comes.
    if (rec[f + 1] === BURIED) continue;
    const home = startSlot(fdb, rec[f], rec[f + 1]);
    // An entry may move to the gap unless its home lies (cyclically) behind it: in (gap, from].
    const stays = gap <= from ? home > gap && home <= from : home > gap || home <= from;
    if (stays) continue;
    moveRecord(fdb, from, gap);
    gap = from;
  }
  rec[(gap << 2) + 1] = 0;
  rec[(gap << 2) + 3] = 0;
}

function moveRecord(fdb: Fdb, from: number, to: number): void {
  const { rec } = fdb;
  const f = from << 2;
  const t = to << 2;
  rec[t] = rec[f];
  rec[t + 2] = rec[f + 2];
  rec[t + 3] = rec[f + 3];
  rec[t + 1] = rec[f + 1];
  if ((rec[f + 3] & KIND_MASK) !== 0) return;
  moveLinks(fdb, from, to, rec[f + 3] & PORT_MASK);
}

/** Adds a learned entry to its port's list and the counts. */
export function count(fdb: Fdb, slot: number, port: number, fid: number): void {
  linkTail(fdb, slot, port);
  if (port >= fdb.meta[META_PORTS_END]) fdb.meta[META_PORTS_END] = port + 1;
  fdb.portCount[port]++;
  fdb.fidCount[fid]++;
  const bridge = fdb.portBridge[port];
  if (bridge >= 0) fdb.bridgeCount[bridge]++;
}

/** Takes a learned entry off its port's list and the counts. */
export function uncount(fdb: Fdb, slot: number, port: number, fid: number): void {
  unlink(fdb, slot, port);
  fdb.portCount[port]--;
  fdb.fidCount[fid]--;
  const bridge = fdb.portBridge[port];
  if (bridge >= 0) fdb.bridgeCount[bridge]--;
}

/** One configured entry more or less. */
export function countConfigured(fdb: Fdb, port: number, fid: number, by: 1 | -1): void {
  if (port !== NO_PORT) fdb.portConfigured[port] += by;
  fdb.fidConfigured[fid] += by;
}
