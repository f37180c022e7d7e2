/**
 * VTEPs, peers and the VXLAN FDB as plain data, read from the tables alone, so that another thread can read a running
 * switch. What the tables have by number has its name from `VxlanNames`.
 */

import type { VtepConfig } from '../../config/types/vxlan.ts';
import { listEntries } from '../../tables/fdb/entries.ts';
import type { FdbEvent } from '../../tables/fdb/events.ts';
import type { FdbKindName } from '../../tables/fdb/fdb.ts';
import {
  PEER_COUNTERS,
  PEER_REFUSED,
  PEER_RESERVED_BITS,
  PEER_RX_BYTES,
  PEER_RX_FRAMES,
  PEER_TX_BYTES,
  PEER_TX_FRAMES,
  PEER_UNKNOWN_VNI,
  PEER_UNSENT,
  REMOTE_ADDRESS,
  REMOTE_ALLOWED,
  REMOTE_EXISTS,
  REMOTE_FLAGS,
  REMOTE_GROUP,
  REMOTE_IPV6,
  REMOTE_LIST,
  REMOTE_LIST_HEAD,
  REMOTE_MAX_IP,
  REMOTE_RESOLVED,
  REMOTE_VTEP,
  REMOTE_WORDS,
  type RemoteTable,
} from '../../tables/remote-table.ts';
import { sumAt } from '../../tables/shared.ts';
import {
  VNI_COUNTERS,
  VNI_EXISTS,
  VNI_FLAGS,
  VNI_FLOOD,
  VNI_PORT,
  VNI_RX_BYTES,
  VNI_RX_ERRORS,
  VNI_RX_FRAMES,
  VNI_SHIFTED,
  VNI_TX_BYTES,
  VNI_TX_FRAMES,
  VNI_TX_UNSENT,
  VNI_VTEP,
  VNI_WORDS,
} from '../../tables/vni-table.ts';
import type { VxlanTables } from '../../tables/vxlan-tables.ts';
import { addressText } from '../../wire/address.ts';
import { formatMac } from '../../wire/ethernet.ts';
import type { Control } from '../control.ts';

export interface VniView {
  port: string;
  /** Null: the whole port. */
  vid: number | null;
  vni: number;
  /** Where floods go. */
  flood: string[];
  learned: number;
  rxFrames: number;
  rxBytes: number;
  /** Frames of the VNI that were dropped before their VLAN had them. */
  rxErrors: number;
  txFrames: number;
  txBytes: number;
  /** Frames that no remote could be sent. */
  txUnsent: number;
}

export interface VtepView {
  name: string;
  underlay: string;
  uplink: string;
  local: string;
  udpPort: number;
  vlan: number | null;
  /** Null: the underlay has no Ethernet of its own. */
  mac: string | null;
  mtu: number;
  allow: 'peers' | 'any';
  vnis: VniView[];
}

export interface PeerView {
  vtep: string;
  address: string;
  /** `peer`: may send; `group`: where floods go; `stranger`: it may not (any more). */
  kind: 'peer' | 'group' | 'stranger';
  /** Frames can be sent: the next hop is known. */
  resolved: boolean;
  /** Longest outer IP packet on the way. */
  pathMtu: number;
  learned: number;
  rxFrames: number;
  rxBytes: number;
  txFrames: number;
  txBytes: number;
  unknownVni: number;
  /** Frames that were dropped after their VNI was known. */
  refused: number;
  reservedBits: number;
  unsent: number;
}

export interface VxlanEntryView {
  port: string;
  vtep: string;
  vni: number;
  mac: string;
  /** None for a blackhole, several for a group. */
  remotes: string[];
  kind: FdbKindName;
  ageSeconds: number;
}

export interface VxlanNames {
  vteps: readonly { row: number; config: VtepConfig }[];
  portName(index: number): string | null;
  /** VLAN of a VNI of a tunnel port; null: the whole port. */
  vidOf(port: string, vni: number): number | null;
}

export function vxlanNames(control: Control): VxlanNames {
  return {
    vteps: [...control.vxlan.vteps.values()].map(({ row, name, settings }) => ({ row, config: { name, ...settings } })),
    portName: (index) => control.portByIndex[index]?.name ?? null,
    vidOf: (port, vni) => control.vxlan.tunnels.get(port)?.segments.find((each) => each.vni === vni)?.vid ?? null,
  };
}

