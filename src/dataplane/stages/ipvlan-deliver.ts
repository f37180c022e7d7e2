/**
 * Packets for children of ipvlan groups in modes l3 and l3s, which come to an interface of their VRF: ipvlan_handle_mode_l3 and
 * ipvlan_nf_input of the kernel's driver. The child takes them as they came; with l3s, where they pass what the
 * router asks of every packet.
 */

import { ADDRESS_MODE, ADDRESS_PORT, IPVLAN_L3S, vrfScope } from '../../tables/ipvlan-table.ts';
import { PORT_IPVLAN } from '../../tables/port-table.ts';
import { ETHERNET_BYTES, ETHERTYPE_ARP, ETHERTYPE_IPV4 } from '../../wire/ethernet.ts';
import { ipv4ChecksumOk, ipv4Src, isIpv4Source } from '../../wire/ipv4.ts';
import { ipv6Fits, ipv6SrcAt, isIpv6Multicast, isIpv6Reserved } from '../../wire/ipv6.ts';
import type { Batch } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { DROP_NONE, ROUTE_HEADER, ROUTE_MARTIAN } from '../reasons.ts';
import { give } from './group.ts';
import { childByDestination, NO_CHILD } from './ipvlan-address.ts';
import { shapeUntagged } from './shape.ts';

/** It is the router's. */
export const NOT_FOR_CHILD = -1;

/** Gives the frame, which came to interface row `from`, to the child that it is for: DROP_NONE, or why not. */
export function deliverToChild(dp: Dataplane, b: Batch, i: number, from: number): number {
  // What a child sends has been looked up for siblings already, by the rules of its flag.
  if ((dp.ports.flags[b.port[i]] & PORT_IPVLAN) !== 0) return NOT_FOR_CHILD;
  const view = dp.arena.view;
  const type = view.getUint16(b.off[i] + ETHERNET_BYTES + b.tagLen[i] - 2);
  if (type === ETHERTYPE_ARP) return NOT_FOR_CHILD;
  const child = childByDestination(dp, b, i, vrfScope(dp.router.vrf[from]));
  if (child === NO_CHILD) return NOT_FOR_CHILD;
  const { addresses } = dp.ipvlan;
  if (addresses[child + ADDRESS_MODE] === IPVLAN_L3S) {
    const reason = type === ETHERTYPE_IPV4 ? check4(dp, b, i) : check6(dp, b, i);
    if (reason !== DROP_NONE) return reason;
  }
  const reason = give(dp, b, i, addresses[child + ADDRESS_PORT]);
  if (reason === DROP_NONE && b.tagLen[i] !== 0) shapeUntagged(view, b, i);
  return reason;
}

function check4(dp: Dataplane, b: Batch, i: number): number {
  const view = dp.arena.view;
  const packet = b.off[i] + ETHERNET_BYTES + b.tagLen[i];
  if (!ipv4ChecksumOk(view, packet)) return ROUTE_HEADER;
  return isIpv4Source(ipv4Src(view, packet)) ? DROP_NONE : ROUTE_MARTIAN;
}

function check6(dp: Dataplane, b: Batch, i: number): number {
  const view = dp.arena.view;
  const packet = b.off[i] + ETHERNET_BYTES + b.tagLen[i];
  if (!ipv6Fits(view, packet, b.off[i] + b.len[i])) return ROUTE_HEADER;
  const src = ipv6SrcAt(packet);
  return isIpv6Multicast(view, src) || isIpv6Reserved(view, src) ? ROUTE_MARTIAN : DROP_NONE;
}
