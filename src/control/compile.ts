/**
 * Compile: the model into the columns that forwarding reads. Pure writing, no decisions of its own: each line
 * says which configuration makes which bit.
 */

import type { ReservedMacPolicy } from '../config/types.ts';
import { type DataplaneShared, LIMIT_MIN_MTU, LIMIT_TOLD, LIMIT_TUNNEL_MTU } from '../dataplane/dataplane.ts';
import { clearRow, setBit } from '../tables/bitmap.ts';
import {
  CUSTOMER_PVID,
  CUSTOMER_STRIP,
  FLOOD_BROADCAST,
  FLOOD_MULTICAST,
  FLOOD_UNKNOWN_UNICAST,
  PORT_ACCEPT_TAGGED,
  PORT_ACCEPT_UNTAGGED,
  PORT_CLASSIFIES,
  PORT_EXISTS,
  PORT_HUB,
  PORT_IN_GROUP,
  PORT_INGRESS_FILTERING,
  PORT_IPVLAN,
  PORT_LEARNING,
  PORT_MACVLAN,
  PORT_MIRROR_OUTPUT,
  PORT_SENDS,
  PORT_STATE_FORWARDS,
  PORT_STATE_LEARNS,
  PORT_STATIC_VIOLATION_DROPS,
  PORT_SUPPRESS,
  PORT_TOLD,
  PORT_TRANSLATES,
  PORT_TUNNEL,
  PORT_TUNNEL_CVIDS,
  PORT_UP,
  PORT_VXLAN,
  PRIORITY_WORDS,
  TUNNEL_ROW,
} from '../tables/port-table.ts';
import { VIDS_PER_BRIDGE } from '../tables/vlan-table.ts';
import { asksCustomerVid, isUp, type Port, type PortSettings, rewritesTags } from './model.ts';
import { compilePriority } from './priority.ts';

export const TPID_C = 0x8100;
export const TPID_S = 0x88a8;
const TPID_NONE = -1;

/** Bit n filters 01-80-C2-00-00-0n (802.1Q-2022 tables 8-1 to 8-3); PAUSE (:01) is never forwarded. */
export const RESERVED_MASKS: Record<ReservedMacPolicy, number> = {
  'c-vlan': 0xffff,
  's-vlan': 0b0100_0111_1111_1110,
  tpmr: 0b0100_0000_0001_0110,
  transparent: 0b0000_0000_0000_0010,
};

