/**
 * What an address of the switch answers to packets for itself: echo, and errors for ports and protocols that nobody
 * serves (RFC 1122 3.2.2, RFC 4443). A pure function from packet to packet; who sends the answer is the caller's.
 *
 * The first byte of the packet is its IP header; it fits. Fragments are not put together: they get no answer, but the
 * first of a ping that is larger than the link is rare enough.
 */
import { icmpIpv4, icmpv6Ipv6 } from '../wire/build.ts';
import {
  ICMP_BYTES,
  ICMP_CODE_PORT_UNREACHABLE,
  ICMP_CODE_PROTOCOL_UNREACHABLE,
  ICMP_ECHO_REPLY,
  ICMP_ECHO_REQUEST,
  icmpChecksumOk,
  icmpFits,
  icmpIdent,
  icmpSequence,
  icmpType,
} from '../wire/icmp.ts';
import { icmpUnreachable, icmpv6Error, icmpv6Unreachable } from '../wire/icmp-error.ts';
import {
  ICMPV6_BYTES,
  ICMPV6_CODE_NEXT_HEADER,
  ICMPV6_CODE_PORT_UNREACHABLE,
  ICMPV6_ECHO_REPLY,
  ICMPV6_ECHO_REQUEST,
  ICMPV6_PARAMETER_PROBLEM,
  icmpv6ChecksumOk,
  icmpv6Fits,
  icmpv6Type,
  icmpv6Word,
} from '../wire/icmpv6.ts';
import {
  ipv4Dst,
  ipv4HeaderBytes,
  ipv4IsFragment,
  ipv4Protocol,
  ipv4Src,
  ipv4Tos,
  ipv4TotalBytes,
  PROTO_ICMP,
  PROTO_TCP,
  PROTO_UDP,
} from '../wire/ipv4.ts';
import {
  createUpper,
  findUpper,
  IPV6_ADDRESS_BYTES,
  IPV6_BYTES,
  ipv6Class,
  ipv6DstAt,
  ipv6PayloadBytes,
  ipv6SrcAt,
  NEXT_ICMPV6,
  NEXT_NONE,
} from '../wire/ipv6.ts';
import { udpChecksumOkIpv4, udpChecksumOkIpv6, udpFits } from '../wire/udp.ts';

const upper = createUpper();

/** The answer of the address that the IPv4 packet is for, or null. */
export function answerIpv4(view: DataView, ip: number): Uint8Array | null {
  const end = ip + ipv4TotalBytes(view, ip);
  const off = ip + ipv4HeaderBytes(view, ip);
  const own = ipv4Dst(view, ip);
  if (ipv4IsFragment(view, ip)) return null;
  switch (ipv4Protocol(view, ip)) {
    case PROTO_ICMP: {
      if (!icmpFits(off, end) || icmpType(view, off) !== ICMP_ECHO_REQUEST || !icmpChecksumOk(view, off, end - off)) {
        return null;
      }
      const payload = bytesOf(view, off + ICMP_BYTES, end);
      const head = { src: own, dst: ipv4Src(view, ip), tos: ipv4Tos(view, ip) };
      return icmpIpv4(head, ICMP_ECHO_REPLY, 0, icmpIdent(view, off), icmpSequence(view, off), payload);
    }
    case PROTO_UDP:
      if (!udpFits(view, off, end) || !udpChecksumOkIpv4(view, ip, off)) return null;
      return icmpUnreachable(view, ip, own, ICMP_CODE_PORT_UNREACHABLE);
    case PROTO_TCP:
      return icmpUnreachable(view, ip, own, ICMP_CODE_PORT_UNREACHABLE);
    default:
      return icmpUnreachable(view, ip, own, ICMP_CODE_PROTOCOL_UNREACHABLE);
  }
}

/** The same for IPv6. Neighbor discovery is not for here. */
export function answerIpv6(view: DataView, ip: number): Uint8Array | null {
  const end = ip + IPV6_BYTES + ipv6PayloadBytes(view, ip);
  findUpper(view, ip, end, upper);
  if (!upper.whole || upper.fragment) return null;
  const own = bytesOf(view, ipv6DstAt(ip), ipv6DstAt(ip) + IPV6_ADDRESS_BYTES);
  const off = upper.at;
  switch (upper.protocol) {
    case NEXT_ICMPV6: {
      if (!icmpv6Fits(off, end) || icmpv6Type(view, off) !== ICMPV6_ECHO_REQUEST) return null;
      if (!icmpv6ChecksumOk(view, ip, off, end - off)) return null;
      const dst = bytesOf(view, ipv6SrcAt(ip), ipv6SrcAt(ip) + IPV6_ADDRESS_BYTES);
      const payload = bytesOf(view, off + ICMPV6_BYTES, end);
      const head = { src: own, dst, tos: ipv6Class(view, ip) };
      return icmpv6Ipv6(head, ICMPV6_ECHO_REPLY, 0, icmpv6Word(view, off), payload);
    }
    case PROTO_UDP:
      if (!udpFits(view, off, end) || !udpChecksumOkIpv6(view, ip, off)) return null;
      return icmpv6Unreachable(view, ip, own, ICMPV6_CODE_PORT_UNREACHABLE);
    case PROTO_TCP:
      return icmpv6Unreachable(view, ip, own, ICMPV6_CODE_PORT_UNREACHABLE);
    case NEXT_NONE:
      return null;
    default:
      // Where in the packet the next header that nobody knows is named: before what it names.
      return icmpv6Error(view, ip, own, ICMPV6_PARAMETER_PROBLEM, ICMPV6_CODE_NEXT_HEADER, nextHeaderAt(view, ip, end));
  }
}

/** Offset in the packet of the field that names the upper protocol. */
function nextHeaderAt(view: DataView, ip: number, end: number): number {
  let at = 6;
  for (let header = ip + IPV6_BYTES; header < upper.at && header < end; ) {
    at = header - ip;
    // Fragments were sent away, and an authentication header counts in other units: it ends the walk.
    const bytes = (view.getUint8(header + 1) + 1) << 3;
    header += bytes;
  }
  return at;
}

function bytesOf(view: DataView, from: number, to: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + from, to - from).slice();
}
