/**
 * Changing and reading back the prefixes of an Lpm (lpm.ts). Control only: it allocates.
 *
 * Prefixes of at most 16 bits are written to every slot of the root they cover, unless a longer one is there; which they
 * are is kept beside, since a slot knows only the longest. Longer ones are one bit of one node.
 */
import {
  CHILDREN,
  FIRST_CHILD,
  FIRST_VALUE,
  type Lpm,
  matchValue,
  NODE_WORDS,
  PREFIXES,
  popcount,
  prefixBit,
  ROOT_SLOTS,
} from './lpm.ts';
import { sharedInt32 } from './shared.ts';

/** What control keeps beside an Lpm. */
export interface Rib {
  readonly lpm: Lpm;
  /** 4 or 16. */
  readonly addressBytes: number;
  /** Length of the prefix that a root slot's value comes from, plus 1; 0 = none. */
  rootLength: Uint8Array;
  /** Prefixes of at most 16 bits, which hide each other in the root: key -> value. */
  readonly short: Map<number, number>;
  readonly nodeRows: Rows;
  readonly valueRows: Rows;
  /** Prefixes in all VRFs. */
  count: number;
}

/** Rows of up to 30 places in one array: where the unused part begins, and freed rows by length. */
interface Rows {
  end: number;
  readonly free: number[][];
}

export function createRib(lpm: Lpm, addressBytes: 4 | 16): Rib {
  return {
    lpm,
    addressBytes,
    rootLength: new Uint8Array(0),
    short: new Map(),
    nodeRows: { end: 1, free: [] },
    valueRows: { end: 0, free: [] },
    count: 0,
  };
}

/** Makes the roots of VRFs 0..vrfs-1. Other threads must be given the new arrays. */
export function growVrfs(rib: Rib, vrfs: number): void {
  const slots = vrfs * ROOT_SLOTS;
  if (rib.rootLength.length >= slots) return;
  const roots = sharedInt32(slots * 2);
  roots.set(rib.lpm.roots);
  const lengths = new Uint8Array(slots);
  lengths.set(rib.rootLength);
  rib.lpm.roots = roots;
  rib.rootLength = lengths;
}

/** Puts a prefix, in place of the one it equals. Bits behind `length` do not count. Returns the value it replaces. */
export function putPrefix(rib: Rib, vrf: number, prefix: Uint8Array, length: number, value: number): number {
  growVrfs(rib, vrf + 1);
  const before = length <= 16 ? putShort(rib, vrf, prefix, length, value) : putLong(rib, vrf, prefix, length, value);
  if (before === 0) rib.count++;
  return before;
}

/** Takes a prefix out; returns its value, 0 when it was not there. */
export function removePrefix(rib: Rib, vrf: number, prefix: Uint8Array, length: number): number {
  if ((vrf + 1) * ROOT_SLOTS > rib.rootLength.length) return 0;
  const before = length <= 16 ? removeShort(rib, vrf, prefix, length) : removeLong(rib, vrf, prefix, length);
  if (before !== 0) rib.count--;
  return before;
}

/** The value of exactly this prefix, or 0. */
export function findPrefix(rib: Rib, vrf: number, prefix: Uint8Array, length: number): number {
  if ((vrf + 1) * ROOT_SLOTS > rib.rootLength.length) return 0;
  if (length <= 16) return rib.short.get(shortKey(vrf, firstBits(prefix), length)) ?? 0;
  let node = rib.lpm.roots[(vrf * ROOT_SLOTS + firstBits(prefix)) * 2];
  for (let depth = 16; node !== 0; depth += 4) {
    const bits = bitsAt(prefix, depth);
    if (length - depth <= 4)
      return holds(rib, node, bits, length - depth) ? valueAt(rib, node, bits, length - depth) : 0;
    node = childOf(rib, node, bits);
  }
  return 0;
}

