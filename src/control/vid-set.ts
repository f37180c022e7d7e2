/**
 * Sets of VIDs as bits, and the member set of a port made of two: what is done to thousands of VLANs of a port at once is a
 * few operations on 128 words.
 */

import { expandVlans } from '../config/vlan-range.ts';

/** VID v is bit v & 31 of word v >> 5. */
export type VidSet = Int32Array;

const WORDS = 4096 / 32;

export function emptyVids(): VidSet {
  return new Int32Array(WORDS);
}

export function oneVid(vid: number): VidSet {
  const set = emptyVids();
  addVid(set, vid);
  return set;
}

/** Sets by their text, such as `10,20-30`: to read one takes longer than to use it, and ports often have the same. */
export class VidSets {
  readonly #known = new Map<string, VidSet>();
  readonly #sizes = new Map<string, number>();

  /** Not to be written to. Texts are those of plans; of another a RangeError is thrown. */
  of(text: string): VidSet {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const vids = vidsOf(text);
    const set = emptyVids();
    for (const vid of vids) addVid(set, vid);
    this.#known.set(text, set);
    this.#sizes.set(text, vids.length);
    return set;
  }

  sizeOf(text: string): number {
    this.of(text);
    return this.#sizes.get(text)!;
  }
}

function vidsOf(text: string): number[] {
  if (text === '') return [];
  // Of access ports.
  const one = Number(text);
  if (one >= 1 && one <= 4094) return [one];
  const vids = expandVlans(text);
  if (!Array.isArray(vids)) throw new RangeError(vids.problem);
  return vids;
}

export function hasVid(set: VidSet, vid: number): boolean {
  return ((set[vid >> 5] >>> (vid & 31)) & 1) !== 0;
}

export function addVid(set: VidSet, vid: number): void {
  set[vid >> 5] |= 1 << (vid & 31);
}

export function takeVid(set: VidSet, vid: number): void {
  set[vid >> 5] &= ~(1 << (vid & 31));
}

// Plain loops: the methods of typed arrays take microseconds for 128 words, and a change of all ports does this for each of them.

/** Those of `a` that are not in `b`. */
export function without(a: VidSet, b: VidSet): VidSet {
  const rest = emptyVids();
  for (let w = 0; w < WORDS; w++) rest[w] = a[w] & ~b[w];
  return rest;
}

/** Whether all of `a` are in `b`. */
export function isWithin(a: VidSet, b: VidSet): boolean {
  for (let w = 0; w < WORDS; w++) if ((a[w] & ~b[w]) !== 0) return false;
  return true;
}

export function haveCommon(a: VidSet, b: VidSet): boolean {
  for (let w = 0; w < WORDS; w++) if ((a[w] & b[w]) !== 0) return true;
  return false;
}

/** Puts those of `b` into `a`. */
export function addAll(a: VidSet, b: VidSet): void {
  for (let w = 0; w < WORDS; w++) a[w] |= b[w];
}

export function isEmpty(set: VidSet): boolean {
  for (let w = 0; w < WORDS; w++) if (set[w] !== 0) return false;
  return true;
}

/** Ascending. */
export function* vidsIn(set: VidSet): Generator<number> {
  for (let w = 0; w < WORDS; w++) {
    for (let bits = set[w]; bits !== 0; bits &= bits - 1) yield (w << 5) + 31 - Math.clz32(bits & -bits);
  }
}

export class MemberSet {
  readonly vids = emptyVids();
  /** Those of them where the port sends without a tag. */
  readonly untagged = emptyVids();

  copy(): MemberSet {
    const copy = new MemberSet();
    copy.vids.set(this.vids);
    copy.untagged.set(this.untagged);
    return copy;
  }

  /** VLANs that one is in and the other is not, or otherwise. */
  differing({ vids, untagged }: MemberSet): VidSet {
    const all = emptyVids();
    for (let w = 0; w < WORDS; w++) all[w] = (this.vids[w] ^ vids[w]) | (this.untagged[w] ^ untagged[w]);
    return all;
  }

  /** In these VLANs it is what `before` is. */
  putBack(before: MemberSet, where: VidSet): void {
    for (let w = 0; w < WORDS; w++) {
      this.vids[w] = (this.vids[w] & ~where[w]) | (before.vids[w] & where[w]);
      this.untagged[w] = (this.untagged[w] & ~where[w]) | (before.untagged[w] & where[w]);
    }
  }

  has(vid: number): boolean {
    return hasVid(this.vids, vid);
  }

  add(vids: VidSet, untagged: boolean): void {
    for (let w = 0; w < WORDS; w++) {
      this.vids[w] |= vids[w];
      this.untagged[w] = untagged ? this.untagged[w] | vids[w] : this.untagged[w] & ~vids[w];
    }
  }

  remove(vids: VidSet): void {
    for (let w = 0; w < WORDS; w++) {
      this.vids[w] &= ~vids[w];
      this.untagged[w] &= ~vids[w];
    }
  }
}
