/**
 * The fast way into a tunnel: an IPv4 packet for a known host, to one remote over IPv4, without a UDP checksum. Everything
 * else it leaves to encap.ts, which takes any frame and is the readable reference: both say the same, and
 * test/unit/dataplane/vxlan.test.ts tells them the same stories.
 *
 * A chunk of frames is gone over twice: first their records are only asked for, so that the misses of many frames
 * overlap, then they are encapsulated (bench S4).
 *
 * It is a closure over one data plane and one batch for the reason that fast-lane.ts gives: V8 compiles what it captures
 * into the code (bench S4: without it 8 times the cost of S1).
 */

import { GENERATION_SHIFT, KIND_MASK, NO_PORT, PORT_MASK } from '../../tables/fdb/fdb.ts';
import { BLOCK_BITS } from '../../tables/fdb/hash.ts';
import {
  PEER_COUNTERS,
  PEER_TX_BYTES,
  PEER_TX_FRAMES,
  REMOTE_ADDRESS,
  REMOTE_FLAGS,
  REMOTE_IPV6,
  REMOTE_LIST,
  REMOTE_MACS,
  REMOTE_MAX_IP,
  REMOTE_PORT,
  REMOTE_RESOLVED,
  REMOTE_SOURCE,
  REMOTE_SUM,
  REMOTE_TAG,
  REMOTE_VTEP,
  REMOTE_WORDS,
} from '../../tables/remote-table.ts';
import {
  VIDS,
  VNI_CHECKSUM,
  VNI_COUNTERS,
  VNI_DF,
  VNI_FLAGS,
  VNI_SHIFTED,
  VNI_SPORT,
  VNI_SPORTS,
  VNI_TOS,
  VNI_TOS_INHERIT,
  VNI_TTL,
  VNI_TTL_INHERIT,
  VNI_TX_BYTES,
  VNI_TX_FRAMES,
  VNI_WORDS,
} from '../../tables/vni-table.ts';
import { type Batch, INDEX_MASK, SHAPE_ALT } from '../batch.ts';
import { PORT_COUNTERS, TX_BYTES, TX_FRAMES } from '../counters.ts';
import type { Dataplane } from '../dataplane.ts';

/** Encapsulates words [from, to) of the port's egress list as far as they are for it; returns where it stopped. */
export type EncapLane = (port: number, from: number, to: number) => number;

const ETHERTYPE_IPV4 = 0x0800;
/** Shortest frame with a whole IPv4 header. */
const SHORTEST = 34;
const OUTER_BYTES = 50;
/** Of the outer IP packet, the inner frame left out. */
const OVERHEAD = 36;
const I_FLAG = 0x0800_0000;
const TCP = 6;
const UDP = 17;

// An imported constant is read and checked anew at every use, one of this file is an immediate: see fast-lane.ts.
const ALT = SHAPE_ALT;
const INDEX = INDEX_MASK;
/** Frames whose records are asked for together. */
const CHUNK = 32;
const BLOCK = BLOCK_BITS;
const GENERATION = GENERATION_SHIFT;
const KIND = KIND_MASK;
const PORT = PORT_MASK;
const NOWHERE = NO_PORT;
const REMOTE_ROW = REMOTE_WORDS;
const VNI_ROW = VNI_WORDS;
const PEER_ROW = PEER_COUNTERS;
const FLAGS = REMOTE_FLAGS;
/** Of these flags of a remote only RESOLVED. */
const PLAIN_MASK = REMOTE_RESOLVED | REMOTE_IPV6 | REMOTE_LIST;
const PLAIN = REMOTE_RESOLVED;
/** Of these settings of a VNI: DF is set, there is no checksum. */
const SIMPLE_MASK = VNI_CHECKSUM | VNI_DF;
const SIMPLE = VNI_DF;
const TOS_INHERIT = VNI_TOS_INHERIT;
const TTL_INHERIT = VNI_TTL_INHERIT;
const MACS = REMOTE_MACS;
const TAG_WORD = REMOTE_TAG;
const SOURCE = REMOTE_SOURCE;
const ADDRESS = REMOTE_ADDRESS;
const SUM = REMOTE_SUM;
const MAX_IP = REMOTE_MAX_IP;
const UPLINK = REMOTE_PORT;
const VTEP = REMOTE_VTEP;
const SETTINGS = VNI_FLAGS;
const SHIFTED = VNI_SHIFTED;
const TOS = VNI_TOS;
const TTL = VNI_TTL;
const SPORT = VNI_SPORT;
const SPORTS = VNI_SPORTS;
const SENT_FRAMES = PEER_TX_FRAMES;
const SENT_BYTES = PEER_TX_BYTES;
const ALL_VIDS = VIDS;

