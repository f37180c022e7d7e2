/**
 * The keyed hash of the FDB.
 *
 * Multilinear over the key's four 16-bit halves with secret random multipliers: whatever two keys an outsider
 * picks, they collide with probability 2^-17 over the choice of the seed (Lemire, Kaser 2014, "Strongly
 * universal string hashing is fast"), so a storm of chosen addresses cannot be aimed at one cluster. A mixer
 * follows, since linear probing wants neighbouring addresses apart. Slots come from the high bits by a
 * multiplication with slots / 2^32: the table need not be a power of two.
 */

import { sharedInt32 } from './shared.ts';

/** Expands a 32-bit seed into the hash's secrets (splitmix32). */
export function makeSeed(seed: number): Int32Array {
  const words = sharedInt32(5);
  let state = seed | 0;
  for (let i = 0; i < words.length; i++) {
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    words[i] = (z ^ (z >>> 15)) | 1;
  }
  return words;
}

/** The hash of a key (words 0 and 1 of its record). The five secrets are passed apart so that a loop can hold them. */
export function hashWords(
  s0: number,
  s1: number,
  s2: number,
  s3: number,
  s4: number,
  low: number,
  high: number,
): number {
  let h =
    (Math.imul(s0, low & 0xffff) +
      Math.imul(s1, low >>> 16) +
      Math.imul(s2, high & 0xffff) +
      Math.imul(s3, high >>> 16) +
      s4) |
    0;
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return h ^ (h >>> 13);
}

export function hashKey(seed: Int32Array, low: number, high: number): number {
  return hashWords(seed[0], seed[1], seed[2], seed[3], seed[4], low, high);
}

export function slotOfHash(hash: number, scale: number): number {
  return ((hash >>> 0) * scale) | 0;
}
