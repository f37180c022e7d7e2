/**
 * IPv4: the header that carries most tunnels and every ARP conversation's reason.
 *
 * `ipv4Fits` checks everything once: version, header length, total length, all against the bytes that are
 * there. After it no reader fails and the payload [off + ipv4HeaderBytes, off + ipv4TotalBytes) is inside.
 * Ethernet pads short frames, so `end` may lie behind the packet: the total length decides, not the frame.
 *
 * Addresses are unsigned 32-bit numbers in host order: 10.0.0.1 is 0x0A000001.
 */
import { checksum, checksumUpdate16 } from './checksum.ts';

export const IPV4_BYTES = 20;
export const IPV4_MAX_HEADER_BYTES = 60;

export const PROTO_ICMP = 1;
export const PROTO_IGMP = 2;
export const PROTO_IPV4 = 4;
export const PROTO_TCP = 6;
export const PROTO_UDP = 17;
export const PROTO_IPV6 = 41;
export const PROTO_GRE = 47;

export const IPV4_OPTION_END = 0;
export const IPV4_OPTION_NOP = 1;
export const IPV4_OPTION_ROUTER_ALERT = 148; // RFC 2113, carried by IGMP

/*
 * RFC 791 3.1
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |Version|  IHL  |   DSCP    |ECN|          Total Length         |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |         Identification        |0|D|M|     Fragment Offset     |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  Time to Live |    Protocol   |         Header Checksum       |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                       Source Address                          |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                    Destination Address                        |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                    Options                    |    Padding    |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
const VERSION_IHL = 0;
const TOS = 1;
const TOTAL = 2;
const IDENT = 4;
const FRAGMENT = 6;
const TTL = 8;
const PROTOCOL = 9;
const CHECKSUM = 10;
const SRC = 12;
const DST = 16;
const OPTIONS = 20;

const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const OFFSET_MASK = 0x1fff;

/** True for a header that can be read and a packet that is whole before `end`. The checksum is not looked at. */
export function ipv4Fits(view: DataView, off: number, end: number): boolean {
  if (end - off < IPV4_BYTES) return false;
  const first = view.getUint8(off + VERSION_IHL);
  const headerBytes = (first & 0xf) << 2;
  const totalBytes = view.getUint16(off + TOTAL);
  return first >>> 4 === 4 && headerBytes >= IPV4_BYTES && totalBytes >= headerBytes && totalBytes <= end - off;
}

export function ipv4Version(view: DataView, off: number): number {
  return view.getUint8(off + VERSION_IHL) >>> 4;
}

/** Bytes of the header with its options, 0..60. */
export function ipv4HeaderBytes(view: DataView, off: number): number {
  return (view.getUint8(off + VERSION_IHL) & 0xf) << 2;
}

/** DSCP and ECN in one byte. */
export function ipv4Tos(view: DataView, off: number): number {
  return view.getUint8(off + TOS);
}

/** Header and payload. */
export function ipv4TotalBytes(view: DataView, off: number): number {
  return view.getUint16(off + TOTAL);
}

export function ipv4Ident(view: DataView, off: number): number {
  return view.getUint16(off + IDENT);
}

export function ipv4DontFragment(view: DataView, off: number): boolean {
  return (view.getUint16(off + FRAGMENT) & DONT_FRAGMENT) !== 0;
}

export function ipv4MoreFragments(view: DataView, off: number): boolean {
  return (view.getUint16(off + FRAGMENT) & MORE_FRAGMENTS) !== 0;
}

/** Place of this fragment in its packet, in bytes. */
export function ipv4FragmentOffset(view: DataView, off: number): number {
  return (view.getUint16(off + FRAGMENT) & OFFSET_MASK) << 3;
}

/** Part of a fragmented packet; only the part at offset 0 holds the upper header. */
export function ipv4IsFragment(view: DataView, off: number): boolean {
  return (view.getUint16(off + FRAGMENT) & (MORE_FRAGMENTS | OFFSET_MASK)) !== 0;
}

export function ipv4Ttl(view: DataView, off: number): number {
  return view.getUint8(off + TTL);
}

export function ipv4Protocol(view: DataView, off: number): number {
  return view.getUint8(off + PROTOCOL);
}

export function ipv4Checksum(view: DataView, off: number): number {
  return view.getUint16(off + CHECKSUM);
}

export function ipv4Src(view: DataView, off: number): number {
  return view.getUint32(off + SRC);
}

export function ipv4Dst(view: DataView, off: number): number {
  return view.getUint32(off + DST);
}

/** Offset of the source address; the destination follows it (for pseudo headers and text). */
export function ipv4Addresses(off: number): number {
  return off + SRC;
}

/** True when the sum over the header, options included, is right. */
export function ipv4ChecksumOk(view: DataView, off: number): boolean {
  return checksum(view, off, ipv4HeaderBytes(view, off)) === 0;
}

