/**
 * The VXLAN FDB by name: which remote an address is behind. Configured entries, flushing, reading, events. Functions over
 * `Control`.
 *
 * The bridge's FDB says by which tunnel port a frame leaves, this one to which remote. The all-zero address is the
 * flood list of the VNI, as `bridge fdb` has it; a group address may have several remotes.
 */

import type { VxlanEntryConfig } from '../../config/types/vxlan.ts';
import { type FdbRow, findEntry, listEntries, putEntry, removeEntry } from '../../tables/fdb/entries.ts';
import { drainEvents, EVENT_NAMES } from '../../tables/fdb/events.ts';
import { type FdbKindName, KIND_BLACKHOLE, KIND_EXTERNAL, KIND_STATIC, STAT_NAMES } from '../../tables/fdb/fdb.ts';
import { flushFid, flushPort } from '../../tables/fdb/flush.ts';
import { addressText } from '../../wire/address.ts';
import { formatMac, parseMac } from '../../wire/ethernet.ts';
import type { Control } from '../control.ts';
import { ControlError } from '../model.ts';
import type { Remote, RemoteList, Segment, Tunnel } from './model.ts';
import { segmentOf, tunnelNamed, vtepNamed } from './names.ts';
import { addToList, bytesOf, makeList, releaseNamed, takeFromList, takeRemote, useRemote } from './remotes.ts';
import { addFlood, removeFlood } from './tunnel-control.ts';
import type { VxlanEntryView } from './views.ts';

const KINDS = { static: KIND_STATIC, external: KIND_EXTERNAL, blackhole: KIND_BLACKHOLE } as const;
const ZERO_MAC = '00:00:00:00:00:00';

export interface VxlanEventView {
  event: Exclude<(typeof EVENT_NAMES)[number], ''>;
  vtep: string;
  port: string;
  vni: number;
  mac: string;
  remote: string;
  oldRemote: string | null;
}

/** What is forgotten is all of these together; `peer` goes with `vtep` alone. */
export interface VxlanFlushScope {
  vtep?: string;
  port?: string;
  vni?: number;
  peer?: string;
}

function macOf(text: string): { high: number; low: number } {
  const mac = parseMac(text);
  if (mac === null) throw new ControlError(`${text} is not a MAC address`);
  return mac;
}

/** Puts a configured entry in place of what there is. `replace` false refuses an address that has a configured one. */
export function addVxlanEntry(control: Control, entry: VxlanEntryConfig, replace = false): void {
  const { tunnel, segment, high, low } = placeOf(control, entry.port, entry.vni, entry.mac);
  if (isZero(high, low)) throw new ControlError('the all-zero address is the flood list: append to it');
  if ((entry.kind === 'blackhole') !== (entry.remotes.length === 0)) {
    throw new ControlError(
      `an entry of kind ${entry.kind} ${entry.kind === 'blackhole' ? 'has no' : 'needs a'} remote`,
    );
  }
  const isGroup = (high & 0x0100) !== 0;
  if (entry.remotes.length > 1 && !isGroup) throw new ControlError(`${entry.mac} is one host: it has one remote`);
  const there = find(control, segment, high, low);
  if (!replace && there !== null && there.kind !== 'dynamic') {
    throw new ControlError(`${entry.mac} has a ${there.kind} entry already`);
  }
  // All that can fail comes first.
  const remotes = entry.remotes.map((address) => takeRemote(control, tunnel.vtep, address));
  const list = isGroup && remotes.length !== 0 ? makeList(control, tunnel.vtep) : null;
  if (there !== null) take(control, segment, high, low, there);
  for (const remote of remotes) {
    if (list !== null) addToList(control, list, remote);
    else useRemote(control, remote, 1);
  }
  put(control, segment, high, low, list?.row ?? remotes[0]?.row ?? -1, KINDS[entry.kind]);
}

/** One more remote for a group address, or (all-zero address) for floods. */
export function appendVxlanEntry(
  control: Control,
  portName: string,
  vni: number,
  macText: string,
  address: string,
): void {
  const { tunnel, segment, high, low } = placeOf(control, portName, vni, macText);
  if (isZero(high, low)) {
    addFlood(control, tunnel, segment, address);
    return;
  }
  if ((high & 0x0100) === 0) throw new ControlError(`${macText} is one host: it has one remote`);
  const list = listOf(control, find(control, segment, high, low));
  if (list === null) {
    addVxlanEntry(control, { port: portName, vni, mac: macText, remotes: [address], kind: 'static' }, true);
    return;
  }
  const remote = takeRemote(control, tunnel.vtep, address);
  if (!list.members.includes(remote)) addToList(control, list, remote);
}

/** Removes an entry, learned or configured, or one remote of a group or of the flood list. */
export function deleteVxlanEntry(
  control: Control,
  portName: string,
  vni: number,
  macText: string,
  address: string | null = null,
): void {
  const { segment, high, low } = placeOf(control, portName, vni, macText);
  if (isZero(high, low)) {
    const targets = address === null ? segment.flood.map((remote) => remote.address) : [address];
    for (const target of targets) removeFlood(control, segment, target);
    return;
  }
  const there = find(control, segment, high, low);
  const text = address === null ? null : addressText(bytesOf(address));
  const named = there === null ? [] : remotesOf(control, there);
  if (there === null || (text !== null && !named.some((remote) => remote.address === text))) {
    const where = address === null ? '' : ` at ${address}`;
    throw new ControlError(`VNI ${segment.vni} has no entry ${macText}${where}`);
  }
  const list = listOf(control, there);
  if (text !== null && list !== null && list.members.length > 1) {
    takeFromList(control, list, list.members.find((remote) => remote.address === text)!);
    return;
  }
  take(control, segment, high, low, there);
}

