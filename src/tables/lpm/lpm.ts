/**
 * Longest-prefix match: IP prefix -> value, for IPv4 and IPv6, many VRFs, a million prefixes.
 *
 * IPv4 is looked up by 16 bits, 8 bits, 8 bits: a direct table, below it pages with an answer for each of 256 places, in
 * which answers that repeat are written once ("SFT", Degermark and others 1997; "Poptrie", Asai, Ohara 2015). A page says by
 * one bit each where a run of equal answers begins, so counting the bits up to a place finds its answer; a page is one
 * cache line, and so are its answers where it has a few, since they stand behind its bits. Nothing in a lookup is a loop or
 * a guess. A table with every answer written out (DIR-24-8) reads less and waits longer: at ten thousand routes it was 8 MB
 * where this is 600 KB (bench routing).
 *
 *   roots   65,536 words a VRF     value, or ~page
 *   shorts  65,536 words a VRF     value of the longest prefix of at most 16 bits: what a page means by 0
 *   lines   16 words a page        8 of bits, 2 of bits before each of those, by bytes, 1: word before the first run, up to 5 runs;
 *                                  more runs have lines of their own
 *           a word a run           value, or ~page
 *
 * Pages do not know prefixes of at most 16 bits, so that a default route comes and goes without a look at them.
 *
 * IPv6 is looked up in a tree: a direct table for the first 16 bits, below it nodes of 4 bits each, compressed by
 * bitmaps ("tree bitmap", Eatherton, Varghese, Dittia 2004), and only where something branches: a node says by its depth
 * and key which bits it skips. So a host in a subnet is a few nodes away, not 28. A node knows by one bit each which of
 * the 30 prefixes of 1 to 4 bits it holds and which of its 16 children exist; values and children of a node lie in a row,
 * so that counting the bits below finds the right one.
 *
 *   root slot   [child node, value of the longest prefix of at most 16 bits]           65,536 of them a VRF
 *   node        [prefixes: 30 bits, depth << 16 | children, first child, first value, key: four words]
 *
 *   bits of `prefixes`:   0-1: one bit   2-5: two bits   6-13: three bits   14-29: four bits
 *
 * So the highest bit of what matches is the longest match. The same tree without its lookup is what control keeps of
 * IPv4 (lpm/tree.ts).
 *
 * Before the tree the block of the first 32 bits is asked (lpm/blocks.ts), a record of two cache lines in a table hashed by
 * them, which most prefixes of 33 to 48 bits are in:
 *
 *   block       [first 32 bits: two halves, VRF + 1 (0 = free), boundaries: 29 halves, 0xffff, values: 30 halves]
 *
 * A boundary is the place before the first one of a range, 0xffff where there are no more; so the boundaries that are less
 * than the 16 bits behind the first 32 count up to the value.
 *
 * The roots of a VRF must be there before it is looked up in. Updates (lpm/update.ts) are in place, in control, between
 * batches. Values are positive; 0 is "no route". Lookups allocate nothing.
 */
import { sharedInt32, sharedUint16 } from '../shared.ts';

/** What IPv4 is looked up in. */
export interface Pages {
  /** By VRF. */
  roots: Int32Array;
  shorts: Int32Array;
  lines: Int32Array;
}

/** What IPv6 is looked up in. */
export interface Tree {
  /** Two words a slot, by VRF. */
  roots: Int32Array;
  /** Eight words a node; node 0 is nobody's. */
  nodes: Int32Array;
  values: Int32Array;
  /** BLOCK_HALVES a block; a power of two of them. */
  blocks: Uint16Array;
}

export const ROOT_SLOTS = 65_536;
/** Words of a page, or of a line of runs. */
export const LINE_SHIFT = 4;
export const PAGE_BEFORE = 8;
export const PAGE_RUNS = 10;
export const NODE_WORDS = 8;
export const PREFIXES = 0;
export const CHILDREN = 1;
export const FIRST_CHILD = 2;
export const FIRST_VALUE = 3;
export const KEY = 4;
export const DEPTH_SHIFT = 16;
export const BLOCK_SHIFT = 6;
export const BLOCK_HALVES = 1 << BLOCK_SHIFT;
export const BLOCK_SEAT = 2;
export const BLOCK_BOUNDS = 3;
export const BLOCK_VALUES = 33;
/** The value of a range that only the tree knows. */
export const BLOCK_ASKS = 0xffff;
export const BLOCK_MIX = 0x9e3779b1;
export const BLOCK_VRF = 0x85ebca6b;
const FIRST_BLOCKS = 16;

/** For each 4 bits the prefixes of 1 to 4 bits that match them. */
export const MATCH = Int32Array.from(
  { length: 16 },
  (_, bits) => prefixBit(bits, 1) | prefixBit(bits, 2) | prefixBit(bits, 3) | prefixBit(bits, 4),
);

