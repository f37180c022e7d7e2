/**
 * ICMP for a VTEP's own address: a ping is answered, and an error that names a smaller path MTU is read. Frames are
 * untagged, Ethernet and all.
 */

import type { OwnAddress } from '../../protocols/neighbor-state.ts';
import { sameBytes } from '../../wire/address.ts';
import { ethernetFrame, icmpIpv4, icmpv6Ipv6 } from '../../wire/build.ts';
import {
  ETHERNET_BYTES,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  etherDstHigh,
  etherDstLow,
  etherSrcHigh,
  etherSrcLow,
  etherType,
  isGroupMac,
} from '../../wire/ethernet.ts';
import {
  ICMP_BYTES,
  ICMP_CODE_FRAGMENTATION_NEEDED,
  ICMP_ECHO_REPLY,
  ICMP_ECHO_REQUEST,
  ICMP_UNREACHABLE,
  icmpChecksumOk,
  icmpCode,
  icmpFits,
  icmpIdent,
  icmpMtu,
  icmpSequence,
  icmpType,
} from '../../wire/icmp.ts';
import {
  ICMPV6_ECHO_REPLY,
  ICMPV6_ECHO_REQUEST,
  ICMPV6_PACKET_TOO_BIG,
  icmpv6ChecksumOk,
  icmpv6Fits,
  icmpv6Type,
  icmpv6Word,
} from '../../wire/icmpv6.ts';
import { ipv4Fits, ipv4HeaderBytes, ipv4Protocol, ipv4TotalBytes, PROTO_ICMP, PROTO_UDP } from '../../wire/ipv4.ts';
import { IPV6_BYTES, ipv6Fits, ipv6Next, ipv6PayloadBytes, NEXT_ICMPV6 } from '../../wire/ipv6.ts';

/** What every link carries: a router that names less is not believed (RFC 1191 section 3, RFC 8200 section 5). */
const LEAST_IPV4 = 576;
const LEAST_IPV6 = 1280;

/** The answer to an echo request for one of the addresses, or null. */
export function answerEcho(own: readonly OwnAddress[], frame: Uint8Array): Uint8Array | null {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  if (frame.length < ETHERNET_BYTES || isGroupMac(etherDstHigh(view, 0))) return null;
  const ip = ETHERNET_BYTES;
  const head = {
    dst: { high: etherSrcHigh(view, 0), low: etherSrcLow(view, 0) },
    src: { high: etherDstHigh(view, 0), low: etherDstLow(view, 0) },
  };
  const type = etherType(view, 0);
  if (type === ETHERTYPE_IPV4 && ipv4Fits(view, ip, frame.length) && ipv4Protocol(view, ip) === PROTO_ICMP) {
    const at = ip + ipv4HeaderBytes(view, ip);
    const end = ip + ipv4TotalBytes(view, ip);
    const to = frame.subarray(ip + 16, ip + 20);
    const isAsked = icmpFits(at, end) && icmpType(view, at) === ICMP_ECHO_REQUEST && icmpChecksumOk(view, at, end - at);
    if (!isAsked || !own.some(({ bytes }) => sameBytes(bytes, to))) return null;
    const addresses = { src: view.getUint32(ip + 16), dst: view.getUint32(ip + 12) };
    const payload = frame.subarray(at + ICMP_BYTES, end);
    const [ident, sequence] = [icmpIdent(view, at), icmpSequence(view, at)];
    return ethernetFrame(head, ETHERTYPE_IPV4, icmpIpv4(addresses, ICMP_ECHO_REPLY, 0, ident, sequence, payload));
  }
  if (type === ETHERTYPE_IPV6 && ipv6Fits(view, ip, frame.length) && ipv6Next(view, ip) === NEXT_ICMPV6) {
    const at = ip + IPV6_BYTES;
    const bytes = ipv6PayloadBytes(view, ip);
    const to = frame.slice(ip + 24, ip + 40);
    const isAsked =
      icmpv6Fits(at, at + bytes) &&
      icmpv6Type(view, at) === ICMPV6_ECHO_REQUEST &&
      icmpv6ChecksumOk(view, ip, at, bytes);
    if (!isAsked || !own.some((each) => sameBytes(each.bytes, to))) return null;
    const addresses = { src: to, dst: frame.slice(ip + 8, ip + 24) };
    const payload = frame.subarray(at + ICMP_BYTES, at + bytes);
    const packet = icmpv6Ipv6(addresses, ICMPV6_ECHO_REPLY, 0, icmpv6Word(view, at), payload);
    return ethernetFrame(head, ETHERTYPE_IPV6, packet);
  }
  return null;
}

export interface PathMtu {
  /** Of the packet that was too long. */
  source: Uint8Array;
  destination: Uint8Array;
  udpPort: number;
  mtu: number;
}

/** What an ICMP error says of a UDP datagram that was too long for the path; null for everything else. */
export function readPathMtu(view: DataView, end: number): PathMtu | null {
  if (end < ETHERNET_BYTES) return null;
  const ip = ETHERNET_BYTES;
  const type = etherType(view, 0);
  const slice = (at: number, length: number) => new Uint8Array(view.buffer, view.byteOffset + at, length).slice();
  if (type === ETHERTYPE_IPV4 && ipv4Fits(view, ip, end) && ipv4Protocol(view, ip) === PROTO_ICMP) {
    const at = ip + ipv4HeaderBytes(view, ip);
    const stop = ip + ipv4TotalBytes(view, ip);
    const inner = at + ICMP_BYTES;
    if (!icmpFits(at, stop) || icmpType(view, at) !== ICMP_UNREACHABLE) return null;
    if (icmpCode(view, at) !== ICMP_CODE_FRAGMENTATION_NEEDED || !icmpChecksumOk(view, at, stop - at)) return null;
    if (stop - inner < 20 || view.getUint8(inner) >>> 4 !== 4) return null;
    const udp = inner + ((view.getUint8(inner) & 0xf) << 2);
    if (ipv4Protocol(view, inner) !== PROTO_UDP || stop - udp < 4) return null;
    const mtu = Math.max(icmpMtu(view, at), LEAST_IPV4);
    return { source: slice(inner + 12, 4), destination: slice(inner + 16, 4), udpPort: view.getUint16(udp + 2), mtu };
  }
  if (type === ETHERTYPE_IPV6 && ipv6Fits(view, ip, end) && ipv6Next(view, ip) === NEXT_ICMPV6) {
    const at = ip + IPV6_BYTES;
    const bytes = ipv6PayloadBytes(view, ip);
    const inner = at + ICMP_BYTES;
    const udp = inner + IPV6_BYTES;
    if (!icmpv6Fits(at, at + bytes) || icmpv6Type(view, at) !== ICMPV6_PACKET_TOO_BIG) return null;
    if (!icmpv6ChecksumOk(view, ip, at, bytes) || at + bytes - udp < 4) return null;
    if (ipv6Next(view, inner) !== PROTO_UDP) return null;
    const mtu = Math.max(icmpv6Word(view, at), LEAST_IPV6);
    return { source: slice(inner + 8, 16), destination: slice(inner + 24, 16), udpPort: view.getUint16(udp + 2), mtu };
  }
  return null;
}
