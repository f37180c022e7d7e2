/**
 * The keyed hash of the FDB.
 *
 * Multilinear-HM over the key's four 16-bit parts with secret random addends (Lemire, Kaser 2014, "Strongly
 * universal string hashing is fast"): whatever two keys an outsider picks, their high 17 bits collide with
 * probability 2^-17 over the choice of the seed, so a storm of chosen addresses cannot be aimed at one cluster.
 * Two multiplications do it. A mixer follows, since linear probing wants neighbouring addresses apart.
 *
 *   hash   31 ............ 12 | 11 ...... 0
 *          20 bits: block       high bits: slot inside the block
 *
 * A table is up to 4,096 blocks of a power of two of slots: so it need not be a power of two itself, and the way
 * from hash to slot is integer arithmetic (a multiplication by slots / 2^32 in doubles costs 3 ns a frame).
 */

import { sharedInt32 } from '../shared.ts';

/** Blocks of a table are at most 2^BLOCK_BITS; a block has at most as many slots. */
export const BLOCK_BITS = 12;
export const MAX_SLOTS = 1 << (2 * BLOCK_BITS);

/** Expands a 32-bit seed into the hash's secrets (splitmix32). */
export function makeSeed(seed: number): Int32Array {
  const words = sharedInt32(4);
  let state = seed | 0;
  for (let i = 0; i < words.length; i++) {
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    words[i] = z ^ (z >>> 15);
  }
  return words;
}

/** log2 of the slots in a block of a table with this many slots. */
export function blockShift(slots: number): number {
  return Math.max(0, 32 - Math.clz32(slots - 1) - BLOCK_BITS);
}

/** Slots rounded up to whole blocks. */
export function wholeBlocks(slots: number): number {
  const block = 1 << blockShift(slots);
  return Math.ceil(slots / block) * block;
}

/** Slot at which the probe for a key (words 0 and 1 of its record) begins. `shift` is blockShift(slots). */
export function slotOf(seed: Int32Array, slots: number, shift: number, low: number, high: number): number {
  let h =
    (Math.imul(seed[0] + (low & 0xffff), seed[1] + (low >>> 16)) +
      Math.imul(seed[2] + (high & 0xffff), seed[3] + (high >>> 16))) |
    0;
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  const block = Math.imul(h >>> 12, slots >>> shift) >>> 20;
  return (block << shift) | ((h & 0xfff) >>> (BLOCK_BITS - shift));
}
