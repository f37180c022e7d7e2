/**
 * Neighbor discovery (RFC 4861): which messages may be believed, and whole packets of each kind.
 *
 * A message counts only when nothing on its way can have made it up: hop limit 255 (no router forwarded it), a right
 * checksum, and what RFC 4861 6.1 and 7.1 ask of each kind. `ndValid` is that check, once; readers (icmpv6.ts) need
 * nothing else afterwards.
 *
 * Packets are new memory, one a message: they are control's, a few a second.
 */
import { ipv6Packet } from './build.ts';
import type { Mac } from './ethernet.ts';
import { MAX_ICMPV6_ERROR_BYTES } from './icmp-error.ts';
import {
  icmpv6ChecksumOk,
  icmpv6Code,
  icmpv6Type,
  NA_SOLICITED,
  ND_BYTES,
  ND_HOP_LIMIT,
  ND_MAC_OPTION_BYTES,
  ND_NEIGHBOR_ADVERTISEMENT,
  ND_NEIGHBOR_SOLICITATION,
  ND_OPTION_SOURCE_MAC,
  ND_OPTION_TARGET_MAC,
  ND_REDIRECT,
  ND_ROUTER_ADVERTISEMENT,
  ND_ROUTER_SOLICITATION,
  naFlags,
  ndTargetAt,
  writeIcmpv6,
  writeIcmpv6Checksum,
  writeNdMacOption,
} from './icmpv6.ts';
import {
  IPV6_ADDRESS_BYTES,
  IPV6_BYTES,
  ipv6DstAt,
  ipv6HopLimit,
  ipv6SrcAt,
  isIpv6LinkLocal,
  isIpv6Multicast,
  isIpv6Unspecified,
  NEXT_ICMPV6,
  solicitedNodeGroup,
} from './ipv6.ts';

export const RS_BYTES = 8;
export const RA_BYTES = 16;
export const ND_PREFIX_OPTION_BYTES = 32;
export const ND_MTU_OPTION_BYTES = 8;

export const ND_OPTION_PREFIX = 3;
export const ND_OPTION_REDIRECTED = 4;
export const ND_OPTION_MTU = 5;

/** Flags of a prefix option. */
export const PREFIX_ON_LINK = 0x80;
export const PREFIX_AUTONOMOUS = 0x40;

/** ff02::1 and ff02::2. */
export const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
export const ALL_ROUTERS = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2);
export const IPV6_UNSPECIFIED = new Uint8Array(IPV6_ADDRESS_BYTES);

/*
 * RFC 4861 4.2, 4.6.2, 4.6.4
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |   Type (134)  |     Code (0)  |           Checksum            |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * | Cur Hop Limit |M|O|  reserved |       Router lifetime (s)     |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                      Reachable time (ms)                      |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                      Retransmit timer (ms)                    |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Prefix: type 3, length 4, prefix length, L|A flags, valid (s), preferred (s), zero, prefix (16 bytes)
 * MTU:    type 5, length 1, zero (2 bytes), MTU (4 bytes)
 */
const RA_WORD = 4;

/** Whether the message at `off`, `bytes` long, in the packet at `ip`, is to be believed. */
export function ndValid(view: DataView, ip: number, off: number, bytes: number): boolean {
  if (ipv6HopLimit(view, ip) !== ND_HOP_LIMIT || bytes < RS_BYTES || icmpv6Code(view, off) !== 0) return false;
  const type = icmpv6Type(view, off);
  const fixed = fixedBytes(type);
  if (fixed === 0 || bytes < fixed || !icmpv6ChecksumOk(view, ip, off, bytes)) return false;
  if (!optionsWhole(view, off + fixed, off + bytes)) return false;
  const fromNobody = isIpv6Unspecified(view, ipv6SrcAt(ip));
  switch (type) {
    case ND_NEIGHBOR_SOLICITATION:
      if (isIpv6Multicast(view, ndTargetAt(off))) return false;
      if (!fromNobody) return true;
      return (
        isSolicitedNode(view, ipv6DstAt(ip)) && findOption(view, off + fixed, off + bytes, ND_OPTION_SOURCE_MAC) < 0
      );
    case ND_NEIGHBOR_ADVERTISEMENT:
      if (isIpv6Multicast(view, ndTargetAt(off))) return false;
      return !isIpv6Multicast(view, ipv6DstAt(ip)) || (naFlags(view, off) & NA_SOLICITED) === 0;
    case ND_ROUTER_ADVERTISEMENT:
      return isIpv6LinkLocal(view, ipv6SrcAt(ip));
    default:
      return !fromNobody || findOption(view, off + fixed, off + bytes, ND_OPTION_SOURCE_MAC) < 0;
  }
}

