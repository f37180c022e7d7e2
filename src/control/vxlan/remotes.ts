/**
 * Remotes: rows of the remote table by address, and what stands in them. Functions over `Control`.
 *
 * A remote exists as long as a flood list, an entry or the list of peers names it; where any peer is welcome, one that
 * merely spoke has a row too, until room is needed. Its row holds the outer header of frames to it, made here from
 * the VTEP, the route to it and the neighbor on the way, and made anew whenever one of them changes.
 */

import { setFdbPort } from '../../tables/fdb/entries.ts';
import {
  addRemote,
  appendNode,
  REMOTE_ALLOWED,
  REMOTE_FLAGS,
  REMOTE_GROUP,
  REMOTE_IPV6,
  REMOTE_JOINED,
  REMOTE_LIST,
  REMOTE_LIST_HEAD,
  REMOTE_MACS,
  REMOTE_MAX_IP,
  REMOTE_PORT,
  REMOTE_RESOLVED,
  REMOTE_SOURCE,
  REMOTE_SUM,
  REMOTE_TAG,
  REMOTE_WORDS,
  removeNode,
  removeRemote,
} from '../../tables/remote-table.ts';
import { ADDRESS_WORDS } from '../../tables/vtep-table.ts';
import { addressBytes, addressText, sharePrefix } from '../../wire/address.ts';
import type { Mac } from '../../wire/ethernet.ts';
import type { Control } from '../control.ts';
import { forgetRemote } from '../forget.ts';
import { ControlError } from '../model.ts';
import type { Remote, RemoteList, Vtep } from './model.ts';

const TPID_C = 0x8100;
/** Nobody's: what stands in outer frames where the underlay is a socket. */
export const SOCKET_MAC: Mac = { high: 0x0200, low: 0x0000_0001 };
export const SOCKET_PEER_MAC: Mac = { high: 0x0200, low: 0x0000_0002 };
const IPV4_OVERHEAD = 36;
const IPV6_OVERHEAD = 56;
const ETHERNET_HEADER = 14;

export function bytesOf(text: string): Uint8Array {
  const bytes = addressBytes(text);
  if (bytes === null) throw new ControlError(`${text} is not an IP address`);
  return bytes;
}

/** Words as the tables have them: IPv4 in the first. */
export function wordsOf(bytes: Uint8Array): Int32Array {
  const words = new Int32Array(ADDRESS_WORDS);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let n = 0; n * 4 < bytes.length; n++) words[n] = view.getInt32(n * 4);
  return words;
}

export function isGroupAddress(bytes: Uint8Array): boolean {
  return bytes.length === 4 ? bytes[0] >>> 4 === 0xe : bytes[0] === 0xff;
}

/** The remote of this address, made where it does not exist. Throws ControlError when it cannot be. */
export function takeRemote(control: Control, vtep: Vtep, text: string): Remote {
  const bytes = bytesOf(text);
  const address = addressText(bytes);
  const there = vtep.remotes.get(address);
  if (there !== undefined) return there;
  if (bytes.length !== bytesOf(vtep.settings.local).length) {
    throw new ControlError(`${address} and the local address of VTEP ${vtep.name} are not of one family`);
  }
  if (address === vtep.settings.local) throw new ControlError(`${address} is VTEP ${vtep.name} itself`);
  const remote = makeRemote(control, vtep, bytes, address);
  if (remote === null) {
    throw new ControlError(`no room for another remote (${control.dp.vxlan.remotes.capacity} in all)`);
  }
  return remote;
}

function makeRemote(control: Control, vtep: Vtep, bytes: Uint8Array, address: string): Remote | null {
  const { vxlan } = control;
  const { remotes, fdb } = control.dp.vxlan;
  let row = addRemote(remotes, vtep.row, wordsOf(bytes), 0);
  if (row < 0 && forgetStrangers(control)) row = addRemote(remotes, vtep.row, wordsOf(bytes), 0);
  if (row < 0) return null;
  const isGroup = isGroupAddress(bytes);
  const remote: Remote = { row, vtep, address, bytes, isGroup, uses: 0, listed: false, pathMtu: null };
  vtep.remotes.set(address, remote);
  vxlan.remoteByRow[row] = remote;
  setFdbPort(fdb, row, vtep.row, vtep.settings.fdb.peerMaxEntries);
  compileRemote(control, remote);
  return remote;
}

