/**
 * Ethernet: two addresses and a type. The header that a switch lives on.
 *
 * A MAC address travels through the switch as two integers, never as a string or a bigint: `high` is its first
 * two bytes (0..0xFFFF), `low` its last four as a signed 32-bit integer, which is what an Int32Array holds.
 *
 * Whether the field behind the addresses is a type or a length is decided by its value alone (IEEE 802.3 3.2.6):
 * up to 1500 it is the length of an LLC frame (llc.ts), from 1536 a type; what lies between is neither.
 *
 * Readers take (view, off) with off at the destination address and need `ethernetFits` to have said yes.
 */

export const MAC_BYTES = 6;
export const ETHERNET_BYTES = 14;

/** Largest value of the type field that is an 802.3 length. */
export const MAX_LENGTH_FIELD = 1500;
/** Smallest value of the type field that is an EtherType. */
export const MIN_ETHERTYPE = 0x0600;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_TEB = 0x6558; // transparent Ethernet bridging, in GRE (RFC 1701)
export const ETHERTYPE_RARP = 0x8035;
export const ETHERTYPE_VLAN = 0x8100;
export const ETHERTYPE_IPV6 = 0x86dd;
export const ETHERTYPE_SLOW = 0x8809;
export const ETHERTYPE_MPLS = 0x8847;
export const ETHERTYPE_MPLS_MULTICAST = 0x8848;
export const ETHERTYPE_PPPOE_SESSION = 0x8864;
export const ETHERTYPE_QINQ = 0x88a8;
export const ETHERTYPE_LLC = 0x8870; // LLC frames longer than a length field can say (802.1AC)
export const ETHERTYPE_LLDP = 0x88cc;
export const ETHERTYPE_MACSEC = 0x88e5;
export const ETHERTYPE_PBB = 0x88e7;
export const ETHERTYPE_CMD = 0x8909; // Cisco MetaData: security group tags
export const ETHERTYPE_VNTAG = 0x8926;
export const ETHERTYPE_HSR = 0x892f;
export const ETHERTYPE_ETAG = 0x893f; // 802.1BR
export const ETHERTYPE_NSH = 0x894f;
export const ETHERTYPE_RTAG = 0xf1c1; // 802.1CB

/** 01-80-C2-00-00-0X: the sixteen group addresses that a bridge does not simply forward (802.1Q-2022 8.6.3). */
export const RESERVED_GROUP_HIGH = 0x0180;
export const RESERVED_GROUP_LOW = 0xc2000000 | 0;

/*
 * IEEE 802.3-2022 3.1.1, without preamble and FCS
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |              I/G U/L  Destination (first 4 bytes)             |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  Destination (last 2 bytes)   |    Source (first 2 bytes)     |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                     Source (last 4 bytes)                     |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |        Type or length         |  payload ...
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
const DST = 0;
const SRC = 6;
const TYPE = 12;

const GROUP_BIT = 0x0100;
const LOCAL_BIT = 0x0200;

/** True when the 14 bytes of the header lie before `end`; the readers need nothing else. */
export function ethernetFits(off: number, end: number): boolean {
  return end - off >= ETHERNET_BYTES;
}

/** First two bytes of the address at `at`, 0..0xFFFF. */
export function macHigh(view: DataView, at: number): number {
  return view.getUint16(at);
}

/** Last four bytes of the address at `at`, as a signed 32-bit integer. */
export function macLow(view: DataView, at: number): number {
  return view.getInt32(at + 2);
}

export function etherDstHigh(view: DataView, off: number): number {
  return view.getUint16(off + DST);
}

export function etherDstLow(view: DataView, off: number): number {
  return view.getInt32(off + DST + 2);
}

export function etherSrcHigh(view: DataView, off: number): number {
  return view.getUint16(off + SRC);
}

export function etherSrcLow(view: DataView, off: number): number {
  return view.getInt32(off + SRC + 2);
}

/** The 16 bits behind the addresses: an EtherType, a TPID or an 802.3 length. */
export function etherType(view: DataView, off: number): number {
  return view.getUint16(off + TYPE);
}

/** True when a value of the type field is an 802.3 length: an LLC header follows. */
export function isLength(typeOrLength: number): boolean {
  return typeOrLength <= MAX_LENGTH_FIELD;
}

/** Group address: multicast or broadcast (I/G bit, IEEE 802-2014 8.2). */
export function isGroupMac(high: number): boolean {
  return (high & GROUP_BIT) !== 0;
}

/** Locally administered (U/L bit). */
export function isLocalMac(high: number): boolean {
  return (high & LOCAL_BIT) !== 0;
}

export function isBroadcastMac(high: number, low: number): boolean {
  return high === 0xffff && low === -1;
}

export function isZeroMac(high: number, low: number): boolean {
  return high === 0 && low === 0;
}

/** 0..15 for 01-80-C2-00-00-00 … 0F, -1 for every other address. */
export function reservedGroupIndex(high: number, low: number): number {
  return high === RESERVED_GROUP_HIGH && (low & ~0xf) === RESERVED_GROUP_LOW ? low & 0xf : -1;
}

export function writeMac(view: DataView, at: number, high: number, low: number): void {
  view.setUint16(at, high);
  view.setInt32(at + 2, low);
}

export function writeEtherDst(view: DataView, off: number, high: number, low: number): void {
  writeMac(view, off + DST, high, low);
}

export function writeEtherSrc(view: DataView, off: number, high: number, low: number): void {
  writeMac(view, off + SRC, high, low);
}

export function writeEtherType(view: DataView, off: number, typeOrLength: number): void {
  view.setUint16(off + TYPE, typeOrLength);
}

/** A MAC address as the switch holds it. */
export interface Mac {
  readonly high: number;
  readonly low: number;
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** `01:80:c2:00:00:0e` for the address at `at`. */
export function macText(view: DataView, at: number): string {
  return formatMac(view.getUint16(at), view.getInt32(at + 2));
}

export function formatMac(high: number, low: number): string {
  return `${HEX[high >>> 8]}:${HEX[high & 0xff]}:${HEX[low >>> 24]}:${HEX[(low >>> 16) & 0xff]}:${HEX[(low >>> 8) & 0xff]}:${HEX[low & 0xff]}`;
}

/** `01-80-C2-00-00-0E`, `01:80:c2:00:00:0e`, `0180.c200.000e` or `0180c200000e`; null for anything else. */
export function parseMac(text: string): Mac | null {
  const shape =
    /^[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}$/i.test(text) ||
    /^[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}$/i.test(text) ||
    /^[0-9a-f]{12}$/i.test(text);
  if (!shape) return null;
  const digits = text.replace(/[:.-]/g, '');
  return { high: Number.parseInt(digits.slice(0, 4), 16), low: Number.parseInt(digits.slice(4), 16) | 0 };
}

export function etherDstText(view: DataView, off: number): string {
  return macText(view, off + DST);
}

export function etherSrcText(view: DataView, off: number): string {
  return macText(view, off + SRC);
}
