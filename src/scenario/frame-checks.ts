/**
 * Checks that a mask cannot make: whether checksums of a received frame add up (RFC 1071), behind any tags.
 */

import type { FrameCheck } from './format.ts';

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const UDP = 17;

/** What does not hold, or null. */
export function checksHold(frame: Buffer, checks: readonly FrameCheck[]): string | null {
  if (checks.length === 0) return null;
  let at = 12;
  while (at + 4 <= frame.length && (frame.readUInt16BE(at) === 0x8100 || frame.readUInt16BE(at) === 0x88a8)) at += 4;
  const type = at + 2 <= frame.length ? frame.readUInt16BE(at) : 0;
  const ip = frame.subarray(at + 2);
  if (checks.includes('ipv4_header_checksum_valid')) {
    const length = ((ip[0] ?? 0) % 16) * 4;
    if (type !== IPV4 || length < 20 || ip.length < length) return 'it has no IPv4 header';
    if (sum(ip.subarray(0, length)) !== 0xffff) return 'its IPv4 header checksum is wrong';
  }
  const mayBeZero = checks.includes('udp_checksum_zero_or_valid');
  const mustBeThere = checks.includes('udp_checksum_present_and_valid');
  if (!mayBeZero && !mustBeThere) return null;
  const udp = udpOf(type, ip);
  if (udp === null) return 'it has no UDP datagram';
  if (udp.datagram.readUInt16BE(6) === 0) return mustBeThere ? 'it has no UDP checksum' : null;
  const total = sum(udp.pseudo) + sum(udp.datagram);
  return (total & 0xffff) + (total >>> 16) === 0xffff ? null : 'its UDP checksum is wrong';
}

/** UDP source port of a frame, behind any tags; null when it holds no datagram. */
export function outerSourcePort(frame: Buffer): number | null {
  let at = 12;
  while (at + 4 <= frame.length && (frame.readUInt16BE(at) === 0x8100 || frame.readUInt16BE(at) === 0x88a8)) at += 4;
  const type = at + 2 <= frame.length ? frame.readUInt16BE(at) : 0;
  return udpOf(type, frame.subarray(at + 2))?.datagram.readUInt16BE(0) ?? null;
}

function udpOf(type: number, ip: Buffer): { pseudo: Buffer; datagram: Buffer } | null {
  const v4 = type === IPV4;
  if (!v4 && type !== IPV6) return null;
  const header = v4 ? ((ip[0] ?? 0) % 16) * 4 : 40;
  if (header < 20 || ip.length < header + 8 || ip[v4 ? 9 : 6] !== UDP) return null;
  const total = v4 ? ip.readUInt16BE(2) : 40 + ip.readUInt16BE(4);
  if (total < header + 8 || total > ip.length) return null;
  const datagram = ip.subarray(header, total);
  const tail = Buffer.from([0, UDP, datagram.length >> 8, datagram.length & 0xff]);
  return { pseudo: Buffer.concat([v4 ? ip.subarray(12, 20) : ip.subarray(8, 40), tail]), datagram };
}

/** Ones' complement sum of 16-bit words; 0xffff over data that carries its right checksum. */
function sum(bytes: Buffer): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i++) total += i % 2 === 0 ? bytes[i]! * 256 : bytes[i]!;
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
  return total;
}