interface VniRow {
  row: number;
  vtep: number;
  port: string;
  vni: number;
}

function vniRows({ vnis }: VxlanTables, names: VxlanNames): VniRow[] {
  const rows: VniRow[] = [];
  for (let row = 1; row < vnis.capacity; row++) {
    const at = row * VNI_WORDS;
    if ((vnis.words[at + VNI_FLAGS] & VNI_EXISTS) === 0) continue;
    const port = names.portName(vnis.words[at + VNI_PORT]);
    if (port !== null)
      rows.push({ row, vtep: vnis.words[at + VNI_VTEP], port, vni: vnis.words[at + VNI_SHIFTED] >>> 8 });
  }
  return rows;
}

export function vtepViews(tables: VxlanTables, names: VxlanNames): VtepView[] {
  const { vnis, vteps, fdb, remotes } = tables;
  const rows = vniRows(tables, names);
  return names.vteps.map(({ row: vtep, config }) => {
    const { name, underlay, uplink, local, udpPort, vlan, mtu, anyPeer } = config;
    const mac = underlay === 'port' ? formatMac(vteps.macHigh[vtep], vteps.macLow[vtep]) : null;
    const views = rows
      .filter((each) => each.vtep === vtep)
      .map(({ row, port, vni }): VniView => {
        const at = row * VNI_COUNTERS;
        return {
          port,
          vid: names.vidOf(port, vni),
          vni,
          flood: listOf(remotes, vnis.words[row * VNI_WORDS + VNI_FLOOD]),
          learned: fdb.fidCount[row],
          rxFrames: sumAt(vnis.countersOf, at + VNI_RX_FRAMES),
          rxBytes: sumAt(vnis.countersOf, at + VNI_RX_BYTES),
          rxErrors: sumAt(vnis.countersOf, at + VNI_RX_ERRORS),
          txFrames: sumAt(vnis.countersOf, at + VNI_TX_FRAMES),
          txBytes: sumAt(vnis.countersOf, at + VNI_TX_BYTES),
          txUnsent: sumAt(vnis.countersOf, at + VNI_TX_UNSENT),
        };
      })
      .sort((a, b) => compare(a.port, b.port) || a.vni - b.vni);
    return { name, underlay, uplink, local, udpPort, vlan, mac, mtu, allow: anyPeer ? 'any' : 'peers', vnis: views };
  });
}

export function peerViews({ remotes, fdb }: VxlanTables, names: VxlanNames): PeerView[] {
  const { words, countersOf, capacity } = remotes;
  const nameOf = new Map(names.vteps.map(({ row, config }) => [row, config.name]));
  const views: PeerView[] = [];
  for (let row = 0; row < capacity; row++) {
    const flags = words[row * REMOTE_WORDS + REMOTE_FLAGS];
    const vtep = nameOf.get(words[row * REMOTE_WORDS + REMOTE_VTEP]);
    if ((flags & REMOTE_EXISTS) === 0 || (flags & REMOTE_LIST) !== 0 || vtep === undefined) continue;
    const at = row * PEER_COUNTERS;
    views.push({
      vtep,
      address: addressOf(remotes, row),
      kind: (flags & REMOTE_GROUP) !== 0 ? 'group' : (flags & REMOTE_ALLOWED) !== 0 ? 'peer' : 'stranger',
      resolved: (flags & REMOTE_RESOLVED) !== 0,
      pathMtu: words[row * REMOTE_WORDS + REMOTE_MAX_IP],
      learned: fdb.portCount[row],
      rxFrames: sumAt(countersOf, at + PEER_RX_FRAMES),
      rxBytes: sumAt(countersOf, at + PEER_RX_BYTES),
      txFrames: sumAt(countersOf, at + PEER_TX_FRAMES),
      txBytes: sumAt(countersOf, at + PEER_TX_BYTES),
      unknownVni: sumAt(countersOf, at + PEER_UNKNOWN_VNI),
      refused: sumAt(countersOf, at + PEER_REFUSED),
      reservedBits: sumAt(countersOf, at + PEER_RESERVED_BITS),
      unsent: sumAt(countersOf, at + PEER_UNSENT),
    });
  }
  return views.sort((a, b) => compare(a.vtep, b.vtep) || compare(a.address, b.address));
}