function fixedBytes(type: number): number {
  if (type === ND_NEIGHBOR_SOLICITATION || type === ND_NEIGHBOR_ADVERTISEMENT) return ND_BYTES;
  if (type === ND_ROUTER_SOLICITATION) return RS_BYTES;
  return type === ND_ROUTER_ADVERTISEMENT ? RA_BYTES : 0;
}

function optionsWhole(view: DataView, from: number, end: number): boolean {
  let at = from;
  while (at < end) {
    const bytes = end - at >= 2 ? view.getUint8(at + 1) << 3 : 0;
    if (bytes === 0 || bytes > end - at) return false;
    at += bytes;
  }
  return true;
}

/** Offset of the first option of this kind, -1 without one. The options are whole. */
export function findOption(view: DataView, from: number, end: number, kind: number): number {
  for (let at = from; at < end; at += view.getUint8(at + 1) << 3) if (view.getUint8(at) === kind) return at;
  return -1;
}

/** ff02::1:ff00:0/104. */
function isSolicitedNode(view: DataView, at: number): boolean {
  return (
    view.getInt32(at) === (0xff020000 | 0) &&
    view.getInt32(at + 4) === 0 &&
    view.getInt32(at + 8) === 1 &&
    view.getUint8(at + 12) === 0xff
  );
}

/**
 * "Who has `target`?" `dst` null asks its solicited-node group, else the neighbor itself (a reachability probe). From
 * the unspecified address it is a probe for a duplicate and says no MAC.
 */
export function neighborSolicitation(
  src: Uint8Array,
  dst: Uint8Array | null,
  target: Uint8Array,
  mac: Mac,
): Uint8Array {
  const named = src.some((byte) => byte !== 0);
  return neighborMessage(
    src,
    dst ?? solicitedNodeGroup(target),
    ND_NEIGHBOR_SOLICITATION,
    0,
    target,
    named ? ND_OPTION_SOURCE_MAC : 0,
    mac,
  );
}

/** "`target` is at `mac`." `flags` are NA_*. */
export function neighborAdvertisement(
  src: Uint8Array,
  dst: Uint8Array,
  target: Uint8Array,
  mac: Mac,
  flags: number,
): Uint8Array {
  return neighborMessage(src, dst, ND_NEIGHBOR_ADVERTISEMENT, flags << 24, target, ND_OPTION_TARGET_MAC, mac);
}

function neighborMessage(
  src: Uint8Array,
  dst: Uint8Array,
  type: number,
  word: number,
  target: Uint8Array,
  option: number,
  mac: Mac,
): Uint8Array {
  const message = new Uint8Array(ND_BYTES + (option === 0 ? 0 : ND_MAC_OPTION_BYTES));
  const view = new DataView(message.buffer);
  writeIcmpv6(view, 0, type, 0, word);
  message.set(target, ndTargetAt(0));
  if (option !== 0) writeNdMacOption(view, ND_BYTES, option, mac.high, mac.low);
  return ndPacket(src, dst, message);
}

/** "Which routers are there?" */
export function routerSolicitation(src: Uint8Array, mac: Mac): Uint8Array {
  const named = src.some((byte) => byte !== 0);
  const message = new Uint8Array(RS_BYTES + (named ? ND_MAC_OPTION_BYTES : 0));
  const view = new DataView(message.buffer);
  writeIcmpv6(view, 0, ND_ROUTER_SOLICITATION, 0, 0);
  if (named) writeNdMacOption(view, RS_BYTES, ND_OPTION_SOURCE_MAC, mac.high, mac.low);
  return ndPacket(src, ALL_ROUTERS, message);
}

export interface AdvertisedPrefix {
  readonly prefix: Uint8Array;
  readonly length: number;
  /** PREFIX_*. */
  readonly flags: number;
  readonly validSeconds: number;
  readonly preferredSeconds: number;
}

export interface RouterFacts {
  readonly hopLimit: number;
  /** 0: not a default router. */
  readonly lifetimeSeconds: number;
  readonly mtu: number;
  readonly prefixes: readonly AdvertisedPrefix[];
}