export function createEncapLane(dp: Dataplane, b: Batch): EncapLane {
  const { arena, egress, counters, vxlan, underlay } = dp;
  const { fdb, vnis, remotes, vteps } = vxlan;
  const [s0, s1, s2, s3] = fdb.seed;
  const u = underlay.batch;
  const asking = { places: new Int32Array(CHUNK) };

  /** Frames of a VNI that have left. */
  const countSent = (port: number, vni: number, frames: number, bytes: number): void => {
    const row = port * PORT_COUNTERS;
    counters.port[row + TX_FRAMES] += frames;
    counters.port[row + TX_BYTES] += bytes;
    vnis.counters[vni * VNI_COUNTERS + VNI_TX_FRAMES] += frames;
    vnis.counters[vni * VNI_COUNTERS + VNI_TX_BYTES] += bytes;
  };

  return (port, from, to) => {
    const view = arena.view;
    const { rec, slots, shift, portGeneration, fidGeneration, fidAgeMs } = fdb;
    const { words, counters: peers } = remotes;
    const { words: settings, rowOf, tunnelOf } = vnis;
    const { udpPort } = vteps;
    const { places } = asking;
    const { list: out } = underlay;
    const { list, stride } = egress;
    const { off: offs, len: lens, vid: vids, copies, gso, nowMs, timeUs, slot: slotOf } = b;
    const { slot: uSlot, off: uOff, len: uLen, port: uPort, nowMs: uNow, timeUs: uTime, gso: uGso, csum: uCsum } = u;
    const blocks = slots >>> shift;
    const room = u.capacity;
    const base = Math.imul(tunnelOf[port], ALL_VIDS);
    const at = Math.imul(port, stride);
    let row = u.count;
    let k = from | 0;
    // Settings of the VNI of the frame before.
    let vid = -1;
    let vni = 0;
    let flags = 0;
    let shifted = 0;
    let sportFirst = 0;
    let sports = 0;
    // Of the inner packet's TOS and TTL these bits stay, and the others are of the VNI.
    let tosMask = 0;
    let tosOwn = 0;
    let ttlMask = 0;
    let ttlOwn = 0;
    let frames = 0;
    let bytes = 0;
    let asked = k;
    let first = k;
    let sum0 = 0;
    for (; k < to; k = (k + 1) | 0) {
      if (k === asked) {
        asked = (k + CHUNK) | 0;
        if (asked > to) asked = to;
        let askedVid = -1;
        let seed = 0;
        for (let j = k; j < asked; j = (j + 1) | 0) {
          const i = list[(at + j) | 0] & INDEX;
          if (vids[i] !== askedVid) {
            askedVid = vids[i];
            seed = (s2 + rowOf[(base + askedVid) | 0]) | 0;
          }
          const low = view.getInt32(offs[i] + 2);
          let h =
            (Math.imul((s0 + (low & 0xffff)) | 0, (s1 + (low >>> 16)) | 0) +
              Math.imul(seed, (s3 + view.getUint16(offs[i])) | 0)) |
            0;
          h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
          const slot = ((Math.imul(h >>> 12, blocks) >>> 20) << shift) | ((h & 0xfff) >>> (BLOCK - shift));
          places[(j - k) | 0] = slot;
          sum0 ^= rec[((slot << 2) + 1) | 0];
        }
        first = k;
      }
      const word = list[(at + k) | 0];
      if (word >= ALT || row === room) break;
      const i = word;
      const len = lens[i];
      if (copies[i] !== 1 || gso[i] !== 0 || len < SHORTEST) break;
      if (vids[i] !== vid) {
        if (frames !== 0) countSent(port, vni, frames, bytes);
        frames = 0;
        bytes = 0;
        vid = vids[i];
        vni = rowOf[(base + vid) | 0];
        const v = Math.imul(vni, VNI_ROW);
        flags = settings[(v + SETTINGS) | 0];
        shifted = settings[(v + SHIFTED) | 0];
        sportFirst = settings[(v + SPORT) | 0];
        sports = settings[(v + SPORTS) | 0];
        tosMask = (flags & TOS_INHERIT) !== 0 ? 0xfc : 0;
        tosOwn = (flags & TOS_INHERIT) !== 0 ? 0 : settings[(v + TOS) | 0] & 0xfc;
        ttlMask = (flags & TTL_INHERIT) !== 0 ? 0xff00 : 0;
        ttlOwn = (flags & TTL_INHERIT) !== 0 ? 0 : settings[(v + TTL) | 0] << 8;
      }
      if (vni === 0 || (flags & SIMPLE_MASK) !== SIMPLE) break;
      const off = offs[i];
      const typeWord = view.getInt32(off + 12);
      if (typeWord >>> 16 !== ETHERTYPE_IPV4) break;

      // Where is the destination?
      const dstHigh = view.getUint16(off);
      const dstLow = view.getInt32(off + 2);
      let slot = places[(k - first) | 0];
      const key = (dstHigh << 16) | vni;
      let entry = slot << 2;
      let found = rec[(entry + 1) | 0];
      while (found !== key || rec[entry] !== dstLow) {
        if (found === 0) break;
        slot = (slot + 1) | 0;
        if (slot === slots) slot = 0;
        entry = slot << 2;
        found = rec[(entry + 1) | 0];
      }
      if (found === 0) break;
      const target = rec[(entry + 3) | 0];
      const remote = target & PORT;
      if ((target & KIND) === 0) {
        const current = target >>> GENERATION === ((portGeneration[remote] + fidGeneration[vni]) & 0xffff);
        if (!current || ((nowMs[i] - rec[(entry + 2) | 0]) | 0) > fidAgeMs[vni]) break;
      }
      if (remote === NOWHERE) break;
      const r = Math.imul(remote, REMOTE_ROW);
      if ((words[(r + FLAGS) | 0] & PLAIN_MASK) !== PLAIN || words[(r + TAG_WORD) | 0] !== 0) break;
      if (((len + OVERHEAD) | 0) > words[(r + MAX_IP) | 0]) break;

      // Its flow: inner-flow.ts says the same in words.
      const fragmentWord = view.getInt32(off + 20);
      const protocol = fragmentWord & 0xff;
      const upper = (off + 14 + ((typeWord >>> 6) & 0x3c)) | 0;
      let h = Math.imul(view.getInt32(off + 26), 0x9e3779b1) ^ view.getInt32(off + 30);
      h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) ^ protocol;
      if ((fragmentWord & 0x3fff_0000) === 0) {
        if (protocol === TCP || protocol === UDP) {
          if (((upper + 4) | 0) <= ((off + len) | 0)) h ^= view.getInt32(upper);
        } else if (protocol === 132 || protocol === 136) break;
      }
      h = Math.imul(h ^ (h >>> 16), 0xc2b2ae35);
      h ^= h >>> 15;

      // The header: encap.ts says the same in words.
      const ecn = typeWord & 3;
      const tos = (typeWord & tosMask) | tosOwn | (ecn === 3 ? 2 : ecn);
      const ttl = (fragmentWord & ttlMask) | ttlOwn;
      const total = (len + OVERHEAD) | 0;
      let sum = (words[(r + SUM) | 0] + 0x8500 + tos + total + ttl + UDP) | 0;
      sum = (sum & 0xffff) + (sum >>> 16);
      sum = (sum & 0xffff) + (sum >>> 16);
      const sport = (sportFirst + (Math.imul(h >>> 16, sports) >>> 16)) | 0;
      const start = (off - OUTER_BYTES) | 0;
      view.setInt32(start, words[(r + MACS) | 0]);
      view.setInt32(start + 4, words[(r + MACS + 1) | 0]);
      view.setInt32(start + 8, words[(r + MACS + 2) | 0]);
      view.setInt32(start + 12, 0x0800_4500 | tos);
      view.setInt32(start + 16, total << 16);
      view.setInt32(start + 20, 0x4000_0000 | ttl | UDP);
      view.setUint16(start + 24, ~sum & 0xffff);
      view.setInt32(start + 26, words[(r + SOURCE) | 0]);
      view.setInt32(start + 30, words[(r + ADDRESS) | 0]);
      view.setInt32(start + 34, (sport << 16) | udpPort[words[(r + VTEP) | 0]]);
      view.setInt32(start + 38, ((len + 16) | 0) << 16);
      view.setInt32(start + 42, I_FLAG);
      view.setInt32(start + 46, shifted);

      uSlot[row] = slotOf[i];
      uOff[row] = start;
      uLen[row] = (len + OUTER_BYTES) | 0;
      uPort[row] = words[(r + UPLINK) | 0];
      uNow[row] = nowMs[i];
      uTime[row] = timeUs[i];
      uGso[row] = 0;
      uCsum[row] = 0;
      out[row] = row;
      row = (row + 1) | 0;
      const p = Math.imul(remote, PEER_ROW);
      peers[(p + SENT_FRAMES) | 0] += 1;
      peers[(p + SENT_BYTES) | 0] += len;
      frames = (frames + 1) | 0;
      bytes = (bytes + len) | 0;
    }
    if (frames !== 0) countSent(port, vni, frames, bytes);
    // Somebody has to want what was asked for, or V8 leaves the asking out.
    places[0] = sum0;
    u.count = row;
    return k;
  };
}
