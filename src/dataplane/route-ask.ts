/**
 * The first loop of the route lane: it asks for the route and the source of the next packets.
 *
 * It changes nothing and judges nothing: what it finds (`rows`, adjacencies; `slots`, where the search for the source's
 * record begins) is right for a packet that the second loop (route-lane.ts) finds good, and means nothing for others. Of
 * the tables it reads nothing changes before the second loop is done.
 *
 * All packets take one step of their lookup, then all take the next, each step in a loop of its own: it is short, so the
 * processor has many packets under way in it, and while one waits for memory the others wait too, not after it. In one
 * loop for whole lookups every packet waited for as many reads as it had steps (bench routing: 1.8 times the time at a
 * million IPv4 routes, 2.3 times at a million of IPv6).
 */

import { BLOCK_BITS } from '../tables/fdb-hash.ts';
import {
  CHILDREN,
  DEPTH_SHIFT,
  FIRST_CHILD,
  FIRST_VALUE,
  KEY,
  MATCH,
  PAGE_BEFORE,
  PAGE_RUNS,
  PAGE_SHIFT,
} from '../tables/lpm.ts';
import type { Batch } from './batch.ts';
import type { Dataplane } from './dataplane.ts';

/** Asks for frames [first, end), which are of one port. */
export type RouteAsk = (first: number, end: number) => void;

const ETHERNET_HEADER = 14;
const TAG = 4;
/** Shorter frames are for the slow lane. */
export const ROUTE_SHORTEST = ETHERNET_HEADER + TAG + 20;
const SHORTEST = ROUTE_SHORTEST;
const TYPE_IPV4 = 0x0800;
const VID_MASK = 0xfff;

// Of this file, not imported: see fast-lane.ts.
const BLOCK = BLOCK_BITS;
const PAGE = PAGE_SHIFT;
const BEFORE = PAGE_BEFORE;
const RUNS = PAGE_RUNS;
const NODE_CHILDREN = CHILDREN;
const NODE_DEPTH = DEPTH_SHIFT;
const NODE_CHILD = FIRST_CHILD;
const NODE_VALUE = FIRST_VALUE;
const NODE_KEY = KEY;
const NIBBLE = MATCH;

