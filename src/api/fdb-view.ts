/**
 * The FDB by name, read from shared memory while learning goes on: every entry that is there all the time is in the
 * answer exactly once, one that comes, goes or moves to another slot meanwhile may be.
 *
 * A million entries are the measure: addresses are gathered into typed arrays and sorted there, and entries are made of
 * them one at a time. As text, which is what goes to a client: fdb-json.ts.
 */

import { noSuch } from '../config/error.ts';
import type { FdbEntryView } from '../control/fdb-control.ts';
import { findEntry } from '../tables/fdb/entries.ts';
import { type Fdb, isLive, META_USED, STAT_NAMES } from '../tables/fdb/fdb.ts';
import { nextTouched } from '../tables/fdb/strips.ts';
import { formatMac, parseMac } from '../wire/ethernet.ts';
import type { Directory, DirectoryVlan } from './directory.ts';
import type { ReadableSwitch } from './reader.ts';
import { Refusal } from './refusal.ts';

export interface FdbFilter {
  vid?: number;
  port?: string;
  mac?: string;
  bridge?: string;
}

export interface FdbView {
  entries: FdbEntryView[];
  /** Learned, moved, aged, … since the start. */
  stats: Record<string, number>;
}

export function fdbView(readable: ReadableSwitch, filter: FdbFilter, nowMs: number): FdbView {
  return { entries: [...fdbEntries(readable, filter, nowMs)], stats: fdbStats(readable.tables.fdb) };
}

export function fdbStats(fdb: Fdb): Record<string, number> {
  return Object.fromEntries(STAT_NAMES.map((name, i) => [name, fdb.stats[i]]));
}

/** By bridge, VLAN and address. Throws Refusal at once. */
export function fdbEntries(readable: ReadableSwitch, filter: FdbFilter, nowMs: number): Generator<FdbEntryView> {
  checkFilter(filter, readable.directory);
  return walk(readable, filter, nowMs | 0);
}

function* walk({ tables, directory }: ReadableSwitch, filter: FdbFilter, now: number): Generator<FdbEntryView> {
  const { fdb } = tables;
  const portNames = new Map(directory.ports.map((port) => [port.index, port.name]));
  for (const { fid, bridge, vid, macs } of gather(fdb, directory, filter, now)) {
    for (const mac of macs) {
      const row = findEntry(fdb, fid, macHigh(mac), macLow(mac), now);
      if (row === null) continue;
      const port = row.port < 0 ? null : (portNames.get(row.port) ?? null);
      if (filter.port !== undefined && port !== filter.port) continue;
      yield {
        bridge,
        vid,
        mac: formatMac(row.macHigh, row.macLow),
        port,
        kind: row.kind,
        ageSeconds: row.idleMs / 1000,
      };
    }
  }
}

/** An address as a number: 48 bits fit a double. */
const LOW = 2 ** 32;
export const macHigh = (mac: number): number => Math.floor(mac / LOW);
export const macLow = (mac: number): number => (mac % LOW) | 0;

const SPARE = 64;
/** A table with few entries is gathered in memory that is there: to make it, outside the heap, took as long as the rest of a short answer. */
const FEW = 1024;
const FEW_ROWS = new Uint16Array(FEW);
const FEW_MACS = new Float64Array(FEW);

export interface Gathered extends DirectoryVlan {
  /** Sorted. */
  macs: Float64Array;
}

/** The addresses of each VLAN that the filter lets through, by bridge and VID. */
export function gather(fdb: Fdb, directory: Directory, filter: FdbFilter, now: number): Gathered[] {
  const vlans = directory.vlans
    .filter(({ vid }) => filter.vid === undefined || vid === filter.vid)
    .filter(({ bridge }) => filter.bridge === undefined || bridge === filter.bridge)
    .sort((a, b) => compare(a.bridge, b.bridge) || (a.vid ?? 0) - (b.vid ?? 0));
  if (filter.mac !== undefined) {
    const { high, low } = parseMac(filter.mac)!;
    return vlans.map((vlan) => ({ ...vlan, macs: Float64Array.of(high * LOW + (low >>> 0)) }));
  }
  const sorted = addressesOf(fdb, vlans, now);
  return vlans.flatMap((vlan) => {
    const macs = sorted.get(vlan.fid);
    return macs === undefined ? [] : [{ ...vlan, macs }];
  });
}

/** By FID: which of the VLANs that are asked for it stands for, from 1 on. All zero between two questions. */
const asked = new Uint16Array(65_536);

/** The sorted addresses of each FID that is asked for and has any. */
function addressesOf(fdb: Fdb, vlans: readonly DirectoryVlan[], now: number): Map<number, Float64Array> {
  for (const [i, { fid }] of vlans.entries()) asked[fid] = i + 1;
  const counts: number[] = new Array(vlans.length + 1).fill(0);
  const few = usedBy(fdb) <= FEW;
  let rows = few ? FEW_ROWS : new Uint16Array(usedBy(fdb));
  let macs = few ? FEW_MACS : new Float64Array(rows.length);
  const { rec, strips, slots } = fdb;
  let n = 0;
  for (let slot = nextTouched(strips, 0, slots); slot < slots; slot = nextTouched(strips, slot + 1, slots)) {
    const high = rec[(slot << 2) + 1];
    const row = asked[high & 0xffff];
    if (high === 0 || row === 0 || !isLive(fdb, slot, now)) continue;
    if (n === rows.length) {
      rows = grown(rows, new Uint16Array(2 * n));
      macs = grown(macs, new Float64Array(2 * n));
    }
    rows[n] = row;
    macs[n++] = (high >>> 16) * LOW + (rec[slot << 2] >>> 0);
    counts[row]++;
  }
  const lists = vlans.map((_, i) => (counts[i + 1] === 0 ? null : new Float64Array(counts[i + 1])));
  for (let i = n - 1; i >= 0; i--) lists[rows[i] - 1]![--counts[rows[i]]] = macs[i];
  const sorted = new Map<number, Float64Array>();
  for (const [i, { fid }] of vlans.entries()) {
    asked[fid] = 0;
    const list = lists[i];
    if (list !== null) sorted.set(fid, list.sort());
  }
  return sorted;
}

/** More than are there now: some may come meanwhile. */
function usedBy(fdb: Fdb): number {
  return fdb.meta[META_USED] + SPARE;
}

function grown<T extends Uint16Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** Throws Refusal. */
export function checkFilter(filter: FdbFilter, directory: Directory): void {
  const ports = directory.ports.map(({ name }) => name);
  if (filter.port !== undefined && !ports.includes(filter.port)) throw new Refusal(noSuch('port', filter.port, ports));
  if (filter.bridge !== undefined && !directory.bridges.some((bridge) => bridge.name === filter.bridge)) {
    throw new Refusal(`there is no bridge ${filter.bridge}`);
  }
  if (filter.mac !== undefined && parseMac(filter.mac) === null) {
    throw new Refusal(`${filter.mac} is not a MAC address`);
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
