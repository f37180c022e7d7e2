/**
 * The fast lane: what nearly every frame does, as one straight loop.
 *
 * It carries known unicast between ordinary ports, with or without tags, and gives every other frame back,
 * untouched, to the slow lane (slow-lane.ts), which is the readable reference. Both lanes say the same:
 * test/unit/dataplane/lanes.test.ts holds them against each other.
 *
 * The surprises here are V8's, each measured by `etherloom bench micro`:
 *
 * - The loop calls nothing. One call that is not inlined, even one never taken, has V8 reload the address and the
 *   length of every typed array at every access: 95 ns a frame against 37.
 * - It is a closure over one data plane and one batch. V8 compiles a closure that exists once with its captured
 *   constants, and their constant fields, built in: the addresses and lengths of all tables become immediates, 37
 *   ns against 21. A second data plane or batch in the same thread works as well, at the former price.
 * - Frames that come in a row from one port with one tag are a run: port, VLAN and counters are looked at once a
 *   run. Ports are polled in bursts, so runs are long.
 *
 * In a run each frame asks: is the source known here, where is the destination, may it go there, in what shape?
 */

import {
  GENERATION_SHIFT,
  KIND_BLACKHOLE,
  KIND_LOCAL,
  KIND_MASK,
  KIND_SHIFT,
  NO_PORT,
  PORT_MASK,
} from '../tables/fdb.ts';
import { BLOCK_BITS } from '../tables/fdb-hash.ts';
import { REFRESH_MS } from '../tables/fdb-learn.ts';
import {
  PORT_ACCEPT_TAGGED,
  PORT_ACCEPT_UNTAGGED,
  PORT_HUB,
  PORT_INGRESS_FILTERING,
  PORT_LEARNING,
  PORT_STATE_FORWARDS,
  PORT_STATE_LEARNS,
  PORT_TUNNEL_CVIDS,
  PORT_UP,
} from '../tables/port-table.ts';
import type { Batch } from './batch.ts';
import { DELIVERED, FID_COUNTERS, PORT_COUNTERS, RX_BYTES, RX_FRAMES } from './counters.ts';
import { type Dataplane, LIMIT_MIN_MTU } from './dataplane.ts';
import { DROP_NONE } from './reasons.ts';

/** Carries frames from `first` on and returns the index of the first it leaves alone, or the batch's count. */
export type FastLane = (first: number) => number;

const ETHERNET_HEADER = 14;
const TAG = 4;
/** Addresses, a tag, a type: a shorter frame could end inside its tag. */
const SHORTEST = ETHERNET_HEADER + TAG;
const GROUP_BIT = 0x0100;
const VID_MASK = 0xfff;
const VID_RESERVED = 0xfff;
const PRIORITY_MASK = 0xf000;
const TPID_C = 0x8100;
const TPID_S = 0x88a8;

/** An ordinary port: these bits set ... */
const ORDINARY = PORT_UP | PORT_STATE_LEARNS | PORT_STATE_FORWARDS | PORT_LEARNING;
/** ... and of all these only those. */
const ORDINARY_MASK = ORDINARY | PORT_TUNNEL_CVIDS | PORT_HUB;

const LOCAL = KIND_LOCAL << KIND_SHIFT;
const BLACKHOLE = KIND_BLACKHOLE << KIND_SHIFT;

// An imported constant is read and checked anew at every use, one of this file is an immediate (V8 11.3 to 13): 5 ns.
const ACCEPT_TAGGED = PORT_ACCEPT_TAGGED;
const ACCEPT_UNTAGGED = PORT_ACCEPT_UNTAGGED;
const FILTERING = PORT_INGRESS_FILTERING;
const KIND = KIND_MASK;
const PORT = PORT_MASK;
const NOWHERE = NO_PORT;
const GENERATION = GENERATION_SHIFT;
const FRESH_MS = REFRESH_MS;
const BLOCK = BLOCK_BITS;
const ALIVE = DROP_NONE;
const PORT_ROW = PORT_COUNTERS;
const FID_ROW = FID_COUNTERS;
const FRAMES = RX_FRAMES;
const BYTES = RX_BYTES;
const DELIVERIES = DELIVERED;
const MIN_MTU = LIMIT_MIN_MTU;

