/**
 * Learning from a tunnel, as a loop: who is known where he was is refreshed, and everything else is learned by
 * fdb/learn.ts. A closure for the reason that fast-lane.ts gives. Where decap-lane.ts has been, the hash is there, and many a
 * frame that has nothing to teach is known by then. That holds until the table changes: from the first row of a batch (what stands
 * before a later one may have been for control) to the first that teaches something.
 */

import { GENERATION_SHIFT, startSlot } from '../../tables/fdb/fdb.ts';
import { BLOCK_BITS } from '../../tables/fdb/hash.ts';
import { learnSource, REFRESH_MS, refreshSource } from '../../tables/fdb/learn.ts';
import { VNI_FLAGS, VNI_LEARNS, VNI_WORDS } from '../../tables/vni-table.ts';
import { type Batch, SOURCE_KNOWN } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { DROP_NONE, LOOKUP_REFLECTION } from '../reasons.ts';

/** Learns (VNI, inner source) -> remote from rows [first, end) that came out of tunnels. */
export type LearnLane = (first: number, end: number) => void;

// Of this file, not imported: see fast-lane.ts.
const BLOCK = BLOCK_BITS;
const GENERATION = GENERATION_SHIFT;
const FRESH_MS = REFRESH_MS;
const ALIVE = DROP_NONE;
/** From here on reasons are of frames that their VLAN took. */
const TAKEN = LOOKUP_REFLECTION;
const LEARNS = VNI_LEARNS;
const VNI_ROW = VNI_WORDS;
const FLAGS = VNI_FLAGS;
const KNOWN = SOURCE_KNOWN;

export function createLearnLane(dp: Dataplane, b: Batch): LearnLane {
  const { arena, vxlan } = dp;
  const { fdb, vnis } = vxlan;

  return (first, end) => {
    const view = arena.view;
    const { words, tunnelOf } = vnis;
    const { slots, shift, rec, portGeneration, fidGeneration } = fdb;
    const {
      off: offs,
      port: portOf,
      rxFlags,
      remote: remoteOf,
      vni: vniOf,
      reason: reasons,
      fid: fids,
      nowMs,
      sourceHash: hashes,
    } = b;
    const blocks = slots >>> shift;
    let believed = first === 0;
    for (let i = first | 0; i < end; i = (i + 1) | 0) {
      const h = hashes[i];
      if (believed && h === KNOWN) continue;
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
      const high = (macHigh << 16) | vni;
      let slot =
        h === 0 || h === KNOWN
          ? startSlot(fdb, low, high)
          : ((Math.imul(h >>> 12, blocks) >>> 20) << shift) | ((h & 0xfff) >>> (BLOCK - shift));
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
        believed = false;
        learnSource(fdb, key === 0 ? ~slot : slot, low, high, remote, now);
      }
    }
  };
}