/** The bit of a prefix of `length` 1..4 whose bits are the upper ones of `bits`. */
export function prefixBit(bits: number, length: number): number {
  return 1 << ((1 << length) - 2 + (bits >>> (4 - length)));
}

export function createPages(): Pages {
  return { roots: sharedInt32(0), shorts: sharedInt32(0), lines: sharedInt32(16 << LINE_SHIFT) };
}

export function createTree(): Tree {
  return {
    roots: sharedInt32(0),
    nodes: sharedInt32(64 * NODE_WORDS),
    values: sharedInt32(64),
    blocks: sharedUint16(FIRST_BLOCKS * BLOCK_HALVES),
  };
}

/** The value of the longest prefix that holds the IPv4 address, or 0. */
export function lookup4(lpm: Pages, vrf: number, address: number): number {
  const root = (vrf << 16) | (address >>> 16);
  let found = lpm.roots[root];
  if (found < 0) found = inPage(lpm.lines, ~found, (address >>> 8) & 0xff);
  if (found < 0) found = inPage(lpm.lines, ~found, address & 0xff);
  return found === 0 ? lpm.shorts[root] : found;
}

function inPage(lines: Int32Array, page: number, place: number): number {
  const at = page << LINE_SHIFT;
  const word = place >>> 5;
  const before = (lines[at + PAGE_BEFORE + (word >>> 2)] >>> ((word & 3) << 3)) & 0xff;
  return lines[lines[at + PAGE_RUNS] + before + popcount(lines[at + word] << (31 - (place & 31)))];
}

/** Where the search for the block of the first 32 bits begins. */
export function blockHome(blocks: Uint16Array, vrf: number, first: number): number {
  const shift = Math.clz32(blocks.length >>> BLOCK_SHIFT) + 1;
  return (Math.imul(first ^ Math.imul(vrf, BLOCK_VRF), BLOCK_MIX) >>> shift) << BLOCK_SHIFT;
}

/** What the block of the first 32 bits says of the next 16. */
function inBlock({ blocks }: Tree, vrf: number, first: number, place: number): number {
  let at = blockHome(blocks, vrf, first);
  for (;;) {
    const seat = blocks[at + BLOCK_SEAT];
    if (seat === 0) return BLOCK_ASKS;
    if (seat === vrf + 1 && blocks[at] === first >>> 16 && blocks[at + 1] === (first & 0xffff)) break;
    at = (at + BLOCK_HALVES) & (blocks.length - 1);
  }
  let range = 0;
  for (let step = 16; step > 0; step >>>= 1) {
    if (blocks[at + BLOCK_BOUNDS + range + step - 1] < place) range += step;
  }
  return blocks[at + BLOCK_VALUES + range];
}

/** The same for the 16 bytes at `at` of an IPv6 address. */
export function lookup6(tree: Tree, vrf: number, view: DataView, at: number): number {
  const known = inBlock(tree, vrf, view.getInt32(at), view.getUint16(at + 4));
  return known === BLOCK_ASKS ? inTree(tree, vrf, view, at) : known;
}

/** The same, whatever the blocks say. */
function inTree(tree: Tree, vrf: number, view: DataView, at: number): number {
  const { roots, nodes } = tree;
  let word = view.getInt32(at);
  const slot = ((vrf << 16) | (word >>> 16)) << 1;
  const short = roots[slot + 1];
  let node = roots[slot] << 3;
  let found = -1;
  let hits = 0;
  let seen = 0;
  while (node !== 0) {
    const children = nodes[node + 1];
    const depth = children >>> DEPTH_SHIFT;
    // What lies between this node and the one above must be the same.
    const last = depth >>> 5;
    while (seen < last && word === nodes[node + KEY + seen]) {
      seen++;
      word = view.getInt32(at + (seen << 2));
    }
    if (seen < last) break;
    const below = depth & 31;
    if (below !== 0 && (word ^ nodes[node + KEY + seen]) >>> (32 - below) !== 0) break;
    const bits = (word >>> (28 - below)) & 15;
    const match = nodes[node] & MATCH[bits];
    if (match !== 0) {
      found = node;
      hits = match;
    }
    if (((children >>> bits) & 1) === 0) break;
    node = (nodes[node + FIRST_CHILD] + popcount(children & ((1 << bits) - 1))) << 3;
  }
  return found < 0 ? short : matchValue(tree, found, hits);
}

export function matchValue(tree: Tree, node: number, hits: number): number {
  const longest = 31 - Math.clz32(hits);
  return tree.values[tree.nodes[node + FIRST_VALUE] + popcount(tree.nodes[node] & ((1 << longest) - 1))];
}

export function popcount(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
