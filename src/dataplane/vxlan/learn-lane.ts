/**
 * Learning from a tunnel, as a loop: who is known where he was is refreshed, and everything else is learned by
 * fdb-learn.ts. A closure for the reason that fast-lane.ts gives.
 */

import { GENERATION_SHIFT } from '../../tables/fdb.ts';
import { BLOCK_BITS } from '../../tables/fdb-hash.ts';
import { learnSource, REFRESH_MS, refreshSource } from '../../tables/fdb-learn.ts';
import { VNI_FLAGS, VNI_LEARNS, VNI_WORDS } from '../../tables/vni-table.ts';
import type { Batch } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { DROP_NONE, LOOKUP_REFLECTION } from '../reasons.ts';

/** Learns (VNI, inner source) -> remote from rows [first, end) that came out of tunnels. */
export type LearnLane = (first: number, end: number) => void;

// Of this file, not imported: see fast-lane.ts.
const BLOCK = BLOCK_BITS;
/** Frames whose records are asked for together. */
const CHUNK = 32;
const GENERATION = GENERATION_SHIFT;
const FRESH_MS = REFRESH_MS;
const ALIVE = DROP_NONE;
/** From here on reasons are of frames that their VLAN took. */
const TAKEN = LOOKUP_REFLECTION;
const LEARNS = VNI_LEARNS;
const VNI_ROW = VNI_WORDS;
const FLAGS = VNI_FLAGS;

export function createLearnLane(dp: Dataplane, b: Batch): LearnLane {
  const { arena, vxlan } = dp;
  const { fdb, vnis } = vxlan;
  const [s0, s1, s2, s3] = fdb.seed;
  const asking = { places: new Int32Array(CHUNK) };

  return (first, end) => {
    const view = arena.view;
    const { words, tunnelOf } = vnis;
    const { places } = asking;
    const { slots, shift, rec, portGeneration, fidGeneration } = fdb;
    const { off: offs, port: portOf, rxFlags, remote: remoteOf, vni: vniOf, reason: reasons, fid: fids, nowMs } = b;
    const blocks = slots >>> shift;
    let asked = first | 0;
    let begin = asked;
    let sum = 0;
    for (let i = first | 0; i < end; i = (i + 1) | 0) {
      if (i === asked) {
        // Only asked for, so that the misses of many frames overlap: encap-lane.ts.
        begin = i;
        asked = (i + CHUNK) | 0;
        if (asked > end) asked = end;
        for (let j = i; j < asked; j = (j + 1) | 0) {
          if (rxFlags[j] !== 0 || tunnelOf[portOf[j]] < 0) continue;
          const off = offs[j];
          const low = view.getInt32(off + 8);
          // fdb-hash.ts
          let h =
            (Math.imul((s0 + (low & 0xffff)) | 0, (s1 + (low >>> 16)) | 0) +
              Math.imul((s2 + vniOf[j]) | 0, (s3 + view.getUint16(off + 6)) | 0)) |
            0;
          h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
          const slot = ((Math.imul(h >>> 12, blocks) >>> 20) << shift) | ((h & 0xfff) >>> (BLOCK - shift));
          places[(j - begin) | 0] = slot;
          sum ^= rec[((slot << 2) + 1) | 0];
        }
      }
      if (rxFlags[i] !== 0 || tunnelOf[portOf[i]] < 0) continue;
      const remote = remoteOf[i];
      const vni = vniOf[i];
      const reason = reasons[i];
      if (remote < 0 || fids[i] === 0 || (reason !== ALIVE && reason < TAKEN)) continue;
      if ((words[(Math.imul(vni, VNI_ROW) + FLAGS) | 0] & LEARNS) === 0) continue;
      const off = offs[i];
      const macHigh = view.getUint16(off + 6);
      const low = view.getInt32(off + 8);
      if ((macHigh | low) === 0) continue;
      const start = places[(i - begin) | 0];
      const high = (macHigh << 16) | vni;
      let slot = start;
      let at = slot << 2;
      let key = rec[(at + 1) | 0];
      while (key !== high || rec[at] !== low) {
        if (key === 0) break;
        slot = (slot + 1) | 0;
        if (slot === slots) slot = 0;
        at = slot << 2;
        key = rec[(at + 1) | 0];
      }
      const here = (((portGeneration[remote] + fidGeneration[vni]) & 0xffff) << GENERATION) | remote;
      const now = nowMs[i];
      if (key !== 0 && rec[(at + 3) | 0] === here) {
        if ((now - rec[(at + 2) | 0]) >>> 0 >= FRESH_MS) refreshSource(fdb, slot, remote, now);
      } else {
        learnSource(fdb, key === 0 ? -1 : slot, low, high, start, remote, now);
      }
    }
    // Somebody has to want what was asked for, or V8 leaves the asking out.
    places[0] = sum;
  };
}
