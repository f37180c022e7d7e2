/**
 * VTEPs and tunnels by name: made, changed, taken away. Functions over `Control`; each checks before it writes and throws
 * ControlError when it refuses.
 *
 * A VTEP sits on an uplink, a port of no bridge. A tunnel is a port of a bridge, and says which of its VLANs are which
 * VNIs of a VTEP, or that all of it is one.
 */

import type { TunnelConfig, VtepConfig } from '../config/types.ts';
import { type DataplaneShared, LIMIT_VTEPS } from '../dataplane/dataplane.ts';
import { OVERFLOW_FAIR, OVERFLOW_LRU, OVERFLOW_REFUSE, resizeFdb, setFidAge } from '../tables/fdb.ts';
import { listEntries, setFdbPort } from '../tables/fdb-entries.ts';
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
} from '../tables/vni-table.ts';
import {
  ADDRESS_WORDS,
  NO_ROW,
  VTEP_ANY_MAC,
  VTEP_ANY_PEER,
  VTEP_IPV6,
  VTEP_NESTED,
  VTEP_OWNED,
  VTEP_UDP6_ZERO,
} from '../tables/vtep-table.ts';
import { addressText } from '../wire/address.ts';
import { type Mac, parseMac } from '../wire/ethernet.ts';
import type { Control } from './control.ts';
import { ControlError, type Port } from './model.ts';
import { TunnelNeighbors } from './tunnel-neighbors.ts';
import type { Remote, Segment, Tunnel, Vtep, VtepSettings } from './vxlan-model.ts';
import {
  appendTo,
  bytesOf,
  compileRemote,
  dropRemote,
  innerMtu,
  releaseNamed,
  releaseRemote,
  removeFrom,
  SOCKET_MAC,
  takeRemote,
  useRemote,
  wordsOf,
} from './vxlan-remotes.ts';

export const MAX_VNI = 0xff_ffff;
const I_FLAG = 0x0800_0000;
const OVERFLOWS = { fair: OVERFLOW_FAIR, lru: OVERFLOW_LRU, refuse: OVERFLOW_REFUSE } as const;

export function vtepNamed(control: Control, name: string): Vtep {
  const vtep = control.vxlan.vteps.get(name);
  if (vtep === undefined) throw new ControlError(`no VTEP ${name}`);
  return vtep;
}

export function tunnelNamed(control: Control, port: string): Tunnel {
  const tunnel = control.vxlan.tunnels.get(port);
  if (tunnel === undefined) throw new ControlError(`port ${port} is no tunnel`);
  return tunnel;
}

/** Of a port with one VNI that one; of several the one asked for. */
export function segmentOf(tunnel: Tunnel, vni?: number): Segment {
  const { segments, port } = tunnel;
  const found = vni === undefined ? segments[0] : segments.find((segment) => segment.vni === vni);
  if (found === undefined) throw new ControlError(`port ${port.name} has no VNI ${vni}`);
  if (vni === undefined && segments.length !== 1)
    throw new ControlError(`port ${port.name} has several VNIs: name one`);
  return found;
}

// ---- VTEPs

/** `owned` false: the uplink does not have the local address, and the VTEP is silent. */
export function addVtep(control: Control, { name, ...settings }: VtepConfig, owned = true): Vtep {
  const { vxlan, dp } = control;
  if (vxlan.vteps.has(name)) throw new ControlError(`VTEP ${name} exists`);
  const uplink = control.port(settings.uplink);
  if (uplink.bridge !== null) throw new ControlError(`port ${uplink.name} is in bridge ${uplink.bridge.name}`);
  refuseTwin(control, name, settings);
  const { vteps } = dp.vxlan;
  const taken = new Set([...vxlan.vteps.values()].map((vtep) => vtep.row));
  let row = 0;
  while (taken.has(row)) row++;
  if (row >= vteps.capacity) throw new ControlError(`no room for another VTEP (${vteps.capacity} in all)`);
  const vtep: Vtep = {
    row,
    name,
    settings,
    owned,
    mac: macOf(control, settings),
    found: new Map(),
    remotes: new Map(),
  };
  vxlan.vteps.set(name, vtep);
  writeVtep(control, vtep);
  vteps.next[row] = vteps.firstOf[uplink.index];
  vteps.firstOf[uplink.index] = row;
  dp.limits[LIMIT_VTEPS]++;
  control.recompile(uplink);
  for (const peer of settings.peers) allowPeer(control, name, peer);
  vxlan.onUnderlayChanged(vtep);
  return vtep;
}

