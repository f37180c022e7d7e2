/**
 * Packets that come to an interface of the router and are for children of ipvlan groups in modes l3 and l3s: to the slow lane's stages,
 * of which the last is ipvlan-deliver.ts, what the fast lane is to all, and built as it is (fast-lane.ts says why).
 *
 * It takes IPv4 without options and IPv6, from sources that are known where they come from, for addresses that a child has. Everything else is
 * for the slow lane, untouched. test/unit/dataplane/ipvlan-lanes.test.ts holds the two together.
 */

import {
  GENERATION_SHIFT,
  generationOf,
  KIND_LOCAL,
  KIND_MASK,
  KIND_SHIFT,
  keyHigh,
  probe,
  startSlot,
} from '../../tables/fdb/fdb.ts';
import { REFRESH_MS, refreshSource } from '../../tables/fdb/learn.ts';
import { ADDRESS_MODE, ADDRESS_PORT, addressAt, addressKey, IPVLAN_L3S, vrfScope } from '../../tables/ipvlan-table.ts';
import {
  PORT_ACCEPT_TAGGED,
  PORT_ACCEPT_UNTAGGED,
  PORT_CLASSIFIES,
  PORT_HUB,
  PORT_LEARNING,
  PORT_MIRROR_OUTPUT,
  PORT_REGENERATES,
  PORT_STATE_FORWARDS,
  PORT_STATE_LEARNS,
  PORT_TRANSLATES,
  PORT_TUNNEL_CVIDS,
  PORT_UP,
} from '../../tables/port-table.ts';
import { ipv4ChecksumOk, ipv4Src, isIpv4Source } from '../../wire/ipv4.ts';
import {
  ipv6Fits,
  ipv6Next,
  ipv6SrcAt,
  isIpv6Multicast,
  isIpv6Reserved,
  isIpv6Unspecified,
  NEXT_ICMPV6,
} from '../../wire/ipv6.ts';
import type { Batch } from '../batch.ts';
import { type Dataplane, LIMIT_MIN_MTU } from '../dataplane.ts';
import { DROP_NONE } from '../reasons.ts';
import { accountRun } from '../stages/account.ts';
import type { FastLane } from './fast-lane.ts';

const ETHERNET_HEADER = 14;
const TAG = 4;
/** Addresses, a tag, a type, the shorter of the two headers. */
const SHORTEST = ETHERNET_HEADER + TAG + 20;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const GROUP_BIT = 0x0100;
const VID_MASK = 0xfff;
const TPID_C = 0x8100;
const TPID_S = 0x88a8;
const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;

const ORDINARY = PORT_UP | PORT_STATE_LEARNS | PORT_STATE_FORWARDS | PORT_LEARNING;
const ORDINARY_MASK =
  ORDINARY | PORT_TUNNEL_CVIDS | PORT_HUB | PORT_MIRROR_OUTPUT | PORT_TRANSLATES | PORT_CLASSIFIES | PORT_REGENERATES;

/** No child: the slow lane has to say. */
const NOBODY = -1;

