/**
 * Learning: a source address was seen on a port.
 *
 * The common case, the address is known there, is a refresh in the caller's cache line. The rest is here: new
 * addresses, moves, claims on configured entries, and the bounds: a limit per bridge, per port and per VLAN, of
 * learned entries only. When one is reached, `fair` evicts the least recently used entry of the port that
 * holds most, so that a storm of addresses on one port costs that port (ovs lib/mac-learning.h), `lru` the
 * oldest of all, `refuse` learns nothing. Eviction per VLAN looks at a bounded number of old entries.
 *
 * With several workers all of this is done under the lock, by what is found then: another worker may have learned or
 * evicted the address since it was looked up.
 */

import { type Gate, lock, unlock } from '../gate.ts';
import {
  EVENT_EVICTED,
  EVENT_LEARNED,
  EVENT_MOVED,
  EVENT_REFUSED,
  EVENT_STATIC_VIOLATION,
  writeEvent,
} from './events.ts';
import {
  bury,
  count,
  countConfigured,
  erase,
  type Fdb,
  GENERATION_SHIFT,
  generationOf,
  isLive,
  isRecord,
  isWatched,
  KIND_EXTERNAL,
  KIND_MASK,
  KIND_SHIFT,
  keyHigh,
  META_PORTS_END,
  META_STALE,
  META_USED,
  OVERFLOW_FAIR,
  OVERFLOW_REFUSE,
  PORT_MASK,
  place,
  probe,
  STAT_EVICTED,
  STAT_LEARNED,
  STAT_MOVED,
  STAT_REFUSED,
  STAT_STATIC_VIOLATIONS,
  startSlot,
  uncount,
} from './fdb.ts';
import { moveToTail, newerOf } from './links.ts';
import { sweepAll } from './sweep.ts';

/** What `learnSource` found. */
export const LEARN_OK = 0;
/** A configured entry holds this address on another port. */
export const LEARN_STATIC_VIOLATION = 1;

/** An entry's time and place in its list are renewed when they are older than this: LRU order is that exact. */
export const REFRESH_MS = 100;
/** Old entries looked at when a VLAN is full. */
const FID_SEARCH = 64;
/** Flushed entries of a port that make room for one frame's address. */
const FLUSHED_AT_ONCE = 16;
const ANY_BRIDGE = -1;

/** A known source was seen again after REFRESH_MS: `slot` is its record and belongs to this port. */
export function refreshSource(fdb: Fdb, slot: number, port: number, nowMs: number): void {
  if (fdb.gate !== null) {
    refreshWatched(fdb, fdb.gate, slot, port, nowMs);
    return;
  }
  fdb.rec[(slot << 2) + 2] = nowMs;
  moveToTail(fdb, slot, port);
}

/** The same beside other workers, whose clocks may be a little ahead, and who may have moved or evicted the entry. */
function refreshWatched(fdb: Fdb, gate: Gate, slot: number, port: number, nowMs: number): void {
  const { rec } = fdb;
  const at = slot << 2;
  if (isAhead(rec[at + 2], nowMs)) return;
  lock(gate);
  const word3 = rec[at + 3];
  if (isRecord(rec[at + 1]) && (word3 & (KIND_MASK | PORT_MASK)) === port) {
    rec[at + 2] = nowMs;
    moveToTail(fdb, slot, port);
  }
  unlock(gate);
}

/** Whether another worker has stamped the entry with a time that this one's clock has not come to. */
function isAhead(stampMs: number, nowMs: number): boolean {
  const ms = (stampMs - nowMs) | 0;
  return ms >= 0 && ms < REFRESH_MS;
}

/** Learns (fid, MAC) -> port, whatever `slot` (from `probe`) says of it. */
export function learnSource(fdb: Fdb, slot: number, low: number, high: number, port: number, nowMs: number): number {
  const { gate } = fdb;
  if (gate === null) return learnFound(fdb, slot, low, high, port, nowMs);
  lock(gate);
  const found = learnFound(fdb, probe(fdb, low, high, startSlot(fdb, low, high)), low, high, port, nowMs);
  unlock(gate);
  return found;
}

