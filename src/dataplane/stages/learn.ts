/**
 * Learn, the unusual cases: a new source, a moved one, a configured one, none that may be learned
 * (802.1Q-2022 §8.7). The usual case, a source that is known where it is, is in `relay`.
 *
 * Only individual, non-zero sources are learned, only in a VLAN that has a member. A source that is a blackhole
 * drops the frame; one that is configured on another port is reported, and drops it where
 * `staticViolation: drop` says so.
 */

import { rowIsEmpty } from '../../tables/bitmap.ts';
import { KIND_BLACKHOLE, KIND_MASK, KIND_SHIFT, keyHigh } from '../../tables/fdb.ts';
import { LEARN_STATIC_VIOLATION, learnSource } from '../../tables/fdb-learn.ts';
import { PORT_LEARNING, PORT_STATIC_VIOLATION_DROPS } from '../../tables/port-table.ts';
import type { Batch } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { DROP_NONE, GUARD_BLACKHOLE_SOURCE, GUARD_STATIC_VIOLATION } from '../reasons.ts';

/** `slot` is the record that holds the source address, or -1. Returns a drop reason or 0. */
export function learn(dp: Dataplane, b: Batch, i: number, slot: number): number {
  const { fdb, vlans } = dp;
  if (slot >= 0 && (fdb.rec[(slot << 2) + 3] & KIND_MASK) >> KIND_SHIFT === KIND_BLACKHOLE) {
    return GUARD_BLACKHOLE_SOURCE;
  }
  const flags = dp.ports.flags[b.port[i]];
  if ((flags & PORT_LEARNING) === 0) return DROP_NONE;
  const low = b.srcLow[i];
  const high = keyHigh(b.srcHigh[i], b.fid[i]);
  if (low === 0 && high >>> 16 === 0) return DROP_NONE;
  if (slot < 0 && rowIsEmpty(vlans.member, vlans.width, b.fid[i])) return DROP_NONE;
  const found = learnSource(fdb, slot, low, high, b.srcSlot[i], b.port[i], b.nowMs[i]);
  return found === LEARN_STATIC_VIOLATION && (flags & PORT_STATIC_VIOLATION_DROPS) !== 0
    ? GUARD_STATIC_VIOLATION
    : DROP_NONE;
}
