/**
 * ICMP and ICMPv6 errors about a packet: whether one is owed, and the whole packet that says it.
 *
 * An error about the wrong packet is worse than silence: it can be answered by another error, or by everybody. So none
 * is owed about an error, about anything sent to or from a group, or about a fragment that is not the first (RFC 1122
 * 3.2.2, RFC 1812 4.3.2.7, RFC 4443 2.4 e). Whether the frame itself was sent to a group is for the caller to know.
 *
 * As much of the packet is quoted as fits: 576 bytes of IPv4 in all (RFC 1812 4.3.2.3), 1,280 of IPv6 (RFC 4443 2.4 c).
 * The packet at `ip` must fit (`ipv4Fits`, `ipv6Fits`).
 */
import { icmpIpv4, icmpv6Ipv6 } from './build.ts';
import {
  ICMP_BYTES,
  ICMP_CODE_REDIRECT_HOST,
  ICMP_REDIRECT,
  ICMP_TIME_EXCEEDED,
  ICMP_UNREACHABLE,
  icmpType,
} from './icmp.ts';
import {
  ICMPV6_BYTES,
  ICMPV6_PACKET_TOO_BIG,
  ICMPV6_TIME_EXCEEDED,
  ICMPV6_UNREACHABLE,
  icmpv6Type,
  ND_REDIRECT,
} from './icmpv6.ts';
import {
  IPV4_BYTES,
  ipv4Dst,
  ipv4FragmentOffset,
  ipv4HeaderBytes,
  ipv4Protocol,
  ipv4Src,
  ipv4Tos,
  ipv4TotalBytes,
  isIpv4Multicast,
  PROTO_ICMP,
} from './ipv4.ts';
import {
  createUpper,
  findUpper,
  IPV6_ADDRESS_BYTES,
  IPV6_BYTES,
  ipv6DstAt,
  ipv6PayloadBytes,
  ipv6SrcAt,
  isIpv6Multicast,
  isIpv6Unspecified,
  NEXT_ICMPV6,
} from './ipv6.ts';

export const MAX_ICMP_ERROR_BYTES = 576;
export const MAX_ICMPV6_ERROR_BYTES = 1280;

/** RFC 1812 4.3.2.5: errors have a precedence of their own and the four TOS bits of the packet. */
const INTERNETWORK_CONTROL = 0xc0;
const TOS_BITS = 0x1e;
/** The queries and answers among the ICMP types; all others are errors, or unknown and treated as such. */
const ICMP_QUERIES = new Set([0, 8, 9, 10, 13, 14, 15, 16, 17, 18, 42, 43]);

const upper = createUpper();

/** An error may be sent about the IPv4 packet that ends before `end`. */
export function owesIcmpError(view: DataView, ip: number, end: number): boolean {
  const src = ipv4Src(view, ip);
  const dst = ipv4Dst(view, ip);
  if (!isHostIpv4(src) || isIpv4Multicast(dst) || dst === 0xffffffff || ipv4FragmentOffset(view, ip) !== 0)
    return false;
  if (ipv4Protocol(view, ip) !== PROTO_ICMP) return true;
  const off = ip + ipv4HeaderBytes(view, ip);
  return off < end && ICMP_QUERIES.has(icmpType(view, off));
}

/** One host: neither "this", loopback, a group nor the broadcast address. */
function isHostIpv4(address: number): boolean {
  const first = address >>> 24;
  return first !== 0 && first !== 127 && first < 224;
}

/** An error of this type may be sent about the IPv6 packet. Groups may be told that their packet is too big. */
export function owesIcmpv6Error(view: DataView, ip: number, end: number, type: number): boolean {
  const src = ipv6SrcAt(ip);
  if (isIpv6Unspecified(view, src) || isIpv6Multicast(view, src)) return false;
  if (isIpv6Multicast(view, ipv6DstAt(ip)) && type !== ICMPV6_PACKET_TOO_BIG) return false;
  findUpper(view, ip, end, upper);
  if (!upper.whole || upper.protocol !== NEXT_ICMPV6 || upper.fragmentOffset !== 0) return true;
  if (upper.at >= end) return false;
  const inner = icmpv6Type(view, upper.at);
  return inner >= 128 && inner !== ND_REDIRECT;
}

