/**
 * ipvlan: who of a group gets a frame of its parent, of a child, or of the host, when all have one MAC and addresses tell children
 * apart. Nothing is learned; the configuration says where every address is.
 *
 * The rules are those of the kernel's driver (drivers/net/ipvlan/ipvlan_core.c): `arrive` is ipvlan_handle_mode_l2, `leave`
 * ipvlan_xmit_mode_l2, `leaveRouted` ipvlan_xmit_mode_l3. The host stands for the network stack above the parent. In modes l3 and
 * l3s that is the router: what a child sends goes on as if it had come to the interface, by the stages route and egress; what
 * is for a child the route stage gives to it (ipvlan-deliver.ts).
 *
 * Children have frames without the VLAN of their group, the parent with it.
 */

import { hasBit } from '../../tables/bitmap.ts';
import {
  CHILD_WORDS,
  GROUP_CHILD_COUNT,
  GROUP_CHILDREN,
  GROUP_HOST,
  GROUP_HOST_ACCESS,
  GROUP_PARENT,
  GROUP_ROLE_HOST,
  GROUP_ROLE_PARENT,
  GROUP_VID,
  GROUP_WORDS,
} from '../../tables/group-table.ts';
import {
  ADDRESS_PORT,
  FILTER_WORDS,
  GROUP_FLAG,
  GROUP_INTERFACE,
  GROUP_MAC_HIGH,
  GROUP_MAC_LOW,
  GROUP_SCOPE,
  groupBit,
  IPVLAN_PRIVATE,
  IPVLAN_VEPA,
} from '../../tables/ipvlan-table.ts';
import { PORT_UP } from '../../tables/port-table.ts';
import { ETHERNET_BYTES, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../../wire/ethernet.ts';
import { icmpv6Type, ND_NEIGHBOR_ADVERTISEMENT, ND_ROUTER_SOLICITATION } from '../../wire/icmpv6.ts';
import { ipv4Fits } from '../../wire/ipv4.ts';
import { IPV6_BYTES, ipv6DstAt, ipv6Fits, ipv6Next, isIpv6LinkLocal, NEXT_ICMPV6 } from '../../wire/ipv6.ts';
import type { Batch } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import {
  DROP_NONE,
  INGRESS_PORT_DOWN,
  IPVLAN_PRIVATE as IPVLAN_KEPT_APART,
  IPVLAN_NO_CHILD,
  IPVLAN_NO_GROUP,
  IPVLAN_NOT_ROUTED,
  IPVLAN_OTHER_MAC,
  IPVLAN_PAUSE,
  LOOKUP_REFLECTION,
} from '../reasons.ts';
import { give, groupOfFrame, NOBODY, settleGroup } from './group.ts';
import { childByDestination, childBySource, NO_CHILD } from './ipvlan-address.ts';
import { TO_LOCAL } from './lookup.ts';
import { GROUP_BIT } from './parse.ts';

/** IEEE 802.3 annex 31: MAC control, which is for the other end of a link. */
const TYPE_PAUSE = 0x8808;

/** To be called for frames of ports that belong to a group. */
export function ipvlan(dp: Dataplane, b: Batch, i: number): number {
  const table = dp.ipvlan;
  const port = b.port[i];
  if ((dp.ports.flags[port] & PORT_UP) === 0) return INGRESS_PORT_DOWN;
  const group = groupOfFrame(table, b, i);
  if (group < 0) return IPVLAN_NO_GROUP;
  const row = group * GROUP_WORDS;
  b.vid[i] = table.groups[row + GROUP_VID];
  if (table.groups[row + GROUP_INTERFACE] !== 0) return leaveRouted(dp, b, i, row);
  const role = table.role[port];
  const reason =
    role === GROUP_ROLE_PARENT
      ? arrive(dp, b, i, group)
      : role === GROUP_ROLE_HOST
        ? leaveHost(dp, b, i, group)
        : leave(dp, b, i, group);
  return settleGroup(dp, b, i, table, group, reason);
}

/** Of the parent: from outside. */
function arrive(dp: Dataplane, b: Batch, i: number, group: number): number {
  const { groups, addresses } = dp.ipvlan;
  const row = group * GROUP_WORDS;
  const host = groups[row + GROUP_HOST];
  let reason = IPVLAN_NO_CHILD;
  if ((b.dstHigh[i] & GROUP_BIT) !== 0) {
    if (!isPause(dp, b, i) && !isOwn(dp, b, i, row)) {
      reason = floodJoined(dp, b, i, group, NOBODY);
    }
  } else {
    if (!isForMac(dp, b, i, row)) return IPVLAN_OTHER_MAC;
    const child = childByDestination(dp, b, i, groups[row + GROUP_SCOPE]);
    if (child !== NO_CHILD) return give(dp, b, i, addresses[child + ADDRESS_PORT]);
  }
  return host === NOBODY ? reason : give(dp, b, i, host);
}

/** Of a child. */
function leave(dp: Dataplane, b: Batch, i: number, group: number): number {
  const { groups } = dp.ipvlan;
  const row = group * GROUP_WORDS;
  const host = groups[row + GROUP_HOST];
  if ((b.dstHigh[i] & GROUP_BIT) !== 0) {
    if (isPause(dp, b, i)) return IPVLAN_PAUSE;
    // Whatever the flag: it is of the unicast between children.
    floodJoined(dp, b, i, group, b.port[i]);
    if (groups[row + GROUP_HOST_ACCESS] !== 0) give(dp, b, i, host);
  } else if (groups[row + GROUP_FLAG] !== IPVLAN_VEPA && isForMac(dp, b, i, row)) {
    const reason = toSibling(dp, b, i, row);
    if (reason !== IPVLAN_NO_CHILD) return reason;
    return host === NOBODY ? reason : give(dp, b, i, host);
  }
  return give(dp, b, i, groups[row + GROUP_PARENT]);
}

/** Of the host: past the children, as the kernel does it, unless it is to reach them. */
function leaveHost(dp: Dataplane, b: Batch, i: number, group: number): number {
  const { groups, addresses } = dp.ipvlan;
  const row = group * GROUP_WORDS;
  if (groups[row + GROUP_HOST_ACCESS] !== 0) {
    if ((b.dstHigh[i] & GROUP_BIT) !== 0) floodJoined(dp, b, i, group, NOBODY);
    else if (isForMac(dp, b, i, row)) {
      const child = childByDestination(dp, b, i, groups[row + GROUP_SCOPE]);
      return child === NO_CHILD ? LOOKUP_REFLECTION : give(dp, b, i, addresses[child + ADDRESS_PORT]);
    }
  }
  return give(dp, b, i, groups[row + GROUP_PARENT]);
}

/** To all children but one that have joined the group address: ipvlan_process_multicast. */
function floodJoined(dp: Dataplane, b: Batch, i: number, group: number, but: number): number {
  const { groups, children, filters } = dp.ipvlan;
  const row = group * GROUP_WORDS;
  const first = groups[row + GROUP_CHILDREN];
  const end = first + groups[row + GROUP_CHILD_COUNT] * CHILD_WORDS;
  const bit = groupBit(b.dstLow[i]);
  let reason = first === end ? DROP_NONE : IPVLAN_NO_CHILD;
  for (let at = first; at < end; at += CHILD_WORDS) {
    if (children[at] === but || !hasBit(filters, FILTER_WORDS, at / CHILD_WORDS, bit)) continue;
    reason = give(dp, b, i, children[at]);
  }
  return reason;
}

/** Of a child whose parent is an interface of the router: to a sibling, or on to the stages behind this one. */
function leaveRouted(dp: Dataplane, b: Batch, i: number, row: number): number {
  const { router } = dp;
  if ((b.dstHigh[i] & GROUP_BIT) !== 0 || !mayBeRouted(dp, b, i)) return IPVLAN_NOT_ROUTED;
  const { groups } = dp.ipvlan;
  if (groups[row + GROUP_FLAG] !== IPVLAN_VEPA) {
    const reason = toSibling(dp, b, i, row);
    if (reason !== IPVLAN_NO_CHILD) return reason;
  }
  const iface = groups[row + GROUP_INTERFACE];
  b.fid[i] = router.fid[iface];
  b.vid[i] = router.vid[iface];
  b.to[i] = TO_LOCAL;
  return DROP_NONE;
}

/** Whole IP packets; discovery is of the link, and who is no neighbor there has nothing to say in it. */
function mayBeRouted(dp: Dataplane, b: Batch, i: number): boolean {
  const view = dp.arena.view;
  const packet = b.off[i] + ETHERNET_BYTES;
  const end = b.off[i] + b.len[i];
  const type = view.getUint16(packet - 2);
  if (type === ETHERTYPE_IPV4) return ipv4Fits(view, packet, end);
  if (type !== ETHERTYPE_IPV6 || !ipv6Fits(view, packet, end) || isIpv6LinkLocal(view, ipv6DstAt(packet))) return false;
  if (ipv6Next(view, packet) !== NEXT_ICMPV6 || end - packet === IPV6_BYTES) return true;
  const icmp = icmpv6Type(view, packet + IPV6_BYTES);
  return icmp < ND_ROUTER_SOLICITATION || icmp > ND_NEIGHBOR_ADVERTISEMENT;
}

/** IPVLAN_NO_CHILD where the destination is no child's. */
function toSibling(dp: Dataplane, b: Batch, i: number, row: number): number {
  const { groups, addresses } = dp.ipvlan;
  const child = childByDestination(dp, b, i, groups[row + GROUP_SCOPE]);
  if (child === NO_CHILD) return IPVLAN_NO_CHILD;
  if (addresses[child + ADDRESS_PORT] === b.port[i]) return LOOKUP_REFLECTION;
  if (groups[row + GROUP_FLAG] === IPVLAN_PRIVATE) return IPVLAN_KEPT_APART;
  return give(dp, b, i, addresses[child + ADDRESS_PORT]);
}

function isForMac(dp: Dataplane, b: Batch, i: number, row: number): boolean {
  const { groups } = dp.ipvlan;
  return b.dstHigh[i] === groups[row + GROUP_MAC_HIGH] && b.dstLow[i] === groups[row + GROUP_MAC_LOW];
}

/** A frame of a child that a switch outside has sent back: its siblings have had it. */
function isOwn(dp: Dataplane, b: Batch, i: number, row: number): boolean {
  const { groups } = dp.ipvlan;
  const isMac = b.srcHigh[i] === groups[row + GROUP_MAC_HIGH] && b.srcLow[i] === groups[row + GROUP_MAC_LOW];
  return isMac && childBySource(dp, b, i, groups[row + GROUP_SCOPE]) !== NO_CHILD;
}

function isPause(dp: Dataplane, b: Batch, i: number): boolean {
  return dp.arena.view.getUint16(b.off[i] + ETHERNET_BYTES + b.tagLen[i] - 2) === TYPE_PAUSE;
}
