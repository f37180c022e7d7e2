/**
 * The FDB of a switch that forwards on another thread, by name and filtered.
 *
 * A record that is being written while it is read can show half of two addresses. Such a pair is found nowhere a
 * moment later; so an entry counts only when looking it up finds it again.
 */

import { type FdbKindName, STAT_NAMES } from '../tables/fdb.ts';
import { findEntry, listEntries } from '../tables/fdb-entries.ts';
import { formatMac, parseMac } from '../wire/ethernet.ts';
import type { ReadableSwitch } from './reader.ts';

export interface FdbEntry {
  bridge: string;
  vid: number | null;
  mac: string;
  port: string | null;
  kind: FdbKindName;
  /** Seconds since a learned address was last seen. */
  ageSeconds: number;
}

export interface FdbFilter {
  vid?: number;
  port?: string;
  mac?: string;
  bridge?: string;
}

export interface FdbView {
  entries: FdbEntry[];
  /** Learned, moved, aged, … since the start. */
  stats: Record<string, number>;
}

/** A filter that names something which does not exist. */
export class FilterError extends Error {
  override readonly name = 'FilterError';
}

export function fdbView({ tables, directory }: ReadableSwitch, filter: FdbFilter, nowMs: number): FdbView {
  const { fdb } = tables;
  const now = nowMs | 0;
  const ports = new Map(directory.ports.map((port) => [port.index, port.name]));
  const vlans = new Map(directory.vlans.map((vlan) => [vlan.fid, vlan]));
  const mac = checked(filter, directory);
  const entries: FdbEntry[] = [];
  for (const row of listEntries(fdb, now)) {
    const vlan = vlans.get(row.fid);
    if (vlan === undefined) continue;
    if (mac !== null && (row.macHigh !== mac.high || row.macLow >>> 0 !== mac.low >>> 0)) continue;
    if (filter.vid !== undefined && vlan.vid !== filter.vid) continue;
    if (filter.bridge !== undefined && vlan.bridge !== filter.bridge) continue;
    const port = row.port < 0 ? null : (ports.get(row.port) ?? null);
    if (filter.port !== undefined && port !== filter.port) continue;
    if (findEntry(fdb, row.fid, row.macHigh, row.macLow, now) === null) continue;
    entries.push({
      bridge: vlan.bridge,
      vid: vlan.vid,
      mac: formatMac(row.macHigh, row.macLow),
      port,
      kind: row.kind,
      ageSeconds: row.idleMs / 1000,
    });
  }
  entries.sort((a, b) => compare(a.bridge, b.bridge) || (a.vid ?? 0) - (b.vid ?? 0) || compare(a.mac, b.mac));
  return { entries, stats: Object.fromEntries(STAT_NAMES.map((name, i) => [name, fdb.stats[i]])) };
}

function checked(filter: FdbFilter, directory: ReadableSwitch['directory']): { high: number; low: number } | null {
  if (filter.port !== undefined && !directory.ports.some((port) => port.name === filter.port)) {
    throw new FilterError(`there is no port ${filter.port}`);
  }
  if (filter.bridge !== undefined && !directory.bridges.some((bridge) => bridge.name === filter.bridge)) {
    throw new FilterError(`there is no bridge ${filter.bridge}`);
  }
  if (filter.mac === undefined) return null;
  const mac = parseMac(filter.mac);
  if (mac === null) throw new FilterError(`${filter.mac} is not a MAC address`);
  return mac;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