function learnFound(fdb: Fdb, slot: number, low: number, high: number, port: number, nowMs: number): number {
  const fid = high & 0xffff;
  if (slot < 0) {
    learnNew(fdb, ~slot, low, high, port, nowMs);
    return LEARN_OK;
  }
  const at = slot << 2;
  const word3 = fdb.rec[at + 3];
  const oldPort = word3 & PORT_MASK;
  const kind = word3 & KIND_MASK;
  if (kind !== 0) {
    if (oldPort === port) return LEARN_OK;
    if (kind >> KIND_SHIFT === KIND_EXTERNAL) {
      // Told from outside, not pinned: traffic knows better where the host is now.
      if (learnInstead(fdb, slot, low, high, port, fid, nowMs)) {
        fdb.stats[STAT_MOVED]++;
        writeEvent(fdb.events, EVENT_MOVED, high, low, port, oldPort, nowMs);
      }
      return LEARN_OK;
    }
    fdb.stats[STAT_STATIC_VIOLATIONS]++;
    writeEvent(fdb.events, EVENT_STATIC_VIOLATION, high, low, port, oldPort, nowMs);
    return LEARN_STATIC_VIOLATION;
  }
  if (!isLive(fdb, slot, nowMs)) {
    // Flushed or expired, not yet swept: as if it were not there.
    learnInstead(fdb, slot, low, high, port, fid, nowMs);
    return LEARN_OK;
  }
  if (oldPort === port) {
    if (fdb.gate === null || !isAhead(fdb.rec[at + 2], nowMs)) {
      fdb.rec[at + 2] = nowMs;
      moveToTail(fdb, slot, port);
    }
    return LEARN_OK;
  }
  const limit = fdb.portLimit[port];
  if (limit !== 0 && fdb.portCount[port] >= limit) {
    // The new port is full: the move needs room there like any new address.
    if (!learnInstead(fdb, slot, low, high, port, fid, nowMs)) return LEARN_OK;
  } else {
    uncount(fdb, slot, oldPort, fid);
    fdb.rec[at + 2] = nowMs;
    fdb.rec[at + 3] = wordOf(fdb, port, fid);
    count(fdb, slot, port, fid);
  }
  fdb.stats[STAT_MOVED]++;
  writeEvent(fdb.events, EVENT_MOVED, high, low, port, oldPort, nowMs);
  return LEARN_OK;
}

/** Learns what is there as if it were not; returns whether there was room. */
function learnInstead(
  fdb: Fdb,
  slot: number,
  low: number,
  high: number,
  port: number,
  fid: number,
  nowMs: number,
): boolean {
  if (!isWatched(fdb)) {
    erase(fdb, slot);
    return learnNew(fdb, startSlot(fdb, low, high), low, high, port, nowMs);
  }
  // Whoever looks finds the old port or the new one, and in between not nothing: the record stays where it is.
  const { rec, meta } = fdb;
  const at = slot << 2;
  const old = rec[at + 3];
  if ((old & KIND_MASK) === 0) uncount(fdb, slot, old & PORT_MASK, fid);
  else countConfigured(fdb, old & PORT_MASK, fid, -1);
  rec[at + 2] = nowMs;
  rec[at + 3] = wordOf(fdb, port, fid);
  if (makeRoom(fdb, port, fid, nowMs)) {
    noteLearned(fdb, slot, high, low, port, fid, nowMs);
    return true;
  }
  meta[META_USED]--;
  bury(fdb, slot);
  noteRefused(fdb, high, low, port, nowMs);
  return false;
}

/** Places a new address from slot `from` on; returns whether it was learned. */
function learnNew(fdb: Fdb, from: number, low: number, high: number, port: number, nowMs: number): boolean {
  const fid = high & 0xffff;
  const slot = hasRoom(fdb, port, fid) ? place(fdb, low, high, from, nowMs, wordOf(fdb, port, fid)) : -1;
  if (slot < 0) return learnTightly(fdb, low, high, port, fid, nowMs);
  noteLearned(fdb, slot, high, low, port, fid, nowMs);
  return true;
}