/** Two that no frame could tell apart. */
function refuseTwin(control: Control, name: string, settings: VtepSettings): void {
  const local = addressText(bytesOf(settings.local));
  for (const other of control.vxlan.vteps.values()) {
    const { settings: theirs } = other;
    if (other.name === name || theirs.uplink !== settings.uplink || theirs.vlan !== settings.vlan) continue;
    if (theirs.udpPort === settings.udpPort && addressText(bytesOf(theirs.local)) === local) {
      throw new ControlError(`VTEP ${other.name} has ${local} and UDP port ${settings.udpPort} on ${theirs.uplink}`);
    }
  }
}

/** VTEPs of one uplink and VLAN speak with one MAC: configured, or made from the names, so that it stays. */
function macOf(control: Control, settings: VtepSettings): Mac {
  if (settings.underlay !== 'port') return SOCKET_MAC;
  if (settings.mac !== null) {
    const mac = parseMac(settings.mac);
    if (mac === null || (mac.high & 0x0100) !== 0)
      throw new ControlError(`${settings.mac} is no MAC address of a host`);
    return mac;
  }
  for (const { settings: other, mac } of control.vxlan.vteps.values()) {
    if (other.uplink === settings.uplink && other.vlan === settings.vlan) return mac;
  }
  let h = 0x811c_9dc5;
  for (const char of `${settings.uplink} ${settings.vlan} ${settings.local}`) {
    h = Math.imul(h ^ char.codePointAt(0)!, 0x0100_0193);
  }
  return { high: 0x0200 | ((h >>> 16) & 0xff), low: Math.imul(h ^ (h >>> 15), 0x9e37_79b1) };
}

function writeVtep(control: Control, vtep: Vtep): void {
  const { vteps, fdb } = control.dp.vxlan;
  const { row, settings, mac } = vtep;
  const local = bytesOf(settings.local);
  let flags = 0;
  if (local.length === 16) flags |= VTEP_IPV6;
  if (settings.underlay !== 'port') flags |= VTEP_ANY_MAC;
  if (settings.anyPeer) flags |= VTEP_ANY_PEER;
  if (settings.udp6ZeroChecksum) flags |= VTEP_UDP6_ZERO;
  if (settings.nested === 'allow') flags |= VTEP_NESTED;
  if (vtep.owned) flags |= VTEP_OWNED;
  vteps.flags[row] = flags;
  vteps.port[row] = control.port(settings.uplink).index;
  vteps.macHigh[row] = mac.high;
  vteps.macLow[row] = mac.low;
  vteps.vid[row] = settings.vlan ?? 0;
  vteps.udpPort[row] = settings.udpPort;
  vteps.address.set(wordsOf(local), row * ADDRESS_WORDS);
  fdb.bridgeLimit[row] = settings.fdb.maxEntries;
  fdb.bridgeOverflow[row] = OVERFLOWS[settings.fdb.overflow];
  makeFdbRoom(control);
  vtep.found.clear();
  for (const { address, mac: text } of settings.neighbors) {
    const found = parseMac(text);
    if (found !== null) vtep.found.set(addressText(bytesOf(address)), found);
  }
}

function makeFdbRoom(control: Control): void {
  const { fdb } = control.dp.vxlan;
  let room = 0;
  for (const { settings } of control.vxlan.vteps.values()) room += settings.fdb.maxEntries;
  if (fdb.slots * 0.8 >= room + 1) return;
  resizeFdb(fdb, room + 1024);
  control.onTablesMoved();
}

/** Changes a VTEP where it stands: not its uplink, address, VLAN or UDP port, with which it would be another. */
export function setVtep(control: Control, name: string, patch: Partial<VtepSettings>, owned?: boolean): void {
  const vtep = vtepNamed(control, name);
  const settings = { ...vtep.settings, ...patch };
  for (const key of ['uplink', 'local', 'vlan', 'udpPort', 'underlay'] as const) {
    if (settings[key] !== vtep.settings[key]) throw new ControlError(`the ${key} of VTEP ${name} cannot change`);
  }
  const mac = macOf(control, settings);
  const before = vtep.settings.peers;
  vtep.settings = settings;
  vtep.owned = owned ?? vtep.owned;
  vtep.mac = mac;
  writeVtep(control, vtep);
  for (const peer of settings.peers) allowPeer(control, name, peer);
  for (const peer of before) if (!settings.peers.includes(peer)) denyPeer(control, name, peer);
  refresh(control, vtep);
  control.vxlan.onUnderlayChanged(vtep);
}

