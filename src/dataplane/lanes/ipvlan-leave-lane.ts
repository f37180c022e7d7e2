/**
 * What children of ipvlan groups in modes l3 and l3s send to the router, to a neighbor that is known and whose port is known: to the
 * stages ipvlan, route and egress what the fast lane is to the slow one, and built as it is (fast-lane.ts says why).
 *
 * It takes whole IPv4 packets without options and IPv6 packets, without offloads. The neighbor's port is looked up once a call and row,
 * since no table changes while the lane runs. What is for a sibling has been taken before (ipvlan-lane.ts); everything else is for
 * the slow lane, untouched. test/unit/dataplane/ipvlan-lanes.test.ts holds the two together.
 */

import {
  isLive,
  KIND_BLACKHOLE,
  KIND_LOCAL,
  KIND_MASK,
  KIND_SHIFT,
  keyHigh,
  NO_PORT,
  PORT_MASK,
  probe,
  startSlot,
} from '../../tables/fdb/fdb.ts';
import { GROUP_ROLE_CHILD, GROUP_WORDS } from '../../tables/group-table.ts';
import {
  addressAt,
  addressKey,
  GROUP_FLAG,
  GROUP_INTERFACE,
  GROUP_SCOPE,
  IPVLAN_VEPA,
} from '../../tables/ipvlan-table.ts';
import { lookup4, lookup6 } from '../../tables/lpm/lpm.ts';
import { PORT_HUB, PORT_IPVLAN, PORT_REGENERATES, PORT_STATE_FORWARDS, PORT_UP } from '../../tables/port-table.ts';
import { ADJ_FORWARD, ADJ_GROUP, groupMember, ownBit4, ownBit6 } from '../../tables/router-table.ts';
import { flowHash4, flowHash6 } from '../../wire/flow-hash.ts';
import { icmpv6Type, ND_NEIGHBOR_ADVERTISEMENT, ND_ROUTER_SOLICITATION } from '../../wire/icmpv6.ts';
import { decrementIpv4Ttl, ipv4ChecksumOk, ipv4Dst, ipv4Src, ipv4Ttl, isIpv4Source } from '../../wire/ipv4.ts';
import {
  IPV6_BYTES,
  ipv6DstAt,
  ipv6Fits,
  ipv6HopLimit,
  ipv6Next,
  ipv6PayloadBytes,
  ipv6SrcAt,
  isIpv6LinkLocal,
  isIpv6Multicast,
  isIpv6Reserved,
  NEXT_ICMPV6,
  writeIpv6HopLimit,
} from '../../wire/ipv6.ts';
import { type Batch, RX_GENERATED } from '../batch.ts';
import { CONSUMED, DELIVERED, FID_COUNTERS, GENERATED, PORT_COUNTERS, RX_BYTES, RX_FRAMES } from '../counters.ts';
import type { Dataplane } from '../dataplane.ts';
import { DROP_NONE } from '../reasons.ts';
import type { FastLane } from './fast-lane.ts';

const ETHERNET_HEADER = 14;
const TAG = 4;
const IPV4_HEADER = 20;
const GROUP_BIT = 0x0100;
const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;

const ORDINARY = PORT_UP | PORT_IPVLAN;
const ORDINARY_MASK = ORDINARY | PORT_REGENERATES;

/** No row, no port: the slow lane has to say. */
const UNKNOWN = 0;

