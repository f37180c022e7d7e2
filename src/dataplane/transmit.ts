/**
 * Transmit: hand an egress list to what sends it, and keep the ledger true when it does not take all.
 */

import type { Batch } from './batch.ts';
import { INDEX_MASK, SHAPE_ALT } from './batch.ts';
import {
  COPIES_LOST,
  DELIVERED,
  FID_COUNTERS,
  FLOOD_COPIES,
  PORT_COUNTERS,
  TX_BYTES,
  TX_DROPPED,
  TX_FRAMES,
} from './counters.ts';
import type { Dataplane } from './dataplane.ts';
import { REASON_COUNT, TX_ERROR, TX_RING_FULL } from './reasons.ts';
import { SAMPLE_SHAPED, sampleDrop } from './samples.ts';

/** What an adapter is to the data plane. */
export interface Sender {
  /** Returns how many left: those in front. It may change the order of the list to make that so. */
  send(batch: Batch, list: Int32Array, start: number, count: number): number;
  readonly lastError: number;
}

/** Sends what is in the port's egress list and empties it. `sender` null drops all as TX_ERROR. */
export function transmit(dp: Dataplane, b: Batch, port: number, sender: Sender | null): void {
  const { egress } = dp;
  const count = egress.count[port];
  if (count === 0) return;
  const start = port * egress.stride;
  egress.count[port] = 0;
  const sent = sender === null ? 0 : Math.min(count, Math.max(0, sender.send(b, egress.list, start, count)));
  const row = port * PORT_COUNTERS;
  dp.counters.port[row + TX_FRAMES] += sent;
  dp.counters.port[row + TX_BYTES] += bytesOf(b, egress.list, start, sent);
  if (sent === count) return;
  const reason = sender !== null && sender.lastError === 0 ? TX_RING_FULL : TX_ERROR;
  for (let k = start + sent; k < start + count; k++) loseCopy(dp, b, egress.list[k] & INDEX_MASK, port, reason);
}

/** Bytes of the frames that list[start .. start+count) stands for, as they leave. */
export function bytesOf(b: Batch, list: Int32Array, start: number, count: number): number {
  const { len, altHeadLen, altLen } = b;
  const end = start + count;
  let bytes = 0;
  for (let k = start; k < end; k++) {
    const word = list[k];
    const i = word & INDEX_MASK;
    bytes += word < SHAPE_ALT ? len[i] : altHeadLen[i] + altLen[i];
  }
  return bytes;
}

/** A copy that was counted as sent did not leave after all. */
export function unsend(dp: Dataplane, b: Batch, i: number, port: number, reason: number): void {
  const row = port * PORT_COUNTERS;
  dp.counters.port[row + TX_FRAMES]--;
  dp.counters.port[row + TX_BYTES] -= b.len[i];
  loseCopy(dp, b, i, port, reason);
}

/** A copy of frame i could not leave by `port`: it was no delivery, and the last one makes the frame a drop. */
export function loseCopy(dp: Dataplane, b: Batch, i: number, port: number, reason: number): void {
  const { port: ports, fid: fids, portDrops, fidDrops } = dp.counters;
  const from = b.port[i] * PORT_COUNTERS;
  const fid = b.fid[i] * FID_COUNTERS;
  ports[port * PORT_COUNTERS + TX_DROPPED]++;
  if (--b.copies[i] > 0) {
    ports[from + FLOOD_COPIES]--;
    fids[fid + FLOOD_COPIES]--;
    ports[from + COPIES_LOST]++;
    return;
  }
  ports[from + DELIVERED]--;
  fids[fid + DELIVERED]--;
  b.reason[i] = reason;
  portDrops[b.port[i] * REASON_COUNT + reason]++;
  fidDrops[b.fid[i] * REASON_COUNT + reason]++;
  sampleDrop(dp.samples, dp.arena, b, i, reason, SAMPLE_SHAPED);
}
