/**
 * ipvlan groups: a parent and the children that share it and its MAC, told apart by their IPv4 and IPv6 addresses.
 *
 * Beside what every group has (group-table.ts) there is one hash over (scope, address), open addressing at half load. The scope
 * of a group in mode l2 is the group; in l3 and l3s it is the VRF of the interface that is its parent.
 *
 *   addresses  [key, word 0..3 of the address, port, mode]      key = scope * 2 + (1: IPv6) + 1, 0 = empty
 *
 * An IPv4 address is word 0, the others are 0.
 *
 *   filters    256 bits for each child of the list: which group addresses it is given, by `groupBit`. Others may have the bit too,
 *              as in the kernel's driver (ipvlan_mac_hash); the child's stack drops what it has not joined.
 */

import { CHILD_WORDS, GROUP_OWN, GROUP_WORDS, type GroupTable, MAX_GROUPS } from './group-table.ts';
import { sharedInt32 } from './shared.ts';

export const IPVLAN_L2 = 0;
export const IPVLAN_L3 = 1;
export const IPVLAN_L3S = 2;

export const IPVLAN_BRIDGE = 0;
export const IPVLAN_PRIVATE = 1;
export const IPVLAN_VEPA = 2;

/** IPVLAN_BRIDGE, IPVLAN_PRIVATE, IPVLAN_VEPA. */
export const GROUP_FLAG = GROUP_OWN;
/** The MAC of parent, host and children: bytes 0 and 1, and the others. */
export const GROUP_MAC_HIGH = GROUP_OWN + 1;
export const GROUP_MAC_LOW = GROUP_OWN + 2;
export const GROUP_SCOPE = GROUP_OWN + 3;
/** Row of the interface that is the parent, 0 in mode l2. */
export const GROUP_INTERFACE = GROUP_OWN + 4;

export const ADDRESS_WORDS = 7;
export const ADDRESS_PORT = 5;
export const ADDRESS_MODE = 6;

export const FILTER_WORDS = 8;

/** Stands in the column of a child's mode in the list of children, which floods go by. */
export const EVERY_CHILD = 1;

export interface IpvlanTable extends GroupTable {
  addresses: Int32Array;
  filters: Int32Array;
}

export function createIpvlanTable(ports: number): IpvlanTable {
  return {
    role: sharedInt32(ports),
    groupOf: sharedInt32(ports),
    tagged: sharedInt32(ports),
    groups: sharedInt32(GROUP_WORDS),
    children: sharedInt32(CHILD_WORDS),
    addresses: sharedInt32(ADDRESS_WORDS),
    filters: sharedInt32(FILTER_WORDS),
  };
}

/** Which bit of a child's filter a group address has, by its last four bytes. */
export function groupBit(macLow: number): number {
  return Math.imul(macLow ^ (macLow >>> 15), 0x9e3779b1) >>> 24;
}

/** The scope of the groups whose interface is in this VRF. */
export function vrfScope(vrf: number): number {
  return MAX_GROUPS + vrf;
}

export function addressKey(scope: number, isIpv6: boolean): number {
  return scope * 2 + (isIpv6 ? 2 : 1);
}

/** Where the record of an address begins, or would be put: one whose first word is 0. */
export function addressAt(table: IpvlanTable, key: number, a: number, b: number, c: number, d: number): number {
  const { addresses } = table;
  const slots = addresses.length / ADDRESS_WORDS;
  let h = Math.imul(a ^ Math.imul(key, 0x9e3779b1), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15) ^ b, 0xcc9e2d51);
  h = Math.imul(h ^ (h >>> 13) ^ c, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15) ^ d, 0x9e3779b1);
  let slot = (h ^ (h >>> 16)) & (slots - 1);
  for (;;) {
    const at = slot * ADDRESS_WORDS;
    const of = addresses[at];
    if (of === 0) return at;
    if (of === key && addresses[at + 1] === a && addresses[at + 2] === b) {
      if (addresses[at + 3] === c && addresses[at + 4] === d) return at;
    }
    slot = (slot + 1) & (slots - 1);
  }
}
