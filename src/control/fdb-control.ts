/**
 * The FDB by name: configured entries, flushing, reading, events. Functions over `Control`.
 */

import type { FdbEntryConfig, FdbEntryKind } from '../config/types/fdb.ts';
import {
  type FdbRow,
  findEntry,
  learnedCount,
  listEntries,
  putEntry,
  removeEntry,
  removeWhere,
} from '../tables/fdb/entries.ts';
import { drainEvents, EVENT_NAMES } from '../tables/fdb/events.ts';
import {
  type FdbKindName,
  KIND_BLACKHOLE,
  KIND_DYNAMIC,
  KIND_EXTERNAL,
  KIND_LOCAL,
  KIND_STATIC,
  KIND_STICKY,
} from '../tables/fdb/fdb.ts';
import { flushFid, flushPort } from '../tables/fdb/flush.ts';
import { formatMac, type Mac, parseMac } from '../wire/ethernet.ts';
import type { Control } from './control.ts';
import { UNAWARE_VID } from './domains.ts';
import { ControlError } from './model.ts';

const KINDS: Record<FdbEntryKind, number> = {
  static: KIND_STATIC,
  sticky: KIND_STICKY,
  local: KIND_LOCAL,
  external: KIND_EXTERNAL,
  blackhole: KIND_BLACKHOLE,
};

export interface FdbEntryView {
  bridge: string;
  /** Null on a VLAN-unaware bridge. */
  vid: number | null;
  mac: string;
  port: string | null;
  kind: FdbKindName;
  /** Seconds since a learned address was last seen. */
  ageSeconds: number;
}

export interface FdbEventView {
  event: Exclude<(typeof EVENT_NAMES)[number], ''>;
  bridge: string;
  vid: number | null;
  mac: string;
  port: string;
  /** Port before a move, or that holds the configured entry. */
  oldPort: string | null;
}

function macOf(text: string): Mac {
  const mac = parseMac(text);
  if (mac === null) throw new ControlError(`${text} is not a MAC address`);
  return mac;
}

/** Adds a configured entry. `replace` false refuses an address that has an entry, learned ones apart. */
export function addEntry(control: Control, entry: FdbEntryConfig, replace = false): void {
  const bridge = control.bridge(entry.bridge);
  const fid = control.fidOf(bridge, entry.vid);
  const { secondary } = control.vlanByFid[fid]!.vlan;
  if (secondary !== undefined) {
    throw new ControlError(`the addresses of VLAN ${entry.vid} are those of VLAN ${secondary.primary}: it is private`);
  }
  const { high, low } = macOf(entry.mac);
  if (entry.kind !== 'local' || entry.port !== null) refuseInterfaceMac(control, fid, { high, low }, entry);
  if ((high & 0x0100) !== 0) throw new ControlError(`${entry.mac} is a group address`);
  if (high === 0 && low === 0) throw new ControlError(`${entry.mac} is no address of a host`);
  const port = entry.port === null ? null : control.port(entry.port);
  if (port === null && entry.kind !== 'local' && entry.kind !== 'blackhole') {
    throw new ControlError(`a ${entry.kind} entry needs a port`);
  }
  if (port !== null && port.bridge !== bridge)
    throw new ControlError(`port ${port.name} is not in bridge ${bridge.name}`);
  if (port !== null && entry.vid !== null && !port.members.has(entry.vid)) {
    throw new ControlError(`port ${port.name} is not in VLAN ${entry.vid}: the entry could never be used`);
  }
  control.forgetting.now();
  const { fdb } = control.dp;
  const there = findEntry(fdb, fid, high, low, control.nowMs());
  if (!replace && there !== null && there.kind !== 'dynamic') {
    throw new ControlError(`${entry.mac} has a ${there.kind} entry already`);
  }
  const { grown } = putEntry(fdb, fid, high, low, port === null ? -1 : port.index, KINDS[entry.kind]);
  if (grown) control.tablesMoved();
}

/** Without the local entry of its MAC an interface gets no frame. */
function refuseInterfaceMac(control: Control, fid: number, mac: Mac, at: { vid: number | null; mac: string }): void {
  const owner = control.router?.ownerOfMac(fid, mac) ?? null;
  if (owner === null) return;
  const where = at.vid === null ? '' : ` in VLAN ${at.vid}`;
  throw new ControlError(`${at.mac} is the MAC of interface ${owner}${where}; change or remove the interface`);
}