/** For the data plane: somebody unknown spoke, and is welcome. The row, or -1. */
export function welcome(control: Control, row: number, a: number, b: number, c: number, d: number): number {
  const vtep = [...control.vxlan.vteps.values()].find((each) => each.row === row);
  if (vtep === undefined) return -1;
  const length = bytesOf(vtep.settings.local).length;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  for (const [n, word] of [a, b, c, d].slice(0, length / 4).entries()) view.setInt32(n * 4, word);
  if (isGroupAddress(bytes)) return -1;
  return makeRemote(control, vtep, bytes, addressText(bytes))?.row ?? -1;
}

/** Lets go of those that nobody named and nothing is known behind. */
function forgetStrangers(control: Control): boolean {
  const { portCount } = control.dp.vxlan.fdb;
  let some = false;
  for (const remote of [...control.vxlan.remoteByRow]) {
    if (remote === undefined || remote.uses !== 0 || remote.listed || portCount[remote.row] !== 0) continue;
    dropRemote(control, remote);
    some = true;
  }
  return some;
}

/** A remote that nobody names any more goes, and what was learned behind it. */
export function releaseRemote(control: Control, remote: Remote): void {
  if (remote.uses === 0 && !remote.listed && !remote.vtep.settings.anyPeer) dropRemote(control, remote);
  else compileRemote(control, remote);
}

export function dropRemote(control: Control, remote: Remote): void {
  forgetRemote(control.dp.vxlan.fdb, remote.row);
  removeRemote(control.dp.vxlan.remotes, remote.row);
  remote.vtep.remotes.delete(remote.address);
  control.vxlan.remoteByRow[remote.row] = undefined;
}

export function useRemote(control: Control, remote: Remote, by: 1 | -1): void {
  remote.uses += by;
  if (by === 1) compileRemote(control, remote);
  else releaseRemote(control, remote);
}

/** Writes the row: the header of frames to the remote, and whether they can leave. */
export function compileRemote(control: Control, remote: Remote): void {
  const { words } = control.dp.vxlan.remotes;
  const { vtep, bytes, isGroup } = remote;
  const { settings } = vtep;
  const at = remote.row * REMOTE_WORDS;
  const source = wordsOf(bytesOf(settings.local));
  const address = wordsOf(bytes);
  let sum = 0;
  for (let n = 0; n < ADDRESS_WORDS; n++) {
    words[at + REMOTE_SOURCE + n] = source[n];
    sum += (source[n] >>> 16) + (source[n] & 0xffff) + (address[n] >>> 16) + (address[n] & 0xffff);
  }
  words[at + REMOTE_SUM] = sum;
  words[at + REMOTE_TAG] = settings.vlan === null ? 0 : (TPID_C << 16) | settings.vlan;
  words[at + REMOTE_PORT] = control.port(settings.uplink).index;
  words[at + REMOTE_MAX_IP] = Math.min(settings.mtu, remote.pathMtu ?? settings.mtu);
  const mac = macTowards(remote);
  if (mac !== null) {
    words[at + REMOTE_MACS] = (mac.high << 16) | (mac.low >>> 16);
    words[at + REMOTE_MACS + 1] = (mac.low << 16) | vtep.mac.high;
    words[at + REMOTE_MACS + 2] = vtep.mac.low;
  }
  const named = remote.uses !== 0 || remote.listed;
  let flags =
    words[at + REMOTE_FLAGS] & ~(REMOTE_RESOLVED | REMOTE_ALLOWED | REMOTE_JOINED | REMOTE_IPV6 | REMOTE_GROUP);
  if (mac !== null && vtep.owned) flags |= REMOTE_RESOLVED;
  if (bytes.length === 16) flags |= REMOTE_IPV6;
  if (isGroup) flags |= REMOTE_GROUP;
  if (isGroup && named) flags |= REMOTE_JOINED;
  if (!isGroup && (named || settings.anyPeer)) flags |= REMOTE_ALLOWED;
  words[at + REMOTE_FLAGS] = flags;
}

function macTowards({ vtep, bytes, isGroup }: Remote): Mac | null {
  if (vtep.settings.underlay !== 'port') return SOCKET_PEER_MAC;
  if (isGroup) return groupMac(bytes);
  const hop = nextHop(vtep, bytes);
  if (hop === null) return null;
  return vtep.found.get(hop) ?? null;
}

