/**
 * The part of dissection behind the Ethernet header: down to the first IP and UDP header, through whatever
 * tunnel headers lie in the way, until the bytes or the knowledge end.
 *
 * Only the first IP and the first UDP header of an Ethernet header are shown. Headers that carry a further
 * Ethernet frame (other than VXLAN) end the walk: what is in there belongs to nobody's outer or inner.
 *
 * Each function takes [at, end) and may shrink `end` to the length that its header claims, never grow it.
 */
import { cut, stop, type UdpFields, type Walk } from './dissect-fields.ts';
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_MACSEC,
  ETHERTYPE_MPLS,
  ETHERTYPE_MPLS_MULTICAST,
  ETHERTYPE_PBB,
  ETHERTYPE_PPPOE_SESSION,
  isLength,
  MIN_ETHERTYPE,
  macText,
} from './ethernet.ts';
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
  ipv6HopLimit,
  ipv6Next,
  ipv6PayloadBytes,
  ipv6SrcAt,
  NEXT_AUTHENTICATION,
  NEXT_HOP_BY_HOP,
  NEXT_ICMPV6,
} from './ipv6.ts';
import { ipv6Text } from './ipv6-text.ts';
import { isSnap, LLC_BYTES, OUI_ETHERNET, SNAP_BYTES, snapOui, snapProtocol } from './llc.ts';
import { UDP_BYTES, udpBytes, udpChecksum, udpDst, udpSrc } from './udp.ts';
import { isTagType } from './vlan.ts';

/** Deeper nesting than this is an attack; tshark gives up earlier. */
const MAX_DEPTH = 64;

const PROTO_MPLS = 137;
const OUI_BRIDGED_OLD = 0x0000f8; // 802.1H tunnel encapsulation of an EtherType
const LLC_IP = 0x06;
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;
const GRE_PPP = 0x880b;
/** Below these labels stands no packet but an associated channel (RFC 5586) or OAM (RFC 3429). */
const LABEL_GAL = 13;
const LABEL_OAM = 14;
const JUMBO_OPTION = 0xc2;

/** What stands behind an EtherType, or behind an 802.3 length up to MAX_LENGTH_FIELD. */
export function walkPayload(walk: Walk, type: number, at: number, end: number): void {
  if (++walk.depth > MAX_DEPTH) {
    stop(walk, `more than ${MAX_DEPTH} headers`);
    return;
  }
  if (isLength(type)) {
    walkLlc(walk, at, Math.min(end, at + type));
    return;
  }
  switch (type) {
    case ETHERTYPE_IPV4:
      walkIp(walk, at, end);
      return;
    case ETHERTYPE_IPV6:
      walkIpv6(walk, at, end);
      return;
    case ETHERTYPE_ARP:
      walkArp(walk, at, end);
      return;
    case ETHERTYPE_PPPOE_SESSION:
      walkPppoe(walk, at, end);
      return;
    case ETHERTYPE_MPLS:
    case ETHERTYPE_MPLS_MULTICAST:
      walkMpls(walk, at, end);
      return;
    case ETHERTYPE_PBB:
      walkPbb(walk, at, end);
      return;
    case ETHERTYPE_MACSEC:
      walkMacsec(walk, at, end);
      return;
    default:
      // A tag behind another header is none of the frame's own tags: passed over, not listed.
      if (isTagType(type)) {
        if (end - at < 4) cut(walk, 'vlan tag', end - at, 4);
        else walkPayload(walk, walk.view.getUint16(at + 2), at + 4, end);
      }
  }
}

function walkLlc(walk: Walk, at: number, end: number): void {
  const view = walk.view;
  if (end - at < LLC_BYTES) {
    cut(walk, 'llc', end - at, LLC_BYTES);
    return;
  }
  if (view.getUint16(at) === 0xffff) return; // Novell's raw 802.3: no LLC at all
  if (isSnap(view, at)) {
    if (end - at < SNAP_BYTES) {
      cut(walk, 'snap', end - at, SNAP_BYTES);
      return;
    }
    const oui = snapOui(view, at);
    const protocol = snapProtocol(view, at);
    if ((oui === OUI_ETHERNET || oui === OUI_BRIDGED_OLD) && protocol >= MIN_ETHERTYPE) {
      walkPayload(walk, protocol, at + SNAP_BYTES, end);
    }
  } else if (view.getUint16(at) === ((LLC_IP << 8) | LLC_IP)) {
    walkIp(walk, at + LLC_BYTES, end);
  }
}

