/**
 * What control knows of an interface of the router, and of packets that wait for a next hop.
 */

import type { InterfaceConfig } from '../config/types.ts';
import type { Neighbors } from '../protocols/neighbor-state.ts';
import type { Mac } from '../wire/ethernet.ts';
import type { Advertiser } from './router-advertise.ts';

export interface Interface {
  /** Its row in the router table. */
  readonly row: number;
  readonly name: string;
  readonly config: InterfaceConfig;
  readonly mac: Mac;
  readonly vrf: number;
  /** The port that its frames come from. */
  readonly port: number;
  readonly fid: number;
  readonly neighbors: Neighbors<Waiting>;
  readonly advertiser: Advertiser | null;
  /** Adjacency rows that its own prefixes lead to. */
  readonly rows: readonly number[];
  /** Neighbors that have a host route. */
  readonly hosts: Set<string>;
  /** Own addresses are to be announced at the next tick. */
  announce: boolean;
}

/** A packet on its way, as an untagged frame whose MACs are still those it came with; its hop is counted. */
export interface Waiting {
  readonly frame: Uint8Array;
  readonly offload: Offload;
  /** Who is told when it cannot go on; null for packets of the switch itself. */
  readonly from: Interface | null;
  /** The port by which it came, where that matters. */
  readonly port?: number;
}

/** As in the batch's columns; both 0 for a plain packet. */
export interface Offload {
  readonly gso: number;
  readonly csum: number;
}

export const NO_OFFLOAD: Offload = { gso: 0, csum: 0 };