export function createIpvlanLeaveLane(dp: Dataplane, b: Batch): FastLane {
  const { arena, ports, vlans, fdb, egress, counters, ipvlan, router } = dp;
  /** Bytes of the packet that was judged last, by its header. */
  let packetBytes = 0;
  /** The row whose way is known, and that way: port, longest frame without a tag, TPID and VID of the tag or 0. */
  let wayRow = UNKNOWN;
  let wayTo = 0;
  let wayLongest = 0;
  let wayTag = 0;

  /** Whether a sibling has the address, to whom the flag may forbid it. */
  const isChild = (key: number, w0: number, w1: number, w2: number, w3: number): boolean =>
    ipvlan.addresses[addressAt(ipvlan, key, w0, w1, w2, w3)] !== 0;

  const isOwn = (bit: number): boolean => ((router.own[bit >>> 5] >>> (bit & 31)) & 1) !== 0;

  /** The row of the neighbor that the packet goes to, or UNKNOWN. `scope` -1: siblings are reached by the router. */
  const judge4 = (packet: number, room: number, vrf: number, scope: number): number => {
    const { view } = arena;
    if (room < IPV4_HEADER) return UNKNOWN;
    const start = view.getInt32(packet);
    packetBytes = start & 0xffff;
    if (start >>> 24 !== 0x45 || packetBytes < IPV4_HEADER || packetBytes > room) return UNKNOWN;
    const src = ipv4Src(view, packet);
    const dst = ipv4Dst(view, packet);
    if (scope >= 0 && isChild(addressKey(scope, false), dst | 0, 0, 0, 0)) return UNKNOWN;
    if (!ipv4ChecksumOk(view, packet) || ipv4Ttl(view, packet) <= 1) return UNKNOWN;
    // What is no source is no destination either.
    if (!isIpv4Source(src) || !isIpv4Source(dst) || isOwn(ownBit4(vrf, src))) return UNKNOWN;
    const row = lookup4(router.lpm4, vrf, dst);
    return router.adj.kind[row] === ADJ_GROUP ? groupMember(router.adj, row, flowHash4(view, packet)) : row;
  };

  const judge6 = (packet: number, room: number, vrf: number, scope: number): number => {
    const { view } = arena;
    const src = ipv6SrcAt(packet);
    const dst = ipv6DstAt(packet);
    if (!ipv6Fits(view, packet, packet + room) || ipv6HopLimit(view, packet) <= 1) return UNKNOWN;
    if (isIpv6Multicast(view, src) || isIpv6LinkLocal(view, src) || isIpv6Reserved(view, src)) return UNKNOWN;
    if (isIpv6Multicast(view, dst) || isIpv6LinkLocal(view, dst) || isIpv6Reserved(view, dst)) return UNKNOWN;
    if (ipv6Next(view, packet) === NEXT_ICMPV6 && room > IPV6_BYTES) {
      const type = icmpv6Type(view, packet + IPV6_BYTES);
      if (type >= ND_ROUTER_SOLICITATION && type <= ND_NEIGHBOR_ADVERTISEMENT) return UNKNOWN;
    }
    const d0 = view.getInt32(dst);
    const d1 = view.getInt32(dst + 4);
    const d2 = view.getInt32(dst + 8);
    if (scope >= 0 && isChild(addressKey(scope, true), d0, d1, d2, view.getInt32(dst + 12))) return UNKNOWN;
    const s0 = view.getInt32(src);
    const s1 = view.getInt32(src + 4);
    if (isOwn(ownBit6(vrf, s0, s1, view.getInt32(src + 8), view.getInt32(src + 12)))) return UNKNOWN;
    packetBytes = IPV6_BYTES + ipv6PayloadBytes(view, packet);
    const row = lookup6(router.lpm6, vrf, view, dst);
    if (router.adj.kind[row] !== ADJ_GROUP) return row;
    return groupMember(router.adj, row, flowHash6(view, packet, packet + room));
  };

  /** Finds the port behind which the neighbor is; false when the slow lane has to say. */
  const findWay = (row: number, nowMs: number): boolean => {
    const { adj } = router;
    wayRow = UNKNOWN;
    if (row === UNKNOWN || adj.kind[row] !== ADJ_FORWARD) return false;
    const iface = adj.iface[row];
    const port = router.port[iface];
    if ((ports.flags[port] & (PORT_STATE_FORWARDS | PORT_HUB)) !== PORT_STATE_FORWARDS) return false;
    const fid = router.fid[iface];
    const low = adj.macLow[row];
    const high = keyHigh(adj.macHigh[row], vlans.fdbFid[fid]);
    const slot = probe(fdb, low, high, startSlot(fdb, low, high));
    if (slot < 0 || !isLive(fdb, slot, nowMs)) return false;
    const target = fdb.rec[(slot << 2) + 3];
    const kind = (target & KIND_MASK) >> KIND_SHIFT;
    const to = target & PORT_MASK;
    if (kind === KIND_LOCAL || kind === KIND_BLACKHOLE || to === NO_PORT) return false;
    const word = to >> 5;
    const set = fid * vlans.width + word;
    if ((((ports.reach[port * ports.width + word] & vlans.member[set]) >>> (to & 31)) & 1) === 0) return false;
    wayRow = row;
    wayTo = to;
    wayLongest = ports.mtu[to] + ETHERNET_HEADER;
    wayTag = ((vlans.untagged[set] >>> (to & 31)) & 1) === 1 ? 0 : (ports.pushTpid[port] << 16) | router.vid[iface];
    return true;
  };

  const countIn = (from: number, fid: number, frames: number, bytes: number): void => {
    const { port, fid: vlan } = counters;
    const portRow = from * PORT_COUNTERS;
    const fidRow = fid * FID_COUNTERS;
    port[portRow + RX_FRAMES] += frames;
    port[portRow + RX_BYTES] += bytes;
    port[portRow + CONSUMED] += frames;
    vlan[fidRow + RX_FRAMES] += frames;
    vlan[fidRow + RX_BYTES] += bytes;
    vlan[fidRow + CONSUMED] += frames;
  };

  const countOut = (iface: number, frames: number): void => {
    const portRow = router.port[iface] * PORT_COUNTERS;
    const fidRow = router.fid[iface] * FID_COUNTERS;
    counters.port[portRow + GENERATED] += frames;
    counters.port[portRow + DELIVERED] += frames;
    counters.fid[fidRow + GENERATED] += frames;
    counters.fid[fidRow + DELIVERED] += frames;
  };

  return (first) => {
    const { view } = arena;
    const { groups } = ipvlan;
    const { adj } = router;
    const { list, count: listed, stride } = egress;
    const { off: offs, len: lens, port: portOf, rxFlags, gso, csum, nowMs } = b;
    const n = b.count;
    let i = first | 0;
    wayRow = UNKNOWN;

    while (i < n) {
      // A run of packets from one child.
      const from = portOf[i];
      if ((ports.flags[from] & ORDINARY_MASK) !== ORDINARY || ipvlan.role[from] !== GROUP_ROLE_CHILD) return i;
      const group = ipvlan.groupOf[from] * GROUP_WORDS;
      const iface = groups[group + GROUP_INTERFACE];
      if (iface === 0 || router.ifaceOf[router.fid[iface]] !== iface) return i;
      const scope = groups[group + GROUP_FLAG] === IPVLAN_VEPA ? -1 : groups[group + GROUP_SCOPE];
      const vrf = router.vrf[iface];
      const redirects = router.redirects[iface] !== 0;
      const tpid = ports.tpid[from];
      const longest = ports.mtu[from] + ETHERNET_HEADER;
      const runStart = i;
      let bytes = 0;
      let out = 0;
      let outFrames = 0;

      while (i < n && portOf[i] === from) {
        const len = lens[i];
        const off = offs[i];
        if ((rxFlags[i] | gso[i]) !== 0 || len < ETHERNET_HEADER || len > longest) break;
        if (((view.getUint16(off) | view.getUint16(off + 6)) & GROUP_BIT) !== 0) break;
        const type = view.getUint16(off + 12);
        if (type === tpid) break;
        const packet = off + ETHERNET_HEADER;
        const room = len - ETHERNET_HEADER;
        const isIpv4 = type === TYPE_IPV4;
        if (!isIpv4 && type !== TYPE_IPV6) break;
        const row = isIpv4 ? judge4(packet, room, vrf, scope) : judge6(packet, room, vrf, scope);
        if (row === UNKNOWN || (row !== wayRow && !findWay(row, nowMs[i]))) break;
        const to = adj.iface[row];
        if (packetBytes > router.mtu[to] || len > wayLongest || (redirects && to === iface)) break;

        if (isIpv4) decrementIpv4Ttl(view, packet);
        else writeIpv6HopLimit(view, packet, ipv6HopLimit(view, packet) - 1);
        bytes += len;
        let head = off;
        if (wayTag !== 0) {
          head = off - TAG;
          view.setInt32(head + 12, wayTag);
          offs[i] = head;
          lens[i] = len + TAG;
          if (csum[i] !== 0) csum[i] += TAG;
        }
        view.setUint16(head, adj.macHigh[row]);
        view.setInt32(head + 2, adj.macLow[row]);
        view.setUint16(head + 6, router.macHigh[to]);
        view.setInt32(head + 8, router.macLow[to]);
        adj.used[row] = 1;
        if (to !== out) {
          if (outFrames !== 0) countOut(out, outFrames);
          out = to;
          outFrames = 0;
        }
        outFrames++;
        portOf[i] = router.port[to];
        rxFlags[i] = RX_GENERATED;
        b.fid[i] = router.fid[to];
        b.vid[i] = router.vid[to];
        b.to[i] = wayTo;
        b.reason[i] = DROP_NONE;
        b.copies[i] = 1;
        list[wayTo * stride + listed[wayTo]++] = i;
        i++;
      }

      if (i === runStart) return i;
      countIn(from, router.fid[iface], i - runStart, bytes);
      countOut(out, outFrames);
    }
    return n;
  };
}
