/**
 * The part of dissection that is IP: both versions, their fragments and extension headers, and UDP behind them.
 *
 * Only the first IP and the first UDP header of an Ethernet header are shown. A total length may shrink what
 * follows, never grow it.
 */
import {
  cut,
  go,
  goUpper,
  type IcmpFields,
  STEP_GRE,
  STEP_IP,
  STEP_IPV6,
  STEP_MPLS,
  stop,
  type UdpFields,
  type Walk,
} from './dissect-fields.ts';
import { ICMP_ECHO_REPLY, ICMP_ECHO_REQUEST, icmpCode, icmpFits, icmpIdent, icmpSequence, icmpType } from './icmp.ts';
import { ICMPV6_ECHO_REPLY, ICMPV6_ECHO_REQUEST } from './icmpv6.ts';
import {
  IPV4_BYTES,
  ipv4Addresses,
  ipv4FragmentOffset,
  ipv4HeaderBytes,
  ipv4IsFragment,
  ipv4Protocol,
  ipv4Text,
  ipv4Tos,
  ipv4TotalBytes,
  ipv4Ttl,
  PROTO_GRE,
  PROTO_ICMP,
  PROTO_IPV4,
  PROTO_IPV6,
  PROTO_UDP,
} from './ipv4.ts';
import {
  createUpper,
  extensionBytes,
  findUpper,
  IPV6_BYTES,
  ipv6Class,
  ipv6DstAt,
  ipv6FragmentOffset,
  ipv6HopLimit,
  ipv6Next,
  ipv6PayloadBytes,
  ipv6SrcAt,
  isExtension,
  MIN_EXTENSION_BYTES,
  NEXT_FRAGMENT,
  NEXT_HOP_BY_HOP,
  NEXT_ICMPV6,
} from './ipv6.ts';
import { ipv6Text } from './ipv6-text.ts';
import { UDP_BYTES, udpBytes, udpChecksum, udpDst, udpSrc } from './udp.ts';

const PROTO_MPLS = 137;
const JUMBO_OPTION = 0xc2;
const FIRST_REGISTERED_PORT = 1024; // RFC 6335 6

/** Whatever version the first nibble says. */
export function walkIp(walk: Walk): void {
  const { at, end } = walk;
  if (end - at < 1) {
    cut(walk, 'ip', 0, 1);
    return;
  }
  const version = walk.view.getUint8(at) >>> 4;
  if (version === 4) walkIpv4(walk, at, end);
  else if (version === 6) walkIpv6(walk);
  else stop(walk, `ip: version ${version}`);
}

function walkIpv4(walk: Walk, at: number, end: number): void {
  const { view, segment } = walk;
  const headerBytes = ipv4HeaderBytes(view, at);
  const have = end - at;
  if (headerBytes < IPV4_BYTES) {
    stop(walk, `ipv4: header length ${headerBytes}`);
    return;
  }
  if (have < 4) {
    cut(walk, 'ipv4', have, headerBytes);
    return;
  }
  const totalBytes = ipv4TotalBytes(view, at);
  // Total length 0 is segmentation offload: the packet ends where the frame ends.
  if (totalBytes < headerBytes && totalBytes !== 0) {
    stop(walk, `ipv4: total length ${totalBytes} below header length ${headerBytes}`);
    return;
  }
  const packetEnd = totalBytes === 0 ? end : Math.min(end, at + totalBytes);
  const addresses = ipv4Addresses(at);
  if (packetEnd - addresses < 4) {
    cut(walk, 'ipv4', have, headerBytes);
    return;
  }
  if (segment.ip === undefined) {
    segment.ip = {
      v: 4,
      src: ipv4Text(view, addresses),
      dst: packetEnd - at >= IPV4_BYTES ? ipv4Text(view, addresses + 4) : null,
      proto: ipv4Protocol(view, at),
      ttl: ipv4Ttl(view, at),
      tos: ipv4Tos(view, at),
    };
    if (ipv4IsFragment(view, at)) segment.ip.fragment = true;
  }
  if (packetEnd - at < headerBytes) {
    cut(walk, 'ipv4', have, headerBytes);
    return;
  }
  if (ipv4FragmentOffset(view, at) !== 0) return;
  goUpper(walk, ipv4Protocol(view, at), at + headerBytes, packetEnd, false);
}

const upper = createUpper();

export function walkIpv6(walk: Walk): void {
  const { view, segment, at, end } = walk;
  const have = end - at;
  if (have >= 1 && view.getUint8(at) >>> 4 !== 6) {
    stop(walk, `ipv6: version ${view.getUint8(at) >>> 4}`);
    return;
  }
  const src = ipv6SrcAt(at);
  const dst = ipv6DstAt(at);
  if (have < dst - at) {
    cut(walk, 'ipv6', have, IPV6_BYTES);
    return;
  }
  segment.ip ??= {
    v: 6,
    src: ipv6Text(view, src),
    dst: have >= IPV6_BYTES ? ipv6Text(view, dst) : null,
    proto: ipv6Next(view, at),
    ttl: ipv6HopLimit(view, at),
    tos: ipv6Class(view, at),
  };
  if (have < IPV6_BYTES) {
    cut(walk, 'ipv6', have, IPV6_BYTES);
    return;
  }
  const payloadBytes = ipv6PayloadBytes(view, at) || jumboBytes(view, at, end);
  const packetEnd = Math.min(end, at + IPV6_BYTES + payloadBytes);
  findUpper(view, at, packetEnd, upper, Number.POSITIVE_INFINITY);
  if (!upper.whole) {
    stop(walk, `ipv6: extension header ${upper.protocol} is cut`);
    return;
  }
  if (upper.fragmentOffset !== 0) return;
  goUpper(walk, upper.protocol, upper.at, packetEnd, true);
}

