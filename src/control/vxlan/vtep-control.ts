/**
 * VTEPs by name: made, changed, taken away, and their peers. Functions over `Control`; each checks before it writes and
 * throws ControlError when it refuses.
 *
 * A VTEP sits on an uplink, a port of no bridge.
 */

import type { VtepConfig } from '../../config/types/vxlan.ts';
import { LIMIT_VTEPS } from '../../dataplane/dataplane.ts';
import { setFdbPort } from '../../tables/fdb/entries.ts';
import { resizeFdb } from '../../tables/fdb/resize.ts';
import {
  ADDRESS_WORDS,
  NO_ROW,
  VTEP_ANY_MAC,
  VTEP_ANY_PEER,
  VTEP_IPV6,
  VTEP_NESTED,
  VTEP_OWNED,
  VTEP_UDP6_ZERO,
} from '../../tables/vtep-table.ts';
import { addressText } from '../../wire/address.ts';
import { type Mac, parseMac } from '../../wire/ethernet.ts';
import type { Control } from '../control.ts';
import { ControlError, OVERFLOWS } from '../model.ts';
import type { Vtep, VtepSettings } from './model.ts';
import { vtepNamed } from './names.ts';
import {
  bytesOf,
  compileRemote,
  dropRemote,
  releaseRemote,
  SOCKET_MAC,
  settleMtu,
  takeRemote,
  wordsOf,
} from './remotes.ts';
import { writeTunnel } from './tunnel-control.ts';

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
  control.tablesMoved();
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
  settleMtu(control, remote.vtep);
}

export function denyPeer(control: Control, vtepName: string, address: string): void {
  const vtep = vtepNamed(control, vtepName);
  const remote = vtep.remotes.get(addressText(bytesOf(address)));
  if (remote === undefined || !remote.listed) throw new ControlError(`${address} is no peer of VTEP ${vtepName}`);
  remote.listed = false;
  releaseRemote(control, remote);
  settleMtu(control, vtep);
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
  settleMtu(control, vtep);
}
