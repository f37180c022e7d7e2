/**
 * Longest-prefix match: IP prefix -> value, for IPv4 and IPv6, many VRFs, a million prefixes.
 *
 * One idea: a direct table for the first 16 bits, below it a tree of nodes for 4 bits each, compressed by bitmaps
 * ("tree bitmap", Eatherton, Varghese, Dittia 2004). A node knows by one bit each which of the 30 prefixes of 1 to 4
 * bits it holds and which of its 16 children exist; values and children of a node lie in a row, so that counting the
 * bits below finds the right one.
 *
 *   root slot   [child node, value of the longest prefix of at most 16 bits]        65,536 of them a VRF
 *   node        [prefixes: 30 bits, children: 16 bits, first child node, first value]
 *
 *   bits of `prefixes`:   0-1: one bit   2-5: two bits   6-13: three bits   14-29: four bits
 *
 * So the highest bit of what matches is the longest match. IPv4 needs at most four nodes, a /24 two; a /48 of IPv6
 * eight. A million /24 are 20 MB, 40 in their rows.
 *
 * The roots of a VRF must be there before it is looked up in. Updates (lpm-update.ts) are in place, in control, between batches: a row that grows moves to a larger free place. Values
 * are positive; 0 is "no route". Lookups allocate nothing.
 */
import { sharedInt32 } from './shared.ts';

export interface Lpm {
  /** Two words a slot, by VRF. */
  roots: Int32Array;
  /** Four words a node; node 0 is nobody's. */
  nodes: Int32Array;
  values: Int32Array;
}

export const ROOT_SLOTS = 65_536;
export const NODE_WORDS = 4;
export const PREFIXES = 0;
export const CHILDREN = 1;
export const FIRST_CHILD = 2;
export const FIRST_VALUE = 3;

/** For each 4 bits the prefixes of 1 to 4 bits that match them. */
const MATCH = Int32Array.from(
  { length: 16 },
  (_, bits) => prefixBit(bits, 1) | prefixBit(bits, 2) | prefixBit(bits, 3) | prefixBit(bits, 4),
);

/** The bit of a prefix of `length` 1..4 whose bits are the upper ones of `bits`. */
export function prefixBit(bits: number, length: number): number {
  return 1 << ((1 << length) - 2 + (bits >>> (4 - length)));
}

export function createLpm(): Lpm {
  return { roots: sharedInt32(0), nodes: sharedInt32(64 * NODE_WORDS), values: sharedInt32(64) };
}

/** The value of the longest prefix that holds the IPv4 address, or 0. */
export function lookup4(lpm: Lpm, vrf: number, address: number): number {
  const { roots, nodes } = lpm;
  const slot = ((vrf << 16) | (address >>> 16)) << 1;
  let node = roots[slot] << 2;
  const short = roots[slot + 1];
  let at = -1;
  let hits = 0;
  for (let shift = 12; node !== 0; shift -= 4) {
    const bits = (address >>> shift) & 15;
    const match = nodes[node] & MATCH[bits];
    if (match !== 0) {
      at = node;
      hits = match;
    }
    const children = nodes[node + CHILDREN];
    if (((children >>> bits) & 1) === 0) break;
    node = (nodes[node + FIRST_CHILD] + popcount(children & ((1 << bits) - 1))) << 2;
  }
  return at < 0 ? short : matchValue(lpm, at, hits);
}

/** The same for the 16 bytes at `at` of an IPv6 address. */
export function lookup6(lpm: Lpm, vrf: number, view: DataView, at: number): number {
  const { roots, nodes } = lpm;
  let word = view.getInt32(at);
  const slot = ((vrf << 16) | (word >>> 16)) << 1;
  let node = roots[slot] << 2;
  const short = roots[slot + 1];
  let found = -1;
  let hits = 0;
  let next = at + 4;
  for (let shift = 12; node !== 0; shift -= 4) {
    if (shift < 0) {
      word = view.getInt32(next);
      next += 4;
      shift = 28;
    }
    const bits = (word >>> shift) & 15;
    const match = nodes[node] & MATCH[bits];
    if (match !== 0) {
      found = node;
      hits = match;
    }
    const children = nodes[node + CHILDREN];
    if (((children >>> bits) & 1) === 0) break;
    node = (nodes[node + FIRST_CHILD] + popcount(children & ((1 << bits) - 1))) << 2;
  }
  return found < 0 ? short : matchValue(lpm, found, hits);
}

export function matchValue(lpm: Lpm, node: number, hits: number): number {
  const longest = 31 - Math.clz32(hits);
  return lpm.values[lpm.nodes[node + FIRST_VALUE] + popcount(lpm.nodes[node] & ((1 << longest) - 1))];
}

export function popcount(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
