/**
 * The first loop of the route lane: it asks for the route and the source of the next packets.
 *
 * It changes nothing and judges nothing: what it finds (`rows`, adjacencies; `slots`, where the search for the source's
 * record begins) is right for a packet that the second loop (route-lane.ts) finds good, and means nothing for others. It
 * is a loop of its own because it is short: the processor has several packets under way in it, and while one waits for
 * memory the next ones wait too, not after it. Of the tables it reads nothing changes before the second loop is done.
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

  return (first, end) => {
    const view = arena.view;
    const { rec, slots: fdbSlots, shift } = fdb;
    const { off: offs, len: lens, port: portOf } = b;
    const { lpm4, lpm6, ifaceOf, vrf: vrfOf } = router;
    const { roots: roots4, pages, values: values4 } = lpm4;
    const { roots: roots6, nodes, values } = lpm6;
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

    for (let i = first | 0; i < end; i = (i + 1) | 0) {
      if (lens[i] < SHORTEST) continue;
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
      let row = 0;
      if (view.getUint16(ip - 2) === TYPE_IPV4) {
        const dst = view.getInt32(ip + 16);
        row = roots4[root | (dst >>> 16)];
        if (row < 0) {
          // tables/lpm.ts
          let at = ~row << PAGE;
          let part = (dst >>> 13) & 7;
          let v = pages[at + part] << (31 - ((dst >>> 8) & 31));
          v -= (v >>> 1) & 0x55555555;
          v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
          v = Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
          v = (v + ((pages[at + BEFORE + (part >>> 2)] >>> ((part & 3) << 3)) & 0xff)) | 0;
          row = values4[(pages[at + RUNS] + v) | 0];
          if (row < 0) {
            at = ~row << PAGE;
            part = (dst >>> 5) & 7;
            v = pages[at + part] << (31 - (dst & 31));
            v -= (v >>> 1) & 0x55555555;
            v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
            v = Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
            v = (v + ((pages[at + BEFORE + (part >>> 2)] >>> ((part & 3) << 3)) & 0xff)) | 0;
            row = values4[(pages[at + RUNS] + v) | 0];
          }
        }
      } else {
        const d0 = view.getInt32(ip + 24);
        const d1 = view.getInt32(ip + 28);
        const d2 = view.getInt32(ip + 32);
        const d3 = view.getInt32(ip + 36);
        // tables/lpm.ts
        const slot = (root | (d0 >>> 16)) << 1;
        row = roots6[slot + 1];
        let node = roots6[slot] << 3;
        let found = 0;
        let hits = 0;
        while (node !== 0) {
          const children = nodes[node + NODE_CHILDREN];
          const depth = children >>> NODE_DEPTH;
          const below = depth & 31;
          let d = d0;
          let differ = 0;
          if (depth >= 32) {
            differ = d0 ^ nodes[node + NODE_KEY];
            d = d1;
            if (depth >= 64) {
              differ |= d1 ^ nodes[node + NODE_KEY + 1];
              d = d2;
              if (depth >= 96) {
                differ |= d2 ^ nodes[node + NODE_KEY + 2];
                d = d3;
              }
            }
          }
          if (below !== 0) differ |= (d ^ nodes[node + NODE_KEY + (depth >>> 5)]) >>> (32 - below);
          if (differ !== 0) break;
          const bits = (d >>> (28 - below)) & 15;
          const match = nodes[node] & NIBBLE[bits];
          if (match !== 0) {
            found = node;
            hits = match;
          }
          if (((children >>> bits) & 1) === 0) break;
          let v = children & ((1 << bits) - 1);
          v -= (v >>> 1) & 0x5555;
          v = (v & 0x3333) + ((v >>> 2) & 0x3333);
          v = (v + (v >>> 4)) & 0x0f0f;
          node = (nodes[node + NODE_CHILD] + ((v + (v >>> 8)) & 0x1f)) << 3;
        }
        if (found !== 0) {
          let v = nodes[found] & ((1 << (31 - Math.clz32(hits))) - 1);
          v -= (v >>> 1) & 0x55555555;
          v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
          row = values[nodes[found + NODE_VALUE] + (Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24)];
        }
      }
      rows[i] = row;
    }
    // Somebody has to want what was read, or V8 leaves the reading out.
    if (sum === 0x5eed) rows[first] |= 0;
  };
}