/** "I am a router, and these are the prefixes here." `src` is link-local. */
export function routerAdvertisement(src: Uint8Array, dst: Uint8Array, mac: Mac, facts: RouterFacts): Uint8Array {
  const { prefixes } = facts;
  const prefixesAt = RA_BYTES + ND_MAC_OPTION_BYTES + ND_MTU_OPTION_BYTES;
  const message = new Uint8Array(prefixesAt + prefixes.length * ND_PREFIX_OPTION_BYTES);
  const view = new DataView(message.buffer);
  writeIcmpv6(view, 0, ND_ROUTER_ADVERTISEMENT, 0, 0);
  view.setUint8(RA_WORD, facts.hopLimit);
  view.setUint16(RA_WORD + 2, facts.lifetimeSeconds);
  writeNdMacOption(view, RA_BYTES, ND_OPTION_SOURCE_MAC, mac.high, mac.low);
  const mtuAt = RA_BYTES + ND_MAC_OPTION_BYTES;
  view.setUint8(mtuAt, ND_OPTION_MTU);
  view.setUint8(mtuAt + 1, 1);
  view.setUint32(mtuAt + 4, facts.mtu);
  prefixes.forEach((p, i) => {
    const at = prefixesAt + i * ND_PREFIX_OPTION_BYTES;
    view.setUint8(at, ND_OPTION_PREFIX);
    view.setUint8(at + 1, 4);
    view.setUint8(at + 2, p.length);
    view.setUint8(at + 3, p.flags);
    view.setUint32(at + 4, p.validSeconds);
    view.setUint32(at + 8, p.preferredSeconds);
    message.set(p.prefix, at + 16);
  });
  return ndPacket(src, dst, message);
}

/*
 * RFC 4861 4.5, 4.6.3
 *
 * type 137, code 0, checksum, zero (4 bytes), target (16), destination (16), then the target's MAC where it is known, and
 * redirected header: type 4, length in 8 bytes, zero (6 bytes), the packet as far as it fits
 */
const REDIRECT_BYTES = 40;
const REDIRECTED_BYTES = 8;

/**
 * "What you sent to `packet`'s destination belongs to `target`, on your own link." `src` is link-local; `target` is the
 * link-local address of a router, or the destination itself. As much of `packet`, an IPv6 packet, is quoted as fits into
 * 1,280 bytes, in units of 8.
 */
export function redirect(src: Uint8Array, target: Uint8Array, mac: Mac | null, packet: Uint8Array): Uint8Array {
  const macBytes = mac === null ? 0 : ND_MAC_OPTION_BYTES;
  const quotedAt = REDIRECT_BYTES + macBytes;
  const room = MAX_ICMPV6_ERROR_BYTES - IPV6_BYTES - quotedAt;
  const optionBytes = Math.min(room, REDIRECTED_BYTES + packet.length) & ~7;
  const message = new Uint8Array(quotedAt + optionBytes);
  const view = new DataView(message.buffer);
  const dst = packet.subarray(ipv6DstAt(0), ipv6DstAt(0) + IPV6_ADDRESS_BYTES);
  writeIcmpv6(view, 0, ND_REDIRECT, 0, 0);
  message.set(target, ndTargetAt(0));
  message.set(dst, ndTargetAt(0) + IPV6_ADDRESS_BYTES);
  if (mac !== null) writeNdMacOption(view, REDIRECT_BYTES, ND_OPTION_TARGET_MAC, mac.high, mac.low);
  message[quotedAt] = ND_OPTION_REDIRECTED;
  message[quotedAt + 1] = optionBytes >>> 3;
  message.set(packet.subarray(0, optionBytes - REDIRECTED_BYTES), quotedAt + REDIRECTED_BYTES);
  return ndPacket(src, packet.subarray(ipv6SrcAt(0), ipv6SrcAt(0) + IPV6_ADDRESS_BYTES), message);
}

function ndPacket(src: Uint8Array, dst: Uint8Array, message: Uint8Array): Uint8Array {
  const packet = ipv6Packet({ src, dst, ttl: ND_HOP_LIMIT }, NEXT_ICMPV6, message);
  writeIcmpv6Checksum(new DataView(packet.buffer), 0, IPV6_BYTES, message.length);
  return packet;
}
