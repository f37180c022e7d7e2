/**
 * Where in a large table a few entries are: a byte for each strip of 32 slots says that one of them has held a record.
 *
 * Whoever walks over all records of a table with room for 65,536 and a hundred in it reads 2 MB for 3 KB. The bytes are set when
 * a record is placed and stay set, so that taking one out costs nothing; a table that was full once is walked whole. A byte is
 * set before its record can be seen.
 */

/** 512 bytes of records. */
const STRIP_SHIFT = 5;
const STRIP_MASK = (1 << STRIP_SHIFT) - 1;

/** Shared, all unset. */
export function createStrips(slots: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer((slots >> STRIP_SHIFT) + 1));
}

export function touchStrip(strips: Uint8Array, slot: number): void {
  strips[slot >> STRIP_SHIFT] = 1;
}

/** The first slot from this one on whose strip has held a record; `slots` when there is none. */
export function nextTouched(strips: Uint8Array, slot: number, slots: number): number {
  if ((slot & STRIP_MASK) !== 0) return slot;
  let strip = slot >> STRIP_SHIFT;
  // Thousands in a row are unset in a table with a few entries: V8's own search takes a fifth of a loop's time.
  if (strips[strip] === 0) strip = strips.indexOf(1, strip);
  return strip < 0 ? slots : Math.min(strip << STRIP_SHIFT, slots);
}
