/**
 * The FDB as control sees it: configured entries in and out, and reading it back. Allocates; never on the way
 * of a frame.
 */

import {
  countConfigured,
  erase,
  FDB_KIND_NAMES,
  type Fdb,
  type FdbKindName,
  isLive,
  isRecord,
  KIND_DYNAMIC,
  KIND_MASK,
  KIND_SHIFT,
  keyHigh,
  META_STALE,
  META_USED,
  NO_PORT,
  PORT_MASK,
  place,
  probe,
  startSlot,
} from './fdb.ts';
import { closeGraves } from './graves.ts';
import { resizeFdb } from './resize.ts';
import { nextTouched } from './strips.ts';
import { needsSweep, sweepAll } from './sweep.ts';

export interface FdbRow {
  fid: number;
  macHigh: number;
  macLow: number;
  /** -1 = no port (local entries of a bridge, blackholes). */
  port: number;
  kind: FdbKindName;
  /** Milliseconds since a learned entry was last seen; 0 for configured ones. */
  idleMs: number;
}

/**
 * Puts a configured entry, in place of whatever holds that address. `port` -1 for none. Configured entries
 * always fit: the table grows when it must, and then true says that its arrays are new.
 */
export function putEntry(
  fdb: Fdb,
  fid: number,
  macHigh: number,
  macLow: number,
  port: number,
  kind: number,
): { grown: boolean } {
  removeEntry(fdb, fid, macHigh, macLow);
  closeGraves(fdb);
  countConfigured(fdb, port < 0 ? NO_PORT : port, fid, 1);
  const high = keyHigh(macHigh, fid);
  const word3 = (kind << KIND_SHIFT) | (port < 0 ? NO_PORT : port);
  const low = macLow | 0;
  let grown = false;
  while (place(fdb, low, high, startSlot(fdb, low, high), 0, word3) < 0) {
    resizeFdb(fdb, Math.ceil(fdb.meta[META_USED] * 1.25) + 1024);
    grown = true;
  }
  return { grown };
}

/** Takes out the entry of this address, of whatever kind; false when there is none. */
export function removeEntry(fdb: Fdb, fid: number, macHigh: number, macLow: number): boolean {
  const high = keyHigh(macHigh, fid);
  const low = macLow | 0;
  const slot = probe(fdb, low, high, startSlot(fdb, low, high));
  if (slot < 0) return false;
  erase(fdb, slot);
  return true;
}

/**
 * Takes out every entry that `match` says yes to, learned or configured; `port` is NO_PORT where there is none. One
 * pass over the table, which allocates nothing: it stops forwarding for about 10 ms per million slots.
 */
export function removeWhere(fdb: Fdb, match: (fid: number, port: number, kind: number) => boolean): void {
  const { rec, slots } = fdb;
  for (let slot = 0; slot < slots; ) {
    const high = rec[(slot << 2) + 1];
    const word3 = rec[(slot << 2) + 3];
    // `erase` closes the gap from behind: then the same slot is looked at again.
    if (isRecord(high) && match(high & 0xffff, word3 & PORT_MASK, (word3 & KIND_MASK) >> KIND_SHIFT)) erase(fdb, slot);
    else slot++;
  }
}

export function findEntry(fdb: Fdb, fid: number, macHigh: number, macLow: number, nowMs: number): FdbRow | null {
  const high = keyHigh(macHigh, fid);
  const low = macLow | 0;
  const slot = probe(fdb, low, high, startSlot(fdb, low, high));
  return slot >= 0 && isLive(fdb, slot, nowMs) ? rowAt(fdb, slot, nowMs) : null;
}

/** Every entry that counts now, in table order. */
export function* listEntries(fdb: Fdb, nowMs: number): Generator<FdbRow> {
  // A snapshot of the key words: callers may remove entries while they iterate.
  const slots: number[] = [];
  const next = (slot: number) => nextTouched(fdb.strips, slot, fdb.slots);
  for (let slot = next(0); slot < fdb.slots; slot = next(slot + 1)) {
    if (isRecord(fdb.rec[(slot << 2) + 1]) && isLive(fdb, slot, nowMs)) slots.push(slot);
  }
  const rows = slots.map((slot) => rowAt(fdb, slot, nowMs));
  yield* rows;
}

function rowAt(fdb: Fdb, slot: number, nowMs: number): FdbRow {
  const at = slot << 2;
  const high = fdb.rec[at + 1];
  const word3 = fdb.rec[at + 3];
  const kind = (word3 & KIND_MASK) >> KIND_SHIFT;
  const port = word3 & PORT_MASK;
  return {
    fid: high & 0xffff,
    macHigh: high >>> 16,
    macLow: fdb.rec[at],
    port: port === NO_PORT ? -1 : port,
    kind: FDB_KIND_NAMES[kind],
    idleMs: kind === KIND_DYNAMIC ? Math.max(0, (nowMs - fdb.rec[at + 2]) | 0) : 0,
  };
}

/** Learned entries of a bridge, exactly. */
export function learnedCount(fdb: Fdb, bridge: number, nowMs: number): number {
  settle(fdb, nowMs);
  return fdb.bridgeCount[bridge];
}

/** Takes out at once what has expired or was flushed, so that counts are exact. */
export function settle(fdb: Fdb, nowMs: number): void {
  if (fdb.meta[META_STALE] !== 0 || needsSweep(fdb, nowMs)) sweepAll(fdb, nowMs);
}

/** A port changed its bridge. The caller has flushed it: what is not swept yet counts, as after any flush, where the port is now. */
export function setPortBridge(fdb: Fdb, port: number, bridge: number): void {
  const { portBridge, portCount, bridgeCount } = fdb;
  if (portBridge[port] >= 0) bridgeCount[portBridge[port]] -= portCount[port];
  if (bridge >= 0) bridgeCount[bridge] += portCount[port];
  portBridge[port] = bridge;
}

/** A number that nobody had becomes a port: which bridge's room its entries take, and how much of it. */
export function setFdbPort(fdb: Fdb, port: number, bridge: number, limit: number): void {
  fdb.portBridge[port] = bridge;
  fdb.portLimit[port] = limit;
}
