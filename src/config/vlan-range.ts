/**
 * VLAN sets as people write them: `10`, `'10,20-30'`, `all`, and lists of these.
 *
 * `all` is 1-4094. Overlaps are no error (a set has no duplicates); a reversed range and every VID outside 1-4094
 * are: 0 is the priority tag and 4095 is reserved (IEEE 802.1Q-2022 table 9-2), neither can be configured.
 */
import { show } from './error.ts';

export const MIN_VID = 1;
export const MAX_VID = 4094;

export type VlanSpec = number | string | (number | string)[];

export const VALID_VLAN_SET = 'valid are 1-4094, ranges "10,20-30", or "all"';

/** JSON Schema pattern of the text form; the limits of the numbers are checked when the set is expanded. */
export const VLAN_SET_PATTERN = '^\\s*(all|\\d+\\s*(-\\s*\\d+)?)(\\s*,\\s*(all|\\d+\\s*(-\\s*\\d+)?))*\\s*$';

/** What is wrong with a set; `index` is the element of the list that it came from, null for the set itself. */
export interface VlanSetProblem {
  index: number | null;
  problem: string;
}

/** The sorted VIDs of a set, or the first thing that is wrong with it. */
export function expandVlans(spec: VlanSpec): number[] | VlanSetProblem {
  // As most keys of VLANs are.
  if (typeof spec === 'string' && /^[1-9]\d{0,3}$/.test(spec) && isVid(Number(spec))) return [Number(spec)];
  const seen = new Uint8Array(MAX_VID + 1);
  const items = Array.isArray(spec) ? spec : [spec];
  for (let i = 0; i < items.length; i++) {
    const problem = mark(seen, items[i]!);
    if (problem !== null) return { index: Array.isArray(spec) ? i : null, problem };
  }
  const vids: number[] = [];
  for (let vid = MIN_VID; vid <= MAX_VID; vid++) if (seen[vid] === 1) vids.push(vid);
  return vids;
}

function mark(seen: Uint8Array, item: number | string): string | null {
  if (typeof item === 'number') return markRange(seen, item, item, String(item));
  if (item.trim() === '') return `an empty text is not a VLAN set; ${VALID_VLAN_SET}`;
  for (const part of item.split(',')) {
    const text = part.trim();
    if (text === 'all') {
      seen.fill(1, MIN_VID, MAX_VID + 1);
      continue;
    }
    const match = /^(\d{1,9})(?:\s*-\s*(\d{1,9}))?$/.exec(text);
    if (match === null) return `${show(text)} is not a VLAN ID or range; ${VALID_VLAN_SET}`;
    if (/^0\d/.test(match[1]!) || /^0\d/.test(match[2] ?? '')) {
      return `${show(text)} has a leading zero; write VLAN IDs without one`;
    }
    const low = Number(match[1]);
    const high = match[2] === undefined ? low : Number(match[2]);
    const problem = markRange(seen, low, high, text);
    if (problem !== null) return problem;
  }
  return null;
}

function markRange(seen: Uint8Array, low: number, high: number, text: string): string | null {
  for (const vid of [low, high]) {
    if (!isVid(vid)) return `${vid} is not a VLAN ID; ${VALID_VLAN_SET}`;
  }
  if (low > high) return `the range ${show(text)} is reversed; write "${high}-${low}"`;
  seen.fill(1, low, high + 1);
  return null;
}

/** Ascending VIDs as a set is written: `10,20-30`. */
export function compressVlans(vids: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < vids.length; i++) {
    const first = vids[i]!;
    while (vids[i + 1] === vids[i]! + 1) i++;
    parts.push(first === vids[i] ? `${first}` : `${first}-${vids[i]}`);
  }
  return parts.join(',');
}

export function isVid(value: number): boolean {
  return Number.isInteger(value) && value >= MIN_VID && value <= MAX_VID;
}
