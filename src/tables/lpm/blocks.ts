/**
 * Blocks of IPv6 prefixes: what the tree (lpm.ts) says of one /32, written out as ranges of the 16 bits behind it, so that most
 * packets read one record where they went down the tree node by node.
 *
 * A block is there while its /32 has prefixes of more than 32 bits and what they say fits; whatever a block cannot say
 * (BLOCK_ASKS) the tree does: prefixes of more than 48 bits, and places that none of 25 to 32 holds either. So a change of a
 * shorter one looks at no block, and one of these at 128 at most. Control only: it allocates.
 */

import { sharedUint16 } from '../shared.ts';
import {
  BLOCK_ASKS,
  BLOCK_BOUNDS,
  BLOCK_HALVES,
  BLOCK_SEAT,
  BLOCK_VALUES,
  blockHome,
  CHILDREN,
  DEPTH_SHIFT,
  FIRST_CHILD,
  KEY,
  MATCH,
  matchValue,
  NODE_WORDS,
  PREFIXES,
  ROOT_SLOTS,
} from './lpm.ts';
import { childOf, depthOf, type TreeRib } from './nodes.ts';

export interface BlockWriter {
  readonly rib: TreeRib;
  /** Blocks that are there. */
  count: number;
  /** The block that is being written, and how many ranges it has; more than RANGES: it does not fit. */
  readonly made: Uint16Array;
  ranges: number;
}

const RANGES = BLOCK_HALVES - 1 - BLOCK_VALUES;
/** Bits of a block, and of those before it and the place in it. */
const BLOCK = 32;
const PLACE = 48;
const PLACES = 1 << (PLACE - BLOCK);
/** In `prefixes` of a node: prefixes of one to three bits, and where those of four begin. */
const FOUR_BITS = 14;
const SEVERAL = (1 << FOUR_BITS) - 1;
/** The shortest prefix that blocks know. */
const SHORTEST = 25;

export function createBlockWriter(rib: TreeRib): BlockWriter {
  return { rib, count: 0, made: new Uint16Array(BLOCK_HALVES), ranges: 0 };
}

/** Writes the blocks that a prefix touches, after the tree has changed. */
export function writeBlocks(w: BlockWriter, vrf: number, prefix: Uint8Array, length: number): void {
  if (length < SHORTEST) return;
  const first = ((prefix[0]! << 24) | (prefix[1]! << 16) | (prefix[2]! << 8) | prefix[3]!) >>> 0;
  if (length > BLOCK) writeBlock(w, vrf, first);
  else writeBelow(w, vrf, w.rib.tree.roots[(vrf * ROOT_SLOTS + (first >>> 16)) * 2], first, length);
}

/** All blocks of a prefix of at most 32 bits. */
function writeBelow(w: BlockWriter, vrf: number, node: number, first: number, length: number): void {
  if (node === 0) return;
  const depth = depthOf(w.rib, node);
  const key = w.rib.tree.nodes[node * NODE_WORDS + KEY];
  const same = Math.min(depth, length);
  if ((key ^ first) >>> (32 - same) !== 0) return;
  if (depth >= BLOCK) {
    writeBlock(w, vrf, key >>> 0);
    return;
  }
  for (let bits = 0; bits < 16; bits++) {
    writeBelow(w, vrf, childOf(w.rib, node, bits), first, length);
  }
}

function writeBlock(w: BlockWriter, vrf: number, first: number): void {
  const { rib, made } = w;
  const { nodes, roots } = rib.tree;
  let value = BLOCK_ASKS;
  let node = roots[(vrf * ROOT_SLOTS + (first >>> 16)) * 2];
  while (node !== 0) {
    const depth = depthOf(rib, node);
    const at = node * NODE_WORDS;
    if ((nodes[at + KEY] ^ first) >>> (32 - Math.min(depth, BLOCK)) !== 0) node = 0;
    if (node === 0 || depth >= BLOCK) break;
    const bits = (first >>> (28 - depth)) & 15;
    const match = nodes[at] & MATCH[bits];
    if (match !== 0 && depth >= SHORTEST - 1) value = asHalf(matchValue(rib.tree, at, match));
    node = childOf(rib, node, bits);
  }
  w.ranges = 0;
  if (node !== 0) addNode(w, node, value, 0, PLACES);
  if (node === 0 || w.ranges > RANGES) {
    removeBlock(w, vrf, first);
    return;
  }
  for (let k = w.ranges - 1; k <= RANGES - 1; k++) made[BLOCK_BOUNDS + k] = 0xffff;
  made[0] = first >>> 16;
  made[1] = first & 0xffff;
  made[BLOCK_SEAT] = vrf + 1;
  putBlock(w, vrf, first);
}