/** Writes everything about one port but whom it reaches. */
export function compilePort(dp: DataplaneShared, port: Port): void {
  const { ports, fdb } = dp;
  const p = port.index;
  const s = port.settings;
  const bridge = port.bridge;
  let flags = port.mirrorOutput ? PORT_EXISTS | PORT_MIRROR_OUTPUT : PORT_EXISTS;
  if (isUp(port)) flags |= PORT_SENDS;
  if (bridge !== null) {
    const b = bridge.settings;
    const unaware = b.type === 'unaware';
    if (isUp(port)) flags |= PORT_UP;
    if (s.state !== 'discarding') flags |= PORT_STATE_LEARNS;
    if (s.state === 'forwarding') flags |= PORT_STATE_FORWARDS;
    if (s.learning && b.learning && !b.hub) flags |= PORT_LEARNING;
    if (s.ingressFiltering && !unaware) flags |= PORT_INGRESS_FILTERING;
    if (unaware || s.acceptFrames !== 'tagged') flags |= PORT_ACCEPT_UNTAGGED;
    if (!unaware && s.acceptFrames !== 'untagged') flags |= PORT_ACCEPT_TAGGED;
    if (b.hub) flags |= PORT_HUB;
    if (b.fdb.staticViolation === 'drop') flags |= PORT_STATIC_VIOLATION_DROPS;
    if (rewritesTags(s)) flags |= PORT_TRANSLATES;
    const tunnel = s.mode === 'dot1q-tunnel' && !unaware;
    flags |= compilePriority(ports, p, unaware ? null : s.priority, tunnel);
    if (s.classify && !unaware) flags |= PORT_CLASSIFIES;
    if (tunnel) flags |= PORT_TUNNEL;
    if (!unaware && asksCustomerVid(s)) {
      flags |= PORT_TUNNEL_CVIDS;
      writeCustomerVids(ports.tunnelCvids, port.tunnelRow, s);
    }
    const bridgeTpid = b.type === 's-vlan' ? TPID_S : TPID_C;
    ports.tpid[p] = unaware || tunnel ? TPID_NONE : bridgeTpid;
    ports.pushTpid[p] = bridgeTpid;
    ports.pvid[p] = unaware ? 0 : pvidWord(s);
    ports.bridge[p] = bridge.index;
    ports.vlanBase[p] = bridge.index * VIDS_PER_BRIDGE;
    ports.reservedMac[p] = RESERVED_MASKS[b.reservedMac];
    setBit(ports.flood, ports.width, FLOOD_UNKNOWN_UNICAST, p, s.unknownUnicastFlood && b.unknownUnicastFlood);
    setBit(ports.flood, ports.width, FLOOD_MULTICAST, p, s.multicastFlood && b.multicastFlood);
    setBit(ports.flood, ports.width, FLOOD_BROADCAST, p, s.broadcastFlood && b.broadcastFlood);
  }
  // A port of no bridge takes frames when VTEPs listen on it, or when it belongs to a group.
  else {
    if (dp.macvlan.role[p] !== 0) flags |= PORT_MACVLAN;
    if (dp.ipvlan.role[p] !== 0) flags |= PORT_IPVLAN;
    if (isUp(port) && ((flags & PORT_IN_GROUP) !== 0 || dp.vxlan.vteps.firstOf[p] >= 0)) flags |= PORT_UP;
    ports.tpid[p] = dp.macvlan.tagged[p] === 0 && dp.ipvlan.tagged[p] === 0 ? TPID_NONE : TPID_C;
    // Its number may have been that of a port of a bridge.
    ports.pushTpid[p] = TPID_C;
    ports.reservedMac[p] = 0;
    ports.priority.fill(0, p * PRIORITY_WORDS, (p + 1) * PRIORITY_WORDS);
  }
  if (port.tunnel !== null) flags |= port.tunnel.suppresses ? PORT_VXLAN | PORT_TOLD : PORT_VXLAN;
  else if (bridge?.suppresses === true) flags |= PORT_SUPPRESS;
  ports.tunnelRow[p] = Math.max(port.tunnelRow, 0);
  ports.mtu[p] = Math.min(s.mtu, port.tunnel?.mtu ?? s.mtu);
  fdb.portLimit[p] = s.fdbMaxEntries;
  ports.flags[p] = flags;
}

/** On a bridge with VLANs. */
export function pvidWord({ pvid }: PortSettings): number {
  return pvid ?? -1;
}

/** Writes a port anew that has another PVID and is otherwise as it was. */
export function compilePvid(dp: DataplaneShared, port: Port): void {
  const { bridge, settings } = port;
  if (bridge === null || bridge.settings.type === 'unaware') return;
  dp.ports.pvid[port.index] = pvidWord(settings);
  if (asksCustomerVid(settings)) writeCustomerVids(dp.ports.tunnelCvids, port.tunnelRow, settings);
}

function writeCustomerVids(words: Uint16Array, row: number, settings: PortSettings): void {
  const { pvid, tunnelCvids, serviceVlans, privateTrunk } = settings;
  const at = row * TUNNEL_ROW;
  words.fill(0, at, at + TUNNEL_ROW);
  for (const cvid of tunnelCvids ?? []) words[at + cvid] = CUSTOMER_PVID;
  if ((serviceVlans.length > 0 || privateTrunk !== null) && pvid !== null) words[at] = CUSTOMER_PVID;
  for (const vid of privateTrunk?.takes ?? []) words[at + vid] = vid;
  for (const { cvid, vid, keepTag } of serviceVlans) words[at + cvid] = keepTag ? vid : vid | CUSTOMER_STRIP;
}

