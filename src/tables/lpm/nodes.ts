/**
 * Nodes of a tree of prefixes (lpm.ts), read and changed one at a time: their values, their children, the rows that these
 * stand in, and the bits of prefixes. What a prefix means to the tree is in lpm/tree.ts. Control only: it allocates.
 */

import { sharedInt32 } from '../shared.ts';
import {
  CHILDREN,
  DEPTH_SHIFT,
  FIRST_CHILD,
  FIRST_VALUE,
  KEY,
  MATCH,
  matchValue,
  NODE_WORDS,
  PREFIXES,
  popcount,
  prefixBit,
  type Tree,
} from './lpm.ts';

/** A tree, and what is kept beside it. */
export interface TreeRib {
  readonly tree: Tree;
  /** Length of the prefix that a root slot's value comes from, plus 1; 0 = none. */
  rootLength: Uint8Array;
  /** Prefixes of at most 16 bits, which hide each other in the root: key -> value. */
  readonly short: Map<number, number>;
  readonly nodeRows: Rows;
  readonly valueRows: Rows;
}

/** Rows of up to 30 places in one array: where the unused part begins, and freed rows by length. */
export interface Rows {
  end: number;
  readonly free: number[][];
}

/** Depth of the node that holds prefixes of this length. */
export function depthFor(length: number): number {
  return (length - 1) & ~3;
}

export function depthOf(rib: TreeRib, node: number): number {
  return rib.tree.nodes[node * NODE_WORDS + CHILDREN] >>> DEPTH_SHIFT;
}

/** Bits from the first on in which the node's key and the prefix agree. */
export function sharedBits(rib: TreeRib, node: number, prefix: Uint8Array): number {
  const at = node * NODE_WORDS + KEY;
  for (let i = 0; i < prefix.length; i++) {
    const differ = ((rib.tree.nodes[at + (i >>> 2)] >>> (24 - ((i & 3) << 3))) & 0xff) ^ prefix[i]!;
    if (differ !== 0) return i * 8 + Math.clz32(differ) - 24;
  }
  return prefix.length * 8;
}

/** Gives a zeroed node its depth, and the bits of the prefix before it as its key. */
export function writeNode(rib: TreeRib, node: number, prefix: Uint8Array, depth: number): void {
  const at = node * NODE_WORDS;
  rib.tree.nodes[at + CHILDREN] = depth << DEPTH_SHIFT;
  for (let i = 0; i * 8 < depth; i++) {
    const byte = depth - i * 8 < 8 ? prefix[i]! & 0xf0 : prefix[i]!;
    rib.tree.nodes[at + KEY + (i >>> 2)] |= byte << (24 - ((i & 3) << 3));
  }
}

export function readKey(rib: TreeRib, node: number, prefix: Uint8Array): void {
  const at = node * NODE_WORDS + KEY;
  for (let i = 0; i < prefix.length; i++) prefix[i] = rib.tree.nodes[at + (i >>> 2)] >>> (24 - ((i & 3) << 3));
}

export function holds(rib: TreeRib, node: number, bits: number, length: number): boolean {
  return (rib.tree.nodes[node * NODE_WORDS] & MATCH[bits] & prefixBit(bits, length)) !== 0;
}

export function valueAt(rib: TreeRib, node: number, bits: number, length: number): number {
  return matchValue(rib.tree, node * NODE_WORDS, prefixBit(bits, length));
}

export function childOf(rib: TreeRib, node: number, bits: number): number {
  const at = node * NODE_WORDS;
  const children = rib.tree.nodes[at + CHILDREN];
  if (((children >>> bits) & 1) === 0) return 0;
  return rib.tree.nodes[at + FIRST_CHILD] + popcount(children & ((1 << bits) - 1));
}

export function putValue(rib: TreeRib, node: number, bits: number, length: number, value: number): number {
  const at = node * NODE_WORDS;
  const bit = prefixBit(bits, length);
  const had = rib.tree.nodes[at + PREFIXES];
  const index = popcount(had & (bit - 1));
  const first = rib.tree.nodes[at + FIRST_VALUE];
  if ((had & bit) !== 0) {
    const before = rib.tree.values[first + index];
    rib.tree.values[first + index] = value;
    return before;
  }
  const size = popcount(had);
  const row = takeRow(rib, rib.valueRows, size + 1, false);
  rib.tree.values.copyWithin(row, first, first + index);
  rib.tree.values.copyWithin(row + index + 1, first + index, first + size);
  rib.tree.values[row + index] = value;
  if (size > 0) freeRow(rib.valueRows, first, size);
  rib.tree.nodes[at + FIRST_VALUE] = row;
  rib.tree.nodes[at + PREFIXES] = had | bit;
  return 0;
}

