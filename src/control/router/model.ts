/**
 * What control knows of an interface of the router, and of packets that wait for a next hop.
 */

import type { InterfaceConfig } from '../../config/types/routing.ts';
import type { DataplaneShared } from '../../dataplane/dataplane.ts';
import type { Neighbors } from '../../protocols/neighbor-state.ts';
import type { TokenBucket } from '../../protocols/token-bucket.ts';
import { lookup4, lookup6 } from '../../tables/lpm/lpm.ts';
import { ADJ_FORWARD, ADJ_GROUP, ADJ_RESOLVE } from '../../tables/router-table.ts';
import { sharePrefix } from '../../wire/address.ts';
import type { Mac } from '../../wire/ethernet.ts';
import { flowHash4, flowHash6 } from '../../wire/flow-hash.ts';
import { ipv4Dst } from '../../wire/ipv4.ts';
import { ipv6DstAt } from '../../wire/ipv6.ts';
import type { AdjacencyRows } from './adjacency.ts';
import type { Advertiser } from './advertise.ts';

export interface Interface {
  /** Its row in the router table. */
  readonly row: number;
  readonly name: string;
  config: InterfaceConfig;
  readonly mac: Mac;
  readonly vrf: number;
  /** The port that its frames come from. */
  readonly port: number;
  readonly fid: number;
  readonly neighbors: Neighbors<Waiting>;
  advertiser: Advertiser | null;
  /** Adjacency rows that its own prefixes lead to. */
  readonly rows: readonly number[];
  /** Which bits of the router table's `own` its addresses have. */
  readonly ownBits: readonly number[];
  /** Neighbors that have a host route. */
  readonly hosts: Set<string>;
  /** By own address: who else says that he has it. */
  readonly claims: Map<string, Claim>;
  /** Own addresses are to be announced at the next tick. */
  announce: boolean;
  /** For what it says of better next hops. */
  readonly redirects: TokenBucket;
}

/** Somebody else says that he has an own address. */
export interface Claim {
  /** Who was told of last, and when. */
  readonly mac: Mac;
  readonly toldMs: number;
  heardMs: number;
}

/** A packet on its way, as an untagged frame whose MACs are still those it came with; its hop is counted. */
export interface Waiting {
  readonly frame: Uint8Array;
  readonly offload: Offload;
  /** Who is told when it cannot go on; null for packets of the switch itself. */
  readonly from: Interface | null;
  /** The port by which it came, where that matters. */
  readonly port?: number;
  /** The tag that it came with. */
  readonly tag?: Uint8Array;
}

/** As in the batch's columns; both 0 for a plain packet. */
export interface Offload {
  readonly gso: number;
  readonly csum: number;
}

export const NO_OFFLOAD: Offload = { gso: 0, csum: 0 };

/** What the packets of the router ask of it. */
export interface Around {
  readonly dp: DataplaneShared;
  readonly rows: AdjacencyRows;
  readonly byRow: readonly (Interface | undefined)[];
  neighborKnown(iface: Interface, address: string, mac: Mac): void;
  neighborLost(iface: Interface, address: string): void;
  /** Somebody else says that he has an own address. */
  addressClaimed(iface: Interface, address: string, mac: Mac): void;
  portName(port: number): string;
  nowMs(): number;
}

/** The interface that an adjacency leads out of; undefined for one that leads nowhere. */
export function wayOut({ rows, byRow }: Around, row: number): Interface | undefined {
  const kind = rows.adj.kind[row];
  return kind === ADJ_FORWARD || kind === ADJ_RESOLVE ? byRow[rows.adj.iface[row]] : undefined;
}

/** The adjacency that the IP packet at `ip`, which ends before `end`, takes from an interface of the VRF. */
export function rowOfPacket({ dp, rows }: Around, vrf: number, view: DataView, ip: number, end: number): number {
  const isIpv4 = view.getUint8(ip) >>> 4 === 4;
  const { lpm4, lpm6 } = dp.router;
  const row = isIpv4 ? lookup4(lpm4, vrf, ipv4Dst(view, ip)) : lookup6(lpm6, vrf, view, ipv6DstAt(ip));
  if (rows.adj.kind[row] !== ADJ_GROUP) return row;
  return rows.memberOf(row, isIpv4 ? flowHash4(view, ip) : flowHash6(view, ip, end));
}

/** The own address of the family that speaks to `peer`: of its subnet, else the first that is not link-local, else any. */
export function ownAddress(iface: Interface, peer: Uint8Array): Uint8Array | null {
  const family = iface.neighbors.own.filter((own) => own.state === 'used' && own.bytes.length === peer.length);
  const near = family.find((own) => sharePrefix(own.bytes, peer, own.length));
  return (near ?? family[0])?.bytes ?? null;
}

export function bytesAt(view: DataView, at: number, bytes: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, bytes).slice();
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
