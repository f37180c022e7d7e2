/**
 * VLAN translation of ports, compiled: rules into entries of both ways. All rows are written anew when any port's rules
 * change: they are few, and control's.
 */

import type { TagConfig } from '../config/types.ts';
import { sharedInt32 } from '../tables/shared.ts';
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
import { type Port, rewritesTags } from './model.ts';

const TPID_C = 0x8100;
const TPID_S = 0x88a8;

/** Writes the rules of all ports; true when the table has new memory. */
export function compileTranslation(table: TranslateTable, ports: Iterable<Port>): boolean {
  table.rowOf.fill(0);
  const translating = [...ports].filter((port) => rewritesTags(port.settings));
  const rules = translating.reduce(
    (sum, { settings: { translate, serviceVlans, privateTrunk } }) =>
      sum + translate.length + serviceVlans.length + (privateTrunk?.leaves.length ?? 0),
    0,
  );
  if (rules === 0 && table.arriving.length < HEADS) return false;
  const rows = translating.length + 1;
  const arriving = sharedInt32(rows * HEADS);
  const leaving = sharedInt32(rows * HEADS);
  const entries = sharedInt32((1 + 2 * rules) * ENTRY_WORDS);
  let next = 1;
  translating.forEach((port, index) => {
    const row = index + 1;
    for (const { from, to } of port.settings.translate) {
      addEntry(entries, next++, arriving, row, from, to);
      addEntry(entries, next++, leaving, row, to, from);
    }
    // Arriving frames have lost their customer tag by their VLAN (stages/classify.ts); here it comes back.
    const tpid = port.bridge?.settings.type === 's-vlan' ? TPID_S : TPID_C;
    for (const { cvid, vid, keepTag } of port.settings.serviceVlans) {
      if (!keepTag) addEntry(entries, next++, leaving, row, [{ tpid, vid }], [{ tpid: TPID_C, vid: cvid }]);
    }
    for (const { vid, tag } of port.settings.privateTrunk?.leaves ?? []) {
      addEntry(entries, next++, leaving, row, [{ tpid, vid }], [{ tpid, vid: tag }]);
    }
    table.rowOf[port.index] = row;
  });
  table.arriving = arriving;
  table.leaving = leaving;
  table.entries = entries;
  return true;
}

function addEntry(
  entries: Int32Array,
  entry: number,
  heads: Int32Array,
  row: number,
  from: readonly TagConfig[],
  to: readonly TagConfig[],
): void {
  const { pop, push } = replacement(from, to);
  const at = entry * ENTRY_WORDS;
  const head = row * HEADS + (from.length === 0 ? HEAD_UNTAGGED : from[0]!.vid);
  entries[at + ENTRY_NEXT] = 0;
  entries[at + ENTRY_MATCH_COUNT] = from.length;
  from.forEach((tag, k) => {
    entries[at + ENTRY_MATCH + k] = wordOf(tag);
  });
  entries[at + ENTRY_POP] = pop;
  entries[at + ENTRY_PUSH_COUNT] = push.length;
  push.forEach((tag, k) => {
    entries[at + ENTRY_PUSH + k] = wordOf(tag);
  });
  // Rules with more tags come first: they say more.
  let before = 0;
  let after = heads[head];
  while (after !== 0 && entries[after * ENTRY_WORDS + ENTRY_MATCH_COUNT] >= from.length) {
    before = after;
    after = entries[after * ENTRY_WORDS + ENTRY_NEXT];
  }
  entries[at + ENTRY_NEXT] = after;
  if (before === 0) heads[head] = entry;
  else entries[before * ENTRY_WORDS + ENTRY_NEXT] = entry;
}

/** What is taken off and put on: inner tags that both ends have stay where they are. */
function replacement(
  from: readonly TagConfig[],
  to: readonly TagConfig[],
): { pop: number; push: readonly TagConfig[] } {
  let kept = 0;
  while (
    kept < from.length &&
    kept < to.length &&
    wordOf(from[from.length - 1 - kept]!) === wordOf(to[to.length - 1 - kept]!)
  ) {
    kept++;
  }
  return { pop: from.length - kept, push: to.slice(0, to.length - kept) };
}

function wordOf({ tpid, vid }: TagConfig): number {
  return (tpid << 16) | vid;
}