/**
 * The packet from `src` to whoever sent the packet at `ip`, or null where none is owed. `word` is the second word of the
 * message: the MTU of "fragmentation needed", the gateway of a redirect.
 */
export function icmpError(
  view: DataView,
  ip: number,
  src: number,
  type: number,
  code: number,
  word: number = 0,
): Uint8Array | null {
  const end = ip + ipv4TotalBytes(view, ip);
  if (!owesIcmpError(view, ip, end)) return null;
  const quoted = bytesAt(view, ip, Math.min(end - ip, MAX_ICMP_ERROR_BYTES - IPV4_BYTES - ICMP_BYTES));
  const head = { src, dst: ipv4Src(view, ip), tos: (ipv4Tos(view, ip) & TOS_BITS) | INTERNETWORK_CONTROL };
  return icmpIpv4(head, type, code, word >>> 16, word & 0xffff, quoted);
}

/** The same for IPv6; `word` is the MTU of a "packet too big". */
export function icmpv6Error(
  view: DataView,
  ip: number,
  src: Uint8Array,
  type: number,
  code: number,
  word: number = 0,
): Uint8Array | null {
  const end = ip + IPV6_BYTES + ipv6PayloadBytes(view, ip);
  if (!owesIcmpv6Error(view, ip, end, type)) return null;
  const quoted = bytesAt(view, ip, Math.min(end - ip, MAX_ICMPV6_ERROR_BYTES - IPV6_BYTES - ICMPV6_BYTES));
  return icmpv6Ipv6({ src, dst: bytesAt(view, ipv6SrcAt(ip), IPV6_ADDRESS_BYTES) }, type, code, word, quoted);
}

/** "Fragmentation needed" and "packet too big": the next hop takes packets of `mtu` bytes. */
export function icmpTooBig(view: DataView, ip: number, src: number, mtu: number): Uint8Array | null {
  return icmpError(view, ip, src, ICMP_UNREACHABLE, 4, mtu);
}

export function icmpv6TooBig(view: DataView, ip: number, src: Uint8Array, mtu: number): Uint8Array | null {
  return icmpv6Error(view, ip, src, ICMPV6_PACKET_TOO_BIG, 0, mtu);
}

/** The sender of the packet may give it to `gateway` itself, on its own link (RFC 792, RFC 1812 5.2.7.2). */
export function icmpRedirect(view: DataView, ip: number, src: number, gateway: number): Uint8Array | null {
  return icmpError(view, ip, src, ICMP_REDIRECT, ICMP_CODE_REDIRECT_HOST, gateway);
}

/** The packet used up its hops here. */
export function icmpTimeExceeded(view: DataView, ip: number, src: number): Uint8Array | null {
  return icmpError(view, ip, src, ICMP_TIME_EXCEEDED, 0);
}

export function icmpv6TimeExceeded(view: DataView, ip: number, src: Uint8Array): Uint8Array | null {
  return icmpv6Error(view, ip, src, ICMPV6_TIME_EXCEEDED, 0);
}

/** `code` is ICMP_CODE_*. */
export function icmpUnreachable(view: DataView, ip: number, src: number, code: number): Uint8Array | null {
  return icmpError(view, ip, src, ICMP_UNREACHABLE, code);
}

/** `code` is ICMPV6_CODE_*. */
export function icmpv6Unreachable(view: DataView, ip: number, src: Uint8Array, code: number): Uint8Array | null {
  return icmpv6Error(view, ip, src, ICMPV6_UNREACHABLE, code);
}

function bytesAt(view: DataView, at: number, bytes: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, bytes).slice();
}