/** Offset of the first option of this kind, -1 without one or when the options are damaged. */
export function ipv4FindOption(view: DataView, off: number, kind: number): number {
  const end = off + ipv4HeaderBytes(view, off);
  let at = off + OPTIONS;
  while (at < end) {
    const found = view.getUint8(at);
    if (found === kind) return at;
    if (found === IPV4_OPTION_END) return -1;
    if (found === IPV4_OPTION_NOP) {
      at++;
      continue;
    }
    const bytes = at + 1 < end ? view.getUint8(at + 1) : 0;
    if (bytes < 2) return -1;
    at += bytes;
  }
  return -1;
}

/** Class D, 224.0.0.0/4. */
export function isIpv4Multicast(address: number): boolean {
  return address >>> 28 === 0xe;
}

/** What a packet on a link may come from: not networks 0 and 127, no group, nothing reserved (RFC 1122 3.2.1.3). */
export function isIpv4Source(address: number): boolean {
  const first = address >>> 24;
  return first !== 0 && first !== 127 && first < 224;
}

/** First two bytes of the MAC addresses of IPv4 groups. */
export const IPV4_GROUP_MAC_HIGH = 0x0100;

/** Low half of the group MAC 01-00-5E-xx-xx-xx of an IPv4 group (RFC 1112 6.4); the high half is IPV4_GROUP_MAC_HIGH. */
export function ipv4GroupMacLow(address: number): number {
  return 0x5e000000 | (address & 0x7fffff) | 0;
}

/**
 * A header without options: don't-fragment set, identification 0, checksum computed.
 * `payloadBytes` is what follows the header.
 */
export function writeIpv4(
  view: DataView,
  off: number,
  src: number,
  dst: number,
  protocol: number,
  payloadBytes: number,
  ttl: number = 64,
  tos: number = 0,
): void {
  view.setUint8(off + VERSION_IHL, 0x45);
  view.setUint8(off + TOS, tos);
  view.setUint16(off + TOTAL, IPV4_BYTES + payloadBytes);
  view.setUint16(off + IDENT, 0);
  view.setUint16(off + FRAGMENT, DONT_FRAGMENT);
  view.setUint8(off + TTL, ttl);
  view.setUint8(off + PROTOCOL, protocol);
  view.setUint32(off + SRC, src);
  view.setUint32(off + DST, dst);
  writeIpv4Checksum(view, off);
}

export function writeIpv4TotalBytes(view: DataView, off: number, bytes: number): void {
  view.setUint16(off + TOTAL, bytes);
}

export function writeIpv4Ident(view: DataView, off: number, ident: number): void {
  view.setUint16(off + IDENT, ident);
}

/** `offsetBytes` is a multiple of 8. The checksum is the caller's to write again. */
export function writeIpv4Fragment(
  view: DataView,
  off: number,
  dontFragment: boolean,
  moreFragments: boolean,
  offsetBytes: number,
): void {
  const flags = (dontFragment ? DONT_FRAGMENT : 0) | (moreFragments ? MORE_FRAGMENTS : 0);
  view.setUint16(off + FRAGMENT, flags | (offsetBytes >>> 3));
}

/** Computes the header checksum over the header as it stands. */
export function writeIpv4Checksum(view: DataView, off: number): void {
  view.setUint16(off + CHECKSUM, 0);
  view.setUint16(off + CHECKSUM, checksum(view, off, ipv4HeaderBytes(view, off)));
}

/** One hop: TTL minus one and the checksum updated, not recomputed (RFC 1624). The TTL must be above 0. */
export function decrementIpv4Ttl(view: DataView, off: number): void {
  const before = view.getUint16(off + TTL);
  const after = before - 0x100;
  view.setUint16(off + TTL, after);
  view.setUint16(off + CHECKSUM, checksumUpdate16(view.getUint16(off + CHECKSUM), before, after));
}

/** Takes that hop back. */
export function incrementIpv4Ttl(view: DataView, off: number): void {
  const before = view.getUint16(off + TTL);
  const after = before + 0x100;
  view.setUint16(off + TTL, after);
  view.setUint16(off + CHECKSUM, checksumUpdate16(view.getUint16(off + CHECKSUM), before, after));
}

/** `10.0.0.1` for an address. */
export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

/** `10.0.0.1` for the four bytes at `at`. */
export function ipv4Text(view: DataView, at: number): string {
  return formatIpv4(view.getUint32(at));
}

/** Four decimal numbers without leading zeros (they are octal to some); null for anything else. */
export function parseIpv4(text: string): number | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return null;
  let address = 0;
  for (let i = 1; i <= 4; i++) {
    const part = match[i]!;
    const byte = Number(part);
    if (byte > 255 || (part.length > 1 && part.startsWith('0'))) return null;
    address = address * 256 + byte;
  }
  return address;
}
