/**
 * Touch: for a table that outgrows the cache, read the records that the batch will need before it needs them.
 *
 * The lanes take one frame after the other and would wait for memory twice a frame. This loop waits for nothing:
 * the misses of many frames overlap (bench S2). It only reads, and is only a guess: a frame that it judges
 * otherwise than the lanes do costs a miss, nothing else. New addresses will want their links too (bench S12).
 */

import { BLOCK_BITS } from '../tables/fdb/hash.ts';
import type { Batch } from './batch.ts';
import type { Dataplane } from './dataplane.ts';

const SHORTEST = 18;
const VID_MASK = 0xfff;
/** Of this file, not imported: see fast-lane.ts. */
const BLOCK = BLOCK_BITS;

/** A closure for the reason that fast-lane.ts gives. */
export function createTouch(dp: Dataplane, b: Batch): (manyNew: boolean) => void {
  const { arena, ports, vlans, fdb } = dp;
  const [s0, s1, s2, s3] = fdb.seed;
  const places = new Int32Array(Math.max(32, 2 * b.capacity));

  return (manyNew) => {
    const view = arena.view;
    const { tpid, pvid, vlanBase } = ports;
    const { fidOf } = vlans;
    const { rec, slots, shift, links } = fdb;
    const { off: offs, len: lens, port: portOf } = b;
    const blocks = slots >>> shift;
    const n = b.count | 0;
    let found = 0;
    for (let i = 0; i < n; i = (i + 1) | 0) {
      if (lens[i] < SHORTEST) continue;
      const off = offs[i];
      const port = portOf[i];
      const dstHigh = view.getUint16(off);
      const dstLow = view.getInt32(off + 2);
      const srcHigh = view.getUint16(off + 6);
      const srcLow = view.getInt32(off + 8);
      const tag = view.getInt32(off + 12);
      let vid = tag >>> 16 === tpid[port] ? tag & VID_MASK : 0;
      if (vid === 0) vid = pvid[port] & VID_MASK;
      const fidSeed = (s2 + fidOf[(vlanBase[port] + vid) | 0]) | 0;
      let h =
        (Math.imul((s0 + (srcLow & 0xffff)) | 0, (s1 + (srcLow >>> 16)) | 0) + Math.imul(fidSeed, (s3 + srcHigh) | 0)) |
        0;
      h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
      places[found] = ((Math.imul(h >>> 12, blocks) >>> 20) << shift) | ((h & 0xfff) >>> (BLOCK - shift));
      h =
        (Math.imul((s0 + (dstLow & 0xffff)) | 0, (s1 + (dstLow >>> 16)) | 0) + Math.imul(fidSeed, (s3 + dstHigh) | 0)) |
        0;
      h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
      places[found + 1] = ((Math.imul(h >>> 12, blocks) >>> 20) << shift) | ((h & 0xfff) >>> (BLOCK - shift));
      found = (found + 2) | 0;
    }
    // A loop of its own and very short, so that many of its reads fit the processor's window, and wait together.
    let sum = 0;
    for (let k = 0; k < found; k = (k + 1) | 0) sum ^= rec[(places[k] << 2) + 1];
    if (manyNew) for (let k = 0; k < found; k = (k + 2) | 0) sum ^= links[places[k] << 1];
    // Somebody has to want what was read, or V8 leaves the reading out.
    places[0] = sum;
  };
}
