/**
 * UDP: eight bytes, of which the checksum is the one with a story.
 *
 * Zero means "not computed": usual for tunnels over IPv4, forbidden over IPv6 except for tunnels that are
 * configured for it (RFC 6935). A checksum that computes to zero is therefore sent as 0xFFFF.
 *
 * `udpFits` checks the header and its length field against the bytes there; the length may leave a rest, which
 * is padding.
 */
import { checksum, ipv4PseudoSum, ipv6PseudoSum } from './checksum.ts';
import { ipv4Addresses, PROTO_UDP } from './ipv4.ts';
import { ipv6SrcAt } from './ipv6.ts';

export const UDP_BYTES = 8;

export const PORT_DNS = 53;
export const PORT_DHCP_SERVER = 67;
export const PORT_DHCP_CLIENT = 68;
export const PORT_VXLAN = 4789;
/** Used for VXLAN before IANA gave a port; still the default of flannel and of `ip link`. */
export const PORT_VXLAN_OLD = 8472;

/*
 * RFC 768
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |          Source port          |       Destination port        |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |            Length             |           Checksum            |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
const SRC = 0;
const DST = 2;
const LENGTH = 4;
const CHECKSUM = 6;

/** True when the header and the datagram it announces lie before `end`. */
export function udpFits(view: DataView, off: number, end: number): boolean {
  if (end - off < UDP_BYTES) return false;
  const bytes = view.getUint16(off + LENGTH);
  return bytes >= UDP_BYTES && bytes <= end - off;
}

export function udpSrc(view: DataView, off: number): number {
  return view.getUint16(off + SRC);
}

export function udpDst(view: DataView, off: number): number {
  return view.getUint16(off + DST);
}

/** Header and payload. */
export function udpBytes(view: DataView, off: number): number {
  return view.getUint16(off + LENGTH);
}

export function udpChecksum(view: DataView, off: number): number {
  return view.getUint16(off + CHECKSUM);
}

/** True when the checksum is right or, being 0, was not computed. `ip` is the offset of the IPv4 header. */
export function udpChecksumOkIpv4(view: DataView, ip: number, off: number): boolean {
  if (view.getUint16(off + CHECKSUM) === 0) return true;
  const bytes = udpBytes(view, off);
  return checksum(view, off, bytes, ipv4PseudoSum(view, ipv4Addresses(ip), PROTO_UDP, bytes)) === 0;
}

/** True when the checksum is right; 0 is wrong here, whoever allows it asks `udpChecksum` first. */
export function udpChecksumOkIpv6(view: DataView, ip: number, off: number): boolean {
  if (view.getUint16(off + CHECKSUM) === 0) return false;
  const bytes = udpBytes(view, off);
  return checksum(view, off, bytes, ipv6PseudoSum(view, ipv6SrcAt(ip), PROTO_UDP, bytes)) === 0;
}

/** `payloadBytes` is what follows; the checksum is written as 0, "not computed". */
export function writeUdp(view: DataView, off: number, src: number, dst: number, payloadBytes: number): void {
  view.setUint16(off + SRC, src);
  view.setUint16(off + DST, dst);
  view.setUint16(off + LENGTH, UDP_BYTES + payloadBytes);
  view.setUint16(off + CHECKSUM, 0);
}

/** Computes the checksum over header and payload as they stand; `ip` is the offset of the IPv4 header. */
export function writeUdpChecksumIpv4(view: DataView, ip: number, off: number): void {
  const bytes = udpBytes(view, off);
  writeChecksum(view, off, bytes, ipv4PseudoSum(view, ipv4Addresses(ip), PROTO_UDP, bytes));
}

/** The same over IPv6. */
export function writeUdpChecksumIpv6(view: DataView, ip: number, off: number): void {
  const bytes = udpBytes(view, off);
  writeChecksum(view, off, bytes, ipv6PseudoSum(view, ipv6SrcAt(ip), PROTO_UDP, bytes));
}

function writeChecksum(view: DataView, off: number, bytes: number, pseudo: number): void {
  view.setUint16(off + CHECKSUM, 0);
  const value = checksum(view, off, bytes, pseudo);
  view.setUint16(off + CHECKSUM, value === 0 ? 0xffff : value);
}
