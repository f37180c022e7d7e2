/**
 * What `show` shows, as plain data: ports, VLANs, drops, the ledger. The FDB has its own file.
 */

import type { SecondaryVlan } from '../config/types.ts';
import {
  fidLedger,
  type LedgerRow,
  PORT_COUNTERS,
  type PortCounters,
  portCounters,
  portLedger,
  sumLedger,
  sumPortCounters,
  TX_DROPPED,
} from '../dataplane/counters.ts';
import { DROP_REASONS } from '../dataplane/reasons.ts';
import { listEntries } from '../tables/fdb/entries.ts';
import { type Fdb, META_STALE } from '../tables/fdb/fdb.ts';
import { PORT_UP } from '../tables/port-table.ts';
import type { Directory, TagRules } from './directory.ts';
import { type ReadableSwitch, StableReads } from './reader.ts';

export interface PortView extends PortCounters, TagRules {
  name: string;
  bridge: string | null;
  adapter: string;
  device: string;
  /** `queue 0, copy, driver XDP`, or null. */
  detail: string | null;
  link: 'up' | 'down';
  linkReason: string;
  mode: string;
  pvid: number | null;
  /** VIDs that leave untagged, and tagged. */
  untagged: number[];
  tagged: number[];
  mtu: number;
  state: string;
  offloads: string;
  offloadsWhy: string | null;
  /** Offloads that the switch does in software for frames that leave here; `gro` for those that arrive. */
  software: string;
  /** Frames that the adapter threw away before the switch had them, and other losses by name. */
  rxMissed: number;
  adapterCounters: Record<string, number>;
  learned: number;
}

/** Learned entries, by port or FID number. */
function learnedBy(fdb: Fdb, column: 'port' | 'fid', nowMs: number): (index: number) => number {
  if (fdb.meta[META_STALE] === 0) return (index) => (column === 'port' ? fdb.portCount : fdb.fidCount)[index];
  // A flush leaves entries behind that count until the next sweep and are nobody's: count those that live.
  const counts = new Map<number, number>();
  for (const row of listEntries(fdb, nowMs | 0)) {
    if (row.kind === 'dynamic') counts.set(row[column], (counts.get(row[column]) ?? 0) + 1);
  }
  return (index) => counts.get(index) ?? 0;
}

export function portViews({ tables, directory, statuses }: ReadableSwitch, nowMs: number): PortView[] {
  const learned = learnedBy(tables.fdb, 'port', nowMs);
  const stable = new StableReads(tables.gate);
  const byName = new Map(statuses.map((status) => [status.name, status]));
  const sets = new Map(directory.ports.map(({ name }) => [name, { untagged: [] as number[], tagged: [] as number[] }]));
  for (const { vid, members } of directory.vlans) {
    if (vid === null) continue;
    for (const { port, tagged } of members) sets.get(port)?.[tagged ? 'tagged' : 'untagged'].push(vid);
  }
  return directory.ports.map((port) => {
    const status = byName.get(port.name);
    const counters = sumPortCounters(stable.each((k) => portCounters(tables.countersOf[k], port.index)));
    return {
      name: port.name,
      bridge: port.bridge,
      adapter: port.adapter,
      device: status?.device ?? '',
      detail: status?.detail ?? null,
      link: (tables.ports.flags[port.index] & PORT_UP) === 0 ? 'down' : 'up',
      linkReason: status?.linkReason ?? '',
      mode: port.mode,
      pvid: port.pvid,
      ...sets.get(port.name)!,
      mtu: port.mtu,
      state: port.state,
      priority: port.priority,
      serviceVlans: port.serviceVlans,
      translate: port.translate,
      offloads: status?.offloads ?? 'none',
      offloadsWhy: status?.offloadsWhy ?? null,
      software: status?.software ?? 'none',
      rxMissed: (status?.adapterCounters.queueFull ?? 0) + (status?.adapterCounters.framesTooLong ?? 0),
      adapterCounters: status?.adapterCounters ?? {},
      learned: learned(port.index),
      ...counters,
      // An interface has no device that counts: what its VLAN took is what `show interfaces` calls sent.
      ...(port.adapter === 'router' ? { txFrames: counters.delivered } : {}),
    };
  });
}

function privateText({ vlans }: Directory, bridge: string, vid: number | null, own?: SecondaryVlan): string | null {
  if (own !== undefined) return `${own.kind} of ${own.primary}`;
  return vlans.some((vlan) => vlan.bridge === bridge && vlan.secondary?.primary === vid) ? 'primary' : null;
}

