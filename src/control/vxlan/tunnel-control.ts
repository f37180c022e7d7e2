/**
 * Tunnels by name: made, changed, taken away, and where their floods go. Functions over `Control`; each checks before it
 * writes and throws ControlError when it refuses.
 *
 * A tunnel is a port of a bridge, and says which of its VLANs are which VNIs of a VTEP, or that all of it is one.
 */

import type { TunnelConfig } from '../../config/types/vxlan.ts';
import type { DataplaneShared } from '../../dataplane/dataplane.ts';
import { listEntries } from '../../tables/fdb/entries.ts';
import { setFidAge } from '../../tables/fdb/fdb.ts';
import {
  addVni,
  findVni,
  removeVni,
  VIDS,
  VNI_CHECKSUM,
  VNI_DF,
  VNI_DF_INHERIT,
  VNI_EXISTS,
  VNI_FLAGS,
  VNI_FLOOD,
  VNI_FLOW_LABEL,
  VNI_KEEPS_TAG,
  VNI_LEARNS,
  VNI_PORT,
  VNI_RESERVED,
  VNI_SPORT,
  VNI_SPORTS,
  VNI_TAG,
  VNI_TOS,
  VNI_TOS_INHERIT,
  VNI_TTL,
  VNI_TTL_INHERIT,
  VNI_WORDS,
} from '../../tables/vni-table.ts';
import { addressText } from '../../wire/address.ts';
import type { Control } from '../control.ts';
import { forgetSegment } from '../forget.ts';
import { ControlError, type Port } from '../model.ts';
import type { Remote, Segment, Tunnel, Vtep } from './model.ts';
import { tunnelNamed, vtepNamed } from './names.ts';
import { appendTo, bytesOf, innerMtu, releaseNamed, removeFrom, settleMtu, takeRemote, useRemote } from './remotes.ts';
import { TunnelNeighbors } from './tunnel-neighbors.ts';

export const MAX_VNI = 0xff_ffff;
const I_FLAG = 0x0800_0000;

/** Makes a port a tunnel, or changes what kind of one it is. */
export function setTunnel(control: Control, portName: string, settings: TunnelConfig): Tunnel {
  const port = control.port(portName);
  const vtep = vtepNamed(control, settings.vtep);
  const before = control.vxlan.tunnels.get(portName);
  if (before !== undefined && before.vtep !== vtep)
    throw new ControlError(`port ${portName} is a tunnel of another VTEP`);
  refuseVnis(control, vtep, port, settings);
  const tunnel = before ?? { port, vtep, settings, segments: [], neighbors: new TunnelNeighbors() };
  tunnel.settings = settings;
  tunnel.neighbors.setLimits(settings);
  if (before === undefined) {
    control.dp.vxlan.vnis.tunnelOf[port.index] = takeTunnelRow(control.dp, port.name);
    control.vxlan.tunnels.set(portName, tunnel);
  }
  const wanted = new Map(settings.vnis.map(({ vid, vni }) => [vni, vid]));
  for (const segment of tunnel.segments)
    if (wanted.get(segment.vni) !== segment.vid) dropSegment(control, tunnel, segment);
  tunnel.segments = settings.vnis.map(
    ({ vid, vni }) =>
      tunnel.segments.find((segment) => segment.vni === vni && segment.vid === vid) ??
      makeSegment(control, tunnel, vid, vni),
  );
  const floods = floodTargets(settings);
  for (const segment of tunnel.segments) setFlood(control, tunnel, segment, floods);
  writeTunnel(control, tunnel);
  return tunnel;
}

/** Addresses that a tunnel's floods go to. */
export function floodTargets({ flood, remotes, group }: TunnelConfig): string[] {
  if (flood === 'none') return [];
  return flood === 'multicast' ? (group === null ? [] : [group]) : remotes;
}

function refuseVnis(control: Control, vtep: Vtep, port: Port, { vnis, vtep: name }: TunnelConfig): void {
  if (vnis.length === 0) throw new ControlError(`port ${port.name} needs a VNI`);
  const table = control.dp.vxlan.vnis;
  for (const { vni } of vnis) {
    if (!Number.isInteger(vni) || vni < 0 || vni > MAX_VNI)
      throw new ControlError(`${vni} is not a VNI (0-${MAX_VNI})`);
    const row = findVni(table, vtep.row, vni << 8);
    const owner = row === 0 ? port.name : control.vxlan.segmentByRow[row]!.tunnel.port.name;
    if (owner !== port.name) throw new ControlError(`VNI ${vni} of VTEP ${name} belongs to port ${owner}`);
  }
  const more = vnis.length - (control.vxlan.tunnels.get(port.name)?.segments.length ?? 0);
  const used = control.vxlan.segmentByRow.reduce((sum, row) => sum + (row === undefined ? 0 : 1), 0);
  if (used + more >= table.capacity) throw new ControlError(`no room for more VNIs (${table.capacity - 1} in all)`);
}

function takeTunnelRow({ vxlan }: DataplaneShared, port: string): number {
  const { tunnelOf, rowOf } = vxlan.vnis;
  const taken = new Set(tunnelOf);
  let row = 0;
  while (taken.has(row)) row++;
  const rows = rowOf.length / VIDS;
  if (row >= rows) throw new ControlError(`no room for the tunnel ${port} (${rows} in all)`);
  return row;
}

function makeSegment(control: Control, tunnel: Tunnel, vid: number | null, vni: number): Segment {
  const { vnis } = control.dp.vxlan;
  const row = addVni(vnis, tunnel.vtep.row, vni);
  const segment: Segment = { vid, vni, row, flood: [] };
  control.vxlan.segmentByRow[row] = { tunnel, segment };
  const first = vnis.tunnelOf[tunnel.port.index] * VIDS;
  if (vid === null) vnis.rowOf.fill(row, first, first + VIDS);
  else vnis.rowOf[first + vid] = row;
  return segment;
}

