/**
 * Changing and reading back a tree of prefixes (lpm.ts). Control only: it allocates.
 *
 * Prefixes of at most 16 bits are written to every slot of the root they cover, unless a longer one is there; which they
 * are is kept beside, since a slot knows only the longest. Longer ones are one bit of one node. A node is there because it
 * holds a prefix or because something branches in it; what is neither any more is taken out, its child in its place.
 */

import { sharedInt32 } from '../shared.ts';
import { CHILDREN, FIRST_CHILD, KEY, NODE_WORDS, PREFIXES, popcount, ROOT_SLOTS, type Tree } from './lpm.ts';
import {
  addChild,
  bitsAt,
  childOf,
  depthFor,
  depthOf,
  firstBits,
  freeRow,
  holds,
  moveNodes,
  putValue,
  readKey,
  removeChild,
  removeValue,
  setBits,
  sharedBits,
  type TreeRib,
  takeRow,
  valueAt,
  writeNode,
} from './nodes.ts';

/** A value and the length of its prefix; value 0: none. */
export interface Found {
  value: number;
  length: number;
}

export function createTreeRib(tree: Tree): TreeRib {
  return {
    tree,
    rootLength: new Uint8Array(0),
    short: new Map(),
    nodeRows: { end: 1, free: [] },
    valueRows: { end: 0, free: [] },
  };
}

export function growTree(rib: TreeRib, vrfs: number): void {
  const slots = vrfs * ROOT_SLOTS;
  if (rib.rootLength.length >= slots) return;
  const roots = sharedInt32(slots * 2);
  roots.set(rib.tree.roots);
  const lengths = new Uint8Array(slots);
  lengths.set(rib.rootLength);
  rib.tree.roots = roots;
  rib.rootLength = lengths;
}

export function hasRoots(rib: TreeRib, vrf: number): boolean {
  return (vrf + 1) * ROOT_SLOTS <= rib.rootLength.length;
}

/** Returns the value it replaces. */
export function putInTree(rib: TreeRib, vrf: number, prefix: Uint8Array, length: number, value: number): number {
  return length <= 16 ? putShort(rib, vrf, prefix, length, value) : putLong(rib, vrf, prefix, length, value);
}

/** Returns the value that was there, or 0. */
export function removeFromTree(rib: TreeRib, vrf: number, prefix: Uint8Array, length: number): number {
  return length <= 16 ? removeShort(rib, vrf, prefix, length) : removeLong(rib, vrf, prefix, length);
}

/** The value of exactly this prefix, or 0. */
export function findInTree(rib: TreeRib, vrf: number, prefix: Uint8Array, length: number): number {
  if (length <= 16) return rib.short.get(shortKey(vrf, firstBits(prefix), length)) ?? 0;
  let node = rib.tree.roots[(vrf * ROOT_SLOTS + firstBits(prefix)) * 2];
  while (node !== 0) {
    const depth = depthOf(rib, node);
    if (depth >= length || sharedBits(rib, node, prefix) < depth) return 0;
    const bits = bitsAt(prefix, depth);
    if (length - depth <= 4) {
      return holds(rib, node, bits, length - depth) ? valueAt(rib, node, bits, length - depth) : 0;
    }
    node = childOf(rib, node, bits);
  }
  return 0;
}

/** The longest prefix of less than `below` bits that holds the address. */
export function longestBelow(rib: TreeRib, vrf: number, address: Uint8Array, below: number): Found {
  const first = firstBits(address);
  const found: Found = { value: 0, length: 0 };
  let node = rib.tree.roots[(vrf * ROOT_SLOTS + first) * 2];
  while (node !== 0) {
    const depth = depthOf(rib, node);
    if (depth >= below || sharedBits(rib, node, address) < depth) break;
    const bits = bitsAt(address, depth);
    for (let length = Math.min(4, below - 1 - depth); length > 0; length--) {
      if (!holds(rib, node, bits, length)) continue;
      found.value = valueAt(rib, node, bits, length);
      found.length = depth + length;
      break;
    }
    node = childOf(rib, node, bits);
  }
  for (let length = Math.min(16, below - 1); found.value === 0 && length >= 0; length--) {
    found.value = rib.short.get(shortKey(vrf, first, length)) ?? 0;
    found.length = length;
  }
  return found;
}

/** Visits every prefix of a VRF, shorter ones of one place first. `prefix`, of the family's length, is reused. */
export function eachInTree(
  rib: TreeRib,
  vrf: number,
  prefix: Uint8Array,
  visit: (prefix: Uint8Array, length: number, value: number) => void,
): void {
  for (const [key, value] of rib.short) {
    if (Math.floor(key / SHORT_KEYS) !== vrf) continue;
    prefix.fill(0);
    prefix[0] = (key >>> 8) & 0xff;
    prefix[1] = key & 0xff;
    visit(prefix, Math.floor((key % SHORT_KEYS) / ROOT_SLOTS), value);
  }
  for (let first = 0; first < ROOT_SLOTS; first++) {
    const node = rib.tree.roots[(vrf * ROOT_SLOTS + first) * 2];
    if (node !== 0) eachBelow(rib, node, prefix, visit);
  }
}

