/**
 * The fast lane: what nearly every frame does, as one straight loop.
 *
 * It learns, looks up and sends, or floods, between ordinary ports, with or without tags. Every frame that may end
 * otherwise (drops, reserved addresses, configured sources elsewhere, odd ports) it gives to the slow lane
 * (slow-lane.ts), which takes any frame and is the readable reference. Both lanes say the same:
 * test/unit/dataplane/lanes.test.ts tells them the same stories.
 *
 * The surprises are V8's and the processor's (figures: bench S1, Node 20, a frame):
 *
 * - It is a closure over one data plane and one batch. V8 compiles a closure that exists once with what it captures,
 *   and the constant fields of that, built in: addresses and lengths of all tables become immediates (38 ns to 24).
 *   A second data plane or batch in the same thread works as well, at the former price; and then a call in the loop,
 *   even one never taken, has V8 reload them all at every access.
 * - Frames in a row from one port with one tag are a run: port, VLAN and counters are looked at once a run (22 to
 *   20). Ports are polled in bursts, so runs are long.
 * - Two frames are under way: the next one is read and hashed, and its records are asked for, before this one is
 *   judged. The processor's window holds hardly two frames of this code, so it cannot do that by itself (20 to 17).
 */

import {
  GENERATION_SHIFT,
  KIND_BLACKHOLE,
  KIND_LOCAL,
  KIND_MASK,
  KIND_SHIFT,
  NO_PORT,
  PORT_MASK,
  startSlot,
} from '../tables/fdb.ts';
import { BLOCK_BITS } from '../tables/fdb-hash.ts';
import { learnSource, REFRESH_MS, refreshSource } from '../tables/fdb-learn.ts';
import {
  FLOOD_BROADCAST,
  FLOOD_MULTICAST,
  FLOOD_UNKNOWN_UNICAST,
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
import { relayFloods } from './stages/flood.ts';
import { TO_FLOOD } from './stages/lookup.ts';

/** Carries frames from `first` on and returns the index of the first it leaves alone, or the batch's count. */
export type FastLane = (first: number) => number;

const ETHERNET_HEADER = 14;
const TAG = 4;
/** Addresses, a tag, a type: a shorter frame could end inside its tag. */
const SHORTEST = ETHERNET_HEADER + TAG;
const GROUP_BIT = 0x0100;
/** First two bytes of 01-80-C2-00-00-0X, which may be filtered. */
const RESERVED = 0x0180;
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

// An imported constant is read and checked anew at every use, one of this file is an immediate: 2 ns a frame.
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
const UNKNOWN = TO_FLOOD - FLOOD_UNKNOWN_UNICAST;
const MULTICAST = TO_FLOOD - FLOOD_MULTICAST;
const BROADCAST = TO_FLOOD - FLOOD_BROADCAST;
const GROUP_BIT_HIGH = GROUP_BIT << 16;

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
    const { fid: fids, vid: vids, to: tos, reason: reasons, copies, tagLen: tagLens, tci: tcis } = b;
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
      const mayLearn = (flags & FILTERING) !== 0;
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
      let floods = 0;
      let floodBytes = 0;
      let floodFirst = -1;
      let floodTo = 0;
      // The frame to be judged, i: its addresses with the FID, and where their records begin.
      let srcLow = 0;
      let srcHigh = 0;
      let dstLow = 0;
      let dstHigh = 0;
      let srcSlot = 0;
      let dstSlot = 0;
      let srcKey = 0;
      let dstKey = 0;

      for (;;) {
        // Read the next one.
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
            if ((tagged ? word === tag : word >>> 16 !== tpid) && (src & GROUP_BIT) === 0 && dst !== RESERVED) {
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
          const now = nowMs[i];
          const source = rec[at + 3];
          if (srcKey === 0 || source !== here) {
            if (srcKey !== 0 && (source & KIND) !== 0) {
              if ((source & KIND) === BLACKHOLE || (source & PORT) !== from) break;
            } else if ((srcLow | (srcHigh >>> 16)) === 0 || !mayLearn) {
              break;
            } else if (b.learned !== i) {
              learnSource(
                fdb,
                srcKey === 0 ? -1 : srcSlot,
                srcLow,
                srcHigh,
                startSlot(fdb, srcLow, srcHigh),
                from,
                now,
              );
              b.learned = i;
              // The table has changed under this frame's destination and the frame ahead.
              dstKey = rec[(dstSlot << 2) + 1];
              nextSrcKey = rec[(nextSrcSlot << 2) + 1];
              nextDstKey = rec[(nextDstSlot << 2) + 1];
            }
          } else if ((now - rec[at + 2]) >>> 0 >= FRESH_MS) {
            refreshSource(fdb, srcSlot, from, now);
          }
          fids[i] = fid;
          vids[i] = vid;
          const len = lens[i];

          // Where is the destination?
          let to =
            (dstHigh & GROUP_BIT_HIGH) === 0
              ? UNKNOWN
              : dstHigh >>> 16 === 0xffff && dstLow === -1
                ? BROADCAST
                : MULTICAST;
          if (to === UNKNOWN) {
            at = dstSlot << 2;
            while (dstKey !== dstHigh || rec[at] !== dstLow) {
              if (dstKey === 0) break;
              dstSlot = (dstSlot + 1) | 0;
              if (dstSlot === slots) dstSlot = 0;
              at = dstSlot << 2;
              dstKey = rec[at + 1];
            }
            if (dstKey !== 0) {
              const target = rec[at + 3];
              to = target & PORT;
              if ((target & KIND) === 0) {
                if (
                  target >>> GENERATION !== ((portGeneration[to] + generation) & 0xffff) ||
                  ((now - rec[at + 2]) | 0) > ageMs
                ) {
                  to = UNKNOWN;
                }
              } else if ((target & KIND) === LOCAL || (target & KIND) === BLACKHOLE || to === NOWHERE) {
                break;
              }
            }
          }
          tos[i] = to;

          if (to < 0) {
            tagLens[i] = tagged ? TAG : 0;
            tcis[i] = tagged ? tag & 0xffff : 0;
            // Floods wait for those that follow them into the same set.
            if (to !== floodTo && floodFirst >= 0) {
              relayFloods(dp, b, floodFirst, i, floodTo);
              floodFirst = -1;
            }
            if (floodFirst < 0) floodFirst = i;
            floodTo = to;
            floods = (floods + 1) | 0;
            floodBytes = (floodBytes + len) | 0;
          } else {
            // May it go there, and in what shape?
            const word32 = to >> 5;
            const set = (row + word32) | 0;
            if ((((reach[(reachRow + word32) | 0] & member[set]) >>> (to & 31)) & 1) === 0) break;
            if (floodFirst >= 0) {
              relayFloods(dp, b, floodFirst, i, floodTo);
              floodFirst = -1;
            }
            const untag = (untagged[set] >>> (to & 31)) & 1;
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
            reasons[i] = ALIVE;
            copies[i] = 1;
          }
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

      if (floodFirst >= 0) relayFloods(dp, b, floodFirst, i, floodTo);
      // The first frame of a run that ends at once is an unusual one.
      if (i === runStart) return i;
      const frames = i - runStart - floods;
      bytes -= floodBytes;
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