export function removeValue(rib: TreeRib, node: number, bits: number, length: number): number {
  const at = node * NODE_WORDS;
  const bit = prefixBit(bits, length);
  const had = rib.tree.nodes[at + PREFIXES];
  const index = popcount(had & (bit - 1));
  const size = popcount(had);
  const first = rib.tree.nodes[at + FIRST_VALUE];
  const before = rib.tree.values[first + index];
  if (size > 1) {
    const row = takeRow(rib, rib.valueRows, size - 1, false);
    rib.tree.values.copyWithin(row, first, first + index);
    rib.tree.values.copyWithin(row + index, first + index + 1, first + size);
    rib.tree.nodes[at + FIRST_VALUE] = row;
  }
  freeRow(rib.valueRows, first, size);
  rib.tree.nodes[at + PREFIXES] = had & ~bit;
  return before;
}

export function addChild(rib: TreeRib, node: number, bits: number, prefix: Uint8Array, depth: number): number {
  const at = node * NODE_WORDS;
  const had = rib.tree.nodes[at + CHILDREN];
  const size = popcount(had & 0xffff);
  const index = popcount(had & ((1 << bits) - 1));
  const first = rib.tree.nodes[at + FIRST_CHILD];
  const row = takeRow(rib, rib.nodeRows, size + 1, true);
  moveNodes(rib, row, first, index);
  moveNodes(rib, row + index + 1, first + index, size - index);
  rib.tree.nodes.fill(0, (row + index) * NODE_WORDS, (row + index + 1) * NODE_WORDS);
  writeNode(rib, row + index, prefix, depth);
  if (size > 0) freeRow(rib.nodeRows, first, size);
  rib.tree.nodes[at + FIRST_CHILD] = row;
  rib.tree.nodes[at + CHILDREN] = had | (1 << bits);
  return row + index;
}

export function removeChild(rib: TreeRib, node: number, bits: number): void {
  const at = node * NODE_WORDS;
  const had = rib.tree.nodes[at + CHILDREN];
  const size = popcount(had & 0xffff);
  const index = popcount(had & ((1 << bits) - 1));
  const first = rib.tree.nodes[at + FIRST_CHILD];
  if (size > 1) {
    const row = takeRow(rib, rib.nodeRows, size - 1, true);
    moveNodes(rib, row, first, index);
    moveNodes(rib, row + index, first + index + 1, size - index - 1);
    rib.tree.nodes[at + FIRST_CHILD] = row;
  }
  freeRow(rib.nodeRows, first, size);
  rib.tree.nodes[at + CHILDREN] = had & ~(1 << bits);
}

export function moveNodes(rib: TreeRib, to: number, from: number, count: number): void {
  rib.tree.nodes.copyWithin(to * NODE_WORDS, from * NODE_WORDS, (from + count) * NODE_WORDS);
}

// ---- rows

/** A row of `size` places, of nodes (zeroed when it is one node) or of values; the array grows when it must. */
export function takeRow(rib: TreeRib, rows: Rows, size: number, nodes: boolean): number {
  const row = rows.free[size]?.pop() ?? newRow(rib, rows, size, nodes);
  if (nodes && size === 1) rib.tree.nodes.fill(0, row * NODE_WORDS, (row + 1) * NODE_WORDS);
  return row;
}

export function newRow(rib: TreeRib, rows: Rows, size: number, nodes: boolean): number {
  const row = rows.end;
  rows.end += size;
  const words = rows.end * (nodes ? NODE_WORDS : 1);
  const old = nodes ? rib.tree.nodes : rib.tree.values;
  if (words > old.length) {
    const grown = sharedInt32(Math.max(words, old.length * 2));
    grown.set(old);
    if (nodes) rib.tree.nodes = grown;
    else rib.tree.values = grown;
  }
  return row;
}

export function freeRow(rows: Rows, row: number, size: number): void {
  const free = rows.free[size];
  if (free === undefined) rows.free[size] = [row];
  else free.push(row);
}

// ---- bits of a prefix

export function firstBits(prefix: Uint8Array): number {
  return (prefix[0]! << 8) | prefix[1]!;
}

/** The four bits at `depth`, a multiple of 4. */
export function bitsAt(prefix: Uint8Array, depth: number): number {
  const byte = prefix[depth >>> 3]!;
  return (depth & 4) === 0 ? byte >>> 4 : byte & 15;
}

export function setBits(prefix: Uint8Array, depth: number, bits: number): void {
  const at = depth >>> 3;
  prefix[at] = (depth & 4) === 0 ? (prefix[at]! & 0x0f) | (bits << 4) : (prefix[at]! & 0xf0) | bits;
}
