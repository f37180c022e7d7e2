/**
 * IPv6: a fixed header, then a chain of extension headers of which every link names the next.
 *
 * `ipv6Fits` covers the fixed header and the payload length. The chain is walked by `findUpper`, which stops at
 * the first header that is not an extension, at a cut one, and after MAX_EXTENSIONS: a hostile chain costs a
 * bounded number of steps. What it found it leaves in a struct that the caller owns, so walking allocates
 * nothing.
 *
 * Addresses are 16 bytes in place; text follows RFC 5952.
 */

export const IPV6_BYTES = 40;
export const IPV6_ADDRESS_BYTES = 16;
export const IPV6_FRAGMENT_BYTES = 8;
export const MIN_EXTENSION_BYTES = 8;

export const NEXT_HOP_BY_HOP = 0;
export const NEXT_ROUTING = 43;
export const NEXT_FRAGMENT = 44;
export const NEXT_AUTHENTICATION = 51;
export const NEXT_ICMPV6 = 58;
export const NEXT_NONE = 59;
export const NEXT_DESTINATION = 60;
export const NEXT_SHIM6 = 140;

/** More than this in one packet is an attack, not a route. */
export const MAX_EXTENSIONS = 16;

/*
 * RFC 8200 3
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |Version| Traffic Class |              Flow Label               |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |         Payload Length        |  Next Header  |   Hop Limit   |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                   Source Address (16 bytes)                   |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                Destination Address (16 bytes)                 |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Extension (4.3, 4.4, 4.6): next header, length in units of 8 bytes without the first 8, contents
 * Fragment (4.5): next header, zero, offset (13 bits) | 00 | M, identification (32 bits)
 * Authentication (RFC 4302): next header, length in units of 4 bytes without the first 8, contents
 */
const FIRST = 0;
const PAYLOAD = 4;
const NEXT = 6;
const HOP_LIMIT = 7;
const SRC = 8;
const DST = 24;

const EXT_NEXT = 0;
const EXT_LENGTH = 1;
const FRAG_OFFSET = 2;
const FRAG_IDENT = 4;
const FRAG_MORE = 0x0001;
const FRAG_OFFSET_MASK = 0xfff8;

/** True for version 6 and a packet that is whole before `end` (payload length 0, a jumbogram, fits always). */
export function ipv6Fits(view: DataView, off: number, end: number): boolean {
  if (end - off < IPV6_BYTES) return false;
  return view.getUint8(off + FIRST) >>> 4 === 6 && IPV6_BYTES + view.getUint16(off + PAYLOAD) <= end - off;
}

export function ipv6Version(view: DataView, off: number): number {
  return view.getUint8(off + FIRST) >>> 4;
}

/** Traffic class: DSCP and ECN in one byte. */
export function ipv6Class(view: DataView, off: number): number {
  return (view.getUint16(off + FIRST) >>> 4) & 0xff;
}

/** 20 bits. */
export function ipv6FlowLabel(view: DataView, off: number): number {
  return view.getUint32(off + FIRST) & 0xfffff;
}

/** Bytes behind the fixed header, extension headers included. */
export function ipv6PayloadBytes(view: DataView, off: number): number {
  return view.getUint16(off + PAYLOAD);
}

/** Next header of the fixed header: not the upper protocol when extensions follow. */
export function ipv6Next(view: DataView, off: number): number {
  return view.getUint8(off + NEXT);
}

export function ipv6HopLimit(view: DataView, off: number): number {
  return view.getUint8(off + HOP_LIMIT);
}

/** Offset of the 16 bytes of the source address; the destination follows it. */
export function ipv6SrcAt(off: number): number {
  return off + SRC;
}

/** Offset of the 16 bytes of the destination address. */
export function ipv6DstAt(off: number): number {
  return off + DST;
}

export function sameIpv6(view: DataView, at: number, other: DataView, otherAt: number): boolean {
  return (
    view.getInt32(at) === other.getInt32(otherAt) &&
    view.getInt32(at + 4) === other.getInt32(otherAt + 4) &&
    view.getInt32(at + 8) === other.getInt32(otherAt + 8) &&
    view.getInt32(at + 12) === other.getInt32(otherAt + 12)
  );
}

/** ff00::/8. */
export function isIpv6Multicast(view: DataView, at: number): boolean {
  return view.getUint8(at) === 0xff;
}

/** fe80::/10. */
export function isIpv6LinkLocal(view: DataView, at: number): boolean {
  return (view.getUint16(at) & 0xffc0) === 0xfe80;
}

/** Low half of the group MAC 33-33-xx-xx-xx-xx of an IPv6 group (RFC 2464 7); the high half is IPV6_GROUP_MAC_HIGH. */
export function ipv6GroupMacLow(view: DataView, at: number): number {
  return view.getInt32(at + 12);
}

/** First two bytes of the MAC addresses of IPv6 groups. */
export const IPV6_GROUP_MAC_HIGH = 0x3333;

/** ff02::1:ffXX:XXXX with the last three bytes of an address: the group it is asked for in (RFC 4291 2.7.1). */
export function solicitedNodeGroup(address: Uint8Array): Uint8Array {
  const group = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0);
  group.set(address.subarray(13), 13);
  return group;
}

