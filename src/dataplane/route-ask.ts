/**
 * The second step of the route lane: the routes of packets that route-judge.ts found good. The records of their sources are
 * asked for as well, for the step that needs them.
 *
 * All packets take one step of their lookup, then all take the next, each step in a loop of its own: it is short, so the
 * processor has many packets under way in it, and while one waits for memory the others wait too, not after it. In one
 * loop for whole lookups every packet waited for as many reads as it had steps (bench routing: 1.8 times the time at a
 * million IPv4 routes, 2.3 times at a million of IPv6).
 */

import {
  CHILDREN,
  DEPTH_SHIFT,
  FIRST_CHILD,
  FIRST_VALUE,
  KEY,
  LINE_SHIFT,
  MATCH,
  PAGE_BEFORE,
  PAGE_RUNS,
} from '../tables/lpm.ts';
import type { Dataplane } from './dataplane.ts';
import type { RouteColumns } from './route-judge.ts';

/** Turns the `row` of frames [first, end) into adjacencies. */
export type RouteAsk = (first: number, end: number) => void;

// Of this file, not imported: see fast-lane.ts.
const LINE = LINE_SHIFT;
const BEFORE = PAGE_BEFORE;
const RUNS = PAGE_RUNS;
/** Tables of more words are not in a near cache: their lines are asked for before one is read. */
const FAR = 1 << 18;
const NODE_CHILDREN = CHILDREN;
const NODE_DEPTH = DEPTH_SHIFT;
const NODE_CHILD = FIRST_CHILD;
const NODE_VALUE = FIRST_VALUE;
const NODE_KEY = KEY;
const NIBBLE = MATCH;

export function createRouteAsk(dp: Dataplane, columns: RouteColumns): RouteAsk {
  const { arena, fdb, router } = dp;
  const { ip: ips, row: rows, root: roots, dst: dsts, slot: slots } = columns;
  /** IPv4 packets whose row is a page, and where its answer for each of them is. */
  const live = new Int32Array(rows.length);
  const places = new Int32Array(rows.length);
  /** IPv6 packets that are not at the end of their way yet, and of each: the node to look at, the last that matched, by what. */
  const climbing = new Int32Array(rows.length);
  const ways = new Int32Array(rows.length);
  const matched = new Int32Array(rows.length);
  const matches = new Int32Array(rows.length);

  /** What a page says of the byte at `shift` of the destination, for those under way. Returns how many have come to another. */
  const turnPages = (count: number, shift: number): number => {
    const { lines, shorts } = router.lpm4;
    const by = shift | 0;
    // An access before the loop: where the array lies is then not asked again in every turn of it.
    let sum = lines[0];
    if (lines.length > FAR) for (let k = 0; k < count; k = (k + 1) | 0) sum ^= lines[~rows[live[k]] << LINE];
    places[0] = sum;
    for (let k = 0; k < count; k = (k + 1) | 0) {
      const i = live[k];
      // tables/lpm.ts
      const at = ~rows[i] << LINE;
      const place = (dsts[i] >>> by) & 0xff;
      const part = place >>> 5;
      let v = lines[(at + part) | 0] << (31 - (place & 31));
      v -= (v >>> 1) & 0x55555555;
      v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
      v = Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
      v = (v + ((lines[(at + BEFORE + (part >>> 2)) | 0] >>> ((part & 3) << 3)) & 0xff)) | 0;
      places[k] = (lines[(at + RUNS) | 0] + v) | 0;
    }
    let left = 0;
    for (let k = 0; k < count; k = (k + 1) | 0) {
      const i = live[k];
      const row = lines[places[k]];
      rows[i] = row === 0 ? shorts[roots[i]] : row;
      live[left] = i;
      left = (left - (row >> 31)) | 0;
    }
    return left;
  };

  /** Takes IPv6 packets down the tree, all by a node, then all by the next. */
  const climb = (count: number): void => {
    const view = arena.view;
    const { nodes } = router.lpm6;
    let waiting = count;
    let sum = 0;
    while (waiting > 0) {
      for (let k = 0; k < waiting; k = (k + 1) | 0) sum ^= nodes[ways[climbing[k]]];
      let left = 0;
      for (let k = 0; k < waiting; k = (k + 1) | 0) {
        const i = climbing[k];
        const node = ways[i];
        const at = dsts[i];
        // tables/lpm.ts
        const children = nodes[node + NODE_CHILDREN];
        const depth = children >>> NODE_DEPTH;
        const below = depth & 31;
        let d = view.getInt32(at);
        let differ = 0;
        if (depth >= 32) {
          differ = d ^ nodes[node + NODE_KEY];
          d = view.getInt32(at + 4);
          if (depth >= 64) {
            differ |= d ^ nodes[node + NODE_KEY + 1];
            d = view.getInt32(at + 8);
            if (depth >= 96) {
              differ |= d ^ nodes[node + NODE_KEY + 2];
              d = view.getInt32(at + 12);
            }
          }
        }
        if (below !== 0) differ |= (d ^ nodes[node + NODE_KEY + (depth >>> 5)]) >>> (32 - below);
        if (differ !== 0) continue;
        const bits = (d >>> (28 - below)) & 15;
        const match = nodes[node] & NIBBLE[bits];
        if (match !== 0) {
          matched[i] = node;
          matches[i] = match;
        }
        if (((children >>> bits) & 1) === 0) continue;
        let v = children & ((1 << bits) - 1);
        v -= (v >>> 1) & 0x5555;
        v = (v & 0x3333) + ((v >>> 2) & 0x3333);
        v = (v + (v >>> 4)) & 0x0f0f;
        ways[i] = (nodes[node + NODE_CHILD] + ((v + (v >>> 8)) & 0x1f)) << 3;
        climbing[left] = i;
        left = (left + 1) | 0;
      }
      waiting = left;
    }
    if (sum === 0x5eed) matched[0] |= 0;
  };

  const takeValues = (first: number, end: number): void => {
    const { nodes, values } = router.lpm6;
    for (let i = first | 0; i < end; i = (i + 1) | 0) {
      const node = (ips[i] & 1) === 0 ? 0 : matched[i];
      if (node === 0) continue;
      let v = nodes[node] & ((1 << (31 - Math.clz32(matches[i]))) - 1);
      v -= (v >>> 1) & 0x55555555;
      v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
      rows[i] = values[nodes[node + NODE_VALUE] + (Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24)];
    }
  };

  return (first, end) => {
    const { rec } = fdb;
    const { roots: roots4 } = router.lpm4;
    const { roots: roots6 } = router.lpm6;
    let sum = 0;
    let inPages = 0;
    let inTree = 0;
    for (let i = first | 0; i < end; i = (i + 1) | 0) {
      sum ^= rec[slots[i] << 2];
      if ((ips[i] & 1) === 0) {
        const row = roots4[roots[i]];
        rows[i] = row;
        live[inPages] = i;
        inPages = (inPages - (row >> 31)) | 0;
      } else {
        const at = roots[i] << 1;
        const node = roots6[at] << 3;
        rows[i] = roots6[at + 1];
        ways[i] = node;
        matched[i] = 0;
        climbing[inTree] = i;
        inTree = (inTree + (node === 0 ? 0 : 1)) | 0;
      }
    }
    if (inPages > 0) inPages = turnPages(inPages, 8);
    if (inPages > 0) turnPages(inPages, 0);
    if (inTree > 0) {
      climb(inTree);
      takeValues(first, end);
    }
    // Somebody has to want what was read, or V8 leaves the reading out.
    if (sum === 0x5eed) rows[first] |= 0;
  };
}
