/**
 * Relay: learn the source, look up the destination, frame after frame (802.1Q-2022 §8.7, §8.8).
 *
 * The one stage with a memory: each frame sees what the frame before it taught, so that the result does not
 * depend on how frames fall into batches. Two lanes: the loop without a call takes every frame whose source is
 * known where it is; at any other it stops, the unusual lane learns, and the loop goes on behind it.
 *
 * Answers in `b.to`: a port, or one of TO_*.
 */

import {
  GENERATION_SHIFT,
  generationOf,
  KIND_BLACKHOLE,
  KIND_LOCAL,
  KIND_MASK,
  KIND_SHIFT,
  keyHigh,
  PORT_MASK,
  probe,
} from '../../tables/fdb.ts';
import { REFRESH_MS, refreshSource } from '../../tables/fdb-learn.ts';
import {
  FLOOD_BROADCAST,
  FLOOD_MULTICAST,
  FLOOD_UNKNOWN_UNICAST,
  PORT_HUB,
  PORT_LEARNING,
} from '../../tables/port-table.ts';
import type { Batch } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { DROP_NONE } from '../reasons.ts';
import { learn } from './learn.ts';

/** TO_FLOOD - FLOOD_*: to the flood set of that kind. */
export const TO_FLOOD = -1;
export const TO_LOCAL = -8;
export const TO_BLACKHOLE = -9;

const GROUP_BIT = 0x0100;

export function relay(dp: Dataplane, b: Batch): void {
  let learned = -1;
  for (let i = 0; i < b.count; ) {
    i = relayKnown(dp, b, i, learned);
    if (i === b.count) return;
    learnUnusual(dp, b, i);
    // The same frame again, now only to look up its destination.
    learned = i;
  }
}

/**
 * Relays frames from `first` on until one has a source to learn, and returns its index. The frame `learned` has
 * been through that already.
 */
function relayKnown(dp: Dataplane, b: Batch, first: number, learned: number): number {
  const { rec, slots, portGeneration, fidGeneration, fidAgeMs } = dp.fdb;
  const flagsOf = dp.ports.flags;
  const { reason: reasons, port: portOf, fid: fids, nowMs, to: tos } = b;
  const { dstHigh, dstLow, srcHigh, srcLow, dstSlot, srcSlot } = b;
  const n = b.count;
  for (let i = first; i < n; i++) {
    if (reasons[i] !== DROP_NONE) continue;
    const port = portOf[i];
    const fid = fids[i];
    const now = nowMs[i];
    if ((flagsOf[port] & PORT_HUB) !== 0) {
      tos[i] = TO_FLOOD - FLOOD_UNKNOWN_UNICAST;
      continue;
    }
    const generation = fidGeneration[fid];

    if (i !== learned) {
      const low = srcLow[i];
      const high = (srcHigh[i] << 16) | fid;
      let slot = srcSlot[i];
      let at = slot << 2;
      let word1 = rec[at + 1];
      while (word1 !== 0 && (word1 !== high || rec[at] !== low)) {
        if (++slot === slots) slot = 0;
        at = slot << 2;
        word1 = rec[at + 1];
      }
      // Known, here, not flushed, seen a moment ago: nothing to learn.
      const expected = (((portGeneration[port] + generation) & 0xffff) << GENERATION_SHIFT) | port;
      if (word1 === 0 || rec[at + 3] !== expected) return i;
      const idle = (now - rec[at + 2]) | 0;
      if (idle >= REFRESH_MS || idle < 0) return i;
    }

    let high = dstHigh[i];
    const low = dstLow[i];
    if ((high & GROUP_BIT) !== 0) {
      tos[i] = high === 0xffff && low === -1 ? TO_FLOOD - FLOOD_BROADCAST : TO_FLOOD - FLOOD_MULTICAST;
      continue;
    }
    high = (high << 16) | fid;
    let slot = dstSlot[i];
    let at = slot << 2;
    let word1 = rec[at + 1];
    while (word1 !== 0 && (word1 !== high || rec[at] !== low)) {
      if (++slot === slots) slot = 0;
      at = slot << 2;
      word1 = rec[at + 1];
    }
    let to = TO_FLOOD - FLOOD_UNKNOWN_UNICAST;
    if (word1 !== 0) {
      const word3 = rec[at + 3];
      if ((word3 & KIND_MASK) === 0) {
        const current = word3 >>> GENERATION_SHIFT === ((portGeneration[word3 & PORT_MASK] + generation) & 0xffff);
        if (current && ((now - rec[at + 2]) | 0) <= fidAgeMs[fid]) to = word3 & PORT_MASK;
      } else {
        const kind = (word3 & KIND_MASK) >> KIND_SHIFT;
        to = kind === KIND_LOCAL ? TO_LOCAL : kind === KIND_BLACKHOLE ? TO_BLACKHOLE : word3 & PORT_MASK;
      }
    }
    tos[i] = to;
  }
  return n;
}

/** The source of frame i is not known, not here, or not seen for a while. */
function learnUnusual(dp: Dataplane, b: Batch, i: number): void {
  const { fdb } = dp;
  const port = b.port[i];
  const fid = b.fid[i];
  const slot = probe(fdb, b.srcLow[i], keyHigh(b.srcHigh[i], fid), b.srcSlot[i]);
  const here = (generationOf(fdb, port, fid) << GENERATION_SHIFT) | port;
  if (slot >= 0 && fdb.rec[(slot << 2) + 3] === here) {
    if ((dp.ports.flags[port] & PORT_LEARNING) !== 0) refreshSource(fdb, slot, port, b.nowMs[i]);
    return;
  }
  b.reason[i] = learn(dp, b, i, slot);
}
