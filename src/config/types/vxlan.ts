/** VXLAN: tunnel endpoints, what makes a port a tunnel, and where addresses are behind one. */

import type { FdbOverflow } from './fdb.ts';

/** How outer frames get in and out: a port of the switch, kernel UDP sockets, or sockets with raw ones to send. */
export type UnderlayKind = 'port' | 'udp' | 'raw-socket';
export type FloodMode = 'head-end' | 'multicast' | 'none';
export type DfMode = 'set' | 'unset' | 'inherit';

/** A tunnel endpoint: an address, a UDP port and who may speak to it. Addresses are in their one text form. */
export interface VtepConfig {
  name: string;
  underlay: UnderlayKind;
  /** The port of outer frames, in no bridge; with sockets a hidden one of the VTEP's own name. */
  uplink: string;
  local: string;
  /** Bits of the local subnet: what is inside is on the link. */
  prefix: number;
  /** Null: made from the names of the uplink and its VLAN. */
  mac: string | null;
  /** VLAN of the underlay; null = untagged. */
  vlan: number | null;
  udpPort: number;
  /** Longest outer IP packet, from the link; a path may carry less. */
  mtu: number;
  /** Allowed beside the remotes of tunnels and entries. */
  peers: string[];
  /** No allow-list. */
  anyPeer: boolean;
  nested: 'drop' | 'allow';
  udp6ZeroChecksum: boolean;
  sourcePorts: { first: number; last: number };
  neighbors: { address: string; mac: string }[];
  /** `via` null: on the link. */
  routes: { to: string; via: string | null }[];
  /** Sockets: interface on which groups are joined. */
  groupInterface: string | null;
  fdb: { maxEntries: number; peerMaxEntries: number; overflow: FdbOverflow };
}

export interface VniConfig {
  /** Null: the whole port, whatever the VLAN. */
  vid: number | null;
  vni: number;
}

/** What makes a port a tunnel. */
export interface TunnelConfig {
  vtep: string;
  vnis: VniConfig[];
  /** Where floods go with `head-end`; allowed as peers in any case. */
  remotes: string[];
  flood: FloodMode;
  /** With `multicast`. */
  group: string | null;
  learning: 'flood-and-learn' | 'control-plane';
  ageSeconds: number;
  ttl: number | 'inherit';
  /** The outer TOS byte; its ECN bits are always those of RFC 6040. */
  tos: number | 'inherit';
  udpChecksum: boolean;
  df: DfMode;
  flowLabel: 'flow' | 'zero';
  innerTag: 'strip' | 'keep';
  /** strict: drop a frame that has one set; ignore: count it. A mask of the 64 bits of the header: drop for those. */
  reservedBits: string;
  /** Questions for these hosts are answered here. `vid` null on an unaware bridge. */
  suppress: boolean;
  neighbors: { vid: number | null; address: string; mac: string }[];
  /** Learned neighbors: of the tunnel in all, of one VLAN, and after how long without a word they are forgotten. */
  maxNeighbors: number;
  vlanMaxNeighbors: number;
  neighborAgeSeconds: number;
}

/** Where an address is behind a tunnel. */
export interface VxlanEntryConfig {
  port: string;
  vni: number;
  mac: string;
  /** Empty for a blackhole; several for a group address. */
  remotes: string[];
  kind: 'static' | 'external' | 'blackhole';
}
