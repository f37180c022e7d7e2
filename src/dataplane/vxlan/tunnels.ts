/**
 * What tunnels do after the lanes: learn who is behind which remote, and send what is in the tunnel ports' lists, both
 * in the order of the frames, so that a frame sees exactly what the frames before it taught.
 *
 * A frame teaches only when its port and VLAN took it (802.1Q section 8.7, RFC 7348 section 4.1): not when it was
 * dropped before its destination was looked up.
 */

import { type Batch, type Egress, INDEX_MASK } from '../batch.ts';
import { type Dataplane, LIMIT_VTEPS } from '../dataplane.ts';
import { usedPorts } from '../egress-ports.ts';
import { encap } from './encap.ts';
import type { EncapLane } from './encap-lane.ts';
import { flushUnderlay, type SenderOf } from './flush-underlay.ts';
import { lanesOf } from './lanes.ts';

/** Ports whose lists are under way, and how far. */
const MAX_TUNNELS = 4096;
const waiting = new Int32Array(MAX_TUNNELS);
const sent = new Int32Array(MAX_TUNNELS);
/** Behind every row of a batch. */
const NO_ROW = INDEX_MASK + 1;

/** Learns from rows [first, end), sends the lists of all tunnel ports and empties them, and flushes the underlay. */
export function serveTunnels(dp: Dataplane, b: Batch, first: number, end: number, senderOf: SenderOf): void {
  if (dp.limits[LIMIT_VTEPS] === 0) return;
  const { egress } = dp;
  const { tunnelOf } = dp.vxlan.vnis;
  let tunnels = 0;
  const ports = usedPorts(egress, b, first, end);
  for (let k = 0; k < ports; k++) {
    const p = egress.used[k];
    if (tunnelOf[p] < 0) continue;
    waiting[tunnels] = p;
    sent[tunnels++] = 0;
  }
  const lanes = lanesOf(dp, b);
  if (tunnels === 0) {
    if (b.decapped !== 0) lanes.learn(first, end);
    return;
  }
  if (b.decapped === 0) {
    sendInOrder(dp, b, tunnels, lanes.encap, senderOf);
  } else {
    for (let i = first; i < end; i++) {
      lanes.learn(i, i + 1);
      for (let t = 0; t < tunnels; t++) {
        const port = waiting[t];
        if (sent[t] < egress.count[port] && rowOf(egress, port, sent[t]) === i) {
          sendPart(dp, b, port, sent[t], sent[t] + 1, lanes.encap, senderOf);
          sent[t]++;
        }
      }
    }
  }
  for (let t = 0; t < tunnels; t++) egress.count[waiting[t]] = 0;
  flushUnderlay(dp, senderOf);
}

function rowOf({ list, stride }: Egress, port: number, k: number): number {
  return list[port * stride + k] & INDEX_MASK;
}

/** All lists, row by row: of the tunnel whose turn it is as many words as come before those of the others. */
function sendInOrder(dp: Dataplane, b: Batch, tunnels: number, lane: EncapLane, senderOf: SenderOf): void {
  const { egress } = dp;
  for (;;) {
    let next = -1;
    let row = NO_ROW;
    let limit = NO_ROW;
    // Ports go up with `t`, and of one row the lower port comes first.
    for (let t = 0; t < tunnels; t++) {
      if (sent[t] === egress.count[waiting[t]]) continue;
      const its = rowOf(egress, waiting[t], sent[t]);
      if (its < row) {
        limit = row;
        row = its;
        next = t;
      } else if (its < limit) {
        limit = its;
      }
    }
    if (next < 0) return;
    const port = waiting[next];
    const from = sent[next];
    let to = from + 1;
    if (tunnels === 1) to = egress.count[port];
    else while (to < egress.count[port] && rowOf(egress, port, to) < limit) to++;
    sendPart(dp, b, port, from, to, lane, senderOf);
    sent[next] = to;
  }
}

/** Words [from, to) of a list. */
function sendPart(
  dp: Dataplane,
  b: Batch,
  port: number,
  from: number,
  to: number,
  lane: EncapLane,
  senderOf: SenderOf,
): void {
  const { egress } = dp;
  for (let k = from; k < to; k++) {
    k = lane(port, k, to);
    if (k < to) encap(dp, b, egress.list[port * egress.stride + k], port, senderOf);
  }
}
