/**
 * What the router tells senders of packets that it dropped, by drop reason (RFC 1812 4.3.3, RFC 4443 3).
 */

import {
  ROUTE_NO_ROUTE,
  ROUTE_PROHIBITED,
  ROUTE_TOO_BIG,
  ROUTE_TTL,
  ROUTE_UNREACHABLE,
  ROUTE_UNRESOLVED,
} from '../../dataplane/reasons.ts';
import { ETHERNET_BYTES } from '../../wire/ethernet.ts';
import { ICMP_CODE_HOST_UNREACHABLE, ICMP_CODE_NET_UNREACHABLE, ICMP_CODE_PROHIBITED } from '../../wire/icmp.ts';
import {
  icmpTimeExceeded,
  icmpTooBig,
  icmpUnreachable,
  icmpv6TimeExceeded,
  icmpv6TooBig,
  icmpv6Unreachable,
} from '../../wire/icmp-error.ts';
import { ICMPV6_CODE_ADDRESS_UNREACHABLE, ICMPV6_CODE_NO_ROUTE, ICMPV6_CODE_PROHIBITED } from '../../wire/icmpv6.ts';
import { IPV6_ADDRESS_BYTES, ipv6SrcAt } from '../../wire/ipv6.ts';
import { type Around, bytesAt, type Interface, ownAddress, rowOfPacket, viewOf, wayOut } from './model.ts';

/** What the sender of the packet behind the Ethernet header of `view` is told when it is dropped; null for nothing. */
export function error4(around: Around, from: Interface, view: DataView, reason: number): Uint8Array | null {
  const ip = ETHERNET_BYTES;
  const own = ownAddress(from, bytesAt(view, ip + 12, 4));
  if (own === null) return null;
  const src = viewOf(own).getUint32(0);
  switch (reason) {
    case ROUTE_TTL:
      return icmpTimeExceeded(view, ip, src);
    case ROUTE_TOO_BIG:
      return icmpTooBig(view, ip, src, mtuOf(around, from, view));
    case ROUTE_NO_ROUTE:
      return icmpUnreachable(view, ip, src, ICMP_CODE_NET_UNREACHABLE);
    case ROUTE_PROHIBITED:
      return icmpUnreachable(view, ip, src, ICMP_CODE_PROHIBITED);
    case ROUTE_UNREACHABLE:
    case ROUTE_UNRESOLVED:
      return icmpUnreachable(view, ip, src, ICMP_CODE_HOST_UNREACHABLE);
    default:
      return null;
  }
}

/** The same for IPv6. */
export function error6(around: Around, from: Interface, view: DataView, reason: number): Uint8Array | null {
  const ip = ETHERNET_BYTES;
  const src = ownAddress(from, bytesAt(view, ipv6SrcAt(ip), IPV6_ADDRESS_BYTES));
  if (src === null) return null;
  switch (reason) {
    case ROUTE_TTL:
      return icmpv6TimeExceeded(view, ip, src);
    case ROUTE_TOO_BIG:
      return icmpv6TooBig(view, ip, src, mtuOf(around, from, view));
    case ROUTE_NO_ROUTE:
    case ROUTE_UNREACHABLE:
      return icmpv6Unreachable(view, ip, src, ICMPV6_CODE_NO_ROUTE);
    case ROUTE_PROHIBITED:
      return icmpv6Unreachable(view, ip, src, ICMPV6_CODE_PROHIBITED);
    case ROUTE_UNRESOLVED:
      return icmpv6Unreachable(view, ip, src, ICMPV6_CODE_ADDRESS_UNREACHABLE);
    default:
      return null;
  }
}

function mtuOf(around: Around, from: Interface, view: DataView): number {
  const row = rowOfPacket(around, from.vrf, view, ETHERNET_BYTES, view.byteLength);
  return (wayOut(around, row) ?? from).config.mtu;
}
