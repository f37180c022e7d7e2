/**
 * ARP for IPv4 over Ethernet: who has an address, and who says so.
 *
 * `arpFits` accepts only that one combination of address types and lengths; all other ARP is for a switch a
 * frame like any other. The addresses inside are claims: the Ethernet header above may say something else.
 */
import { macText, writeMac } from './ethernet.ts';
import { ipv4Text } from './ipv4.ts';

export const ARP_BYTES = 28;

export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

const HARDWARE_ETHERNET = 1;
const PROTOCOL_IPV4 = 0x0800;

/*
 * RFC 826, for Ethernet and IPv4
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |       Hardware type (1)       |     Protocol type (0x0800)    |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * | Hw. size (6)  | Pr. size (4)  |           Operation           |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                 Sender hardware address (6)                   |
 * +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                               |  Sender protocol address (4)  |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                               |  Target hardware address (6)  |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
 * |                                                               |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                  Target protocol address (4)                  |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
const HARDWARE = 0;
const PROTOCOL = 2;
const SIZES = 4;
const OPERATION = 6;
const SENDER_MAC = 8;
const SENDER_IP = 14;
const TARGET_MAC = 18;
const TARGET_IP = 24;

/** True for a whole ARP packet of Ethernet and IPv4 before `end`. */
export function arpFits(view: DataView, off: number, end: number): boolean {
  return (
    end - off >= ARP_BYTES &&
    view.getUint16(off + HARDWARE) === HARDWARE_ETHERNET &&
    view.getUint16(off + PROTOCOL) === PROTOCOL_IPV4 &&
    view.getUint16(off + SIZES) === 0x0604
  );
}

export function arpOperation(view: DataView, off: number): number {
  return view.getUint16(off + OPERATION);
}

export function arpSenderHigh(view: DataView, off: number): number {
  return view.getUint16(off + SENDER_MAC);
}

export function arpSenderLow(view: DataView, off: number): number {
  return view.getInt32(off + SENDER_MAC + 2);
}

export function arpTargetHigh(view: DataView, off: number): number {
  return view.getUint16(off + TARGET_MAC);
}

export function arpTargetLow(view: DataView, off: number): number {
  return view.getInt32(off + TARGET_MAC + 2);
}

export function arpSenderIp(view: DataView, off: number): number {
  return view.getUint32(off + SENDER_IP);
}

export function arpTargetIp(view: DataView, off: number): number {
  return view.getUint32(off + TARGET_IP);
}

/** Sender and target address are the same: an announcement (RFC 5227 2.3, RFC 5944 4.6). */
export function isGratuitousArp(view: DataView, off: number): boolean {
  return arpSenderIp(view, off) === arpTargetIp(view, off);
}

/** A request from 0.0.0.0: duplicate address detection (RFC 5227 2.1.1). */
export function isArpProbe(view: DataView, off: number): boolean {
  return arpOperation(view, off) === ARP_REQUEST && arpSenderIp(view, off) === 0;
}

/** All 28 bytes. */
export function writeArp(
  view: DataView,
  off: number,
  operation: number,
  senderHigh: number,
  senderLow: number,
  senderIp: number,
  targetHigh: number,
  targetLow: number,
  targetIp: number,
): void {
  view.setUint16(off + HARDWARE, HARDWARE_ETHERNET);
  view.setUint16(off + PROTOCOL, PROTOCOL_IPV4);
  view.setUint16(off + SIZES, 0x0604);
  view.setUint16(off + OPERATION, operation);
  writeMac(view, off + SENDER_MAC, senderHigh, senderLow);
  view.setUint32(off + SENDER_IP, senderIp);
  writeMac(view, off + TARGET_MAC, targetHigh, targetLow);
  view.setUint32(off + TARGET_IP, targetIp);
}

/** `who has 10.0.0.2, tell 10.0.0.1`, `10.0.0.2 is at 02:00:00:00:00:02`. */
export function arpText(view: DataView, off: number): string {
  const operation = arpOperation(view, off);
  if (operation === ARP_REQUEST) {
    return `who has ${ipv4Text(view, off + TARGET_IP)}, tell ${ipv4Text(view, off + SENDER_IP)}`;
  }
  if (operation === ARP_REPLY) {
    return `${ipv4Text(view, off + SENDER_IP)} is at ${macText(view, off + SENDER_MAC)}`;
  }
  return `arp operation ${operation}`;
}