export interface VlanView {
  bridge: string;
  vid: number | null;
  name: string;
  /** `primary`, `isolated of 100`, `community of 100`; null: not of a private VLAN. */
  private: string | null;
  tagged: string[];
  untagged: string[];
  /** Ports whose untagged frames belong to it. */
  pvidOf: string[];
  learned: number;
  rxFrames: number;
  dropped: number;
}

export function vlanViews({ tables, directory }: ReadableSwitch, nowMs: number): VlanView[] {
  const learned = learnedBy(tables.fdb, 'fid', nowMs);
  const stable = new StableReads(tables.gate);
  return directory.vlans.map(({ fid, bridge, vid, name, members, secondary }) => {
    const row = sumLedger(stable.each((k) => fidLedger(tables.countersOf[k], fid)));
    return {
      bridge,
      vid,
      name,
      private: privateText(directory, bridge, vid, secondary),
      tagged: members.filter((m) => m.tagged).map((m) => m.port),
      untagged: members.filter((m) => !m.tagged).map((m) => m.port),
      pvidOf: directory.ports.filter((p) => vid !== null && p.bridge === bridge && p.pvid === vid).map((p) => p.name),
      learned: learned(fid),
      rxFrames: row.received,
      dropped: row.dropped,
    };
  });
}

export interface DropView {
  /** Port that the frames arrived on. */
  port: string;
  reason: string;
  frames: number;
  sentence: string;
}

export interface Drops {
  drops: DropView[];
  /** By reason over all ports. */
  total: Record<string, number>;
  /** Copies that should have left by a port and could not; a frame of which others left is no drop. */
  unsent: { port: string; copies: number }[];
}

export function dropViews({ tables, directory }: ReadableSwitch): Drops {
  const stable = new StableReads(tables.gate);
  const rows = directory.ports.map((port) =>
    sumLedger(stable.each((k) => portLedger(tables.countersOf[k], port.index))),
  );
  const drops: DropView[] = [];
  for (const [i, row] of rows.entries()) {
    for (const { name, sentence } of DROP_REASONS) {
      const frames = row.drops[name] ?? 0;
      if (frames > 0) drops.push({ port: directory.ports[i].name, reason: name, frames, sentence });
    }
  }
  const unsent = directory.ports.flatMap(({ name, index }) => {
    const copies = stable
      .each((k) => tables.countersOf[k].port[index * PORT_COUNTERS + TX_DROPPED])
      .reduce((sum, each) => sum + each, 0);
    return copies === 0 ? [] : [{ port: name, copies }];
  });
  return { drops, total: sumLedger(rows).drops, unsent };
}

export interface VlanLedgerRow extends LedgerRow {
  bridge: string;
  vid: number | null;
  name: string;
}

export interface LedgerView {
  ports: Record<string, LedgerRow>;
  /** VLANs that had a frame, or are named by configuration with few others. */
  vlans: VlanLedgerRow[];
  /** Frames that were dropped before they had a VLAN. */
  noVlan: LedgerRow;
  total: LedgerRow;
  /** Every row: received + generated = delivered + consumed + dropped. */
  balanced: boolean;
}

/** VLANs without a frame are left out of a ledger when there are more than this. */
const FEW_VLANS = 64;

export function ledgerView({ tables, directory }: ReadableSwitch): LedgerView {
  const stable = new StableReads(tables.gate);
  const { countersOf } = tables;
  const ofPort = (index: number) => sumLedger(stable.each((k) => portLedger(countersOf[k], index)));
  const ofFid = (fid: number) => sumLedger(stable.each((k) => fidLedger(countersOf[k], fid)));
  const ports: Record<string, LedgerRow> = {};
  for (const { name, index } of directory.ports) ports[name] = ofPort(index);
  const all = directory.vlans.map(({ fid, bridge, vid, name }) => {
    return { bridge, vid, name, ...ofFid(fid) };
  });
  const vlans = all.length <= FEW_VLANS ? all : all.filter((row) => row.received > 0 || row.dropped > 0);
  const noVlan = ofFid(0);
  const total = sumLedger(Object.values(ports));
  return { ports, vlans, noVlan, total, balanced: total.balanced && sumLedger([noVlan, ...all]).balanced };
}
