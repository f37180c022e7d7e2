/**
 * IP addresses of either family: 4 or 16 bytes, and the one text form of each (`formatIpv4`, `ipv6Text`).
 *
 * For control, where families share their code. The data plane has numbers (ipv4.ts) and offsets (ipv6.ts).
 */
import type { Mac } from './ethernet.ts';
import { formatIpv4, IPV4_GROUP_MAC_HIGH, ipv4GroupMacLow, parseIpv4 } from './ipv4.ts';
import { IPV6_GROUP_MAC_HIGH, ipv6GroupMacLow } from './ipv6.ts';
import { ipv6Text, parseIpv6 } from './ipv6-text.ts';

/** 4 or 16 bytes, or null for text that is no address. */
export function addressBytes(text: string): Uint8Array | null {
  const v4 = parseIpv4(text);
  return v4 === null ? parseIpv6(text) : Uint8Array.of(v4 >>> 24, v4 >>> 16, v4 >>> 8, v4);
}

export function addressText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return bytes.length === 4 ? formatIpv4(view.getUint32(0)) : ipv6Text(view, 0);
}

/** The MAC address that frames for a multicast address of IPv4 or IPv6 are sent to (RFC 1112 6.4, RFC 2464 7); null for other addresses. */
export function groupMac(address: Uint8Array): Mac | null {
  const view = new DataView(address.buffer, address.byteOffset, address.length);
  if (address.length === 4) {
    return address[0] >>> 4 === 0xe ? { high: IPV4_GROUP_MAC_HIGH, low: ipv4GroupMacLow(view.getUint32(0)) } : null;
  }
  return address[0] === 0xff ? { high: IPV6_GROUP_MAC_HIGH, low: ipv6GroupMacLow(view, 0) } : null;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export function sharePrefix(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  const whole = bits >>> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const rest = bits & 7;
  return rest === 0 || (a[whole]! ^ b[whole]!) >>> (8 - rest) === 0;
}

/** `prefix`: an address with a length, of a subnet or of a host in it. */
export function covers(prefix: string, address: Uint8Array): boolean {
  const [text, length] = prefix.split('/');
  const bytes = addressBytes(text!);
  return bytes !== null && bytes.length === address.length && sharePrefix(bytes, address, Number(length));
}

/** The bits of byte `i` of an address that lie behind `length`. */
export function hostMask(length: number, i: number): number {
  return 0xff >>> Math.max(0, Math.min(8, length - i * 8));
}

/** The address with the bits behind `length` all 0: the prefix that it is in. */
export function masked(address: Uint8Array, length: number): Uint8Array {
  return address.map((byte, i) => byte & ~hostMask(length, i));
}

/** The same with all 1: in IPv4 the broadcast address. */
export function maskedOnes(address: Uint8Array, length: number): Uint8Array {
  return address.map((byte, i) => byte | hostMask(length, i));
}
