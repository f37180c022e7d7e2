/**
 * VLAN translation: which tags of a port's frames become which others, on the way in and undone on the way out.
 *
 * A rule compares the first tags of a frame and replaces some of them by others; each rule is two entries, one for each
 * way. A port with rules has a row of heads by the VID of the outermost tag, one for each way, and entries of one VID are
 * chained. Nothing of this is looked at for ports without rules.
 *
 *   entry   [next entry, tags compared 0-4, their TPID << 16 | VID × 4, tags replaced, tags written 0-2, theirs × 2]
 */

import { sharedInt32 } from './shared.ts';

export const ENTRY_WORDS = 10;
export const ENTRY_NEXT = 0;
export const ENTRY_MATCH_COUNT = 1;
export const ENTRY_MATCH = 2;
export const ENTRY_POP = 6;
export const ENTRY_PUSH_COUNT = 7;
export const ENTRY_PUSH = 8;

/** Heads of a row: one per VID, and one for frames without a tag. */
export const HEADS = 4097;
export const HEAD_UNTAGGED = 4096;

export interface TranslateTable {
  /** Row of a port; 0 = it translates nothing. */
  readonly rowOf: Int32Array;
  /** [row * HEADS + VID] -> entry, 0 = none; frames that arrive, and frames that leave. */
  arriving: Int32Array;
  leaving: Int32Array;
  /** Entry 0 is nobody's. */
  entries: Int32Array;
}

export function createTranslateTable(ports: number): TranslateTable {
  return {
    rowOf: sharedInt32(ports),
    arriving: sharedInt32(0),
    leaving: sharedInt32(0),
    entries: sharedInt32(ENTRY_WORDS),
  };
}
