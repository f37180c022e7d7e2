/**
 * Counters by the names that scenario files use. `fdb_n_learned` and `rx_errors` are Linux's words; a drop reason of
 * this switch is a counter of the port that the frame came in by.
 */

import type { Control } from '../control/control.ts';
import { learnedEntries } from '../control/fdb-control.ts';
import {
  PORT_COUNTERS,
  portLedger,
  RX_BYTES,
  RX_FRAMES,
  TX_BYTES,
  TX_DROPPED,
  TX_FRAMES,
} from '../dataplane/counters.ts';
import { DROP_REASONS, REASON_COUNT } from '../dataplane/reasons.ts';

const PORT_COLUMNS: Readonly<Record<string, number>> = {
  rx_packets: RX_FRAMES,
  rx_bytes: RX_BYTES,
  tx_packets: TX_FRAMES,
  tx_bytes: TX_BYTES,
  tx_dropped: TX_DROPPED,
};
const REASONS = new Map(DROP_REASONS.map((reason) => [reason.name, reason.number]));
/** Sums of reasons: everything that was dropped, and what was no sound frame. */
const PORT_SUMS = ['rx_dropped', 'rx_errors'];

export function isCounter(of: 'bridge' | 'port', name: string): boolean {
  if (of === 'bridge') return name === 'fdb_n_learned';
  return Object.hasOwn(PORT_COLUMNS, name) || PORT_SUMS.includes(name) || REASONS.has(name);
}

/** Throws ControlError when the bridge or port is not there (any more). */
export function readCounter(control: Control, of: { bridge: string } | { port: string }, name: string): number {
  if ('bridge' in of) return learnedEntries(control, of.bridge);
  const { counters } = control.dp;
  const { index } = control.port(of.port);
  const column = PORT_COLUMNS[name];
  if (column !== undefined) return counters.port[index * PORT_COUNTERS + column]!;
  const reason = REASONS.get(name);
  if (reason !== undefined) return counters.portDrops[index * REASON_COUNT + reason]!;
  const { dropped, drops } = portLedger(counters, index);
  if (name === 'rx_dropped') return dropped;
  let errors = 0;
  for (const [symbol, n] of Object.entries(drops))
    if (symbol.startsWith('PARSE_') || symbol.startsWith('VXLAN_')) errors += n;
  return errors;
}
