/**
 * Learn: the source address, and whether it may be here (802.1Q-2022 §8.7).
 *
 * Only individual, non-zero sources are learned, only in a VLAN that has a member. A source that is a blackhole
 * drops the frame; one that is configured on another port is reported, and drops it where
 * `staticViolation: drop` says so.
 */

import { rowIsEmpty } from '../../tables/bitmap.ts';
import {
  GENERATION_SHIFT,
  generationOf,
  KIND_BLACKHOLE,
  KIND_MASK,
  KIND_SHIFT,
  keyHigh,
  probe,
  startSlot,
} from '../../tables/fdb/fdb.ts';
import { LEARN_STATIC_VIOLATION, learnSource, REFRESH_MS, refreshSource } from '../../tables/fdb/learn.ts';
import { PORT_HUB, PORT_LEARNING, PORT_STATIC_VIOLATION_DROPS } from '../../tables/port-table.ts';
import { type Batch, RX_GENERATED } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { DROP_NONE, GUARD_BLACKHOLE_SOURCE, GUARD_STATIC_VIOLATION } from '../reasons.ts';

export function learn(dp: Dataplane, b: Batch, i: number): number {
  const { fdb, vlans } = dp;
  const port = b.port[i];
  const fid = b.fid[i];
  const now = b.nowMs[i];
  const flags = dp.ports.flags[port];
  if ((flags & PORT_HUB) !== 0 || b.learned === i || (b.rxFlags[i] & RX_GENERATED) !== 0) return DROP_NONE;
  const learns = (flags & PORT_LEARNING) !== 0;
  const low = b.srcLow[i];
  const key = vlans.fdbFid[fid];
  const high = keyHigh(b.srcHigh[i], key);
  const slot = probe(fdb, low, high, startSlot(fdb, low, high));
  if (slot >= 0) {
    const word3 = fdb.rec[(slot << 2) + 3];
    if (word3 === ((generationOf(fdb, port, key) << GENERATION_SHIFT) | port)) {
      // Known where it is: only its time and its place among the oldest are renewed.
      if (learns && (now - fdb.rec[(slot << 2) + 2]) >>> 0 >= REFRESH_MS) refreshSource(fdb, slot, port, now);
      return DROP_NONE;
    }
    if ((word3 & KIND_MASK) >> KIND_SHIFT === KIND_BLACKHOLE) return GUARD_BLACKHOLE_SOURCE;
  }
  if (!learns || (low === 0 && high >>> 16 === 0)) return DROP_NONE;
  if (slot < 0 && rowIsEmpty(vlans.member, vlans.width, fid)) return DROP_NONE;
  const found = learnSource(fdb, slot, low, high, port, now);
  return found === LEARN_STATIC_VIOLATION && (flags & PORT_STATIC_VIOLATION_DROPS) !== 0
    ? GUARD_STATIC_VIOLATION
    : DROP_NONE;
}