/** Places a new address where others must go for it. They may leave a gap nearer to where its probe begins. */
function learnTightly(fdb: Fdb, low: number, high: number, port: number, fid: number, nowMs: number): boolean {
  let slot = placeInRoom(fdb, low, high, port, fid, nowMs);
  if (slot < 0 && fdb.meta[META_STALE] !== 0) {
    if (dropFlushed(fdb, ANY_BRIDGE) === 0) sweepAll(fdb, nowMs);
    slot = placeInRoom(fdb, low, high, port, fid, nowMs);
  }
  if (slot < 0) noteRefused(fdb, high, low, port, nowMs);
  else noteLearned(fdb, slot, high, low, port, fid, nowMs);
  return slot >= 0;
}

function placeInRoom(fdb: Fdb, low: number, high: number, port: number, fid: number, nowMs: number): number {
  if (!makeRoom(fdb, port, fid, nowMs)) return -1;
  return place(fdb, low, high, startSlot(fdb, low, high), nowMs, wordOf(fdb, port, fid));
}

/** Word 3 of an entry that is learned now. */
function wordOf(fdb: Fdb, port: number, fid: number): number {
  return (generationOf(fdb, port, fid) << GENERATION_SHIFT) | port;
}

function noteLearned(
  fdb: Fdb,
  slot: number,
  high: number,
  low: number,
  port: number,
  fid: number,
  nowMs: number,
): void {
  count(fdb, slot, port, fid);
  fdb.stats[STAT_LEARNED]++;
  writeEvent(fdb.events, EVENT_LEARNED, high, low, port, -1, nowMs);
}

function noteRefused(fdb: Fdb, high: number, low: number, port: number, nowMs: number): void {
  fdb.stats[STAT_REFUSED]++;
  writeEvent(fdb.events, EVENT_REFUSED, high, low, port, -1, nowMs);
}

/** Whether one more entry keeps within the limits of port, VLAN and bridge, by counts that may be too high. */
function hasRoom(fdb: Fdb, port: number, fid: number): boolean {
  const bridge = fdb.portBridge[port];
  const portLimit = fdb.portLimit[port];
  const fidLimit = fdb.fidLimit[fid];
  return (
    bridge >= 0 &&
    (portLimit === 0 || fdb.portCount[port] < portLimit) &&
    (fidLimit === 0 || fdb.fidCount[fid] < fidLimit) &&
    fdb.bridgeCount[bridge] < fdb.bridgeLimit[bridge]
  );
}

/** Sees to it that one more entry keeps within the limits of port, VLAN and bridge; false = it cannot. */
function makeRoom(fdb: Fdb, port: number, fid: number, nowMs: number): boolean {
  const bridge = fdb.portBridge[port];
  if (bridge < 0) return false;
  const overPort = fdb.portLimit[port] !== 0 && fdb.portCount[port] >= fdb.portLimit[port];
  const overFid = fdb.fidLimit[fid] !== 0 && fdb.fidCount[fid] >= fdb.fidLimit[fid];
  const overBridge = fdb.bridgeCount[bridge] >= fdb.bridgeLimit[bridge];
  if (!overPort && !overFid && !overBridge) return true;
  // After a flush the counts are too high: sweep before anybody is turned away or evicted for nothing.
  if (fdb.meta[META_STALE] !== 0) {
    if (overFid || dropFlushed(fdb, bridge) === 0 || isOver(fdb, port, bridge)) sweepAll(fdb, nowMs);
    return makeRoom(fdb, port, fid, nowMs);
  }
  const overflow = fdb.bridgeOverflow[bridge];
  if (overflow === OVERFLOW_REFUSE) return false;
  if (overPort) return evict(fdb, fdb.head[port], nowMs) && makeRoom(fdb, port, fid, nowMs);
  if (overFid) return evict(fdb, oldestOfFid(fdb, bridge, fid, port), nowMs) && makeRoom(fdb, port, fid, nowMs);
  const victim = overflow === OVERFLOW_FAIR ? fullestPort(fdb, bridge) : portWithOldest(fdb, bridge, nowMs);
  return victim >= 0 && evict(fdb, fdb.head[victim], nowMs);
}