/** Visits every prefix of a VRF, shorter ones of one place first. `prefix` is reused. */
export function eachPrefix(
  rib: Rib,
  vrf: number,
  visit: (prefix: Uint8Array, length: number, value: number) => void,
): void {
  if ((vrf + 1) * ROOT_SLOTS > rib.rootLength.length) return;
  const prefix = new Uint8Array(rib.addressBytes);
  for (const [key, value] of rib.short) {
    if (Math.floor(key / SHORT_KEYS) !== vrf) continue;
    prefix[0] = (key >>> 8) & 0xff;
    prefix[1] = key & 0xff;
    visit(prefix, Math.floor((key % SHORT_KEYS) / ROOT_SLOTS), value);
  }
  for (let first = 0; first < ROOT_SLOTS; first++) {
    const node = rib.lpm.roots[(vrf * ROOT_SLOTS + first) * 2];
    if (node === 0) continue;
    prefix.fill(0);
    prefix[0] = first >>> 8;
    prefix[1] = first & 0xff;
    eachBelow(rib, node, 16, prefix, visit);
  }
}

function eachBelow(
  rib: Rib,
  node: number,
  depth: number,
  prefix: Uint8Array,
  visit: (prefix: Uint8Array, length: number, value: number) => void,
): void {
  for (let length = 1; length <= 4; length++) {
    for (let bits = 0; bits < 16; bits += 1 << (4 - length)) {
      if (!holds(rib, node, bits, length)) continue;
      setBits(prefix, depth, bits);
      visit(prefix, depth + length, valueAt(rib, node, bits, length));
    }
  }
  for (let bits = 0; bits < 16; bits++) {
    const child = childOf(rib, node, bits);
    if (child === 0) continue;
    setBits(prefix, depth, bits);
    eachBelow(rib, child, depth + 4, prefix, visit);
  }
  setBits(prefix, depth, 0);
}

// ---- prefixes of at most 16 bits

/** Keys of one VRF: 17 lengths. */
const SHORT_KEYS = 17 * ROOT_SLOTS;

function shortKey(vrf: number, first: number, length: number): number {
  return vrf * SHORT_KEYS + length * ROOT_SLOTS + (first & ~(0xffff >>> length));
}

function putShort(rib: Rib, vrf: number, prefix: Uint8Array, length: number, value: number): number {
  const first = firstBits(prefix);
  const key = shortKey(vrf, first, length);
  const before = rib.short.get(key) ?? 0;
  rib.short.set(key, value);
  writeShort(rib, vrf, first, length, value, length, length);
  return before;
}

function removeShort(rib: Rib, vrf: number, prefix: Uint8Array, length: number): number {
  const first = firstBits(prefix);
  const key = shortKey(vrf, first, length);
  const before = rib.short.get(key) ?? 0;
  if (before === 0) return 0;
  rib.short.delete(key);
  // What it hid is the same in all its slots: the longest that holds it whole.
  let shorter = length - 1;
  while (shorter >= 0 && !rib.short.has(shortKey(vrf, first, shorter))) shorter--;
  const value = shorter < 0 ? 0 : rib.short.get(shortKey(vrf, first, shorter))!;
  writeShort(rib, vrf, first, length, value, shorter, length);
  return before;
}

/** Writes the value of a prefix of `from` bits to the slots of one of `length` bits that hold nothing above `upTo`. */
function writeShort(
  rib: Rib,
  vrf: number,
  first: number,
  length: number,
  value: number,
  from: number,
  upTo: number,
): void {
  const start = vrf * ROOT_SLOTS + (first & ~(0xffff >>> length));
  const end = start + (ROOT_SLOTS >>> length);
  for (let slot = start; slot < end; slot++) {
    if (rib.rootLength[slot] > upTo + 1) continue;
    rib.rootLength[slot] = from + 1;
    rib.lpm.roots[slot * 2 + 1] = value;
  }
}

// ---- longer ones

