/**
 * Translate: the tags of a frame as its port's neighbors know them, for those that the switch knows, and back.
 *
 * The new tags keep PCP and DEI: of the tag in the same place that they replace, else of the outermost tag there was.
 * Only the addresses and tags move, into the headroom or out of it. A frame that no rule is for stays as it is.
 */

import {
  ENTRY_MATCH,
  ENTRY_MATCH_COUNT,
  ENTRY_NEXT,
  ENTRY_POP,
  ENTRY_PUSH,
  ENTRY_PUSH_COUNT,
  ENTRY_WORDS,
  HEAD_UNTAGGED,
  HEADS,
  type TranslateTable,
} from '../tables/translate-table.ts';
import type { Batch } from './batch.ts';
import type { Dataplane } from './dataplane.ts';
import { moveAddresses } from './stages/shape.ts';

const ADDRESSES = 12;
const TAG = 4;
/** TPID and VID of a tag, without its priority. */
const TAG_MASK = 0xffff0fff | 0;
const PRIORITY_MASK = 0xf000;
const TPID_C = 0x8100;
const TPID_S = 0x88a8;

/** The entry for the frame at `off`, by `heads` of one way; 0 for none. */
export function findEntry(
  table: TranslateTable,
  heads: Int32Array,
  row: number,
  view: DataView,
  off: number,
  len: number,
): number {
  if (len < ADDRESSES + 2) return 0;
  const { entries } = table;
  const end = off + len;
  const type = view.getUint16(off + ADDRESSES);
  const isTagged = (type === TPID_C || type === TPID_S) && len >= ADDRESSES + TAG + 2;
  const head = isTagged ? view.getUint16(off + ADDRESSES + 2) & 0xfff : HEAD_UNTAGGED;
  for (let entry = heads[row * HEADS + head]; entry !== 0; entry = entries[entry * ENTRY_WORDS + ENTRY_NEXT]) {
    const at = entry * ENTRY_WORDS;
    const count = entries[at + ENTRY_MATCH_COUNT];
    if (off + ADDRESSES + count * TAG + 2 > end) continue;
    let k = 0;
    while (k < count && (view.getInt32(off + ADDRESSES + k * TAG) & TAG_MASK) === entries[at + ENTRY_MATCH + k]) k++;
    if (k === count) return entry;
  }
  return 0;
}

/** Bytes that the frame grows by. */
export function growth(table: TranslateTable, entry: number): number {
  const at = entry * ENTRY_WORDS;
  return (table.entries[at + ENTRY_PUSH_COUNT] - table.entries[at + ENTRY_POP]) * TAG;
}

/** Rewrites the frame at `off`, whose first byte is then at `off - growth`. */
export function applyEntry(table: TranslateTable, entry: number, view: DataView, off: number): void {
  const { entries } = table;
  const at = entry * ENTRY_WORDS;
  const pop = entries[at + ENTRY_POP];
  const push = entries[at + ENTRY_PUSH_COUNT];
  const hadTag = entries[at + ENTRY_MATCH_COUNT] !== 0;
  const outer = hadTag ? view.getUint16(off + ADDRESSES + 2) & PRIORITY_MASK : 0;
  const second = pop > 1 ? view.getUint16(off + ADDRESSES + TAG + 2) & PRIORITY_MASK : outer;
  const to = off - (push - pop) * TAG;
  if (to !== off) moveAddresses(view, off, to);
  if (push > 0) view.setInt32(to + ADDRESSES, entries[at + ENTRY_PUSH] | outer);
  if (push > 1) view.setInt32(to + ADDRESSES + TAG, entries[at + ENTRY_PUSH + 1] | second);
}

/** Frame i has arrived on a port with rules. */
export function translateArriving(dp: Dataplane, b: Batch, i: number): void {
  const { translate, arena } = dp;
  const entry = findEntry(translate, translate.arriving, translate.rowOf[b.port[i]], arena.view, b.off[i], b.len[i]);
  if (entry === 0) return;
  const more = growth(translate, entry);
  applyEntry(translate, entry, arena.view, b.off[i]);
  b.off[i] -= more;
  b.len[i] += more;
  if (b.csum[i] !== 0) b.csum[i] += more;
}