/** fe80:: with the interface identifier of a MAC address (RFC 4291 appendix A). */
export function linkLocalAddress(macHigh: number, macLow: number): Uint8Array {
  const address = new Uint8Array(IPV6_ADDRESS_BYTES);
  const view = new DataView(address.buffer);
  view.setUint16(0, 0xfe80);
  view.setUint16(8, macHigh ^ 0x0200);
  view.setUint8(10, macLow >>> 24);
  view.setUint16(11, 0xfffe);
  view.setUint8(13, macLow >>> 16);
  view.setUint16(14, macLow);
  return address;
}

/** `::`, the source of a duplicate address probe. */
export function isIpv6Unspecified(view: DataView, at: number): boolean {
  return (view.getInt32(at) | view.getInt32(at + 4) | view.getInt32(at + 8) | view.getInt32(at + 12)) === 0;
}

/** `::` and `::1`. */
export function isIpv6Reserved(view: DataView, at: number): boolean {
  return (view.getInt32(at) | view.getInt32(at + 4) | view.getInt32(at + 8)) === 0 && view.getUint32(at + 12) <= 1;
}

/** Where the chain of extension headers ends. */
export interface Upper {
  /** Protocol of the header at `at`: the first that is no extension. */
  protocol: number;
  at: number;
  /** A fragment header is in the chain. */
  fragment: boolean;
  /** Place of this fragment in its packet, in bytes; above 0 there is no upper header to read. */
  fragmentOffset: number;
  moreFragments: boolean;
  fragmentIdent: number;
  /** False when a header is cut by `end` or there are too many: `protocol` is that of the header at `at`. */
  whole: boolean;
}

export function createUpper(): Upper {
  return {
    protocol: NEXT_NONE,
    at: 0,
    fragment: false,
    fragmentOffset: 0,
    moreFragments: false,
    fragmentIdent: 0,
    whole: false,
  };
}

/** Headers that name a next one which may carry data. Mobility and HIP (RFC 7045 4) end the chain in practice. */
export function isExtension(next: number): boolean {
  return (
    next === NEXT_HOP_BY_HOP ||
    next === NEXT_ROUTING ||
    next === NEXT_FRAGMENT ||
    next === NEXT_AUTHENTICATION ||
    next === NEXT_DESTINATION ||
    next === NEXT_SHIM6
  );
}

/** Bytes of the extension header `next` at `at`; its first two bytes must be there. */
export function extensionBytes(view: DataView, at: number, next: number): number {
  if (next === NEXT_FRAGMENT) return IPV6_FRAGMENT_BYTES;
  const units = view.getUint8(at + EXT_LENGTH);
  return next === NEXT_AUTHENTICATION ? (units + 2) << 2 : (units + 1) << 3;
}

/** Place in its packet, in bytes, of what stands behind the fragment header at `at`. */
export function ipv6FragmentOffset(view: DataView, at: number): number {
  return view.getUint16(at + FRAG_OFFSET) & FRAG_OFFSET_MASK;
}

/**
 * Walks the extension headers of the packet at `off` into `out`; the fixed header must be there. A reader of
 * captures may allow more of them than the data plane does: `end` bounds the walk too.
 */
export function findUpper(
  view: DataView,
  off: number,
  end: number,
  out: Upper,
  maxExtensions: number = MAX_EXTENSIONS,
): void {
  let next = view.getUint8(off + NEXT);
  let at = off + IPV6_BYTES;
  out.fragment = false;
  out.fragmentOffset = 0;
  out.moreFragments = false;
  out.fragmentIdent = 0;
  out.whole = false;
  for (let count = 0; count <= maxExtensions; count++) {
    out.protocol = next;
    out.at = at;
    if (!isExtension(next) || out.fragmentOffset !== 0) {
      out.whole = true;
      return;
    }
    if (end - at < MIN_EXTENSION_BYTES) return;
    const bytes = extensionBytes(view, at, next);
    if (end - at < bytes) return;
    if (next === NEXT_FRAGMENT) {
      const word = view.getUint16(at + FRAG_OFFSET);
      out.fragment = true;
      out.fragmentOffset = word & FRAG_OFFSET_MASK;
      out.moreFragments = (word & FRAG_MORE) !== 0;
      out.fragmentIdent = view.getUint32(at + FRAG_IDENT);
    }
    next = view.getUint8(at + EXT_NEXT);
    at += bytes;
  }
}

/** The fixed header without its addresses; `payloadBytes` is all that follows the 40 bytes. */
export function writeIpv6(
  view: DataView,
  off: number,
  next: number,
  payloadBytes: number,
  hopLimit: number = 64,
  trafficClass: number = 0,
  flowLabel: number = 0,
): void {
  view.setUint32(off + FIRST, 0x60000000 | (trafficClass << 20) | (flowLabel & 0xfffff));
  view.setUint16(off + PAYLOAD, payloadBytes);
  view.setUint8(off + NEXT, next);
  view.setUint8(off + HOP_LIMIT, hopLimit);
}

export function writeIpv6HopLimit(view: DataView, off: number, hopLimit: number): void {
  view.setUint8(off + HOP_LIMIT, hopLimit);
}

/** Copies 16 bytes; source and target may be different memory. */
export function copyIpv6(from: DataView, fromAt: number, to: DataView, toAt: number): void {
  for (let i = 0; i < IPV6_ADDRESS_BYTES; i += 4) to.setInt32(toAt + i, from.getInt32(fromAt + i));
}