function putLong(rib: Rib, vrf: number, prefix: Uint8Array, length: number, value: number): number {
  const slot = (vrf * ROOT_SLOTS + firstBits(prefix)) * 2;
  let node = rib.lpm.roots[slot];
  if (node === 0) {
    node = takeRow(rib, rib.nodeRows, 1, true);
    rib.lpm.roots[slot] = node;
  }
  for (let depth = 16; ; depth += 4) {
    const bits = bitsAt(prefix, depth);
    if (length - depth <= 4) return putValue(rib, node, bits, length - depth, value);
    node = childOf(rib, node, bits) || addChild(rib, node, bits);
  }
}

function removeLong(rib: Rib, vrf: number, prefix: Uint8Array, length: number): number {
  const slot = (vrf * ROOT_SLOTS + firstBits(prefix)) * 2;
  const path: number[] = [];
  let node = rib.lpm.roots[slot];
  let depth = 16;
  for (; node !== 0; depth += 4) {
    path.push(node);
    if (length - depth <= 4) break;
    node = childOf(rib, node, bitsAt(prefix, depth));
  }
  if (node === 0 || !holds(rib, node, bitsAt(prefix, depth), length - depth)) return 0;
  const before = removeValue(rib, node, bitsAt(prefix, depth), length - depth);
  // Nodes that hold nothing any more go, from below.
  for (let k = path.length - 1; k >= 0; k--) {
    const at = path[k] * NODE_WORDS;
    if (rib.lpm.nodes[at + PREFIXES] !== 0 || rib.lpm.nodes[at + CHILDREN] !== 0) break;
    if (k > 0) removeChild(rib, path[k - 1], bitsAt(prefix, 16 + 4 * (k - 1)));
    else {
      freeRow(rib.nodeRows, path[0], 1);
      rib.lpm.roots[slot] = 0;
    }
  }
  return before;
}

function holds(rib: Rib, node: number, bits: number, length: number): boolean {
  return (rib.lpm.nodes[node * NODE_WORDS] & prefixBit(bits, length)) !== 0;
}

function valueAt(rib: Rib, node: number, bits: number, length: number): number {
  return matchValue(rib.lpm, node * NODE_WORDS, prefixBit(bits, length));
}

function childOf(rib: Rib, node: number, bits: number): number {
  const at = node * NODE_WORDS;
  const children = rib.lpm.nodes[at + CHILDREN];
  if (((children >>> bits) & 1) === 0) return 0;
  return rib.lpm.nodes[at + FIRST_CHILD] + popcount(children & ((1 << bits) - 1));
}

function putValue(rib: Rib, node: number, bits: number, length: number, value: number): number {
  const at = node * NODE_WORDS;
  const bit = prefixBit(bits, length);
  const had = rib.lpm.nodes[at + PREFIXES];
  const index = popcount(had & (bit - 1));
  const first = rib.lpm.nodes[at + FIRST_VALUE];
  if ((had & bit) !== 0) {
    const before = rib.lpm.values[first + index];
    rib.lpm.values[first + index] = value;
    return before;
  }
  const size = popcount(had);
  const row = takeRow(rib, rib.valueRows, size + 1, false);
  rib.lpm.values.copyWithin(row, first, first + index);
  rib.lpm.values.copyWithin(row + index + 1, first + index, first + size);
  rib.lpm.values[row + index] = value;
  if (size > 0) freeRow(rib.valueRows, first, size);
  rib.lpm.nodes[at + FIRST_VALUE] = row;
  rib.lpm.nodes[at + PREFIXES] = had | bit;
  return 0;
}

function removeValue(rib: Rib, node: number, bits: number, length: number): number {
  const at = node * NODE_WORDS;
  const bit = prefixBit(bits, length);
  const had = rib.lpm.nodes[at + PREFIXES];
  const index = popcount(had & (bit - 1));
  const size = popcount(had);
  const first = rib.lpm.nodes[at + FIRST_VALUE];
  const before = rib.lpm.values[first + index];
  if (size > 1) {
    const row = takeRow(rib, rib.valueRows, size - 1, false);
    rib.lpm.values.copyWithin(row, first, first + index);
    rib.lpm.values.copyWithin(row + index, first + index + 1, first + size);
    rib.lpm.nodes[at + FIRST_VALUE] = row;
  }
  freeRow(rib.valueRows, first, size);
  rib.lpm.nodes[at + PREFIXES] = had & ~bit;
  return before;
}