/** Removes the entry of an address, learned or configured; throws when there is none. */
export function deleteEntry(control: Control, bridgeName: string, vid: number | null, macText: string): void {
  const bridge = control.bridge(bridgeName);
  const fid = control.fdbFidOf(bridge, vid);
  const { high, low } = macOf(macText);
  refuseInterfaceMac(control, fid, { high, low }, { vid, mac: macText });
  const live = findEntry(control.dp.fdb, fid, high, low, control.nowMs());
  if (live === null || !removeEntry(control.dp.fdb, fid, high, low)) {
    throw new ControlError(`bridge ${bridgeName} has no entry ${macText}${vid === null ? '' : ` in VLAN ${vid}`}`);
  }
}

/** What holds the address now, or null. */
export function entryKind(control: Control, bridgeName: string, vid: number | null, mac: string): FdbKindName | null {
  const fid = control.fdbFidOf(control.bridge(bridgeName), vid);
  const { high, low } = macOf(mac);
  return findEntry(control.dp.fdb, fid, high, low, control.nowMs())?.kind ?? null;
}

/** What a flush is of: a bridge, a VLAN, a port, a port in a VLAN; everything when nothing is said. */
export interface FlushScope {
  bridge?: string;
  vid?: number | null;
  port?: string;
}

/** Forgets learned entries. */
export function flush(control: Control, what: FlushScope): void {
  const now = control.nowMs();
  const { fdb } = control.dp;
  if (what.port !== undefined && what.vid !== undefined && what.vid !== null) {
    const port = control.port(what.port);
    if (port.bridge === null) return;
    const fid = control.fdbFidOf(port.bridge, what.vid);
    removeWhere(fdb, (f, p, kind) => f === fid && p === port.index && kind === KIND_DYNAMIC);
    return;
  }
  if (what.port !== undefined) {
    flushPort(fdb, control.port(what.port).index, now);
    return;
  }
  const bridges = what.bridge === undefined ? [...control.bridges.values()] : [control.bridge(what.bridge)];
  const { vid } = what;
  if (vid !== undefined && vid !== null) {
    // Of all bridges those that have the VLAN: a refusal half-way would leave the others flushed.
    const having = what.bridge === undefined ? bridges.filter((bridge) => bridge.vlans.has(vid)) : bridges;
    if (having.length === 0) throw new ControlError(`no bridge has VLAN ${vid}`);
    for (const bridge of having) flushFid(fdb, control.fdbFidOf(bridge, vid), now);
    return;
  }
  for (const bridge of bridges) for (const vlan of bridge.vlans.values()) flushFid(fdb, vlan.fid, now);
}

/** Every entry that counts now, by bridge, VLAN and address. */
export function fdbEntries(control: Control, bridgeName?: string): FdbEntryView[] {
  const views: FdbEntryView[] = [];
  for (const row of listEntries(control.dp.fdb, control.nowMs())) {
    const view = viewOf(control, row);
    if (view !== null && (bridgeName === undefined || view.bridge === bridgeName)) views.push(view);
  }
  return views.sort(
    (a, b) =>
      (a.bridge < b.bridge ? -1 : a.bridge > b.bridge ? 1 : 0) ||
      (a.vid ?? 0) - (b.vid ?? 0) ||
      (a.mac < b.mac ? -1 : a.mac > b.mac ? 1 : 0),
  );
}

function viewOf(control: Control, row: FdbRow): FdbEntryView | null {
  const owner = control.vlanByFid[row.fid];
  if (owner === undefined) return null;
  return {
    bridge: owner.bridge.name,
    vid: owner.vlan.vid === UNAWARE_VID ? null : owner.vlan.vid,
    mac: formatMac(row.macHigh, row.macLow),
    port: row.port < 0 ? null : (control.portByIndex[row.port]?.name ?? null),
    kind: row.kind,
    ageSeconds: row.idleMs / 1000,
  };
}

/** Learned entries of a bridge. */
export function learnedEntries(control: Control, bridgeName: string): number {
  return learnedCount(control.dp.fdb, control.bridge(bridgeName).index, control.nowMs());
}

/** Hands over what happened to the FDB since the last call; returns how many events were lost. */
export function fdbEvents(control: Control, take: (event: FdbEventView) => void): number {
  return drainEvents(control.dp.fdb.events, (e) => {
    const owner = control.vlanByFid[e.fid];
    const port = control.portByIndex[e.port];
    if (owner === undefined || port === undefined) return;
    take({
      event: EVENT_NAMES[e.kind] as FdbEventView['event'],
      bridge: owner.bridge.name,
      vid: owner.vlan.vid === UNAWARE_VID ? null : owner.vlan.vid,
      mac: formatMac(e.macHigh, e.macLow),
      port: port.name,
      oldPort: e.oldPort < 0 ? null : (control.portByIndex[e.oldPort]?.name ?? null),
    });
  });
}