/** Length of a jumbogram (RFC 2675 2): the option must be in the hop-by-hop header; 0 without one. */
function jumboBytes(view: DataView, off: number, end: number): number {
  let at = off + IPV6_BYTES;
  if (ipv6Next(view, off) !== NEXT_HOP_BY_HOP || end - at < 8) return 0;
  const optionsEnd = Math.min(end, at + extensionBytes(view, at, NEXT_HOP_BY_HOP));
  at += 2;
  while (at < optionsEnd) {
    const kind = view.getUint8(at);
    if (kind === 0) {
      at++;
      continue;
    }
    if (optionsEnd - at < 2) return 0;
    const bytes = view.getUint8(at + 1);
    if (kind === JUMBO_OPTION && bytes === 4 && optionsEnd - at >= 6) return view.getUint32(at + 2);
    at += 2 + bytes;
  }
  return 0;
}

/** What stands behind an IP header. */
export function walkUpper(walk: Walk): void {
  const { type, at, end, overIpv6 } = walk;
  switch (type) {
    case PROTO_UDP:
      walkUdp(walk, at, end, overIpv6);
      return;
    case PROTO_IPV4:
      go(walk, STEP_IP, at, end);
      return;
    case PROTO_IPV6:
      go(walk, STEP_IPV6, at, end);
      return;
    case PROTO_GRE:
      go(walk, STEP_GRE, at, end);
      return;
    case PROTO_MPLS:
      go(walk, STEP_MPLS, at, end);
      return;
    case NEXT_ICMPV6:
      if (end - at >= 1) walk.frame.icmpv6 ??= { type: walk.view.getUint8(at) };
      walkIcmp(walk, at, end, ICMPV6_ECHO_REQUEST, ICMPV6_ECHO_REPLY);
      return;
    case PROTO_ICMP:
      walkIcmp(walk, at, end, ICMP_ECHO_REQUEST, ICMP_ECHO_REPLY);
      return;
    default:
      if (isExtension(type)) walkExtension(walk, type, at, end, overIpv6);
  }
}

/** IPv6's extension headers stand behind IPv4 too, some by error. */
function walkExtension(walk: Walk, type: number, at: number, end: number, overIpv6: boolean): void {
  const { view } = walk;
  const bytes = end - at < MIN_EXTENSION_BYTES ? MIN_EXTENSION_BYTES : extensionBytes(view, at, type);
  if (end - at < bytes) cut(walk, `extension header ${type}`, end - at, bytes);
  else if (type !== NEXT_FRAGMENT || ipv6FragmentOffset(view, at) === 0) {
    goUpper(walk, view.getUint8(at), at + bytes, end, overIpv6);
  }
}

/** The header begins as ICMP's in both versions of IP. */
function walkIcmp({ view, segment }: Walk, at: number, end: number, request: number, reply: number): void {
  if (segment.icmp !== undefined || end - at < 2) return;
  const icmp: IcmpFields = { type: icmpType(view, at), code: icmpCode(view, at) };
  segment.icmp = icmp;
  if (!icmpFits(at, end) || (icmp.type !== request && icmp.type !== reply)) return;
  icmp.ident = icmpIdent(view, at);
  icmp.seq = icmpSequence(view, at);
}

function walkUdp(walk: Walk, at: number, end: number, overIpv6: boolean): void {
  const { view, segment } = walk;
  if (segment.udp !== undefined) return;
  const have = end - at;
  if (have < 4) {
    if (have > 0) cut(walk, 'udp', have, UDP_BYTES);
    return;
  }
  const udp: UdpFields = { src: udpSrc(view, at), dst: udpDst(view, at), len: null, checksum: null };
  segment.udp = udp;
  if (have >= 6) udp.len = udpBytes(view, at);
  // Length 0 over IPv6 is a jumbogram (RFC 2675 4): the datagram ends where the packet ends.
  const toEnd = udp.len === 0 && overIpv6;
  if (udp.len !== null && udp.len < UDP_BYTES && !toEnd) {
    stop(walk, `udp: length ${udp.len} below ${UDP_BYTES}`);
    return;
  }
  if (have < UDP_BYTES) {
    cut(walk, 'udp', have, UDP_BYTES);
    return;
  }
  udp.checksum = udpChecksum(view, at);
  // Only behind the outer UDP header, and only once. From that port to a well-known one is a client's question.
  const isTunnel = udp.dst === walk.vxlanPort || (udp.src === walk.vxlanPort && udp.dst >= FIRST_REGISTERED_PORT);
  if (isTunnel && walk.frame.vxlan === null) {
    walk.vxlanAt = at + UDP_BYTES;
    walk.vxlanEnd = toEnd ? end : Math.min(end, at + udp.len!);
  }
}
