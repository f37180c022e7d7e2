/**
 * What a replay found, as plain data: counters by port, drops by reason, the ledger, the FDB at the end.
 *
 * Nothing here depends on the hour, the machine, the batch size or the place of the output, so that two replays
 * of one input can be compared byte by byte. How fast it was is therefore not in it.
 */

import { type FdbEntryView, fdbEntries } from '../../control/fdb-control.ts';
import { vxlanStats } from '../../control/vxlan/fdb.ts';
import {
  type PeerView,
  peerViews,
  type VtepView,
  type VxlanEntryView,
  vtepViews,
  vxlanFdbViews,
  vxlanNames,
} from '../../control/vxlan/views.ts';
import {
  fidLedger,
  type LedgerRow,
  type PortCounters,
  portCounters,
  portLedger,
  sumLedger,
} from '../../dataplane/counters.ts';
import { STAT_NAMES } from '../../tables/fdb/fdb.ts';
import type { SwitchCore } from '../core.ts';
import type { PacketClock } from './clock.ts';
import type { ReplayCursor, Skipped } from './input.ts';

export interface ReplayInputReport {
  port: string;
  capture: string;
  format: 'pcap' | 'pcapng';
  frames: number;
  bytes: number;
  /** Frames of which the capture holds only a part. */
  truncated: number;
  /** Frames too long for any slot. */
  oversized: number;
  /** Records that are not Ethernet. */
  skipped: Skipped[];
  /** Why the capture ended early; the frames before are in the result. */
  damaged: string | null;
}

export interface ReplayPortReport extends PortCounters {
  /** The capture that was written, null when the port sent nothing. */
  output: string | null;
}

export interface VlanLedgerRow extends LedgerRow {
  bridge: string;
  /** Null on a VLAN-unaware bridge. */
  vid: number | null;
  name: string;
}

export interface ReplayReport {
  switch: string;
  clock: string;
  frames: number;
  /** Seconds since the epoch of the first frame, null when none has a time. */
  firstTime: number | null;
  /** From the first frame to the last, in the captures' time. */
  durationSeconds: number;
  inputs: ReplayInputReport[];
  ports: Record<string, ReplayPortReport>;
  drops: Record<string, number>;
  ledger: {
    ports: Record<string, LedgerRow>;
    /** VLANs of the configuration, and others that had a frame. */
    vlans: VlanLedgerRow[];
    /** Frames that were dropped before they had a VLAN. */
    noVlan: LedgerRow;
    total: LedgerRow;
    /** Every row, and the sums of ports and VLANs against each other and against what was sent. */
    balanced: boolean;
  };
  fdb: FdbEntryView[];
  fdbStats: Record<string, number>;
  /** Only where there are VTEPs. */
  vxlan?: { vteps: VtepView[]; peers: PeerView[]; fdb: VxlanEntryView[]; fdbStats: Record<string, number> };
}

/** What the report is made of: the replay as it stands. */
export interface Replayed {
  readonly core: SwitchCore;
  readonly name: string;
  readonly clock: string;
  readonly frames: number;
  readonly inputs: readonly ReplayCursor[];
  readonly time: PacketClock;
}

export function reportOf(replay: Replayed): ReplayReport {
  const { core, time } = replay;
  const ports: Record<string, ReplayPortReport> = {};
  const portRows: Record<string, LedgerRow> = {};
  for (const port of core.control.ports.values()) {
    portRows[port.name] = portLedger(core.dp.counters, port.index);
    ports[port.name] = portReport(replay, port.name, port.index);
  }
  const vlans = vlanRows(replay);
  const noVlan = fidLedger(core.dp.counters, 0);
  const total = sumLedger(Object.values(portRows));
  const byVlan = sumLedger([...vlans, noVlan]);
  const { stats } = core.dp.fdb;
  return {
    switch: replay.name,
    clock: replay.clock,
    frames: replay.frames,
    firstTime: time.started ? time.firstSeconds + time.firstNanos / 1e9 : null,
    durationSeconds: time.durationSeconds,
    inputs: replay.inputs.map((c) => ({
      port: c.portName,
      capture: c.name,
      format: c.reader.format,
      frames: c.frames,
      bytes: c.bytes,
      truncated: c.truncated,
      oversized: c.oversized,
      skipped: c.skipped,
      damaged: c.damage,
    })),
    ports,
    drops: total.drops,
    ledger: {
      ports: portRows,
      vlans,
      noVlan,
      total,
      balanced: total.balanced && byVlan.balanced && agree(total, byVlan) && sent(ports) === copies(total),
    },
    fdb: fdbEntries(core.control),
    fdbStats: Object.fromEntries(STAT_NAMES.map((name, i) => [name, stats[i]])),
    ...vxlanReport(core),
  };
}

function vxlanReport({ control, dp }: SwitchCore): Pick<ReplayReport, 'vxlan'> {
  if (control.vxlan.vteps.size === 0) return {};
  const names = vxlanNames(control);
  return {
    vxlan: {
      vteps: vtepViews(dp.vxlan, names),
      peers: peerViews(dp.vxlan, names),
      fdb: vxlanFdbViews(dp.vxlan, names, control.nowMs()),
      fdbStats: vxlanStats(control),
    },
  };
}

function portReport(replay: Replayed, name: string, index: number): ReplayPortReport {
  const counters = portCounters(replay.core.dp.counters, index);
  return { ...counters, output: counters.txFrames === 0 ? null : `${name}.pcap` };
}

function vlanRows(replay: Replayed): VlanLedgerRow[] {
  const { control, dp } = replay.core;
  const rows: VlanLedgerRow[] = [];
  for (const bridge of control.bridges.values()) {
    for (const vlan of [...bridge.vlans.values()].sort((a, b) => a.vid - b.vid)) {
      const row = fidLedger(dp.counters, vlan.fid);
      if (!vlan.configured && row.received === 0) continue;
      rows.push({ bridge: bridge.name, vid: vlan.vid === 0 ? null : vlan.vid, name: vlan.name, ...row });
    }
  }
  return rows;
}

function agree(a: LedgerRow, b: LedgerRow): boolean {
  return (
    a.received === b.received &&
    a.generated === b.generated &&
    a.delivered === b.delivered &&
    a.consumed === b.consumed &&
    a.dropped === b.dropped &&
    a.floodCopies === b.floodCopies
  );
}

/** What left the switch: every delivered frame once, and the copies of floods. */
function copies(total: LedgerRow): number {
  return total.delivered + total.floodCopies;
}

function sent(ports: Record<string, ReplayPortReport>): number {
  return Object.values(ports).reduce((sum, p) => sum + p.txFrames, 0);
}