/** Whatever version the first nibble says. */
function walkIp(walk: Walk, at: number, end: number): void {
  if (end - at < 1) {
    cut(walk, 'ip', 0, 1);
    return;
  }
  const version = walk.view.getUint8(at) >>> 4;
  if (version === 4) walkIpv4(walk, at, end);
  else if (version === 6) walkIpv6(walk, at, end);
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
  walkUpper(walk, ipv4Protocol(view, at), at + headerBytes, packetEnd, false);
}

const upper = createUpper();

function walkIpv6(walk: Walk, at: number, end: number): void {
  const { view, segment } = walk;
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
  findUpper(view, at, packetEnd, upper);
  if (!upper.whole) {
    stop(walk, `ipv6: extension header ${upper.protocol} is cut`);
    return;
  }
  if (upper.fragmentOffset !== 0) return;
  walkUpper(walk, upper.protocol, upper.at, packetEnd, true);
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

function walkUpper(walk: Walk, protocol: number, at: number, end: number, overIpv6: boolean): void {
  if (++walk.depth > MAX_DEPTH) {
    stop(walk, `more than ${MAX_DEPTH} headers`);
    return;
  }
  switch (protocol) {
    case PROTO_UDP:
      walkUdp(walk, at, end, overIpv6);
      return;
    case PROTO_IPV4:
      walkIp(walk, at, end);
      return;
    case PROTO_IPV6:
      walkIpv6(walk, at, end);
      return;
    case PROTO_GRE:
      walkGre(walk, at, end);
      return;
    case PROTO_MPLS:
      walkMpls(walk, at, end);
      return;
    case NEXT_AUTHENTICATION:
      if (end - at < 12) cut(walk, 'authentication header', end - at, 12);
      else {
        const bytes = extensionBytes(walk.view, at, NEXT_AUTHENTICATION);
        if (end - at < bytes) cut(walk, 'authentication header', end - at, bytes);
        else walkUpper(walk, walk.view.getUint8(at), at + bytes, end, overIpv6);
      }
      return;
    case NEXT_ICMPV6:
      if (end - at >= 1) walk.frame.icmpv6 ??= { type: walk.view.getUint8(at) };
  }
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
  // Only behind the outer UDP header, and only once. Like tshark, either port: some senders use one for both.
  const isTunnel = udp.dst === walk.vxlanPort || udp.src === walk.vxlanPort;
  if (isTunnel && walk.frame.vxlan === null) {
    walk.vxlanAt = at + UDP_BYTES;
    walk.vxlanEnd = toEnd ? end : Math.min(end, at + udp.len!);
  }
}

/*
 * RFC 826; what is there of it, whatever the sizes of the addresses
 */
function walkArp(walk: Walk, at: number, end: number): void {
  const view = walk.view;
  if (end - at < 8) {
    cut(walk, 'arp', end - at, 8);
    if (end - at >= 2) walk.frame.arp ??= { op: null, sha: null, spa: null, tha: null, tpa: null };
    return;
  }
  const macs = view.getUint8(at + 4);
  const ips = view.getUint8(at + 5);
  const senderIp = at + 8 + macs;
  const targetMac = senderIp + ips;
  const targetIp = targetMac + macs;
  // All addresses or none, as tshark has it.
  const whole = targetIp + ips <= end;
  if (!whole) cut(walk, 'arp', end - at, targetIp + ips - at);
  const macsOk = whole && view.getUint16(at) === 1 && macs === 6;
  const ipsOk = whole && view.getUint16(at + 2) === ETHERTYPE_IPV4 && ips === 4;
  walk.frame.arp ??= {
    op: view.getUint16(at + 6),
    sha: macsOk ? macText(view, at + 8) : null,
    spa: ipsOk ? ipv4Text(view, senderIp) : null,
    tha: macsOk ? macText(view, targetMac) : null,
    tpa: ipsOk ? ipv4Text(view, targetIp) : null,
  };
}

/*
 * RFC 2516 4: version and type, code, session, length; then the PPP protocol (RFC 1661 2)
 */
function walkPppoe(walk: Walk, at: number, end: number): void {
  if (end - at < 8) {
    cut(walk, 'pppoe', end - at, 8);
    return;
  }
  const lengthBytes = walk.view.getUint16(at + 4);
  walkPpp(walk, at + 6, Math.min(end, at + 6 + lengthBytes), false);
}

/** `framed`: address and control (RFC 1662 3.1) may stand before the protocol, as they may not in PPPoE. */
function walkPpp(walk: Walk, at: number, end: number, framed: boolean): void {
  const view = walk.view;
  let from = at;
  if (framed && end - from >= 2 && view.getUint16(from) === 0xff03) from += 2;
  if (end - from < 1) return;
  // An odd first byte is the whole protocol (field compression).
  const short = (view.getUint8(from) & 1) === 1;
  if (!short && end - from < 2) return;
  const protocol = short ? view.getUint8(from) : view.getUint16(from);
  from += short ? 1 : 2;
  if (protocol === PPP_IPV4) walkIp(walk, from, end);
  else if (protocol === PPP_IPV6) walkIpv6(walk, from, end);
}

/*
 * RFC 3032 2.1: label (20 bits), class, bottom of stack, TTL. What follows the bottom is known by its first
 * nibble only.
 */
function walkMpls(walk: Walk, at: number, end: number): void {
  const view = walk.view;
  for (; end - at >= 4; at += 4) {
    if ((view.getUint8(at + 2) & 1) === 0) continue;
    const label = view.getUint32(at) >>> 12;
    at += 4;
    if (at >= end || label === LABEL_GAL || label === LABEL_OAM) return;
    const nibble = view.getUint8(at) >>> 4;
    if (nibble === 4) walkIpv4(walk, at, end);
    else if (nibble === 6) walkIpv6(walk, at, end);
    return;
  }
  cut(walk, 'mpls', end - at, 4);
}

/*
 * IEEE 802.1Q 9.7: I-tag control information (4 bytes), then the customer's addresses and type
 */
function walkPbb(walk: Walk, at: number, end: number): void {
  if (end - at < 18) {
    cut(walk, 'i-tag', end - at, 18);
    return;
  }
  walkPayload(walk, walk.view.getUint16(at + 16), at + 18, end);
}

/*
 * IEEE 802.1AE 9.3: TCI and AN, short length, packet number, SCI when the TCI says so; 16 bytes of ICV at the
 * end. Only frames that are not encrypted can be read on.
 */
function walkMacsec(walk: Walk, at: number, end: number): void {
  const view = walk.view;
  if (end - at < 6) {
    cut(walk, 'macsec', end - at, 6);
    return;
  }
  const tci = view.getUint8(at);
  const typeAt = at + ((tci & 0x20) !== 0 ? 14 : 6);
  const icv = end - 16;
  if ((tci & 0x8c) !== 0 || icv - typeAt < 2) return;
  walkPayload(walk, view.getUint16(typeAt), typeAt + 2, icv);
}

/*
 * RFC 2784 and RFC 2890: flags and version, protocol; checksum, key and sequence (4 bytes each) when flagged
 */
function walkGre(walk: Walk, at: number, end: number): void {
  const view = walk.view;
  if (end - at < 4) {
    cut(walk, 'gre', end - at, 4);
    return;
  }
  const flags = view.getUint16(at);
  const protocol = view.getUint16(at + 2);
  let bytes = 4;
  if ((flags & 0xc000) !== 0) bytes += 4;
  if ((flags & 0x2000) !== 0) bytes += 4;
  if ((flags & 0x1000) !== 0) bytes += 4;
  if ((flags & 7) === 1 && (flags & 0x80) !== 0) bytes += 4; // enhanced: acknowledgment (RFC 2637 4.1)
  if (end - at < bytes) {
    cut(walk, 'gre', end - at, bytes);
    return;
  }
  if (protocol === ETHERTYPE_IPV4) walkIp(walk, at + bytes, end);
  else if (protocol === ETHERTYPE_IPV6) walkIpv6(walk, at + bytes, end);
  else if (protocol === GRE_PPP) walkPpp(walk, at + bytes, end, true);
  else if (protocol === ETHERTYPE_MPLS) walkMpls(walk, at + bytes, end);
}