/** Writes the smallest MTU, and how many tunnels answer for hosts. */
export function compileLimits({ limits }: DataplaneShared, all: Iterable<Port>): void {
  let minMtu = 65_535;
  let tunnelMtu = 65_535;
  let told = 0;
  for (const { settings, tunnel } of all) {
    if (tunnel === null) minMtu = Math.min(minMtu, settings.mtu);
    else tunnelMtu = Math.min(tunnelMtu, settings.mtu, tunnel.mtu);
    if (tunnel?.suppresses === true) told++;
  }
  limits[LIMIT_MIN_MTU] = minMtu;
  limits[LIMIT_TUNNEL_MTU] = tunnelMtu;
  limits[LIMIT_TOLD] = told;
}

/** Whether `compileReach` has to be asked again for a port with other settings. */
export function reachesOthers(before: PortSettings, after: PortSettings): boolean {
  return (
    before.enabled !== after.enabled ||
    before.state !== after.state ||
    before.isolated !== after.isolated ||
    before.splitHorizonGroup !== after.splitHorizonGroup ||
    before.hairpin !== after.hairpin
  );
}

/** Writes whom every port may send to. */
export function compileReach(dp: DataplaneShared, all: Iterable<Port>): void {
  const { ports } = dp;
  const list = [...all];
  // Ports that can receive at all, as one row per bridge; then each port's row is that row, minus a few.
  const width = ports.width;
  const receivers = new Map<number, Int32Array>();
  const isolated = new Int32Array(width);
  const groups = new Map<number, Int32Array>();
  const segments = new Map<number, Int32Array>();
  for (const port of list) {
    for (const vni of port.tunnel?.vnis ?? []) setBit(rowOf(segments, vni, width), width, 0, port.index, true);
    const { bridge, settings, index } = port;
    if (settings.isolated) setBit(isolated, width, 0, index, true);
    if (settings.splitHorizonGroup !== 0)
      setBit(rowOf(groups, settings.splitHorizonGroup, width), width, 0, index, true);
    if (bridge === null || !isUp(port) || settings.state !== 'forwarding' || port.mirrorOutput) continue;
    setBit(rowOf(receivers, bridge.index, width), width, 0, index, true);
  }
  for (const port of list) {
    const row = port.index * width;
    clearRow(ports.reach, width, port.index);
    if (port.bridge === null) continue;
    const base = rowOf(receivers, port.bridge.index, width);
    const group = port.settings.splitHorizonGroup === 0 ? null : rowOf(groups, port.settings.splitHorizonGroup, width);
    const canReceive = (base[port.index >> 5] >>> (port.index & 31)) & 1;
    for (let w = 0; w < width; w++) {
      let set = base[w];
      if (port.settings.isolated) set &= ~isolated[w];
      if (group !== null) set &= ~group[w];
      ports.reach[row + w] = set;
    }
    for (const vni of port.tunnel?.vnis ?? []) {
      const others = segments.get(vni)!;
      for (let w = 0; w < width; w++) ports.reach[row + w] &= ~others[w];
    }
    setBit(ports.reach, width, port.index, port.index, port.settings.hairpin && canReceive !== 0);
  }
}

function rowOf(rows: Map<number, Int32Array>, key: number, width: number): Int32Array {
  let row = rows.get(key);
  if (row === undefined) {
    row = new Int32Array(width);
    rows.set(key, row);
  }
  return row;
}

/** Makes a port number nobody's: nothing is accepted from it, nothing sent to it. */
export function clearPort(dp: DataplaneShared, p: number): void {
  const { ports } = dp;
  ports.flags[p] = 0;
  ports.pvid[p] = -1;
  ports.tpid[p] = TPID_NONE;
  clearRow(ports.reach, ports.width, p);
  for (let q = 0; q < ports.capacity; q++) setBit(ports.reach, ports.width, q, p, false);
  for (const kind of [FLOOD_UNKNOWN_UNICAST, FLOOD_MULTICAST, FLOOD_BROADCAST]) {
    setBit(ports.flood, ports.width, kind, p, false);
  }
}
