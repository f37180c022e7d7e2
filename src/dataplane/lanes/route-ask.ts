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
  BLOCK_ASKS,
  BLOCK_BOUNDS,
  BLOCK_HALVES,
  BLOCK_MIX,
  BLOCK_SEAT,
  BLOCK_SHIFT,
  BLOCK_VALUES,
  BLOCK_VRF,
  CHILDREN,
  DEPTH_SHIFT,
  FIRST_CHILD,
  FIRST_VALUE,
  KEY,
  LINE_SHIFT,
  MATCH,
  PAGE_BEFORE,
  PAGE_RUNS,
} from '../../tables/lpm/lpm.ts';
import type { Dataplane } from '../dataplane.ts';
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
const HALVES = BLOCK_HALVES;
const BLOCK = BLOCK_SHIFT;
const SEAT = BLOCK_SEAT;
const BOUNDS = BLOCK_BOUNDS;
const TO_VALUE = BLOCK_VALUES - BLOCK_BOUNDS;
const ASKS = BLOCK_ASKS;
const MIX = BLOCK_MIX;
const MIX_VRF = BLOCK_VRF;

export function createRouteAsk(dp: Dataplane, columns: RouteColumns): RouteAsk {
  const { arena, fdb, router } = dp;
  const { ip: ips, row: rows, root: roots, dst: dsts, slot: slots } = columns;
  /** IPv4 packets whose row is a page, and where its answer for each of them is. */
  const live = new Int32Array(rows.length);
  const places = new Int32Array(rows.length);
  /** IPv6 packets: all, those for the tree, and those of them that are not at the end of their way yet; of each where its block may be. */
  const asking = new Int32Array(rows.length);
  const climbers = new Int32Array(rows.length);
  const climbing = new Int32Array(rows.length);
  const homes = new Int32Array(rows.length);
  /** Of each in the tree: the node to look at, the last that matched, by what. */
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
      // tables/lpm/lpm.ts
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

  /** What the blocks of IPv6 packets say. Returns for how many the tree has to be asked. */
  const askBlocks = (count: number): number => {
    const view = arena.view;
    const { blocks } = router.lpm6;
    const mask = (blocks.length - 1) | 0;
    const shift = (Math.clz32(blocks.length >>> BLOCK) + 1) | 0;
    let sum = blocks[0];
    for (let k = 0; k < count; k = (k + 1) | 0) {
      const i = asking[k];
      const first = view.getInt32(dsts[i]) ^ Math.imul(roots[i] >>> 16, MIX_VRF);
      const at = (Math.imul(first, MIX) >>> shift) << BLOCK;
      homes[i] = at;
      sum ^= blocks[at] ^ blocks[(at + (HALVES >> 1)) | 0];
    }
    climbers[0] = sum;
    let left = 0;
    for (let k = 0; k < count; k = (k + 1) | 0) {
      const i = asking[k];
      const first = view.getInt32(dsts[i]);
      const place = view.getUint16((dsts[i] + 4) | 0);
      const mine = ((roots[i] >>> 16) + 1) | 0;
      let at = homes[i];
      let seat = blocks[at + SEAT];
      while (seat !== mine || ((blocks[at] << 16) | blocks[(at + 1) | 0]) !== first) {
        if (seat === 0) break;
        at = (at + HALVES) & mask;
        seat = blocks[at + SEAT];
      }
      let row = ASKS;
      if (seat !== 0) {
        // tables/lpm/lpm.ts
        at = (at + BOUNDS) | 0;
        at = (at + (((blocks[(at + 15) | 0] - place) >>> 31) << 4)) | 0;
        at = (at + (((blocks[(at + 7) | 0] - place) >>> 31) << 3)) | 0;
        at = (at + (((blocks[(at + 3) | 0] - place) >>> 31) << 2)) | 0;
        at = (at + (((blocks[(at + 1) | 0] - place) >>> 31) << 1)) | 0;
        at = (at + ((blocks[at] - place) >>> 31)) | 0;
        row = blocks[(at + TO_VALUE) | 0];
      }
      rows[i] = row;
      climbers[left] = i;
      left = (left + (row === ASKS ? 1 : 0)) | 0;
    }
    return left;
  };

  /** Takes IPv6 packets down the tree, all by a node, then all by the next. */
  const climb = (count: number): void => {
    const view = arena.view;
    const { nodes, roots: slotOf } = router.lpm6;
    let waiting = 0;
    let sum = 0;
    for (let k = 0; k < count; k = (k + 1) | 0) {
      const i = climbers[k];
      const at = roots[i] << 1;
      const node = slotOf[at] << 3;
      rows[i] = slotOf[at + 1];
      ways[i] = node;
      matched[i] = 0;
      climbing[waiting] = i;
      waiting = (waiting + (node === 0 ? 0 : 1)) | 0;
    }
    while (waiting > 0) {
      for (let k = 0; k < waiting; k = (k + 1) | 0) sum ^= nodes[ways[climbing[k]]];
      let left = 0;
      for (let k = 0; k < waiting; k = (k + 1) | 0) {
        const i = climbing[k];
        const node = ways[i];
        const at = dsts[i];
        // tables/lpm/lpm.ts
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

  const takeValues = (count: number): void => {
    const { nodes, values } = router.lpm6;
    for (let k = 0; k < count; k = (k + 1) | 0) {
      const i = climbers[k];
      const node = matched[i];
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
    let sum = 0;
    let inPages = 0;
    let inBlocks = 0;
    for (let i = first | 0; i < end; i = (i + 1) | 0) {
      sum ^= rec[slots[i] << 2];
      if ((ips[i] & 1) === 0) {
        const row = roots4[roots[i]];
        rows[i] = row;
        live[inPages] = i;
        inPages = (inPages - (row >> 31)) | 0;
      } else {
        asking[inBlocks] = i;
        inBlocks = (inBlocks + 1) | 0;
      }
    }
    if (inPages > 0) inPages = turnPages(inPages, 8);
    if (inPages > 0) turnPages(inPages, 0);
    if (inBlocks > 0) {
      const inTree = askBlocks(inBlocks);
      if (inTree > 0) {
        climb(inTree);
        takeValues(inTree);
      }
    }
    // Somebody has to want what was read, or V8 leaves the reading out.
    if (sum === 0x5eed) rows[first] |= 0;
  };
}
