/**
 * Counters and the ledger by name.
 */

import type { Control } from '../control/control.ts';
import {
  CONSUMED,
  COPIES_LOST,
  type Counters,
  DELIVERED,
  FLOOD_COPIES,
  FLOODED,
  fidLedger,
  type LedgerRow,
  PORT_COUNTERS,
  portLedger,
  RX_BYTES,
  RX_FRAMES,
  sumLedger,
  TX_BYTES,
  TX_DROPPED,
  TX_FRAMES,
} from '../dataplane/counters.ts';

/** Frames and bytes (without FCS) of one port. */
export interface PortCounters {
  rxFrames: number;
  rxBytes: number;
  txFrames: number;
  txBytes: number;
  /** Frames that should have left by this port and could not: nobody listens and the queue is full. */
  txDropped: number;
  // Of the frames that arrived on this port:
  delivered: number;
  consumed: number;
  flooded: number;
  /** Copies beyond the first. */
  floodCopies: number;
  /** Copies that some other port could not send. */
  copiesLost: number;
  /** Dropped, by reason. */
  drops: Record<string, number>;
}

export interface VlanLedger extends LedgerRow {
  bridge: string;
  /** Null: the one broadcast domain of a VLAN-unaware bridge. */
  vid: number | null;
  name: string;
}

/** Where every frame went; see docs/library.md. */
export interface Ledger {
  ports: Record<string, LedgerRow>;
  vlans: VlanLedger[];
  /** Frames that were dropped before they had a VLAN, and those of VLANs that are gone. */
  noVlan: LedgerRow;
  /** Over all ports. */
  total: LedgerRow;
  /** Every row holds: received + generated = delivered + consumed + dropped. */
  balanced: boolean;
}

export function portCounters(counters: Counters, port: number): PortCounters {
  const at = port * PORT_COUNTERS;
  const row = counters.port;
  return {
    rxFrames: row[at + RX_FRAMES],
    rxBytes: row[at + RX_BYTES],
    txFrames: row[at + TX_FRAMES],
    txBytes: row[at + TX_BYTES],
    txDropped: row[at + TX_DROPPED],
    delivered: row[at + DELIVERED],
    consumed: row[at + CONSUMED],
    flooded: row[at + FLOODED],
    floodCopies: row[at + FLOOD_COPIES],
    copiesLost: row[at + COPIES_LOST],
    drops: portLedger(counters, port).drops,
  };
}

export function readLedger(control: Control): Ledger {
  const { counters } = control.dp;
  const ports: Record<string, LedgerRow> = {};
  for (const { name, index } of control.ports.values()) ports[name] = portLedger(counters, index);
  const vlans: VlanLedger[] = [];
  for (const bridge of control.bridges.values()) {
    for (const { vid, fid, name } of [...bridge.vlans.values()].sort((a, b) => a.vid - b.vid)) {
      vlans.push({ bridge: bridge.name, vid: vid === 0 ? null : vid, name, ...fidLedger(counters, fid) });
    }
  }
  const noVlan = fidLedger(counters, 0);
  const total = sumLedger(Object.values(ports));
  const balanced = total.balanced && sumLedger([noVlan, ...vlans]).balanced;
  return { ports, vlans, noVlan, total, balanced };
}
