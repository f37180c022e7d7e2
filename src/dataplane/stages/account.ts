/**
 * Account: the frame's line in the ledger, of its port and of its VLAN (counters.ts).
 */

import type { Batch } from '../batch.ts';
import { CONSUMED, DELIVERED, FID_COUNTERS, PORT_COUNTERS, RX_BYTES, RX_FRAMES } from '../counters.ts';
import type { Dataplane } from '../dataplane.ts';
import { DROP_NONE, REASON_COUNT } from '../reasons.ts';

/** `length` is the frame's as it came, before any shaping. */
export function account(dp: Dataplane, b: Batch, i: number, length: number): void {
  const { port: ports, fid: fids, portDrops, fidDrops } = dp.counters;
  const port = b.port[i];
  const fid = b.fid[i];
  const portRow = port * PORT_COUNTERS;
  const fidRow = fid * FID_COUNTERS;
  ports[portRow + RX_FRAMES]++;
  ports[portRow + RX_BYTES] += length;
  fids[fidRow + RX_FRAMES]++;
  fids[fidRow + RX_BYTES] += length;
  const reason = b.reason[i];
  if (reason !== DROP_NONE) {
    portDrops[port * REASON_COUNT + reason]++;
    fidDrops[fid * REASON_COUNT + reason]++;
    return;
  }
  const outcome = b.copies[i] === 0 ? CONSUMED : DELIVERED;
  ports[portRow + outcome]++;
  fids[fidRow + outcome]++;
}
