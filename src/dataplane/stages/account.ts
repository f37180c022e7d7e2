/**
 * Account: the frame's line in the ledger, of its port and of its VLAN (counters.ts).
 */

import { type Batch, RX_GENERATED } from '../batch.ts';
import { CONSUMED, DELIVERED, FID_COUNTERS, GENERATED, PORT_COUNTERS, RX_BYTES, RX_FRAMES } from '../counters.ts';
import type { Dataplane } from '../dataplane.ts';
import { DROP_NONE, REASON_COUNT } from '../reasons.ts';
import { sampleDrop } from '../samples.ts';

/** `length` is the frame's as it came, before any shaping. */
export function account(dp: Dataplane, b: Batch, i: number, length: number): void {
  accountRun(dp, b, i, 1, length);
}

/** Frames from `first` on that have port, VLAN and fate in common; `bytes` is their length as they came. */
export function accountRun(dp: Dataplane, b: Batch, first: number, frames: number, bytes: number): void {
  const { port: ports, fid: fids, portDrops, fidDrops } = dp.counters;
  const port = b.port[first];
  const fid = b.fid[first];
  const portRow = port * PORT_COUNTERS;
  const fidRow = fid * FID_COUNTERS;
  if ((b.rxFlags[first] & RX_GENERATED) !== 0) {
    ports[portRow + GENERATED] += frames;
    fids[fidRow + GENERATED] += frames;
  } else {
    ports[portRow + RX_FRAMES] += frames;
    ports[portRow + RX_BYTES] += bytes;
    fids[fidRow + RX_FRAMES] += frames;
    fids[fidRow + RX_BYTES] += bytes;
  }
  const reason = b.reason[first];
  if (reason !== DROP_NONE) {
    portDrops[port * REASON_COUNT + reason] += frames;
    fidDrops[fid * REASON_COUNT + reason] += frames;
    sampleDrop(dp.samples, dp.arena, b, first, reason, 0);
    return;
  }
  const outcome = b.copies[first] === 0 ? CONSUMED : DELIVERED;
  ports[portRow + outcome] += frames;
  fids[fidRow + outcome] += frames;
}
