/**
 * Counters and the ledger.
 *
 * One row per port (the port a frame arrived on, or for TX the one it left by) and one per FID; FID 0 is the
 * row of frames that were dropped before they had a VLAN. All are doubles in shared memory. Each worker has counters of
 * its own, written by nobody else while it forwards; the ledger of each balances, and readers add them up.
 *
 * The ledger, for every port and every FID, always:
 *
 *   received + generated = delivered + consumed + dropped(reason 1) + ... + dropped(reason n)
 *
 * A flooded frame is delivered once; its further copies are counted apart, and
 * transmitted = delivered + flood copies + mirror copies over all ports. A copy that its port could not send is taken out of
 * the copies again (COPIES_LOST), and the frame is a drop when it was the last.
 */

import { ownFloat64 } from '../tables/shared.ts';
import { createLatency } from './latency.ts';
import { DROP_REASONS, REASON_COUNT } from './reasons.ts';

// Columns of a port's row.
export const RX_FRAMES = 0;
export const RX_BYTES = 1;
export const GENERATED = 2;
export const DELIVERED = 3;
export const CONSUMED = 4;
/** Frames that were flooded (delivered to a flood set of any size). */
export const FLOODED = 5;
/** Copies beyond the first. */
export const FLOOD_COPIES = 6;
export const TX_FRAMES = 7;
export const TX_BYTES = 8;
/** Copies that this port, as egress, could not send. */
export const TX_DROPPED = 9;
/** Copies of frames from this port that some port could not send, while others did. */
export const COPIES_LOST = 10;
/** Copies of a mirror that left by this port (in TX_FRAMES as well), and those that could not. */
export const MIRROR_COPIES = 11;
export const MIRROR_COPIES_LOST = 12;
export const PORT_COUNTERS = 16;

/** Words of what a worker has in its hands. */
const UNDER_WAY_WORDS = 3;

// Columns of a FID's row: the first seven are those of a port.
export const FID_COUNTERS = 8;

export interface Counters {
  readonly ports: number;
  readonly fids: number;
  readonly port: Float64Array;
  readonly fid: Float64Array;
  /** [port * REASON_COUNT + reason], by the port of arrival. */
  readonly portDrops: Float64Array;
  /** [fid * REASON_COUNT + reason] */
  readonly fidDrops: Float64Array;
  /** How long frames stay in the switch (latency.ts); written by who polls live ports. */
  readonly latency: Float64Array;
  /** What the worker has in its hands (under-way.ts). */
  readonly underWay: Float64Array;
}

/** One for each worker. */
export function createCounters(ports: number, fids: number, workers = 1): Counters[] {
  const port = ownFloat64(ports * PORT_COUNTERS, workers);
  const fid = ownFloat64(fids * FID_COUNTERS, workers);
  const portDrops = ownFloat64(ports * REASON_COUNT, workers);
  const fidDrops = ownFloat64(fids * REASON_COUNT, workers);
  const underWay = ownFloat64(UNDER_WAY_WORDS, workers);
  return port.map((_, k) => ({
    ports,
    fids,
    port: port[k],
    fid: fid[k],
    portDrops: portDrops[k],
    fidDrops: fidDrops[k],
    latency: createLatency(),
    underWay: underWay[k],
  }));
}

/** Everything counts from zero again, which is a balance too. While no worker counts, as all that writes here. */
export function resetCounters(all: readonly Counters[]): void {
  for (const { port, fid, portDrops, fidDrops, latency } of all) {
    for (const column of [port, fid, portDrops, fidDrops, latency]) column.fill(0);
  }
}

/** A number becomes another port. */
export function clearPortCounters(all: readonly Counters[], port: number): void {
  for (const counters of all) {
    counters.port.fill(0, port * PORT_COUNTERS, (port + 1) * PORT_COUNTERS);
    counters.portDrops.fill(0, port * REASON_COUNT, (port + 1) * REASON_COUNT);
  }
}

/** The row of a FID will be another VLAN's: what it counted goes to "no VLAN", so that the sums stay true. */
export function retireFid(all: readonly Counters[], fid: number): void {
  for (const { fid: rows, fidDrops: drops } of all) {
    for (let c = 0; c < FID_COUNTERS; c++) rows[c] += rows[fid * FID_COUNTERS + c];
    for (let r = 0; r < REASON_COUNT; r++) drops[r] += drops[fid * REASON_COUNT + r];
    rows.fill(0, fid * FID_COUNTERS, (fid + 1) * FID_COUNTERS);
    drops.fill(0, fid * REASON_COUNT, (fid + 1) * REASON_COUNT);
  }
}