export function createRouteAsk(dp: Dataplane, b: Batch, rows: Int32Array, slots: Int32Array): RouteAsk {
  const { arena, ports, vlans, fdb, router } = dp;
  const [s0, s1, s2, s3] = fdb.seed;
  /** IPv4: the destination. IPv6: where it begins. */
  const dsts = new Int32Array(b.capacity);
  /** Where in the values the answer of a page is. */
  const places = new Int32Array(b.capacity);
  /** IPv6 packets that are not at the end of their way yet, and of each: the node to look at, the last that matched, by what. */
  const live = new Int32Array(b.capacity);
  const ways = new Int32Array(b.capacity);
  const matched = new Int32Array(b.capacity);
  const matches = new Int32Array(b.capacity);

  /** What a page says of the byte at `shift` of the destination, for all whose row is a page. Returns how many are one again. */
  const turnPages = (first: number, end: number, shift: number): number => {
    const { pages, values } = router.lpm4;
    for (let i = first | 0; i < end; i = (i + 1) | 0) {
      const row = rows[i];
      if (row >= 0) continue;
      // tables/lpm.ts
      const at = ~row << PAGE;
      const place = (dsts[i] >>> shift) & 0xff;
      const part = place >>> 5;
      let v = pages[at + part] << (31 - (place & 31));
      v -= (v >>> 1) & 0x55555555;
      v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
      v = Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
      v = (v + ((pages[at + BEFORE + (part >>> 2)] >>> ((part & 3) << 3)) & 0xff)) | 0;
      places[i] = (pages[at + RUNS] + v) | 0;
    }
    let more = 0;
    for (let i = first | 0; i < end; i = (i + 1) | 0) {
      if (rows[i] >= 0) continue;
      const row = values[places[i]];
      rows[i] = row;
      more = (more - (row >> 31)) | 0;
    }
    return more;
  };

  /** Takes IPv6 packets down the tree, all by a node, then all by the next. */
  const climb = (count: number): void => {
    const view = arena.view;
    const { nodes } = router.lpm6;
    let waiting = count;
    let sum = 0;
    while (waiting > 0) {
      for (let k = 0; k < waiting; k = (k + 1) | 0) sum ^= nodes[ways[live[k]]];
      let left = 0;
      for (let k = 0; k < waiting; k = (k + 1) | 0) {
        const i = live[k];
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
        live[left] = i;
        left = (left + 1) | 0;
      }
      waiting = left;
    }
    if (sum === 0x5eed) matched[0] |= 0;
  };

  const takeValues = (first: number, end: number): void => {
    const { nodes, values } = router.lpm6;
    for (let i = first | 0; i < end; i = (i + 1) | 0) {
      const node = matched[i];
      if (node === 0) continue;
      let v = nodes[node] & ((1 << (31 - Math.clz32(matches[i]))) - 1);
      v -= (v >>> 1) & 0x55555555;
      v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
      rows[i] = values[nodes[node + NODE_VALUE] + (Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24)];
    }
  };

  return (first, end) => {
    const view = arena.view;
    const { rec, slots: fdbSlots, shift } = fdb;
    const { off: offs, len: lens, port: portOf } = b;
    const { lpm4, lpm6, ifaceOf, vrf: vrfOf } = router;
    const { roots: roots4 } = lpm4;
    const { roots: roots6 } = lpm6;
    const { tpid: tpids, pvid, vlanBase } = ports;
    const { fidOf } = vlans;
    const blocks = fdbSlots >>> shift;
    const from = portOf[first];
    const tpid = tpids[from];
    const base = vlanBase[from];
    let vid = -1;
    let fidSeed = 0;
    let root = 0;
    let sum = 0;
    let inPages = 0;
    let inTree = 0;

    for (let i = first | 0; i < end; i = (i + 1) | 0) {
      matched[i] = 0;
      if (lens[i] < SHORTEST) {
        rows[i] = 0;
        continue;
      }
      const off = offs[i];
      const word = view.getInt32(off + 12);
      const isTagged = word >>> 16 === tpid;
      const nowVid = isTagged ? word & VID_MASK : 0;
      if (nowVid !== vid) {
        vid = nowVid;
        const fid = fidOf[base + (vid === 0 ? pvid[from] & VID_MASK : vid)];
        fidSeed = (s2 + fid) | 0;
        root = vrfOf[ifaceOf[fid]] << 16;
      }
      const srcHigh = view.getUint16(off + 6);
      const srcLow = view.getInt32(off + 8);
      // tables/fdb-hash.ts
      let hash =
        (Math.imul((s0 + (srcLow & 0xffff)) | 0, (s1 + (srcLow >>> 16)) | 0) + Math.imul(fidSeed, (s3 + srcHigh) | 0)) |
        0;
      hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
      const start = ((Math.imul(hash >>> 12, blocks) >>> 20) << shift) | ((hash & 0xfff) >>> (BLOCK - shift));
      slots[i] = start;
      sum ^= rec[start << 2];
      const ip = (off + ETHERNET_HEADER + (isTagged ? TAG : 0)) | 0;
      if (view.getUint16(ip - 2) === TYPE_IPV4) {
        const dst = view.getInt32(ip + 16);
        dsts[i] = dst;
        const row = roots4[root | (dst >>> 16)];
        rows[i] = row;
        inPages = (inPages - (row >> 31)) | 0;
      } else {
        const slot = (root | (view.getInt32(ip + 24) >>> 16)) << 1;
        rows[i] = roots6[slot + 1];
        const node = roots6[slot] << 3;
        if (node === 0) continue;
        dsts[i] = ip + 24;
        ways[i] = node;
        live[inTree] = i;
        inTree = (inTree + 1) | 0;
      }
    }
    if (inPages > 0 && turnPages(first, end, 8) > 0) turnPages(first, end, 0);
    if (inTree > 0) {
      climb(inTree);
      takeValues(first, end);
    }
    // Somebody has to want what was read, or V8 leaves the reading out.
    if (sum === 0x5eed) rows[first] |= 0;
  };
}