/** RFC 1112 section 6.4, RFC 2464 section 7. */
function groupMac(bytes: Uint8Array): Mac {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return bytes.length === 4
    ? { high: 0x0100, low: 0x5e00_0000 | (view.getUint32(0) & 0x7f_ffff) }
    : { high: 0x3333, low: view.getInt32(12) };
}

/** Whom to hand packets for this address: itself on the link, the gateway of the longest route, or null for nobody. */
export function nextHop(vtep: Vtep, bytes: Uint8Array): string | null {
  const { settings } = vtep;
  let best = -1;
  let hop: string | null = null;
  const consider = (to: Uint8Array, bits: number, via: string | null) => {
    if (to.length !== bytes.length || bits <= best || !sharePrefix(to, bytes, bits)) return;
    best = bits;
    hop = via ?? addressText(bytes);
  };
  consider(bytesOf(settings.local), settings.prefix, null);
  for (const { to, via } of settings.routes) {
    const [address, bits] = to.split('/');
    consider(bytesOf(address), Number(bits), via);
  }
  return hop;
}

/** Longest inner frame, without its Ethernet header, that fits every path of the VTEP. */
export function innerMtu(control: Control, vtep: Vtep): number {
  const { words } = control.dp.vxlan.remotes;
  let longest = vtep.settings.mtu;
  for (const { row } of vtep.remotes.values()) {
    longest = Math.min(longest, words[row * REMOTE_WORDS + REMOTE_MAX_IP]);
  }
  const overhead = bytesOf(vtep.settings.local).length === 4 ? IPV4_OVERHEAD : IPV6_OVERHEAD;
  return longest - overhead - ETHERNET_HEADER;
}

/** What a tunnel's frames may be long depends on all remotes of its VTEP. */
export function settleMtu(control: Control, vtep: Vtep): void {
  const mtu = innerMtu(control, vtep);
  for (const { vtep: its, port } of control.vxlan.tunnels.values()) {
    if (its !== vtep || port.tunnel === null || port.tunnel.mtu === mtu) continue;
    control.setPortTunnel(port.name, { ...port.tunnel, mtu });
  }
}

// ---- lists

/** Appends to a list that begins with `head`; returns its head. */
export function appendTo(control: Control, head: number, remote: Remote): number {
  const { head: first, grown } = appendNode(control.dp.vxlan.remotes, head, remote.row);
  if (grown) control.tablesMoved();
  return first;
}

export function removeFrom(control: Control, head: number, remote: Remote): number {
  return removeNode(control.dp.vxlan.remotes, head, remote.row);
}

/** A row that stands for several remotes. Throws ControlError when there is no room. */
export function makeList(control: Control, vtep: Vtep): RemoteList {
  const { remotes, fdb } = control.dp.vxlan;
  const row = addRemote(remotes, vtep.row, new Int32Array(ADDRESS_WORDS), REMOTE_LIST);
  if (row < 0) throw new ControlError(`no room for another list of remotes (${remotes.capacity} in all)`);
  const list: RemoteList = { row, members: [] };
  control.vxlan.listByRow[row] = list;
  setFdbPort(fdb, row, vtep.row, 0);
  return list;
}

export function addToList(control: Control, list: RemoteList, remote: Remote): void {
  const { words } = control.dp.vxlan.remotes;
  const at = list.row * REMOTE_WORDS + REMOTE_LIST_HEAD;
  const head = appendTo(control, words[at], remote);
  control.dp.vxlan.remotes.words[at] = head;
  list.members.push(remote);
  useRemote(control, remote, 1);
}

export function takeFromList(control: Control, list: RemoteList, remote: Remote): void {
  const { words } = control.dp.vxlan.remotes;
  const at = list.row * REMOTE_WORDS + REMOTE_LIST_HEAD;
  words[at] = removeFrom(control, words[at], remote);
  list.members.splice(list.members.indexOf(remote), 1);
  useRemote(control, remote, -1);
}

/** What an entry named, by the row it holds: nobody needs it on its account any more. */
export function releaseNamed(control: Control, row: number): void {
  const list = control.vxlan.listByRow[row];
  const remote = control.vxlan.remoteByRow[row];
  if (list !== undefined) dropList(control, list);
  else if (remote !== undefined) useRemote(control, remote, -1);
}

export function dropList(control: Control, list: RemoteList): void {
  for (const remote of [...list.members]) takeFromList(control, list, remote);
  removeRemote(control.dp.vxlan.remotes, list.row);
  control.vxlan.listByRow[list.row] = undefined;
}
