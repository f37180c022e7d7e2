/**
 * TCP: read for ports (flow hashing, filters) and flags; a switch never answers it.
 */
import { checksum, ipv4PseudoSum, ipv6PseudoSum } from './checksum.ts';
import { ipv4Addresses, PROTO_TCP } from './ipv4.ts';
import { ipv6SrcAt } from './ipv6.ts';

export const TCP_BYTES = 20;

export const TCP_FIN = 0x01;
export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_PSH = 0x08;
export const TCP_ACK = 0x10;

/*
 * RFC 9293 3.1
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |          Source port          |       Destination port        |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                        Sequence number                        |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                    Acknowledgment number                      |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * | Offset| Rsrvd |     Flags     |            Window             |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |           Checksum            |        Urgent pointer         |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
const SRC = 0;
const DST = 2;
const SEQUENCE = 4;
const ACKNOWLEDGMENT = 8;
const DATA_OFFSET = 12;
const FLAGS = 13;
const CHECKSUM = 16;

/** True when the header with its options lies before `end`. */
export function tcpFits(view: DataView, off: number, end: number): boolean {
  if (end - off < TCP_BYTES) return false;
  const bytes = tcpHeaderBytes(view, off);
  return bytes >= TCP_BYTES && bytes <= end - off;
}

export function tcpSrc(view: DataView, off: number): number {
  return view.getUint16(off + SRC);
}

export function tcpDst(view: DataView, off: number): number {
  return view.getUint16(off + DST);
}

export function tcpSequence(view: DataView, off: number): number {
  return view.getUint32(off + SEQUENCE);
}

export function tcpAcknowledgment(view: DataView, off: number): number {
  return view.getUint32(off + ACKNOWLEDGMENT);
}

/** Bytes of the header with its options, 0..60. */
export function tcpHeaderBytes(view: DataView, off: number): number {
  return (view.getUint8(off + DATA_OFFSET) >>> 4) << 2;
}

/** TCP_FIN | TCP_SYN | … */
export function tcpFlags(view: DataView, off: number): number {
  return view.getUint8(off + FLAGS);
}

/** `ip` is the offset of the IPv4 header, `bytes` the whole segment. */
export function tcpChecksumOkIpv4(view: DataView, ip: number, off: number, bytes: number): boolean {
  return checksum(view, off, bytes, ipv4PseudoSum(view, ipv4Addresses(ip), PROTO_TCP, bytes)) === 0;
}

/** The same over IPv6. */
export function tcpChecksumOkIpv6(view: DataView, ip: number, off: number, bytes: number): boolean {
  return checksum(view, off, bytes, ipv6PseudoSum(view, ipv6SrcAt(ip), PROTO_TCP, bytes)) === 0;
}

/** Computes the checksum over the segment as it stands. */
export function writeTcpChecksumIpv4(view: DataView, ip: number, off: number, bytes: number): void {
  view.setUint16(off + CHECKSUM, 0);
  view.setUint16(off + CHECKSUM, checksum(view, off, bytes, ipv4PseudoSum(view, ipv4Addresses(ip), PROTO_TCP, bytes)));
}

/** The same over IPv6. */
export function writeTcpChecksumIpv6(view: DataView, ip: number, off: number, bytes: number): void {
  view.setUint16(off + CHECKSUM, 0);
  view.setUint16(off + CHECKSUM, checksum(view, off, bytes, ipv6PseudoSum(view, ipv6SrcAt(ip), PROTO_TCP, bytes)));
}
