/**
 * LLC and SNAP: what follows the addresses when the type field is a length.
 *
 * A switch forwards these frames by address alone. It looks inside for the few protocols that share a group
 * address with others: STP is DSAP 0x42, Cisco's PVST+ and CDP are SNAP with OUI 00-00-0C.
 */

/** DSAP, SSAP and a one-byte control field. */
export const LLC_BYTES = 3;
/** LLC with unnumbered information, then OUI and protocol. */
export const SNAP_BYTES = 8;

export const SAP_IP = 0x06;
export const SAP_STP = 0x42;
export const SAP_SNAP = 0xaa;
export const SAP_OSI = 0xfe;

/** Encapsulated Ethernet: the protocol is an EtherType (RFC 1042). */
export const OUI_ETHERNET = 0x000000;
export const OUI_CISCO = 0x00000c;

export const CONTROL_UI = 0x03;

/*
 * IEEE 802.2 3.2 and IEEE 802-2014 9.5
 *
 * +--------+--------+---------+------------------------+----------------+
 * |  DSAP  |  SSAP  | control |  OUI (SNAP only)       | protocol       |
 * |  0xAA  |  0xAA  |  0x03   |  3 bytes               | 2 bytes        |
 * +--------+--------+---------+------------------------+----------------+
 */
const DSAP = 0;
const SSAP = 1;
const CONTROL = 2;
const OUI = 3;
const PROTOCOL = 6;

export function llcFits(off: number, end: number): boolean {
  return end - off >= LLC_BYTES;
}

export function snapFits(off: number, end: number): boolean {
  return end - off >= SNAP_BYTES;
}

export function llcDsap(view: DataView, off: number): number {
  return view.getUint8(off + DSAP);
}

export function llcSsap(view: DataView, off: number): number {
  return view.getUint8(off + SSAP);
}

export function llcControl(view: DataView, off: number): number {
  return view.getUint8(off + CONTROL);
}

/** 24 bits. */
export function snapOui(view: DataView, off: number): number {
  return (view.getUint16(off + OUI) << 8) | view.getUint8(off + OUI + 2);
}

export function snapProtocol(view: DataView, off: number): number {
  return view.getUint16(off + PROTOCOL);
}

export function writeSnap(view: DataView, off: number, oui: number, protocol: number): void {
  view.setUint8(off + DSAP, SAP_SNAP);
  view.setUint8(off + SSAP, SAP_SNAP);
  view.setUint8(off + CONTROL, CONTROL_UI);
  view.setUint16(off + OUI, oui >>> 8);
  view.setUint8(off + OUI + 2, oui & 0xff);
  view.setUint16(off + PROTOCOL, protocol);
}