/** The left and the right side of the ledger of one row, and what makes up the right. */
export interface LedgerRow {
  received: number;
  generated: number;
  delivered: number;
  consumed: number;
  dropped: number;
  floodCopies: number;
  copiesLost: number;
  drops: Record<string, number>;
  balanced: boolean;
}

export function portLedger(counters: Counters, port: number): LedgerRow {
  const at = port * PORT_COUNTERS;
  return ledgerRow(counters.port, at, counters.port[at + COPIES_LOST], counters.portDrops, port * REASON_COUNT);
}

export function fidLedger(counters: Counters, fid: number): LedgerRow {
  return ledgerRow(counters.fid, fid * FID_COUNTERS, 0, counters.fidDrops, fid * REASON_COUNT);
}

function ledgerRow(
  row: Float64Array,
  at: number,
  copiesLost: number,
  dropRow: Float64Array,
  dropsAt: number,
): LedgerRow {
  const drops: Record<string, number> = {};
  let dropped = 0;
  for (const { number, name } of DROP_REASONS) {
    const n = dropRow[dropsAt + number];
    if (n === 0) continue;
    drops[name] = n;
    dropped += n;
  }
  const received = row[at + RX_FRAMES];
  const generated = row[at + GENERATED];
  const delivered = row[at + DELIVERED];
  const consumed = row[at + CONSUMED];
  return {
    received,
    generated,
    delivered,
    consumed,
    dropped,
    floodCopies: row[at + FLOOD_COPIES],
    copiesLost,
    drops,
    balanced: received + generated === delivered + consumed + dropped,
  };
}

/** One port by name: frames, and bytes without FCS. */
export interface PortCounters {
  rxFrames: number;
  rxBytes: number;
  txFrames: number;
  txBytes: number;
  // Of the frames that arrived on this port:
  delivered: number;
  consumed: number;
  dropped: number;
  /** Dropped, by reason. */
  drops: Record<string, number>;
  flooded: number;
  /** Copies beyond the first. */
  floodCopies: number;
  /** Copies that some other port could not send. */
  copiesLost: number;
  /** Copies that should have left by this port and could not. */
  txDropped: number;
  /** Copies of a mirror that left by this port, and that could not. */
  mirrorCopies: number;
  mirrorCopiesLost: number;
}

export function portCounters(counters: Counters, port: number): PortCounters {
  const at = port * PORT_COUNTERS;
  const row = counters.port;
  const { dropped, drops } = portLedger(counters, port);
  return {
    rxFrames: row[at + RX_FRAMES],
    rxBytes: row[at + RX_BYTES],
    txFrames: row[at + TX_FRAMES],
    txBytes: row[at + TX_BYTES],
    delivered: row[at + DELIVERED],
    consumed: row[at + CONSUMED],
    dropped,
    drops,
    flooded: row[at + FLOODED],
    floodCopies: row[at + FLOOD_COPIES],
    copiesLost: row[at + COPIES_LOST],
    txDropped: row[at + TX_DROPPED],
    mirrorCopies: row[at + MIRROR_COPIES],
    mirrorCopiesLost: row[at + MIRROR_COPIES_LOST],
  };
}

/** The same port on several workers. */
export function sumPortCounters(rows: readonly PortCounters[]): PortCounters {
  if (rows.length === 1) return rows[0];
  const [{ drops, ...first }, ...others] = rows;
  const sum: PortCounters = { ...first, drops: { ...drops } };
  for (const row of others) {
    for (const name of Object.keys(first) as (keyof typeof first)[]) sum[name] += row[name];
    for (const [name, n] of Object.entries(row.drops)) sum.drops[name] = (sum.drops[name] ?? 0) + n;
  }
  return sum;
}

/** Adds rows up; balanced when each is and the sums are. */
export function sumLedger(rows: readonly LedgerRow[]): LedgerRow {
  const sum: LedgerRow = {
    received: 0,
    generated: 0,
    delivered: 0,
    consumed: 0,
    dropped: 0,
    floodCopies: 0,
    copiesLost: 0,
    drops: {},
    balanced: true,
  };
  for (const row of rows) {
    sum.received += row.received;
    sum.generated += row.generated;
    sum.delivered += row.delivered;
    sum.consumed += row.consumed;
    sum.dropped += row.dropped;
    sum.floodCopies += row.floodCopies;
    sum.copiesLost += row.copiesLost;
    for (const [name, n] of Object.entries(row.drops)) sum.drops[name] = (sum.drops[name] ?? 0) + n;
    sum.balanced &&= row.balanced;
  }
  return sum;
}
