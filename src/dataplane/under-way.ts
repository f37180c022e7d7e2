/**
 * What a worker has in its hands, where other threads can see it: the ledger has a line for the frames of a worker that ended
 * in the middle of a batch.
 *
 * Frames are entered while they are forwarded, not when they are received. So the worker notes how many of which port it
 * has before it looks at the first; whoever sees it end compares that with what has been entered since. A row that is half
 * written is made to balance. What was entered as delivered and had not been sent when the worker ended stays delivered;
 * what had come out of a tunnel, and was not yet entered as received by it, stays consumed by the port underneath.
 */

import {
  type Counters,
  FID_COUNTERS,
  fidLedger,
  type LedgerRow,
  PORT_COUNTERS,
  portLedger,
  RX_FRAMES,
} from './counters.ts';
import { REASON_COUNT, WORKER_LOST } from './reasons.ts';

const FRAMES = 0;
const PORT = 1;
/** What the port had received before. */
const BEFORE = 2;

/** Within a turn: these frames of one port are about to be forwarded. */
export function takeUp({ underWay, port: ports }: Counters, port: number, frames: number): void {
  underWay[PORT] = port;
  underWay[BEFORE] = ports[port * PORT_COUNTERS + RX_FRAMES];
  underWay[FRAMES] = frames;
}

/** Before the turn ends: all are entered. */
export function putDown({ underWay }: Counters): void {
  underWay[FRAMES] = 0;
}

/**
 * Enters what a worker that has ended had in its hands as drops, and returns how many frames that were. While nobody else
 * may change its counters, and before its turn is ended for it.
 */
export function accountLost(counters: Counters): number {
  const { underWay, port: ports, fid: fids, portDrops, fidDrops } = counters;
  const frames = underWay[FRAMES];
  if (frames === 0) return 0;
  underWay[FRAMES] = 0;
  let lost = 0;
  for (let p = 0; p < counters.ports; p++) {
    lost += balance(portLedger(counters, p), ports, p * PORT_COUNTERS, portDrops, p);
  }
  for (let f = 0; f < counters.fids; f++) {
    balance(fidLedger(counters, f), fids, f * FID_COUNTERS, fidDrops, f);
  }
  const port = underWay[PORT];
  const missing = frames - (ports[port * PORT_COUNTERS + RX_FRAMES] - underWay[BEFORE]);
  if (missing <= 0) return lost;
  ports[port * PORT_COUNTERS + RX_FRAMES] += missing;
  portDrops[port * REASON_COUNT + WORKER_LOST] += missing;
  fids[RX_FRAMES] += missing;
  fidDrops[WORKER_LOST] += missing;
  return lost + missing;
}

/** What came and has no fate is lost; what has a fate has come. */
function balance(ledger: LedgerRow, row: Float64Array, at: number, drops: Float64Array, index: number): number {
  const { received, generated, delivered, consumed, dropped } = ledger;
  const excess = received + generated - delivered - consumed - dropped;
  if (excess > 0) drops[index * REASON_COUNT + WORKER_LOST] += excess;
  else row[at + RX_FRAMES] -= excess;
  return Math.max(0, excess);
}