/** Frames that came from it, whatever became of them. */
export function heardFrom({ rxFrames, unknownVni, refused }: PeerView): number {
  return rxFrames + unknownVni + refused;
}

/** Frames could be sent to it, and were; nothing ever came from it. */
export function isSilent(peer: PeerView): boolean {
  return peer.resolved && peer.kind === 'peer' && peer.txFrames > 0 && heardFrom(peer) === 0;
}

/** Every entry that counts now, by port, VNI and address; flood lists are of `vtepViews`. */
export function vxlanFdbViews(tables: VxlanTables, names: VxlanNames, nowMs: number): VxlanEntryView[] {
  const nameOf = new Map(names.vteps.map(({ row, config }) => [row, config.name]));
  const owners = new Map(vniRows(tables, names).map((each) => [each.row, each]));
  const views: VxlanEntryView[] = [];
  for (const entry of listEntries(tables.fdb, nowMs | 0)) {
    const owner = owners.get(entry.fid);
    const vtep = owner === undefined ? undefined : nameOf.get(owner.vtep);
    if (owner === undefined || vtep === undefined) continue;
    views.push({
      port: owner.port,
      vtep,
      vni: owner.vni,
      mac: formatMac(entry.macHigh, entry.macLow),
      remotes: entry.port < 0 ? [] : remotesOf(tables.remotes, entry.port),
      kind: entry.kind,
      ageSeconds: entry.idleMs / 1000,
    });
  }
  return views.sort((a, b) => compare(a.port, b.port) || a.vni - b.vni || compare(a.mac, b.mac));
}

/** Tunnel, VNI and remotes of an event of the VXLAN FDB; null for what names something that is gone. */
export function vxlanEventNames(
  tables: VxlanTables,
  names: VxlanNames,
): (event: FdbEvent) => { vtep: string; port: string; vni: number; remote: string; oldRemote: string | null } | null {
  const { remotes } = tables;
  const nameOf = new Map(names.vteps.map(({ row, config }) => [row, config.name]));
  const owners = new Map(vniRows(tables, names).map((each) => [each.row, each]));
  const host = (row: number): string | null => {
    const flags = row < 0 || row >= remotes.capacity ? 0 : remotes.words[row * REMOTE_WORDS + REMOTE_FLAGS];
    return (flags & (REMOTE_EXISTS | REMOTE_LIST)) === REMOTE_EXISTS ? addressOf(remotes, row) : null;
  };
  return ({ fid, port: row, oldPort }) => {
    const owner = owners.get(fid);
    const vtep = owner === undefined ? undefined : nameOf.get(owner.vtep);
    const remote = host(row);
    if (owner === undefined || vtep === undefined || remote === null) return null;
    return { vtep, port: owner.port, vni: owner.vni, remote, oldRemote: host(oldPort) };
  };
}

function remotesOf(remotes: RemoteTable, row: number): string[] {
  const at = row * REMOTE_WORDS;
  if ((remotes.words[at + REMOTE_FLAGS] & REMOTE_LIST) === 0) return [addressOf(remotes, row)];
  return listOf(remotes, remotes.words[at + REMOTE_LIST_HEAD]);
}

/** A list may change while another thread reads it: it is followed no further than it can be long. */
function listOf(remotes: RemoteTable, head: number): string[] {
  const addresses: string[] = [];
  for (let node = head; node >= 0 && addresses.length <= remotes.capacity; node = remotes.nodeNext[node]) {
    addresses.push(addressOf(remotes, remotes.nodeRemote[node]));
  }
  return addresses;
}

function addressOf({ words }: RemoteTable, row: number): string {
  const at = row * REMOTE_WORDS;
  const bytes = new Uint8Array((words[at + REMOTE_FLAGS] & REMOTE_IPV6) === 0 ? 4 : 16);
  const view = new DataView(bytes.buffer);
  for (let n = 0; n * 4 < bytes.length; n++) view.setInt32(n * 4, words[at + REMOTE_ADDRESS + n]);
  return addressText(bytes);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