function asHalf(value: number): number {
  return Math.min(value, BLOCK_ASKS);
}

/** Adds the ranges of [start, end), where `value` is what is known without the node. */
function addNode(w: BlockWriter, node: number, value: number, start: number, end: number): void {
  const { nodes } = w.rib.tree;
  const at = node * NODE_WORDS;
  const children = nodes[at + CHILDREN];
  const depth = children >>> DEPTH_SHIFT;
  if (depth >= PLACE) {
    const place = nodes[at + KEY + 1] >>> 16;
    if (place > start) addRange(w, start, value);
    addRange(w, place, BLOCK_ASKS);
    if (place + 1 < end) addRange(w, place + 1, value);
    return;
  }
  const prefixes = nodes[at + PREFIXES];
  const step = 1 << (PLACE - 4 - depth);
  const first = (nodes[at + KEY + 1] >>> 16) & -(step << 4);
  // Of its 16 parts those that are more than `value`: all, where a prefix has several.
  let parts = (prefixes & SEVERAL) !== 0 ? 0xffff : (prefixes >>> FOUR_BITS) | (children & 0xffff);
  let child = nodes[at + FIRST_CHILD];
  let next = start;
  for (; parts !== 0 && w.ranges <= RANGES; parts &= parts - 1) {
    const bits = 31 - Math.clz32(parts & -parts);
    const match = prefixes & MATCH[bits];
    const known = match === 0 ? value : asHalf(matchValue(w.rib.tree, at, match));
    const place = first + bits * step;
    if (place > next) addRange(w, next, value);
    next = place + step;
    if (((children >>> bits) & 1) === 0) addRange(w, place, known);
    else addNode(w, child++, known, place, next);
  }
  if (next < end) addRange(w, next, value);
}

function addRange(w: BlockWriter, place: number, value: number): void {
  const { made, ranges } = w;
  if (ranges > RANGES || (ranges > 0 && made[BLOCK_VALUES + ranges - 1] === value)) return;
  w.ranges++;
  if (ranges === RANGES) return;
  if (ranges > 0) made[BLOCK_BOUNDS + ranges - 1] = place - 1;
  made[BLOCK_VALUES + ranges] = value;
}

// ---- the table of blocks: open addressing, at most half full

/** Where the block is, or the free place behind those before it. */
function placeOf(blocks: Uint16Array, vrf: number, first: number): number {
  let at = blockHome(blocks, vrf, first);
  while (blocks[at + BLOCK_SEAT] !== 0) {
    if (blocks[at + BLOCK_SEAT] === vrf + 1 && blocks[at] === first >>> 16 && blocks[at + 1] === (first & 0xffff))
      break;
    at = (at + BLOCK_HALVES) & (blocks.length - 1);
  }
  return at;
}

function putBlock(w: BlockWriter, vrf: number, first: number): void {
  const { tree } = w.rib;
  let at = placeOf(tree.blocks, vrf, first);
  if (tree.blocks[at + BLOCK_SEAT] === 0) {
    w.count++;
    if (w.count * 2 * BLOCK_HALVES > tree.blocks.length) grow(w);
    at = placeOf(tree.blocks, vrf, first);
  }
  tree.blocks.set(w.made, at);
}

function grow({ rib }: BlockWriter): void {
  const old = rib.tree.blocks;
  const more = sharedUint16(old.length * 2);
  for (let at = 0; at < old.length; at += BLOCK_HALVES) {
    const seat = old[at + BLOCK_SEAT];
    if (seat === 0) continue;
    const first = ((old[at] << 16) | old[at + 1]) >>> 0;
    more.set(old.subarray(at, at + BLOCK_HALVES), placeOf(more, seat - 1, first));
  }
  rib.tree.blocks = more;
}

/** Blocks behind it that would not be found past its empty place come forward. */
function removeBlock(w: BlockWriter, vrf: number, first: number): void {
  const { blocks } = w.rib.tree;
  const mask = blocks.length - 1;
  let hole = placeOf(blocks, vrf, first);
  if (blocks[hole + BLOCK_SEAT] === 0) return;
  w.count--;
  for (let at = (hole + BLOCK_HALVES) & mask; blocks[at + BLOCK_SEAT] !== 0; at = (at + BLOCK_HALVES) & mask) {
    const home = blockHome(blocks, blocks[at + BLOCK_SEAT] - 1, ((blocks[at] << 16) | blocks[at + 1]) >>> 0);
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    blocks.copyWithin(hole, at, at + BLOCK_HALVES);
    hole = at;
  }
  blocks.fill(0, hole, hole + BLOCK_HALVES);
}
