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
} from '../../tables/fdb/fdb.ts';
import { BLOCK_BITS } from '../../tables/fdb/hash.ts';
import { learnSource, REFRESH_MS, refreshSource } from '../../tables/fdb/learn.ts';
import {
  FLOOD_BROADCAST,
  FLOOD_MULTICAST,
  FLOOD_UNKNOWN_UNICAST,
  PORT_ACCEPT_TAGGED,
  PORT_ACCEPT_UNTAGGED,
  PORT_CLASSIFIES,
  PORT_HUB,
  PORT_LEARNING,
  PORT_MIRROR_OUTPUT,
  PORT_REGENERATES,
  PORT_STATE_FORWARDS,
  PORT_STATE_LEARNS,
  PORT_SUPPRESS,
  PORT_TRANSLATES,
  PORT_TUNNEL_CVIDS,
  PORT_UP,
} from '../../tables/port-table.ts';
import type { Batch } from '../batch.ts';
import { DELIVERED, FID_COUNTERS, PORT_COUNTERS, RX_BYTES, RX_FRAMES } from '../counters.ts';
import { type Dataplane, LIMIT_MIN_MTU, LIMIT_TUNNEL_MTU } from '../dataplane.ts';
import { DROP_NONE } from '../reasons.ts';
import { relayFloods } from '../stages/flood.ts';
import { TO_FLOOD } from '../stages/lookup.ts';

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
const TPID_C = 0x8100;
const TPID_S = 0x88a8;
/** Tags are 0 for none, or TPID and TCI; no frame has this one. */
const NO_TAG = 1;

/** An ordinary port: these bits set ... */
const ORDINARY = PORT_UP | PORT_STATE_LEARNS | PORT_STATE_FORWARDS | PORT_LEARNING;
/** ... and of all these only those. */
const ORDINARY_MASK =
  ORDINARY | PORT_TUNNEL_CVIDS | PORT_HUB | PORT_MIRROR_OUTPUT | PORT_TRANSLATES | PORT_CLASSIFIES | PORT_REGENERATES;

const LOCAL = KIND_LOCAL << KIND_SHIFT;
const BLACKHOLE = KIND_BLACKHOLE << KIND_SHIFT;

// An imported constant is read and checked anew at every use, one of this file is an immediate: 2 ns a frame.
const ACCEPT_TAGGED = PORT_ACCEPT_TAGGED;
const SUPPRESS = PORT_SUPPRESS;
const ACCEPT_UNTAGGED = PORT_ACCEPT_UNTAGGED;
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
const TUNNEL_MTU = LIMIT_TUNNEL_MTU;
const UNKNOWN = TO_FLOOD - FLOOD_UNKNOWN_UNICAST;
const MULTICAST = TO_FLOOD - FLOOD_MULTICAST;
const BROADCAST = TO_FLOOD - FLOOD_BROADCAST;
const GROUP_BIT_HIGH = GROUP_BIT << 16;

/** The shape of a frame, as a bit of the untagged set tells it; RETAG is none of both. */
const TAGGED = 0;
const UNTAGGED = 1;
const RETAG = 2;

/** Turns of the empty loop of a call that carries nothing: see forwardBatch. */
const WEIGHT = 100;

