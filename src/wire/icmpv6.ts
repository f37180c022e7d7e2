/**
 * ICMPv6: echo and errors (RFC 4443), and neighbor discovery (RFC 4861), which is ARP's heir.
 *
 * The checksum covers a pseudo header, so every check needs the IPv6 header too. Neighbor discovery is believed
 * only with hop limit 255: nothing that crossed a router can have it (RFC 4861 7.1).
 */
import { checksum, ipv6PseudoSum } from './checksum.ts';
import { MAC_BYTES } from './ethernet.ts';
import { ipv6SrcAt, NEXT_ICMPV6 } from './ipv6.ts';

export const ICMPV6_BYTES = 8;
/** Neighbor solicitation and advertisement without options. */
export const ND_BYTES = 24;
/** A link-layer address option for Ethernet. */
export const ND_MAC_OPTION_BYTES = 8;

export const ICMPV6_UNREACHABLE = 1;
export const ICMPV6_PACKET_TOO_BIG = 2;
export const ICMPV6_TIME_EXCEEDED = 3;
export const ICMPV6_PARAMETER_PROBLEM = 4;
export const ICMPV6_ECHO_REQUEST = 128;
export const ICMPV6_ECHO_REPLY = 129;
export const MLD_QUERY = 130;
export const MLD_REPORT = 131;
export const MLD_DONE = 132;
export const ND_ROUTER_SOLICITATION = 133;
export const ND_ROUTER_ADVERTISEMENT = 134;
export const ND_NEIGHBOR_SOLICITATION = 135;
export const ND_NEIGHBOR_ADVERTISEMENT = 136;
export const ND_REDIRECT = 137;
export const MLD2_REPORT = 143;

export const ICMPV6_CODE_NO_ROUTE = 0;
export const ICMPV6_CODE_PROHIBITED = 1;
export const ICMPV6_CODE_ADDRESS_UNREACHABLE = 3;
export const ICMPV6_CODE_PORT_UNREACHABLE = 4;
/** Of a parameter problem: the next header is not known. */
export const ICMPV6_CODE_NEXT_HEADER = 1;

export const ND_OPTION_SOURCE_MAC = 1;
export const ND_OPTION_TARGET_MAC = 2;

/** Flags of an advertisement, the top of its second word. */
export const NA_ROUTER = 0x80;
export const NA_SOLICITED = 0x40;
export const NA_OVERRIDE = 0x20;

/** Hop limit of every neighbor discovery message. */
export const ND_HOP_LIMIT = 255;

/*
 * RFC 4443 2.1; neighbor solicitation and advertisement: RFC 4861 4.3, 4.4
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |     Type      |     Code      |           Checksum            |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |R|S|O| reserved; echo: identifier and sequence; too big: MTU   |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                  Target address (16 bytes)                    |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  Option type  | Length (8 B)  |  link-layer address ...
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
const TYPE = 0;
const CODE = 1;
const CHECKSUM = 2;
const WORD = 4;
const TARGET = 8;
const OPTIONS = 24;

export function icmpv6Fits(off: number, end: number): boolean {
  return end - off >= ICMPV6_BYTES;
}

/** True when the target address of a neighbor solicitation or advertisement is there. */
export function ndFits(off: number, end: number): boolean {
  return end - off >= ND_BYTES;
}

export function icmpv6Type(view: DataView, off: number): number {
  return view.getUint8(off + TYPE);
}

export function icmpv6Code(view: DataView, off: number): number {
  return view.getUint8(off + CODE);
}

/** The second word: identifier and sequence, the MTU, or flags. */
export function icmpv6Word(view: DataView, off: number): number {
  return view.getUint32(off + WORD);
}

/** NA_ROUTER | NA_SOLICITED | NA_OVERRIDE. */
export function naFlags(view: DataView, off: number): number {
  return view.getUint8(off + WORD);
}

/** Offset of the 16 bytes of the target address. */
export function ndTargetAt(off: number): number {
  return off + TARGET;
}

/** Offset of the MAC in the first link-layer option of this kind, -1 without one or when options are damaged. */
export function ndFindMac(view: DataView, off: number, end: number, kind: number): number {
  let at = off + OPTIONS;
  while (end - at >= ND_MAC_OPTION_BYTES) {
    const bytes = view.getUint8(at + 1) << 3;
    if (bytes === 0 || bytes > end - at) return -1;
    if (view.getUint8(at) === kind) return bytes >= 2 + MAC_BYTES ? at + 2 : -1;
    at += bytes;
  }
  return -1;
}

/** `ip` is the offset of the IPv6 header, `bytes` the whole message. */
export function icmpv6ChecksumOk(view: DataView, ip: number, off: number, bytes: number): boolean {
  return checksum(view, off, bytes, ipv6PseudoSum(view, ipv6SrcAt(ip), NEXT_ICMPV6, bytes)) === 0;
}

/** The first eight bytes; checksum 0 until written. */
export function writeIcmpv6(view: DataView, off: number, type: number, code: number, word: number): void {
  view.setUint8(off + TYPE, type);
  view.setUint8(off + CODE, code);
  view.setUint16(off + CHECKSUM, 0);
  view.setUint32(off + WORD, word);
}

/** One link-layer address option: 8 bytes at `at`. */
export function writeNdMacOption(view: DataView, at: number, kind: number, high: number, low: number): void {
  view.setUint8(at, kind);
  view.setUint8(at + 1, 1);
  view.setUint16(at + 2, high);
  view.setInt32(at + 4, low);
}

/** Computes the checksum over the whole message as it stands. */
export function writeIcmpv6Checksum(view: DataView, ip: number, off: number, bytes: number): void {
  view.setUint16(off + CHECKSUM, 0);
  view.setUint16(off + CHECKSUM, checksum(view, off, bytes, ipv6PseudoSum(view, ipv6SrcAt(ip), NEXT_ICMPV6, bytes)));
}
