/**
 * VXLAN: an Ethernet frame in UDP, with 24 bits that say which segment it belongs to.
 *
 * The I flag says that the VNI is valid and must be set (RFC 7348 section 5); everything else in the header is
 * reserved there: sent as zero, ignored on receipt. Group Based Policy takes some of it for a tag of the sender,
 * Generic Protocol Extension for a payload type; readers show these bits, what they mean is the tunnel's policy.
 */

export const VXLAN_BYTES = 8;

/** Flags as 16 bits, the way they stand on the wire. */
export const VXLAN_FLAG_VNI = 0x0800;
/** Group policy ID is present (draft-smith-vxlan-group-policy). */
export const VXLAN_FLAG_GBP = 0x8000;
export const VXLAN_FLAG_GBP_DONT_LEARN = 0x0040;
export const VXLAN_FLAG_GBP_APPLIED = 0x0008;

export const MAX_VNI = 0xffffff;

/*
 * RFC 7348 5; G, D, A and the group: draft-smith-vxlan-group-policy-05
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |G|R|R|R|I|R|R|R|R|D|R|R|A|R|R|R|       Group Policy ID         |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |          VXLAN Network Identifier (VNI)       |   Reserved    |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
const FLAGS = 0;
const GROUP = 2;
const VNI = 4;
const RESERVED = 7;

export function vxlanFits(off: number, end: number): boolean {
  return end - off >= VXLAN_BYTES;
}

/** The first 16 bits: 0x0800 is plain VXLAN. */
export function vxlanFlags(view: DataView, off: number): number {
  return view.getUint16(off + FLAGS);
}

export function vxlanHasVni(view: DataView, off: number): boolean {
  return (view.getUint16(off + FLAGS) & VXLAN_FLAG_VNI) !== 0;
}

/** Group policy ID; only meaningful with VXLAN_FLAG_GBP. */
export function vxlanGroup(view: DataView, off: number): number {
  return view.getUint16(off + GROUP);
}

/** 0..0xFFFFFF. */
export function vxlanVni(view: DataView, off: number): number {
  return view.getUint32(off + VNI) >>> 8;
}

/** The last byte. */
export function vxlanReserved8(view: DataView, off: number): number {
  return view.getUint8(off + RESERVED);
}

/** True when only the I flag and the VNI are there: no reserved bit is set. */
export function vxlanReservedClear(view: DataView, off: number): boolean {
  return (view.getUint32(off + FLAGS) & 0xf7ffffff) === 0 && view.getUint8(off + RESERVED) === 0;
}

/** A header of RFC 7348: the I flag, the VNI, zero elsewhere. */
export function writeVxlan(view: DataView, off: number, vni: number): void {
  view.setUint32(off + FLAGS, VXLAN_FLAG_VNI << 16);
  view.setUint32(off + VNI, vni << 8);
}

/** Adds a group policy ID to a written header. */
export function writeVxlanGroup(view: DataView, off: number, group: number): void {
  view.setUint16(off + FLAGS, view.getUint16(off + FLAGS) | VXLAN_FLAG_GBP);
  view.setUint16(off + GROUP, group);
}