export function createFastLane(dp: Dataplane, b: Batch): FastLane {
  const { arena, ports, vlans, fdb, egress, counters, limits } = dp;
  const [s0, s1, s2, s3] = fdb.seed;
  const { ifaceOf } = dp.router;

  /** Enters frames that were sent to one port each in the ledger. */
  const countSent = (from: number, fid: number, frames: number, bytes: number): void => {
    const portCounters = counters.port;
    const fidCounters = counters.fid;
    const portRow = Math.imul(from, PORT_ROW);
    portCounters[portRow + FRAMES] += frames;
    portCounters[portRow + BYTES] += bytes;
    portCounters[portRow + DELIVERIES] += frames;
    const fidRow = Math.imul(fid, FID_ROW);
    fidCounters[fidRow + FRAMES] += frames;
    fidCounters[fidRow + BYTES] += bytes;
    fidCounters[fidRow + DELIVERIES] += frames;
  };

  return (first) => {
    const view = arena.view;
    const { flags: flagsOf, tpid: tpids, pvid, vlanBase, pushTpid, mtu: mtus, reach, width } = ports;
    const { fidOf, member, untagged } = vlans;
    const { rec, slots, shift, portGeneration, fidGeneration, fidAgeMs } = fdb;
    const { list, count: listed, stride } = egress;
    const { off: offs, len: lens, port: portOf, rxFlags, nowMs, csum } = b;
    const { fid: fids, vid: vids, to: tos, reason: reasons, copies, tagLen: tagLens, tci: tcis } = b;
    const shortestMtu = limits[MIN_MTU] + ETHERNET_HEADER;
    const tunnelMtu = limits[TUNNEL_MTU] + ETHERNET_HEADER;
    const blocks = slots >>> shift;
    const n = b.count;
    let i = first | 0;
    if (i >= n) {
      let k = 0;
      while (k < WEIGHT) k = (k + 1) | 0;
      return n;
    }

    while (i < n) {
      // A run of frames from one port: what depends on the port alone.
      const runStart = i;
      let ahead = i;
      const from = portOf[i];
      const flags = flagsOf[from];
      if ((flags & ORDINARY_MASK) !== ORDINARY) return i;
      const asksFirst = flags & SUPPRESS;
      const tpid = tpids[from];
      const tagRoom = tpid === TPID_C || tpid === TPID_S ? TAG : 0;
      const base = vlanBase[from];
      const portGen = portGeneration[from];
      const reachRow = Math.imul(from, width);
      const mine = from & 31;
      // The VLAN of the frames that are read, until another tag comes; 0 = they are not for this lane.
      let tag = NO_TAG;
      let tagFid = 0;
      let tagVid = 0;
      let tagShape = UNTAGGED;
      // The VLAN of the frames that are judged.
      let fid = 0;
      let generation = 0;
      let here = 0;
      let ageMs = 0;
      let row = 0;
      let fidStart = i;
      let bytes = 0;
      // Floods that wait for more of their kind.
      let floodFirst = -1;
      let floodTo = 0;
      let floodShape = 0;
      // The frame to be judged, i: its addresses with the FID, where their records begin, the shape it is in.
      let srcLow = 0;
      let srcHigh = 0;
      let dstLow = 0;
      let dstHigh = 0;
      let srcSlot = 0;
      let dstSlot = 0;
      let srcKey = 0;
      let dstKey = 0;
      let shape = 0;

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
          if (len >= SHORTEST && rxFlags[ahead] === 0) {
            const off = offs[ahead];
            let word = view.getInt32(off + 12);
            const dst = view.getUint16(off);
            nextDstLow = view.getInt32(off + 2);
            const src = view.getUint16(off + 6);
            nextSrcLow = view.getInt32(off + 8);
            if (word >>> 16 !== tpid) word = 0;
            if (word !== tag) {
              // Which VLAN? stages/classify.ts says the same in words.
              tag = word;
              tagShape = word === 0 ? UNTAGGED : (word & VID_MASK) === 0 ? RETAG : TAGGED;
              const vid = tagShape === TAGGED ? word & VID_MASK : pvid[from];
              const accepts = flags & (tagShape === TAGGED ? ACCEPT_TAGGED : ACCEPT_UNTAGGED);
              tagFid = accepts === 0 || vid < 0 || vid === VID_RESERVED ? 0 : fidOf[(base + vid) | 0];
              tagVid = vid;
              if (((member[(Math.imul(tagFid, width) + (from >> 5)) | 0] >>> mine) & 1) === 0) tagFid = 0;
            }
            const longest = tagShape === UNTAGGED ? shortestMtu : shortestMtu + tagRoom;
            if (tagFid !== 0 && len <= longest && (src & GROUP_BIT) === 0 && dst !== RESERVED) {
              more = 1;
              fids[ahead] = tagFid;
              vids[ahead] = tagVid;
              // fdb/hash.ts
              const fidSeed = (s2 + tagFid) | 0;
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
              nextSrcHigh = (src << 16) | tagFid;
              nextDstHigh = (dst << 16) | tagFid;
            }
          }
        }
        const nextShape = tagShape;

        if (ahead !== i) {
          // Judge frame i, in its VLAN.
          if ((srcHigh & 0xffff) !== fid) {
            if (floodFirst >= 0) {
              relayFloods(dp, b, floodFirst, i, floodTo);
              floodFirst = -1;
              fidStart = i;
            }
            countSent(from, fid, i - fidStart, bytes);
            fidStart = i;
            bytes = 0;
            fid = srcHigh & 0xffff;
            generation = fidGeneration[fid];
            here = (((portGen + generation) & 0xffff) << GENERATION) | from;
            ageMs = fidAgeMs[fid];
            row = Math.imul(fid, width);
          }

          // Is the source known here?
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
            } else if ((srcLow | (srcHigh >>> 16)) === 0) {
              break;
            } else if (b.learned !== i) {
              learnSource(fdb, srcKey === 0 ? ~srcSlot : srcSlot, srcLow, srcHigh, from, now);
              b.learned = i;
              // The table has changed under this frame's destination and the frame ahead.
              dstKey = rec[(dstSlot << 2) + 1];
              nextSrcKey = rec[(nextSrcSlot << 2) + 1];
              nextDstKey = rec[(nextDstSlot << 2) + 1];
            }
          } else if ((now - rec[at + 2]) >>> 0 >= FRESH_MS) {
            refreshSource(fdb, srcSlot, from, now);
          }

          // Where is the destination?
          let to = UNKNOWN;
          if ((dstHigh & GROUP_BIT_HIGH) !== 0) {
            // The VLAN's interface may have to hear it.
            if (ifaceOf[fid] !== 0 || asksFirst !== 0) break;
            to = dstHigh >>> 16 === 0xffff && dstLow === -1 ? BROADCAST : MULTICAST;
          } else {
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
                const current = target >>> GENERATION === ((portGeneration[to] + generation) & 0xffff);
                if (!current || ((now - rec[at + 2]) | 0) > ageMs) to = UNKNOWN;
              } else if ((target & KIND) === LOCAL || (target & KIND) === BLACKHOLE || to === NOWHERE) {
                break;
              }
            }
          }

          // What may be too long for a tunnel is told so by the slow lane.
          if (lens[i] > tunnelMtu && (to < 0 || lens[i] > mtus[to] + ETHERNET_HEADER)) break;

          if (to < 0) {
            // Floods wait for those that follow them into the same set.
            if (floodFirst >= 0 && (to !== floodTo || shape !== floodShape)) {
              relayFloods(dp, b, floodFirst, i, floodTo);
              floodFirst = -1;
            } else if (floodFirst < 0) {
              countSent(from, fid, i - fidStart, bytes);
              bytes = 0;
            }
            if (floodFirst < 0) floodFirst = i;
            floodTo = to;
            floodShape = shape;
            tagLens[i] = shape === UNTAGGED ? 0 : TAG;
            tcis[i] = shape === UNTAGGED ? 0 : view.getUint16(offs[i] + 14);
          } else {
            // May it go there, and in what shape?
            const word = to >> 5;
            const set = (row + word) | 0;
            if ((((reach[(reachRow + word) | 0] & member[set]) >>> (to & 31)) & 1) === 0) break;
            if (floodFirst >= 0) {
              relayFloods(dp, b, floodFirst, i, floodTo);
              floodFirst = -1;
              fidStart = i;
            }
            const len = lens[i];
            bytes = (bytes + len) | 0;
            const untag = (untagged[set] >>> (to & 31)) & 1;
            if (untag !== shape) {
              // The tag is pushed, popped or given its VID: stages/shape.ts says the same in words.
              const off = offs[i];
              const pushed = shape === UNTAGGED ? pushTpid[from] << 16 : view.getInt32(off + 12) & ~VID_MASK;
              const delta = untag === UNTAGGED ? -TAG : shape === UNTAGGED ? TAG : 0;
              const head = (off - delta) | 0;
              view.setUint16(head, dstHigh >>> 16);
              view.setInt32(head + 2, dstLow);
              view.setUint16(head + 6, srcHigh >>> 16);
              view.setInt32(head + 8, srcLow);
              if (untag !== UNTAGGED) view.setInt32(head + 12, pushed | vids[i]);
              offs[i] = head;
              lens[i] = (len + delta) | 0;
              if (csum[i] !== 0) csum[i] += delta;
            }
            const sent = listed[to];
            list[(Math.imul(to, stride) + sent) | 0] = i;
            listed[to] = (sent + 1) | 0;
            reasons[i] = ALIVE;
            copies[i] = 1;
          }
          tos[i] = to;
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
        shape = nextShape;
      }

      if (floodFirst >= 0) relayFloods(dp, b, floodFirst, i, floodTo);
      else countSent(from, fid, i - fidStart, bytes);
      // The first frame of a run that ends at once is not for this lane.
      if (i === runStart) return i;
    }
    return n;
  };
}
