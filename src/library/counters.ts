/**
 * Counters and the ledger by name.
 */

import type { Control } from '../control/control.ts';
import { fidLedger, type LedgerRow, portLedger, sumLedger } from '../dataplane/counters.ts';

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
