/**
 * Rows of the VLAN table made ready aside: the words as they are and as they will be, in runs of rows that lie one behind the other. Putting them in
 * place is a copy of memory for each run.
 */

import { hasBit, setBit } from '../../tables/bitmap.ts';
import { fidAt, VIDS_PER_BRIDGE, type VlanTable } from '../../tables/vlan-table.ts';
import type { Bridge } from '../model.ts';
import { addAll, emptyVids, hasVid, type MemberSet, type VidSet, vidsIn } from '../vid-set.ts';

/** Words that are copied at once. */
const MOST_WORDS = 4096;
/** Rows between two that change are copied along when they are no more than this. */
const GAP_WORDS = 64;
/** Rows, and columns, that are looked at in one step: some tens of microseconds also the first time. */
const LOOKS = 128;
const COLUMNS = 8;

/** VLANs of a port in which it is something else than before. */
export interface Column {
  readonly bridge: Bridge;
  readonly port: number;
  readonly vids: VidSet;
  /** As it will be. */
  readonly members: MemberSet;
}

interface Run {
  /** Where it begins in the table, and in the words. */
  readonly at: number;
  readonly from: number;
  readonly member: Int32Array;
  readonly untagged: Int32Array;
}

export class StagedRows {
  readonly #vlans: VlanTable;
  readonly #runs: Run[] = [];
  #before = wordsOf(0);
  #after = wordsOf(0);

  constructor(vlans: VlanTable) {
    this.#vlans = vlans;
  }

  *stage(columns: readonly Column[]): Generator<'small', void> {
    const ranges = yield* this.#ranges(columns);
    const words = ranges.reduce((sum, { length }) => sum + length, 0);
    const { member, untagged, width, capacity } = this.#vlans;
    const before = wordsOf(words);
    const after = wordsOf(words);
    this.#before = before;
    this.#after = after;
    /** Where the words of a row are. */
    const place = new Int32Array(capacity);
    let from = 0;
    for (const { at, length } of ranges) {
      const to = from + length;
      for (let word = 0; word < length; word += width) place[(at + word) / width] = from + word;
      before.member.set(member.subarray(at, at + length), from);
      before.untagged.set(untagged.subarray(at, at + length), from);
      after.member.set(before.member.subarray(from, to), from);
      after.untagged.set(before.untagged.subarray(from, to), from);
      this.#runs.push({
        at,
        from,
        member: after.member.subarray(from, to),
        untagged: after.untagged.subarray(from, to),
      });
      from = to;
      yield 'small';
    }
    for (const column of columns) {
      this.#write(column, place);
      yield 'small';
    }
  }

  /** Words of the table that hold rows which change, in order. */
  *#ranges(columns: readonly Column[]): Generator<'small', { at: number; length: number }[]> {
    const { width, capacity } = this.#vlans;
    const changing = new Map<Bridge, VidSet>();
    for (const [n, { bridge, vids }] of columns.entries()) {
      if (n % COLUMNS === 0) yield 'small';
      if (!changing.has(bridge)) changing.set(bridge, emptyVids());
      addAll(changing.get(bridge)!, vids);
    }
    const rows = new Int32Array((capacity + 31) >> 5);
    for (const [{ index }, vids] of changing) {
      for (const vid of vidsIn(vids)) {
        setBit(rows, 0, 0, fidAt(this.#vlans, index * VIDS_PER_BRIDGE + vid), true);
        if (vid % LOOKS === 0) yield 'small';
      }
    }
    const ranges: { at: number; length: number }[] = [];
    let last = { at: 0, length: 0 };
    for (let fid = 0, looks = 0; fid < capacity; fid++) {
      if (!hasBit(rows, 0, 0, fid)) continue;
      const at = fid * width;
      const reaches = at + width - last.at;
      if (last.length > 0 && reaches <= MOST_WORDS && at - last.at - last.length <= GAP_WORDS) last.length = reaches;
      else {
        last = { at, length: width };
        ranges.push(last);
      }
      if (++looks % LOOKS === 0) yield 'small';
    }
    return ranges;
  }

  /** Plain loops: thousands of VLANs of each of many ports. */
  #write({ bridge, port, vids, members }: Column, place: Int32Array): void {
    const { member, untagged } = this.#after;
    const base = bridge.index * VIDS_PER_BRIDGE;
    const word = port >> 5;
    const bit = 1 << (port & 31);
    for (let w = 0; w < vids.length; w++) {
      for (let bits = vids[w]; bits !== 0; bits &= bits - 1) {
        const vid = (w << 5) + 31 - Math.clz32(bits & -bits);
        const at = place[fidAt(this.#vlans, base + vid)] + word;
        member[at] = hasVid(members.vids, vid) ? member[at] | bit : member[at] & ~bit;
        untagged[at] = hasVid(members.untagged, vid) ? untagged[at] | bit : untagged[at] & ~bit;
      }
    }
  }

  /** Nothing has changed them since. */
  put(): void {
    const { member, untagged } = this.#vlans;
    for (const run of this.#runs) {
      member.set(run.member, run.at);
      untagged.set(run.untagged, run.at);
    }
  }

  /** As they were before `put`; other bits may have changed since. */
  takeBack(): void {
    const { member, untagged } = this.#vlans;
    for (const { at, from, member: words, untagged: shapes } of this.#runs) {
      const to = at + words.length;
      if (areSame(member.subarray(at, to), words) && areSame(untagged.subarray(at, to), shapes)) {
        member.set(this.#before.member.subarray(from, from + words.length), at);
        untagged.set(this.#before.untagged.subarray(from, from + words.length), at);
        continue;
      }
      for (let w = 0; w < words.length; w++) {
        member[at + w] ^= this.#before.member[from + w] ^ this.#after.member[from + w];
        untagged[at + w] ^= this.#before.untagged[from + w] ^ this.#after.untagged[from + w];
      }
    }
  }
}

/** Without a loop that is slow the first time. */
function areSame(a: Int32Array, b: Int32Array): boolean {
  return bytesOf(a).equals(bytesOf(b));
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function wordsOf(count: number) {
  return { member: new Int32Array(count), untagged: new Int32Array(count) };
}