function isOver(fdb: Fdb, port: number, bridge: number): boolean {
  const limit = fdb.portLimit[port];
  return (limit !== 0 && fdb.portCount[port] >= limit) || fdb.bridgeCount[bridge] >= fdb.bridgeLimit[bridge];
}

/**
 * Takes out what flushes have left at the heads of the lists of a bridge's ports (ANY_BRIDGE: of all), some of each: a whole sweep of a
 * large table is no work for a frame. Returns how many.
 */
function dropFlushed(fdb: Fdb, bridge: number): number {
  const end = fdb.meta[META_PORTS_END];
  let dropped = 0;
  for (let port = 0; port < end; port++) {
    if (bridge !== ANY_BRIDGE && fdb.portBridge[port] !== bridge) continue;
    for (let n = 0; n < FLUSHED_AT_ONCE; n++) {
      const slot = fdb.head[port];
      if (slot < 0) break;
      const at = slot << 2;
      const fid = fdb.rec[at + 1] & 0xffff;
      if (fdb.rec[at + 3] >>> GENERATION_SHIFT === generationOf(fdb, port, fid)) break;
      erase(fdb, slot);
      dropped++;
    }
  }
  return dropped;
}

function evict(fdb: Fdb, slot: number, nowMs: number): boolean {
  if (slot < 0) return false;
  const at = slot << 2;
  fdb.stats[STAT_EVICTED]++;
  writeEvent(fdb.events, EVENT_EVICTED, fdb.rec[at + 1], fdb.rec[at], fdb.rec[at + 3] & PORT_MASK, -1, nowMs);
  erase(fdb, slot);
  return true;
}

/** The port of the bridge that holds most; the lowest number among equals. */
function fullestPort(fdb: Fdb, bridge: number): number {
  const { portCount, portBridge } = fdb;
  const end = fdb.meta[META_PORTS_END];
  let best = -1;
  let most = 0;
  for (let p = 0; p < end; p++) {
    if (portCount[p] > most && portBridge[p] === bridge) {
      most = portCount[p];
      best = p;
    }
  }
  return best;
}

function portWithOldest(fdb: Fdb, bridge: number, nowMs: number): number {
  const end = fdb.meta[META_PORTS_END];
  let best = -1;
  let longest = -1;
  for (let p = 0; p < end; p++) {
    const slot = fdb.head[p];
    if (slot < 0 || fdb.portBridge[p] !== bridge) continue;
    const idle = (nowMs - fdb.rec[(slot << 2) + 2]) | 0;
    if (idle > longest) {
      longest = idle;
      best = p;
    }
  }
  return best;
}

/** An old entry of the VLAN: of the claiming port first, then of the others; -1 when none is near. */
function oldestOfFid(fdb: Fdb, bridge: number, fid: number, port: number): number {
  let budget = FID_SEARCH;
  for (let s = fdb.head[port]; s >= 0 && budget > 0; s = newerOf(fdb, s), budget--) {
    if ((fdb.rec[(s << 2) + 1] & 0xffff) === fid) return s;
  }
  budget = FID_SEARCH;
  const end = fdb.meta[META_PORTS_END];
  for (let p = 0; p < end && budget > 0; p++) {
    if (fdb.portBridge[p] !== bridge) continue;
    for (let s = fdb.head[p]; s >= 0 && budget > 0; s = newerOf(fdb, s), budget--) {
      if ((fdb.rec[(s << 2) + 1] & 0xffff) === fid) return s;
    }
  }
  return -1;
}

/**
 * Learns what was known before, last seen at `stampMs`; an address that is known now is left alone. Older ones first:
 * the lists are in that order.
 */
export function relearn(fdb: Fdb, fid: number, macHigh: number, macLow: number, port: number, stampMs: number): void {
  const low = macLow | 0;
  const high = keyHigh(macHigh, fid);
  const slot = probe(fdb, low, high, startSlot(fdb, low, high));
  if (slot < 0) learnSource(fdb, slot, low, high, port, stampMs);
}
