/**
 * Groups of ports that share a parent, whatever tells their children apart: macvlan-table.ts, ipvlan-table.ts.
 *
 * What a port is to a group stands in columns of the ports; a group is a row, its children are a run of a list, two words each:
 * [port, mode]. Control writes all anew when something changes.
 */

export const MAX_GROUPS = 256;

// What a port is; a port may be the parent of several groups, one for each VLAN.
export const GROUP_ROLE_PARENT = 1;
export const GROUP_ROLE_CHILD = 2;
export const GROUP_ROLE_HOST = 3;

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
export const GROUP_CHILDREN = 5;
export const GROUP_CHILD_COUNT = 6;
/** From here on columns are of one kind of group. */
export const GROUP_OWN = 7;
export const GROUP_WORDS = 12;

export const CHILD_WORDS = 2;

export interface GroupTable {
  /** By port: GROUP_ROLE_*, or 0. */
  readonly role: Int32Array;
  /** By port: its group, of a parent the first one. */
  readonly groupOf: Int32Array;
  /** By port: 1 for a parent some of whose groups have a VLAN. */
  readonly tagged: Int32Array;
  groups: Int32Array;
  children: Int32Array;
}

/** The group of a parent that frames of this VID belong to, or -1. */
export function groupOfVid(table: GroupTable, parent: number, vid: number): number {
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
