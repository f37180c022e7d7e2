/**
 * macvlan groups: a parent port, or one VLAN of it, and the children that share it, each with MACs of its own.
 *
 * Beside what every group has (group-table.ts) there is a run of allowed sources for each, and a hash over (group, MAC),
 * open addressing at half load.
 *
 *   sources  [MAC bytes 2..5, MAC bytes 0..1, port]
 *   macs     [MAC bytes 2..5, MAC bytes 0..1, group + 1, port, mode]      group 0 = empty
 */

import { macSlot } from './classify-table.ts';
import { CHILD_WORDS, GROUP_OWN, GROUP_WORDS, type GroupTable } from './group-table.ts';
import { sharedInt32 } from './shared.ts';

// Modes, as bits: floods go to a set of them.
export const MODE_PRIVATE = 1;
export const MODE_VEPA = 2;
export const MODE_BRIDGE = 4;
export const MODE_PASSTHRU = 8;
export const MODE_SOURCE = 16;

/** The one child of a group with passthru, -1 = none. */
export const GROUP_PASSTHRU = GROUP_OWN;
export const GROUP_SOURCES = GROUP_OWN + 1;
export const GROUP_SOURCE_COUNT = GROUP_OWN + 2;

export const SOURCE_WORDS = 3;
export const STATION_WORDS = 5;

export interface MacvlanTable extends GroupTable {
  /** By port: the mode of a child. */
  readonly mode: Int32Array;
  sources: Int32Array;
  macs: Int32Array;
}

export function createMacvlanTable(ports: number): MacvlanTable {
  return {
    role: sharedInt32(ports),
    groupOf: sharedInt32(ports),
    tagged: sharedInt32(ports),
    mode: sharedInt32(ports),
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
