/**
 * macvlan groups: a parent port, or one VLAN of it, and the children that share it.
 *
 * What a port is to a group stands in columns of the ports; a group is a row, its children and its allowed sources are
 * runs of two lists. MACs are found by a hash over (group, MAC), open addressing at half load. Control writes all anew
 * when something changes.
 *
 *   children [port, mode]
 *   sources  [MAC bytes 2..5, MAC bytes 0..1, port]
 *   macs     [MAC bytes 2..5, MAC bytes 0..1, group + 1, port, mode]      group 0 = empty
 */

import { macSlot } from './classify-table.ts';
import { sharedInt32 } from './shared.ts';

export const MAX_MACVLAN_GROUPS = 256;

// What a port is; a port may be the parent of several groups, one for each VLAN.
export const MACVLAN_PARENT = 1;
export const MACVLAN_CHILD = 2;
export const MACVLAN_HOST = 3;

// Modes, as bits: floods go to a set of them.
export const MODE_PRIVATE = 1;
export const MODE_VEPA = 2;
export const MODE_BRIDGE = 4;
export const MODE_PASSTHRU = 8;
export const MODE_SOURCE = 16;

// Columns of a group.
export const GROUP_PARENT = 0;
/** 0 = frames without a tag, and those of VLANs that no other group of the parent has. */
export const GROUP_VID = 1;
/** The next group of the parent + 1. */
export const GROUP_NEXT = 2;
/** Port of the host, -1 = none. */
export const GROUP_HOST = 3;
/** 1: host and children reach each other. */
export const GROUP_HOST_ACCESS = 4;
/** The one child of a group with passthru, -1 = none. */
export const GROUP_PASSTHRU = 5;
export const GROUP_CHILDREN = 6;
export const GROUP_CHILD_COUNT = 7;
export const GROUP_SOURCES = 8;
export const GROUP_SOURCE_COUNT = 9;
export const GROUP_WORDS = 10;

export const CHILD_WORDS = 2;
export const SOURCE_WORDS = 3;
export const STATION_WORDS = 5;

export interface MacvlanTable {
  /** By port: MACVLAN_*, or 0. */
  readonly role: Int32Array;
  /** By port: its group, of a parent the first one. */
  readonly groupOf: Int32Array;
  /** By port: the mode of a child. */
  readonly mode: Int32Array;
  /** By port: 1 for a parent some of whose groups have a VLAN. */
  readonly tagged: Int32Array;
  groups: Int32Array;
  children: Int32Array;
  sources: Int32Array;
  macs: Int32Array;
}

export function createMacvlanTable(ports: number): MacvlanTable {
  return {
    role: sharedInt32(ports),
    groupOf: sharedInt32(ports),
    mode: sharedInt32(ports),
    tagged: sharedInt32(ports),
    groups: sharedInt32(GROUP_WORDS),
    children: sharedInt32(CHILD_WORDS),
    sources: sharedInt32(SOURCE_WORDS),
    macs: sharedInt32(STATION_WORDS),
  };
}

/** Where the record of a MAC in a group begins, or would be put: one whose third word is 0. */
export function stationAt(table: MacvlanTable, group: number, high: number, low: number): number {
  const { macs } = table;
  const slots = macs.length / STATION_WORDS;
  let slot = macSlot(high ^ (group << 16), low, slots);
  for (;;) {
    const at = slot * STATION_WORDS;
    const of = macs[at + 2];
    if (of === 0 || (of === group + 1 && macs[at] === low && macs[at + 1] === high)) return at;
    slot = (slot + 1) & (slots - 1);
  }
}

/** The group of a parent that frames of this VID belong to, or -1. */
export function groupOfVid(table: MacvlanTable, parent: number, vid: number): number {
  const { groups } = table;
  let untagged = -1;
  for (let group = table.groupOf[parent]; group >= 0; ) {
    const row = group * GROUP_WORDS;
    if (groups[row + GROUP_VID] === vid) return group;
    if (groups[row + GROUP_VID] === 0) untagged = group;
    group = groups[row + GROUP_NEXT] - 1;
  }
  return untagged;
}