export function createFastLane(dp: Dataplane, b: Batch): FastLane {
  const { arena, ports, vlans, fdb, egress, counters, limits } = dp;
  const [s0, s1, s2, s3] = fdb.seed;

  return (first) => {
    const view = arena.view;
    const { flags: flagsOf, tpid: tpids, pvid, vlanBase, pushTpid, reach, width } = ports;
    const { fidOf, member, untagged } = vlans;
    const { rec, slots, shift, portGeneration, fidGeneration, fidAgeMs } = fdb;
    const { list, count: listed, stride } = egress;
    const { port: portCounters, fid: fidCounters } = counters;
    const { off: offs, len: lens, port: portOf, rxFlags, nowMs, csum } = b;
    const { fid: fids, vid: vids, to: tos, reason: reasons, copies } = b;
    const shortestMtu = limits[MIN_MTU] + ETHERNET_HEADER;
    const blocks = slots >>> shift;
    const n = b.count;
    let i = first | 0;

    while (i < n) {
      // A run begins: whatever depends on port and tag alone.
      const runStart = i;
      let ahead = i;
      const from = portOf[i];
      const flags = flagsOf[from];
      if ((flags & ORDINARY_MASK) !== ORDINARY || lens[i] < SHORTEST) return i;
      const tpid = tpids[from];
      const tag = view.getInt32(offs[i] + 12);
      const tagged = tag >>> 16 === tpid;
      const tagVid = tagged ? tag & VID_MASK : 0;
      let vid = tagVid;
      if (vid === 0) {
        if ((flags & ACCEPT_UNTAGGED) === 0) return i;
        vid = pvid[from];
        if (vid < 0) return i;
      } else if (vid === VID_RESERVED || (flags & ACCEPT_TAGGED) === 0) {
        return i;
      }
      const fid = fidOf[(vlanBase[from] + vid) | 0];
      if (fid === 0) return i;
      const row = Math.imul(fid, width);
      if ((flags & FILTERING) !== 0 && ((member[(row + (from >> 5)) | 0] >>> (from & 31)) & 1) === 0) {
        return i;
      }
      const reachRow = Math.imul(from, width);
      const longest = (shortestMtu + (tagged && (tpid === TPID_C || tpid === TPID_S) ? TAG : 0)) | 0;
      const generation = fidGeneration[fid];
      const here = (((portGeneration[from] + generation) & 0xffff) << GENERATION) | from;
      const ageMs = fidAgeMs[fid];
      const fidSeed = (s2 + fid) | 0;
      // The egress shape (1 = untagged) that the frames have already; -1 when the VID must be written anyway.
      const shape = tagged ? (tagVid === vid ? 0 : -1) : 1;
      const pushed = ((tagged ? tpid : pushTpid[from]) << 16) | (tagged ? tag & PRIORITY_MASK : 0) | vid;
      let bytes = 0;
      // Two frames are under way: the next one is read and its records are asked for before this one is judged.
      let srcLow = 0;
      let srcHigh = 0;
      let dstLow = 0;
      let dstHigh = 0;
      let srcSlot = 0;
      let dstSlot = 0;
      let srcKey = 0;
      let dstKey = 0;

      for (;;) {
        // Read frame `ahead`.
        let more = 0;
        let nextSrcLow = 0;
        let nextSrcHigh = 0;
        let nextDstLow = 0;
        let nextDstHigh = 0;
        let nextSrcSlot = 0;
        let nextDstSlot = 0;
        let nextSrcKey = 0;
        let nextDstKey = 0;
        if (ahead < n && portOf[ahead] === from) {
          const len = lens[ahead];
          if (len >= SHORTEST && len <= longest && rxFlags[ahead] === 0) {
            const off = offs[ahead];
            const word = view.getInt32(off + 12);
            const dst = view.getUint16(off);
            nextDstLow = view.getInt32(off + 2);
            const src = view.getUint16(off + 6);
            nextSrcLow = view.getInt32(off + 8);
            if ((tagged ? word === tag : word >>> 16 !== tpid) && ((dst | src) & GROUP_BIT) === 0) {
              more = 1;
              // fdb-hash.ts
              let h =
                (Math.imul((s0 + (nextSrcLow & 0xffff)) | 0, (s1 + (nextSrcLow >>> 16)) | 0) +
                  Math.imul(fidSeed, (s3 + src) | 0)) |
                0;
              h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
              nextSrcSlot = ((Math.imul(h >>> 12, blocks) >>> 20) << shift) | ((h & 0xfff) >>> (BLOCK - shift));
              nextSrcKey = rec[(nextSrcSlot << 2) + 1];
              h =
                (Math.imul((s0 + (nextDstLow & 0xffff)) | 0, (s1 + (nextDstLow >>> 16)) | 0) +
                  Math.imul(fidSeed, (s3 + dst) | 0)) |
                0;
              h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
              nextDstSlot = ((Math.imul(h >>> 12, blocks) >>> 20) << shift) | ((h & 0xfff) >>> (BLOCK - shift));
              nextDstKey = rec[(nextDstSlot << 2) + 1];
              nextSrcHigh = (src << 16) | fid;
              nextDstHigh = (dst << 16) | fid;
            }
          }
        }

        if (ahead !== i) {
          // Judge frame i. Is the source known here?
          let at = srcSlot << 2;
          while (srcKey !== srcHigh || rec[at] !== srcLow) {
            if (srcKey === 0) break;
            srcSlot = (srcSlot + 1) | 0;
            if (srcSlot === slots) srcSlot = 0;
            at = srcSlot << 2;
            srcKey = rec[at + 1];
          }
          if (srcKey === 0) break;
          const now = nowMs[i];
          const source = rec[at + 3];
          if (source === here) {
            if ((now - rec[at + 2]) >>> 0 >= FRESH_MS) break;
          } else if ((source & KIND) === 0 || (source & KIND) === BLACKHOLE || (source & PORT) !== from) {
            break;
          }

          // Where is the destination?
          at = dstSlot << 2;
          while (dstKey !== dstHigh || rec[at] !== dstLow) {
            if (dstKey === 0) break;
            dstSlot = (dstSlot + 1) | 0;
            if (dstSlot === slots) dstSlot = 0;
            at = dstSlot << 2;
            dstKey = rec[at + 1];
          }
          if (dstKey === 0) break;
          const target = rec[at + 3];
          const to = target & PORT;
          if ((target & KIND) === 0) {
            if (target >>> GENERATION !== ((portGeneration[to] + generation) & 0xffff)) break;
            if (((now - rec[at + 2]) | 0) > ageMs) break;
          } else if ((target & KIND) === LOCAL || (target & KIND) === BLACKHOLE || to === NOWHERE) {
            break;
          }

          // May it go there, and in what shape?
          const word32 = to >> 5;
          const set = (row + word32) | 0;
          if ((((reach[(reachRow + word32) | 0] & member[set]) >>> (to & 31)) & 1) === 0) break;
          const untag = (untagged[set] >>> (to & 31)) & 1;
          const len = lens[i];
          if (untag !== shape) {
            // The tag is pushed, popped or given its VID: stages/shape.ts says the same in words.
            const delta = untag === 1 ? -TAG : tagged ? 0 : TAG;
            const off = (offs[i] - delta) | 0;
            view.setUint16(off, dstHigh >>> 16);
            view.setInt32(off + 2, dstLow);
            view.setUint16(off + 6, srcHigh >>> 16);
            view.setInt32(off + 8, srcLow);
            if (untag === 0) view.setInt32(off + 12, pushed);
            offs[i] = off;
            lens[i] = (len + delta) | 0;
            if (csum[i] !== 0) csum[i] += delta;
          }
          const sent = listed[to];
          list[(Math.imul(to, stride) + sent) | 0] = i;
          listed[to] = (sent + 1) | 0;
          fids[i] = fid;
          vids[i] = vid;
          tos[i] = to;
          reasons[i] = ALIVE;
          copies[i] = 1;
          bytes = (bytes + len) | 0;
          i = ahead;
        }
        if (more === 0) break;
        ahead = (ahead + 1) | 0;
        srcLow = nextSrcLow;
        srcHigh = nextSrcHigh;
        dstLow = nextDstLow;
        dstHigh = nextDstHigh;
        srcSlot = nextSrcSlot;
        dstSlot = nextDstSlot;
        srcKey = nextSrcKey;
        dstKey = nextDstKey;
      }

      const frames = i - runStart;
      // The first frame of a run that ends at once is an unusual one.
      if (frames === 0) return i;
      const portRow = Math.imul(from, PORT_ROW);
      portCounters[portRow + FRAMES] += frames;
      portCounters[portRow + BYTES] += bytes;
      portCounters[portRow + DELIVERIES] += frames;
      const fidRow = Math.imul(fid, FID_ROW);
      fidCounters[fidRow + FRAMES] += frames;
      fidCounters[fidRow + BYTES] += bytes;
      fidCounters[fidRow + DELIVERIES] += frames;
    }
    return n;
  };
}