export function createIpvlanDeliverLane(dp: Dataplane, b: Batch): FastLane {
  const { arena, ports, vlans, fdb, egress, ipvlan, router, limits } = dp;

  /** The FID of frames with this VID (0: none) of the port, when its interface has children; else 0. */
  const vlanOf = (from: number, tagged: number): number => {
    const flags = ports.flags[from];
    if ((flags & (tagged !== 0 ? PORT_ACCEPT_TAGGED : PORT_ACCEPT_UNTAGGED)) === 0) return 0;
    const vid = tagged !== 0 ? tagged : ports.pvid[from];
    if (vid < 0 || vid === VID_MASK) return 0;
    const fid = vlans.fidOf[ports.vlanBase[from] + vid];
    const iface = router.ifaceOf[fid];
    if (((vlans.member[fid * vlans.width + (from >> 5)] >>> (from & 31)) & 1) === 0 || iface === 0) return 0;
    if (router.children[iface] === 0) return 0;
    const low = router.macLow[iface];
    const high = keyHigh(router.macHigh[iface], fid);
    const slot = probe(fdb, low, high, startSlot(fdb, low, high));
    return slot >= 0 && (fdb.rec[(slot << 2) + 3] & KIND_MASK) >> KIND_SHIFT === KIND_LOCAL ? fid : 0;
  };

  /** The port of the child that the packet is for, where it passes what its mode asks; or NOBODY. */
  const judge = (packet: number, room: number, type: number, scope: number): number => {
    const { view } = arena;
    const { addresses } = ipvlan;
    if (type === TYPE_IPV4) {
      const start = view.getInt32(packet);
      const total = start & 0xffff;
      if (start >>> 24 !== 0x45 || total < IPV4_HEADER || total > room) return NOBODY;
      const at = addressAt(ipvlan, addressKey(scope, false), view.getInt32(packet + 16), 0, 0, 0);
      if (addresses[at] === 0) return NOBODY;
      if (addresses[at + ADDRESS_MODE] === IPVLAN_L3S) {
        if (!ipv4ChecksumOk(view, packet) || !isIpv4Source(ipv4Src(view, packet))) return NOBODY;
      }
      return addresses[at + ADDRESS_PORT];
    }
    if (type !== TYPE_IPV6 || room < IPV6_HEADER || view.getInt32(packet) >>> 28 !== 6) return NOBODY;
    const src = ipv6SrcAt(packet);
    if (ipv6Next(view, packet) === NEXT_ICMPV6 && isIpv6Unspecified(view, src)) return NOBODY;
    const w0 = view.getInt32(packet + 24);
    const w1 = view.getInt32(packet + 28);
    const at = addressAt(
      ipvlan,
      addressKey(scope, true),
      w0,
      w1,
      view.getInt32(packet + 32),
      view.getInt32(packet + 36),
    );
    if (addresses[at] === 0) return NOBODY;
    if (addresses[at + ADDRESS_MODE] === IPVLAN_L3S) {
      if (!ipv6Fits(view, packet, packet + room) || isIpv6Multicast(view, src) || isIpv6Reserved(view, src))
        return NOBODY;
    }
    return addresses[at + ADDRESS_PORT];
  };

  /** Whether the source is known here; renews its time. */
  const isKnown = (low: number, high: number, here: number, from: number, nowMs: number): boolean => {
    const slot = probe(fdb, low, high, startSlot(fdb, low, high));
    if (slot < 0 || fdb.rec[(slot << 2) + 3] !== here) return false;
    if ((nowMs - fdb.rec[(slot << 2) + 2]) >>> 0 >= REFRESH_MS) refreshSource(fdb, slot, from, nowMs);
    return true;
  };

  return (first) => {
    const { view } = arena;
    const { list, count: listed, stride } = egress;
    const { off: offs, len: lens, port: portOf, rxFlags, csum, nowMs } = b;
    const shortestMtu = limits[LIMIT_MIN_MTU] + ETHERNET_HEADER;
    const n = b.count;
    let i = first | 0;

    while (i < n) {
      // A run of frames of one port and VLAN.
      const from = portOf[i];
      if ((ports.flags[from] & ORDINARY_MASK) !== ORDINARY) return i;
      const tpid = ports.tpid[from];
      const word = lens[i] < SHORTEST ? 0 : view.getInt32(offs[i] + 12);
      const isTagged = word >>> 16 === tpid;
      const tagged = isTagged ? word & VID_MASK : 0;
      const fid = vlanOf(from, tagged);
      if (fid === 0) return i;
      const iface = router.ifaceOf[fid];
      const vid = tagged !== 0 ? tagged : ports.pvid[from];
      const scope = vrfScope(router.vrf[iface]);
      const here = (generationOf(fdb, from, fid) << GENERATION_SHIFT) | from;
      const tagLen = isTagged ? TAG : 0;
      const longest = tpid === TPID_C || tpid === TPID_S ? shortestMtu + tagLen : shortestMtu;
      const runStart = i;
      let bytes = 0;

      while (i < n && portOf[i] === from) {
        const len = lens[i];
        const off = offs[i];
        if (rxFlags[i] !== 0 || len < SHORTEST || len > longest) break;
        const tag = view.getInt32(off + 12);
        if (isTagged ? (tag & ~0xf000) !== (word & ~0xf000) : tag >>> 16 === tpid) break;
        const dstHigh = view.getUint16(off);
        const dstLow = view.getInt32(off + 2);
        const srcHigh = view.getUint16(off + 6);
        const srcLow = view.getInt32(off + 8);
        if (dstHigh !== router.macHigh[iface] || dstLow !== router.macLow[iface]) break;
        if ((srcHigh & GROUP_BIT) !== 0) break;
        const packet = off + ETHERNET_HEADER + tagLen;
        const to = judge(packet, len - ETHERNET_HEADER - tagLen, view.getUint16(packet - 2), scope);
        if (to === NOBODY || (ports.flags[to] & PORT_UP) === 0) break;
        if (!isKnown(srcLow, keyHigh(srcHigh, fid), here, from, nowMs[i])) break;

        bytes += len;
        if (isTagged) {
          const head = off + TAG;
          view.setUint16(head, dstHigh);
          view.setInt32(head + 2, dstLow);
          view.setUint16(head + 6, srcHigh);
          view.setInt32(head + 8, srcLow);
          offs[i] = head;
          lens[i] = len - TAG;
          if (csum[i] !== 0) csum[i] -= TAG;
        }
        list[to * stride + listed[to]++] = i;
        b.fid[i] = fid;
        b.vid[i] = vid;
        b.to[i] = to;
        b.reason[i] = DROP_NONE;
        b.copies[i] = 1;
        i++;
      }

      if (i === runStart) return i;
      accountRun(dp, b, runStart, i - runStart, bytes);
    }
    return n;
  };
}