function eachBelow(
  rib: TreeRib,
  node: number,
  prefix: Uint8Array,
  visit: (prefix: Uint8Array, length: number, value: number) => void,
): void {
  const depth = depthOf(rib, node);
  for (let length = 1; length <= 4; length++) {
    for (let bits = 0; bits < 16; bits += 1 << (4 - length)) {
      if (!holds(rib, node, bits, length)) continue;
      readKey(rib, node, prefix);
      setBits(prefix, depth, bits);
      visit(prefix, depth + length, valueAt(rib, node, bits, length));
    }
  }
  for (let bits = 0; bits < 16; bits++) {
    const child = childOf(rib, node, bits);
    if (child !== 0) eachBelow(rib, child, prefix, visit);
  }
}

// ---- prefixes of at most 16 bits

/** Keys of one VRF: 17 lengths. */
const SHORT_KEYS = 17 * ROOT_SLOTS;

function shortKey(vrf: number, first: number, length: number): number {
  return vrf * SHORT_KEYS + length * ROOT_SLOTS + (first & ~(0xffff >>> length));
}

function putShort(rib: TreeRib, vrf: number, prefix: Uint8Array, length: number, value: number): number {
  const first = firstBits(prefix);
  const key = shortKey(vrf, first, length);
  const before = rib.short.get(key) ?? 0;
  rib.short.set(key, value);
  writeShort(rib, vrf, first, length, { value, length });
  return before;
}

function removeShort(rib: TreeRib, vrf: number, prefix: Uint8Array, length: number): number {
  const key = shortKey(vrf, firstBits(prefix), length);
  const before = rib.short.get(key) ?? 0;
  if (before === 0) return 0;
  rib.short.delete(key);
  // What it hid is the same in all its slots: the longest that holds it whole.
  writeShort(rib, vrf, firstBits(prefix), length, longestBelow(rib, vrf, prefix, length));
  return before;
}

/** Writes a value to the slots of a prefix that hold nothing longer. */
function writeShort(rib: TreeRib, vrf: number, first: number, length: number, found: Found): void {
  const start = vrf * ROOT_SLOTS + (first & ~(0xffff >>> length));
  const end = start + (ROOT_SLOTS >>> length);
  for (let slot = start; slot < end; slot++) {
    if (rib.rootLength[slot] > length + 1) continue;
    rib.rootLength[slot] = found.value === 0 ? 0 : found.length + 1;
    rib.tree.roots[slot * 2 + 1] = found.value;
  }
}

// ---- longer ones

function putLong(rib: TreeRib, vrf: number, prefix: Uint8Array, length: number, value: number): number {
  const own = depthFor(length);
  const slot = (vrf * ROOT_SLOTS + firstBits(prefix)) * 2;
  let node = rib.tree.roots[slot];
  if (node === 0) {
    node = takeRow(rib, rib.nodeRows, 1, true);
    rib.tree.roots[slot] = node;
    writeNode(rib, node, prefix, own);
  }
  for (;;) {
    const depth = depthOf(rib, node);
    const same = Math.min(sharedBits(rib, node, prefix), own, depth) & ~3;
    if (same < depth) {
      pushDown(rib, node, prefix, same);
      continue;
    }
    const bits = bitsAt(prefix, depth);
    if (depth === own) return putValue(rib, node, bits, length - depth, value);
    node = childOf(rib, node, bits) || addChild(rib, node, bits, prefix, own);
  }
}

/** Puts a node of less depth in the place of this one, which becomes its child. */
function pushDown(rib: TreeRib, node: number, prefix: Uint8Array, depth: number): void {
  const child = takeRow(rib, rib.nodeRows, 1, true);
  const { nodes } = rib.tree;
  moveNodes(rib, child, node, 1);
  const bits = (nodes[node * NODE_WORDS + KEY + (depth >>> 5)] >>> (28 - (depth & 31))) & 15;
  nodes.fill(0, node * NODE_WORDS, (node + 1) * NODE_WORDS);
  writeNode(rib, node, prefix, depth);
  nodes[node * NODE_WORDS + CHILDREN] |= 1 << bits;
  nodes[node * NODE_WORDS + FIRST_CHILD] = child;
}

function removeLong(rib: TreeRib, vrf: number, prefix: Uint8Array, length: number): number {
  const slot = (vrf * ROOT_SLOTS + firstBits(prefix)) * 2;
  const own = depthFor(length);
  const path: number[] = [];
  let node = rib.tree.roots[slot];
  for (; node !== 0; node = childOf(rib, node, bitsAt(prefix, depthOf(rib, node)))) {
    const depth = depthOf(rib, node);
    if (depth > own || sharedBits(rib, node, prefix) < depth) return 0;
    path.push(node);
    if (depth === own) break;
  }
  if (node === 0 || !holds(rib, node, bitsAt(prefix, own), length - own)) return 0;
  const before = removeValue(rib, node, bitsAt(prefix, own), length - own);
  // Nodes that hold nothing any more go, from below; one that leads to a single other gives it its place.
  for (let k = path.length - 1; k >= 0; k--) {
    const at = path[k] * NODE_WORDS;
    if (rib.tree.nodes[at + PREFIXES] !== 0) break;
    const children = popcount(rib.tree.nodes[at + CHILDREN] & 0xffff);
    if (children > 1) break;
    if (children === 1) {
      const child = rib.tree.nodes[at + FIRST_CHILD];
      moveNodes(rib, path[k], child, 1);
      freeRow(rib.nodeRows, child, 1);
      break;
    }
    if (k > 0) removeChild(rib, path[k - 1], bitsAt(prefix, depthOf(rib, path[k - 1])));
    else {
      freeRow(rib.nodeRows, path[0], 1);
      rib.tree.roots[slot] = 0;
    }
  }
  return before;
}