/** Forgets what was learned: behind a peer, in a VNI, of a tunnel port, of a VTEP, or all. */
export function flushVxlan(control: Control, what: VxlanFlushScope): void {
  const { fdb } = control.dp.vxlan;
  const now = control.nowMs();
  if (what.peer !== undefined) {
    const text = addressText(bytesOf(what.peer));
    const vteps = what.vtep === undefined ? [...control.vxlan.vteps.values()] : [vtepNamed(control, what.vtep)];
    const rows = vteps.map((vtep) => vtep.remotes.get(text)).filter((remote) => remote !== undefined);
    if (rows.length === 0) throw new ControlError(`no VTEP knows a peer ${what.peer}`);
    for (const { row } of rows) flushPort(fdb, row, now);
    return;
  }
  if (what.port !== undefined) tunnelNamed(control, what.port);
  if (what.vtep !== undefined) vtepNamed(control, what.vtep);
  let found = false;
  for (const owner of control.vxlan.segmentByRow) {
    if (owner === undefined) continue;
    const { tunnel, segment } = owner;
    if (what.vtep !== undefined && tunnel.vtep.name !== what.vtep) continue;
    if (what.port !== undefined && tunnel.port.name !== what.port) continue;
    if (what.vni !== undefined && segment.vni !== what.vni) continue;
    flushFid(fdb, segment.row, now);
    found = true;
  }
  if (!found && what.vni !== undefined) throw new ControlError(`no tunnel has VNI ${what.vni}`);
}

/** What holds the address now, or null, as in a VNI that is not there. */
export function vxlanEntryKind(control: Control, portName: string, vni: number, macText: string): FdbKindName | null {
  const segment = control.vxlan.tunnels.get(portName)?.segments.find((each) => each.vni === vni);
  if (segment === undefined) return null;
  const { high, low } = macOf(macText);
  return find(control, segment, high, low)?.kind ?? null;
}

/** Every entry that counts now, by port, VNI and address; flood lists are not among them. */
export function vxlanEntries(control: Control, portName?: string): VxlanEntryView[] {
  const views: VxlanEntryView[] = [];
  for (const row of listEntries(control.dp.vxlan.fdb, control.nowMs())) {
    const owner = control.vxlan.segmentByRow[row.fid];
    if (owner === undefined || (portName !== undefined && owner.tunnel.port.name !== portName)) continue;
    views.push({
      port: owner.tunnel.port.name,
      vtep: owner.tunnel.vtep.name,
      vni: owner.segment.vni,
      mac: formatMac(row.macHigh, row.macLow),
      remotes: remotesOf(control, row).map((remote) => remote.address),
      kind: row.kind,
      ageSeconds: row.idleMs / 1000,
    });
  }
  return views.sort((a, b) => compare(a.port, b.port) || a.vni - b.vni || compare(a.mac, b.mac));
}

export function vxlanStats(control: Control): Record<string, number> {
  const { stats } = control.dp.vxlan.fdb;
  return Object.fromEntries(STAT_NAMES.map((name, i) => [name, stats[i]]));
}

/** Hands over what happened to the table since the last call; returns how many events were lost. */
export function vxlanEvents(control: Control, take: (event: VxlanEventView) => void): number {
  return drainEvents(control.dp.vxlan.fdb.events, (e) => {
    const owner = control.vxlan.segmentByRow[e.fid];
    const remote = control.vxlan.remoteByRow[e.port];
    if (owner === undefined || remote === undefined) return;
    take({
      event: EVENT_NAMES[e.kind] as VxlanEventView['event'],
      vtep: owner.tunnel.vtep.name,
      port: owner.tunnel.port.name,
      vni: owner.segment.vni,
      mac: formatMac(e.macHigh, e.macLow),
      remote: remote.address,
      oldRemote: e.oldPort < 0 ? null : (control.vxlan.remoteByRow[e.oldPort]?.address ?? null),
    });
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

interface Place {
  tunnel: Tunnel;
  segment: Segment;
  high: number;
  low: number;
}

function placeOf(control: Control, port: string, vni: number, mac: string): Place {
  const tunnel = tunnelNamed(control, port);
  return { tunnel, segment: segmentOf(tunnel, vni), ...macOf(mac) };
}

function isZero(high: number, low: number): boolean {
  return high === 0 && low === 0;
}

/** Whether the address is the one that stands for the flood list. */
export function isFloodMac(mac: string): boolean {
  return mac === ZERO_MAC;
}

function find(control: Control, segment: Segment, high: number, low: number): FdbRow | null {
  return findEntry(control.dp.vxlan.fdb, segment.row, high, low, control.nowMs());
}

function listOf(control: Control, row: FdbRow | null): RemoteList | null {
  return row === null || row.port < 0 ? null : (control.vxlan.listByRow[row.port] ?? null);
}

function remotesOf(control: Control, row: FdbRow): Remote[] {
  const list = listOf(control, row);
  if (list !== null) return list.members;
  const remote = row.port < 0 ? undefined : control.vxlan.remoteByRow[row.port];
  return remote === undefined ? [] : [remote];
}

function put(control: Control, segment: Segment, high: number, low: number, row: number, kind: number): void {
  const { grown } = putEntry(control.dp.vxlan.fdb, segment.row, high, low, row, kind);
  if (grown) control.tablesMoved();
}

/** Takes the entry out, and lets go of what only it named. */
function take(control: Control, segment: Segment, high: number, low: number, there: FdbRow): void {
  removeEntry(control.dp.vxlan.fdb, segment.row, high, low);
  if (there.kind !== 'dynamic' && there.port >= 0) releaseNamed(control, there.port);
}