function addChild(rib: Rib, node: number, bits: number): number {
  const at = node * NODE_WORDS;
  const had = rib.lpm.nodes[at + CHILDREN];
  const size = popcount(had);
  const index = popcount(had & ((1 << bits) - 1));
  const first = rib.lpm.nodes[at + FIRST_CHILD];
  const row = takeRow(rib, rib.nodeRows, size + 1, true);
  moveNodes(rib, row, first, index);
  moveNodes(rib, row + index + 1, first + index, size - index);
  rib.lpm.nodes.fill(0, (row + index) * NODE_WORDS, (row + index + 1) * NODE_WORDS);
  if (size > 0) freeRow(rib.nodeRows, first, size);
  rib.lpm.nodes[at + FIRST_CHILD] = row;
  rib.lpm.nodes[at + CHILDREN] = had | (1 << bits);
  return row + index;
}

function removeChild(rib: Rib, node: number, bits: number): void {
  const at = node * NODE_WORDS;
  const had = rib.lpm.nodes[at + CHILDREN];
  const size = popcount(had);
  const index = popcount(had & ((1 << bits) - 1));
  const first = rib.lpm.nodes[at + FIRST_CHILD];
  if (size > 1) {
    const row = takeRow(rib, rib.nodeRows, size - 1, true);
    moveNodes(rib, row, first, index);
    moveNodes(rib, row + index, first + index + 1, size - index - 1);
    rib.lpm.nodes[at + FIRST_CHILD] = row;
  }
  freeRow(rib.nodeRows, first, size);
  rib.lpm.nodes[at + CHILDREN] = had & ~(1 << bits);
}

function moveNodes(rib: Rib, to: number, from: number, count: number): void {
  rib.lpm.nodes.copyWithin(to * NODE_WORDS, from * NODE_WORDS, (from + count) * NODE_WORDS);
}

// ---- rows

/** A row of `size` places, of nodes (zeroed when it is one node) or of values; the array grows when it must. */
function takeRow(rib: Rib, rows: Rows, size: number, nodes: boolean): number {
  const row = rows.free[size]?.pop() ?? newRow(rib, rows, size, nodes);
  if (nodes && size === 1) rib.lpm.nodes.fill(0, row * NODE_WORDS, (row + 1) * NODE_WORDS);
  return row;
}

function newRow(rib: Rib, rows: Rows, size: number, nodes: boolean): number {
  const row = rows.end;
  rows.end += size;
  const words = rows.end * (nodes ? NODE_WORDS : 1);
  const old = nodes ? rib.lpm.nodes : rib.lpm.values;
  if (words > old.length) {
    const grown = sharedInt32(Math.max(words, old.length * 2));
    grown.set(old);
    if (nodes) rib.lpm.nodes = grown;
    else rib.lpm.values = grown;
  }
  return row;
}

function freeRow(rows: Rows, row: number, size: number): void {
  const free = rows.free[size];
  if (free === undefined) rows.free[size] = [row];
  else free.push(row);
}

// ---- bits of a prefix

function firstBits(prefix: Uint8Array): number {
  return (prefix[0]! << 8) | prefix[1]!;
}

/** The four bits at `depth`, a multiple of 4. */
function bitsAt(prefix: Uint8Array, depth: number): number {
  const byte = prefix[depth >>> 3]!;
  return (depth & 4) === 0 ? byte >>> 4 : byte & 15;
}

function setBits(prefix: Uint8Array, depth: number, bits: number): void {
  const at = depth >>> 3;
  prefix[at] = (depth & 4) === 0 ? (prefix[at]! & 0x0f) | (bits << 4) : (prefix[at]! & 0xf0) | bits;
}
