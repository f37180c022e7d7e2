/**
 * Locate: where both addresses of a frame would be in the FDB.
 *
 * Only hashing, so it needs no order. For a table that outgrows the cache it also touches the records, so that
 * the cache misses of a whole batch overlap instead of coming one after the other (bench S2).
 */

import { hashWords, slotOfHash } from '../../tables/fdb-hash.ts';
import type { Batch } from '../batch.ts';
import { type Dataplane, LIMIT_TOUCH } from '../dataplane.ts';
import { DROP_NONE } from '../reasons.ts';

export function locate(dp: Dataplane, b: Batch): void {
  const { seed, scale, rec } = dp.fdb;
  const touch = dp.limits[LIMIT_TOUCH] !== 0;
  const { reason: reasons, fid: fids, dstHigh, dstLow, srcHigh, srcLow, dstSlot, srcSlot } = b;
  const [s0, s1, s2, s3, s4] = seed;
  const n = b.count;
  let touched = 0;
  for (let i = 0; i < n; i++) {
    if (reasons[i] !== DROP_NONE) continue;
    const fid = fids[i];
    const src = slotOfHash(hashWords(s0, s1, s2, s3, s4, srcLow[i], (srcHigh[i] << 16) | fid), scale);
    const dst = slotOfHash(hashWords(s0, s1, s2, s3, s4, dstLow[i], (dstHigh[i] << 16) | fid), scale);
    srcSlot[i] = src;
    dstSlot[i] = dst;
    if (touch) touched ^= rec[src << 2] ^ rec[dst << 2];
  }
  // Kept, so that the loads are not optimised away.
  b.touched = touched & 1;
}