function dropSegment(control: Control, tunnel: Tunnel, segment: Segment): void {
  const { vnis, fdb } = control.dp.vxlan;
  setFlood(control, tunnel, segment, []);
  const named = [...listEntries(fdb, control.nowMs())].filter((e) => e.fid === segment.row && e.kind !== 'dynamic');
  forgetSegment(control.dp.vxlan.fdb, segment.row);
  for (const { port } of named) if (port >= 0) releaseNamed(control, port);
  const first = vnis.tunnelOf[tunnel.port.index] * VIDS;
  if (segment.vid === null) vnis.rowOf.fill(0, first, first + VIDS);
  else vnis.rowOf[first + segment.vid] = 0;
  removeVni(vnis, segment.row);
  control.vxlan.segmentByRow[segment.row] = undefined;
}

/** Options of the header and the way in, for every VNI of the tunnel, and the MTU of the port. */
export function writeTunnel(control: Control, tunnel: Tunnel): void {
  const { words } = control.dp.vxlan.vnis;
  const { port, vtep, settings, segments } = tunnel;
  let flags = VNI_EXISTS;
  if (settings.learning === 'flood-and-learn') flags |= VNI_LEARNS;
  if (settings.innerTag === 'keep') flags |= VNI_KEEPS_TAG;
  if (settings.ttl === 'inherit') flags |= VNI_TTL_INHERIT;
  if (settings.tos === 'inherit') flags |= VNI_TOS_INHERIT;
  if (settings.udpChecksum) flags |= VNI_CHECKSUM;
  if (settings.df === 'set') flags |= VNI_DF;
  if (settings.df === 'inherit') flags |= VNI_DF_INHERIT;
  if (settings.flowLabel === 'flow') flags |= VNI_FLOW_LABEL;
  const { first, last } = vtep.settings.sourcePorts;
  const type = port.bridge?.settings.type ?? 'unaware';
  const tpid = type === 's-vlan' ? 0x88a8 : 0x8100;
  const [high, low] = reservedMask(settings.reservedBits);
  for (const { row, vid } of segments) {
    const at = row * VNI_WORDS;
    words[at + VNI_PORT] = port.index;
    words[at + VNI_TAG] = vid === null || type === 'unaware' ? 0 : (tpid << 16) | vid;
    words[at + VNI_FLAGS] = flags;
    words[at + VNI_TTL] = settings.ttl === 'inherit' ? 64 : settings.ttl;
    words[at + VNI_TOS] = settings.tos === 'inherit' ? 0 : settings.tos & 0xfc;
    words[at + VNI_SPORT] = first;
    words[at + VNI_SPORTS] = last - first + 1;
    words[at + VNI_RESERVED] = high;
    words[at + VNI_RESERVED + 1] = low;
    setFidAge(control.dp.vxlan.fdb, row, settings.ageSeconds * 1000);
  }
  const vnis = new Set(segments.map(({ vni }) => vni));
  control.setPortTunnel(port.name, { vnis, mtu: innerMtu(control, vtep), suppresses: settings.suppress });
}

/** Words of the header in which a set bit drops the frame. All but the I flag and the VNI are reserved. */
function reservedMask(text: string): [number, number] {
  if (text === 'ignore') return [0, 0];
  if (text === 'strict') return [~I_FLAG, 0xff];
  const digits = text.slice(2).padStart(16, '0');
  return [Number.parseInt(digits.slice(0, 8), 16) | 0, Number.parseInt(digits.slice(8), 16) | 0];
}

export function removeTunnel(control: Control, portName: string): void {
  const tunnel = tunnelNamed(control, portName);
  for (const segment of tunnel.segments) dropSegment(control, tunnel, segment);
  control.dp.vxlan.vnis.tunnelOf[tunnel.port.index] = -1;
  control.vxlan.tunnels.delete(portName);
  control.setPortTunnel(portName, null);
}

// ---- floods

/** The whole list of a VNI. */
export function setFlood(control: Control, tunnel: Tunnel, segment: Segment, addresses: readonly string[]): void {
  const wanted = addresses.map((address) => addressText(bytesOf(address)));
  for (const { address } of [...segment.flood]) if (!wanted.includes(address)) removeFlood(control, segment, address);
  for (const address of wanted) addFlood(control, tunnel, segment, address);
}

/** One more remote that floods of the VNI go to; one that is there already stays there once. */
export function addFlood(control: Control, tunnel: Tunnel, segment: Segment, address: string): void {
  const remote = takeRemote(control, tunnel.vtep, address);
  if (segment.flood.includes(remote)) return;
  const { words } = control.dp.vxlan.vnis;
  const at = segment.row * VNI_WORDS + VNI_FLOOD;
  words[at] = appendTo(control, words[at], remote);
  segment.flood.push(remote);
  noteUse(control, remote, 1);
}

export function removeFlood(control: Control, segment: Segment, address: string): void {
  const text = addressText(bytesOf(address));
  const remote = segment.flood.find((each) => each.address === text);
  if (remote === undefined) throw new ControlError(`floods of VNI ${segment.vni} do not go to ${address}`);
  const { words } = control.dp.vxlan.vnis;
  const at = segment.row * VNI_WORDS + VNI_FLOOD;
  words[at] = removeFrom(control, words[at], remote);
  segment.flood.splice(segment.flood.indexOf(remote), 1);
  noteUse(control, remote, -1);
}

function noteUse(control: Control, remote: Remote, by: 1 | -1): void {
  useRemote(control, remote, by);
  settleMtu(control, remote.vtep);
  if (remote.isGroup) control.vxlan.onUnderlayChanged(remote.vtep);
}