/** Writes everything anew that is made of the VTEP. */
export function refresh(control: Control, vtep: Vtep): void {
  const { fdb } = control.dp.vxlan;
  for (const remote of [...vtep.remotes.values()]) {
    setFdbPort(fdb, remote.row, vtep.row, vtep.settings.fdb.peerMaxEntries);
    compileRemote(control, remote);
  }
  for (const tunnel of control.vxlan.tunnels.values()) if (tunnel.vtep === vtep) writeTunnel(control, tunnel);
}

export function removeVtep(control: Control, name: string): void {
  const vtep = vtepNamed(control, name);
  for (const tunnel of control.vxlan.tunnels.values()) {
    if (tunnel.vtep === vtep) throw new ControlError(`VTEP ${name} still has the tunnel ${tunnel.port.name}`);
  }
  const { vteps } = control.dp.vxlan;
  for (const remote of [...vtep.remotes.values()]) dropRemote(control, remote);
  const uplink = control.port(vtep.settings.uplink);
  if (vteps.firstOf[uplink.index] === vtep.row) vteps.firstOf[uplink.index] = vteps.next[vtep.row];
  for (let v = vteps.firstOf[uplink.index]; v >= 0; v = vteps.next[v]) {
    if (vteps.next[v] === vtep.row) vteps.next[v] = vteps.next[vtep.row];
  }
  vteps.flags[vtep.row] = 0;
  vteps.port[vtep.row] = NO_ROW;
  control.vxlan.vteps.delete(name);
  control.dp.limits[LIMIT_VTEPS]--;
  control.recompile(uplink);
  control.vxlan.onUnderlayChanged(vtep);
}

export function allowPeer(control: Control, vtepName: string, address: string): void {
  const remote = takeRemote(control, vtepNamed(control, vtepName), address);
  remote.listed = true;
  compileRemote(control, remote);
  settle(control, remote.vtep);
}

export function denyPeer(control: Control, vtepName: string, address: string): void {
  const vtep = vtepNamed(control, vtepName);
  const remote = vtep.remotes.get(addressText(bytesOf(address)));
  if (remote === undefined || !remote.listed) throw new ControlError(`${address} is no peer of VTEP ${vtepName}`);
  remote.listed = false;
  releaseRemote(control, remote);
  settle(control, vtep);
}

/** A neighbor on the way was found, has moved (`mac`), or is lost (null). */
export function setNextHop(control: Control, vtep: Vtep, address: string, mac: Mac | null): void {
  if (mac === null) vtep.found.delete(address);
  else vtep.found.set(address, mac);
  for (const remote of vtep.remotes.values()) compileRemote(control, remote);
}

/** What the path to a remote carries, told by the kernel or by a router on the way; null: the link's MTU again. */
export function setPathMtu(control: Control, vtepName: string, address: string, mtu: number | null): void {
  const vtep = vtepNamed(control, vtepName);
  const remote = vtep.remotes.get(addressText(bytesOf(address)));
  if (remote === undefined || remote.pathMtu === mtu) return;
  remote.pathMtu = mtu;
  compileRemote(control, remote);
  settle(control, vtep);
}

/** What a tunnel's frames may be long depends on all remotes of its VTEP. */
function settle(control: Control, vtep: Vtep): void {
  const mtu = innerMtu(control, vtep);
  for (const { vtep: its, port } of control.vxlan.tunnels.values()) {
    if (its !== vtep || port.tunnel === null || port.tunnel.mtu === mtu) continue;
    control.setPortTunnel(port.name, { ...port.tunnel, mtu });
  }
}

// ---- tunnels

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
  control.forgetSegment(segment.row);
  for (const { port } of named) if (port >= 0) releaseNamed(control, port);
  const first = vnis.tunnelOf[tunnel.port.index] * VIDS;
  if (segment.vid === null) vnis.rowOf.fill(0, first, first + VIDS);
  else vnis.rowOf[first + segment.vid] = 0;
  removeVni(vnis, segment.row);
  control.vxlan.segmentByRow[segment.row] = undefined;
}

/** Options of the header and the way in, for every VNI of the tunnel, and the MTU of the port. */
function writeTunnel(control: Control, tunnel: Tunnel): void {
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
  settle(control, remote.vtep);
  if (remote.isGroup) control.vxlan.onUnderlayChanged(remote.vtep);
}
