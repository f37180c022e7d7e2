/**
 * Tunnel endpoints: which outer frames are for us, and on which port of the switch they appear.
 *
 * A VTEP is an address, a UDP port and, where the underlay has Ethernet, a MAC and a VLAN, on one underlay port. VTEPs
 * of one port are strung into a list. Control writes, the data plane reads.
 */

import { sharedInt32 } from './shared.ts';

/** Rows, so that (VTEP, VNI) is one 32-bit key. */
export const MAX_VTEPS = 128;
export const NO_ROW = -1;

export const VTEP_IPV6 = 1 << 0;
/** The underlay is a socket: outer Ethernet addresses mean nothing. */
export const VTEP_ANY_MAC = 1 << 1;
/** No allow-list: who is not known is learned from and answered. */
export const VTEP_ANY_PEER = 1 << 2;
/** UDP over IPv6 may come without a checksum (RFC 6935). */
export const VTEP_UDP6_ZERO = 1 << 4;
/** VXLAN inside VXLAN is payload like any other. */
export const VTEP_NESTED = 1 << 5;
/** The VTEP owns its address on the underlay: without, nothing leaves and nothing is taken. */
export const VTEP_OWNED = 1 << 6;

/** Words of an address; IPv4 is in the first. */
export const ADDRESS_WORDS = 4;

export interface VtepTable {
  readonly capacity: number;
  readonly flags: Int32Array;
  /** Underlay port. */
  readonly port: Int32Array;
  /** Next VTEP of the same underlay port, -1 ends it. */
  readonly next: Int32Array;
  readonly macHigh: Int32Array;
  readonly macLow: Int32Array;
  /** VID of the underlay, 0 = untagged. */
  readonly vid: Int32Array;
  readonly udpPort: Int32Array;
  readonly address: Int32Array;
  /** Per port of the switch: its first VTEP, -1 = it is no underlay. */
  readonly firstOf: Int32Array;
}

export function createVtepTable(capacity: number, ports: number): VtepTable {
  return {
    capacity,
    flags: sharedInt32(capacity),
    port: sharedInt32(capacity).fill(NO_ROW),
    next: sharedInt32(capacity).fill(NO_ROW),
    macHigh: sharedInt32(capacity),
    macLow: sharedInt32(capacity),
    vid: sharedInt32(capacity),
    udpPort: sharedInt32(capacity),
    address: sharedInt32(capacity * ADDRESS_WORDS),
    firstOf: sharedInt32(ports).fill(NO_ROW),
  };
}
