/**
 * ICMP for IPv4: echo, which the switch answers for its own addresses, and the errors that a router owes.
 *
 * One checksum over the whole message, no pseudo header.
 */
import { checksum } from './checksum.ts';

export const ICMP_BYTES = 8;

export const ICMP_ECHO_REPLY = 0;
export const ICMP_UNREACHABLE = 3;
export const ICMP_REDIRECT = 5;
export const ICMP_ECHO_REQUEST = 8;
export const ICMP_TIME_EXCEEDED = 11;

export const ICMP_CODE_NET_UNREACHABLE = 0;
export const ICMP_CODE_HOST_UNREACHABLE = 1;
export const ICMP_CODE_PROTOCOL_UNREACHABLE = 2;
export const ICMP_CODE_PORT_UNREACHABLE = 3;
/** Fragmentation needed and DF set: the next-hop MTU is in the message (RFC 1191 4). */
export const ICMP_CODE_FRAGMENTATION_NEEDED = 4;

/** Of ICMP_REDIRECT: datagrams for this host. The codes for networks are not to be sent (RFC 1812 5.2.7.2). */
export const ICMP_CODE_REDIRECT_HOST = 1;

/** Administratively prohibited (RFC 1812 5.2.7.1). */
export const ICMP_CODE_PROHIBITED = 13;

/*
 * RFC 792
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |     Type      |     Code      |           Checksum            |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  echo: Identifier             |  echo: Sequence number        |
 * |  unreachable: unused          |  unreachable 4: next-hop MTU  |
 * |  redirect: the better gateway's address                       |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
const TYPE = 0;
const CODE = 1;
const CHECKSUM = 2;
const IDENT = 4;
const SEQUENCE = 6;

export function icmpFits(off: number, end: number): boolean {
  return end - off >= ICMP_BYTES;
}

export function icmpType(view: DataView, off: number): number {
  return view.getUint8(off + TYPE);
}

export function icmpCode(view: DataView, off: number): number {
  return view.getUint8(off + CODE);
}

export function icmpIdent(view: DataView, off: number): number {
  return view.getUint16(off + IDENT);
}

export function icmpSequence(view: DataView, off: number): number {
  return view.getUint16(off + SEQUENCE);
}

/** Next-hop MTU of a "fragmentation needed", bytes of the IP packet. */
export function icmpMtu(view: DataView, off: number): number {
  return view.getUint16(off + SEQUENCE);
}

/** `bytes` is the whole message. */
export function icmpChecksumOk(view: DataView, off: number, bytes: number): boolean {
  return checksum(view, off, bytes) === 0;
}

/** The eight bytes; the second word is `ident` and `sequence`, or 0 and the MTU. Checksum 0 until written. */
export function writeIcmp(
  view: DataView,
  off: number,
  type: number,
  code: number,
  ident: number,
  sequence: number,
): void {
  view.setUint8(off + TYPE, type);
  view.setUint8(off + CODE, code);
  view.setUint16(off + CHECKSUM, 0);
  view.setUint16(off + IDENT, ident);
  view.setUint16(off + SEQUENCE, sequence);
}

/** Computes the checksum over the whole message as it stands. */
export function writeIcmpChecksum(view: DataView, off: number, bytes: number): void {
  view.setUint16(off + CHECKSUM, 0);
  view.setUint16(off + CHECKSUM, checksum(view, off, bytes));
}
