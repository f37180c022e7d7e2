/**
 * VNIs: one row per segment of a VTEP. A row's number is the FID of the VXLAN FDB; row 0 is nobody's.
 *
 * Inwards (VTEP, VNI) leads to a row, and the row to the tunnel port and the VLAN of the frame there. Outwards the
 * tunnel port and the VID lead to the row, and the row to the header's options and to the list for floods.
 */

import { ownFloat64, sharedInt32, sharedUint16 } from './shared.ts';

export const MAX_VNI_ROWS = 65_536;
export const VIDS = 4096;

export const VNI_WORDS = 16;
/** The VNI as it stands in the header: shifted left by 8. */
export const VNI_SHIFTED = 0;
export const VNI_PORT = 1;
/** TPID and TCI that an inner frame gets on arrival, 0 = none. */
export const VNI_TAG = 2;
export const VNI_FLAGS = 3;
export const VNI_TTL = 4;
/** DSCP of the outer header, in the place of the TOS byte. */
export const VNI_TOS = 5;
export const VNI_SPORT = 6;
/** Source ports from there on. */
export const VNI_SPORTS = 7;
/** First node of the list for floods, -1 = none. */
export const VNI_FLOOD = 8;
export const VNI_VTEP = 9;
/** Bits of the two words of the header that drop a frame. */
export const VNI_RESERVED = 10;

export const VNI_EXISTS = 1 << 0;
export const VNI_LEARNS = 1 << 1;
/** Inner tags stay: not stripped on the way out, taken on the way in. */
export const VNI_KEEPS_TAG = 1 << 2;
export const VNI_TTL_INHERIT = 1 << 3;
export const VNI_TOS_INHERIT = 1 << 4;
export const VNI_CHECKSUM = 1 << 5;
export const VNI_DF = 1 << 6;
export const VNI_DF_INHERIT = 1 << 7;
export const VNI_FLOW_LABEL = 1 << 8;

/** Columns of a VNI's counters. */
export const VNI_RX_FRAMES = 0;
export const VNI_RX_BYTES = 1;
export const VNI_TX_FRAMES = 2;
export const VNI_TX_BYTES = 3;
export const VNI_RX_ERRORS = 4;
export const VNI_TX_UNSENT = 5;
export const VNI_COUNTERS = 8;

export interface VniTable {
  /** Rows, row 0 included. */
  readonly capacity: number;
  readonly words: Int32Array;
  /** This worker's, and each one's (`sumAt`). */
  readonly counters: Float64Array;
  readonly countersOf: readonly Float64Array[];
  /** Open addressing over (VTEP, VNI): row, 0 = empty. A power of two of slots. */
  readonly index: Int32Array;
  /** Per port: its rows of `rowOf`, -1 = it is no tunnel. */
  readonly tunnelOf: Int32Array;
  /** [tunnel * 4096 + VID] -> row, 0 = the VLAN has no VNI there. */
  readonly rowOf: Uint16Array;
  /** [0]: no row below is free. */
  readonly meta: Int32Array;
}

export function createVniTable(capacity: number, ports: number, tunnels: number, workers: number): VniTable {
  const countersOf = ownFloat64(capacity * VNI_COUNTERS, workers);
  const slots = 1 << (33 - Math.clz32(capacity - 1 || 1));
  return {
    capacity,
    words: sharedInt32(capacity * VNI_WORDS),
    counters: countersOf[0],
    countersOf,
    index: sharedInt32(slots),
    tunnelOf: sharedInt32(ports).fill(-1),
    rowOf: sharedUint16(tunnels * VIDS),
    meta: sharedInt32(1).fill(1),
  };
}

/** Row of a VNI, or 0. `shifted` is the last word of the header without its reserved byte. */
export function findVni(table: VniTable, vtep: number, shifted: number): number {
  const { index, words } = table;
  const mask = index.length - 1;
  for (let slot = hashOf(vtep, shifted) & mask; ; slot = (slot + 1) & mask) {
    const row = index[slot];
    if (row === 0) return 0;
    const at = row * VNI_WORDS;
    if (words[at + VNI_SHIFTED] === shifted && words[at + VNI_VTEP] === vtep) return row;
  }
}

/** VNI of a VLAN on a port, or -1 where that is no tunnel or the VLAN has none there. */
export function vniOf({ tunnelOf, rowOf, words }: VniTable, port: number, vid: number): number {
  const tunnel = tunnelOf[port] ?? -1;
  const row = tunnel < 0 ? 0 : rowOf[tunnel * VIDS + vid];
  return row === 0 ? -1 : words[row * VNI_WORDS + VNI_SHIFTED] >>> 8;
}

function hashOf(vtep: number, shifted: number): number {
  const h = Math.imul((shifted >>> 8) ^ (vtep << 24), 0x9e3779b1);
  return (h ^ (h >>> 15)) >>> 3;
}

/** Takes a free row for a VNI that has none; 0 when the table is full. */
export function addVni(table: VniTable, vtep: number, vni: number): number {
  const { words, capacity, countersOf } = table;
  let row = table.meta[0];
  while (row < capacity && (words[row * VNI_WORDS + VNI_FLAGS] & VNI_EXISTS) !== 0) row++;
  if (row >= capacity) return 0;
  table.meta[0] = row + 1;
  const at = row * VNI_WORDS;
  words.fill(0, at, at + VNI_WORDS);
  for (const counters of countersOf) counters.fill(0, row * VNI_COUNTERS, (row + 1) * VNI_COUNTERS);
  words[at + VNI_SHIFTED] = vni << 8;
  words[at + VNI_VTEP] = vtep;
  words[at + VNI_FLOOD] = -1;
  words[at + VNI_FLAGS] = VNI_EXISTS;
  enter(table, row);
  return row;
}

export function removeVni(table: VniTable, row: number): void {
  table.words.fill(0, row * VNI_WORDS, (row + 1) * VNI_WORDS);
  table.index.fill(0);
  table.meta[0] = Math.min(table.meta[0], row);
  for (let r = 1; r < table.capacity; r++) {
    if ((table.words[r * VNI_WORDS + VNI_FLAGS] & VNI_EXISTS) !== 0) enter(table, r);
  }
}

function enter(table: VniTable, row: number): void {
  const { index, words } = table;
  const mask = index.length - 1;
  let slot = hashOf(words[row * VNI_WORDS + VNI_VTEP], words[row * VNI_WORDS + VNI_SHIFTED]) & mask;
  while (index[slot] !== 0) slot = (slot + 1) & mask;
  index[slot] = row;
}
