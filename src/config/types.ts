/**
 * The normalised configuration: what the loader hands to control after every default is filled in, every
 * range is expanded and every preset is named. Plain data, structured-clonable, no derived state.
 *
 * Names follow the IEEE YANG module `ieee802-dot1q-bridge` where it has one (pvid, acceptable frame types,
 * ingress filtering). VIDs are numbers 1..4094; MAC addresses are lower-case `aa:bb:cc:dd:ee:ff` strings.
 */

import type { FdbConfig, FdbEntryConfig } from './types/fdb.ts';
import type { IpvlanConfig, MacvlanConfig } from './types/groups.ts';
import type { InterfaceConfig, RouteConfig, VrfConfig } from './types/routing.ts';
import type { TunnelConfig, VtepConfig, VxlanEntryConfig } from './types/vxlan.ts';

/** Which of 01-80-C2-00-00-0X a bridge filters (IEEE 802.1Q-2022 §8.6.3). */
export type ReservedMacPolicy = 'c-vlan' | 's-vlan' | 'tpmr' | 'transparent';
export type AcceptFrames = 'all' | 'untagged' | 'tagged';
/** `c-vlan` knows TPID 0x8100 as a tag, `s-vlan` 0x88A8; `unaware` forwards every tag as payload. */
export type BridgeType = 'c-vlan' | 's-vlan' | 'unaware';
export type PortMode = 'access' | 'trunk' | 'hybrid' | 'dot1q-tunnel' | 'promiscuous' | 'private-host';
export type PortState = 'discarding' | 'learning' | 'forwarding';
export type PollMode = 'throughput' | 'latency';

/** How the forwarding thread waits for frames. */
export interface PollConfig {
  mode: PollMode;
  /** Longest that it looks again and again for the next frame before it sleeps; 0..10,000. */
  spinMicroseconds: number;
  /** Frames of one port before the next one has its turn; 1..256. */
  burst: number;
}

export interface VlanConfig {
  vid: number;
  name: string;
  /** Limit of learned entries in this VLAN; 0 = none of its own. */
  fdbMaxEntries: number;
  /** It is a secondary of a private VLAN. */
  secondary?: SecondaryVlan;
}

/** What a VLAN is to its primary (RFC 5517): its hosts reach promiscuous ports only, or each other as well. */
export interface SecondaryVlan {
  primary: number;
  kind: 'isolated' | 'community';
}

/** A trunk to devices that know one tag for a private VLAN, that of the primary or that of a secondary. */
export interface PrivateTrunk {
  /** VLANs that frames may come with the tag of. */
  takes: number[];
  /** VLANs whose frames leave with the tag of another. */
  leaves: { vid: number; tag: number }[];
}

export interface BridgeConfig {
  name: string;
  type: BridgeType;
  fdb: FdbConfig;
  reservedMac: ReservedMacPolicy;
  /** Repeat every frame to all members, learn nothing. */
  hub: boolean;
  learning: boolean;
  unknownUnicastFlood: boolean;
  multicastFlood: boolean;
  broadcastFlood: boolean;
  vlans: VlanConfig[]; // sorted by vid; empty on an unaware bridge
}

/** `adapter` and the keys that belong to it; the adapters room interprets `options`. */
export interface AdapterConfig {
  kind: string; // tap | af-packet | af-xdp | cap | udp | memory | pcap
  options: Record<string, string | number | boolean>;
}

export interface VlanMembership {
  vid: number;
  untagged: boolean; // leaves without a tag
}

export type ClassifyKind = 'mac' | 'subnet' | 'protocol';

/** The VLAN of untagged frames by what they are, on ports with `classify`. */
export interface ClassificationConfig {
  order: ClassifyKind[];
  macs: { mac: string; bits: number; vid: number }[]; // 48 bits: this one
  subnets: { prefix: string; vid: number }[];
  protocols: { type: number; vid: number }[];
}

export interface TagConfig {
  tpid: number; // 0x8100 or 0x88a8
  vid: number;
}

/** Tags, outermost first, as frames of the port have them, and as the switch has them. */
export interface TranslateRule {
  from: TagConfig[]; // 1 or 2
  to: TagConfig[]; // 0 to 4; at most 2 of them are not in `from`
}

/** Where frames of a customer VLAN go, with their tag or with the service tag in place of it. */
export interface ServiceVlan {
  cvid: number;
  vid: number;
  keepTag: boolean;
}

/** The priority of frames of a port, 0-7: maps by what they have. */
export interface PriorityConfig {
  trust: 'pcp' | 'dscp' | 'none';
  /** Of frames that have nothing that is trusted. */
  default: number;
  pcp: number[]; // 8
  dscp: number[]; // 64
  /** PCP of tags that leave. */
  egress: number[]; // 8
}

export interface PortConfig {
  name: string;
  /** Null: of no bridge; VTEPs listen on it. */
  bridge: string | null;
  adapter: AdapterConfig;
  mode: PortMode;
  /** VID for untagged and priority-tagged frames; null drops them. */
  pvid: number | null;
  members: VlanMembership[]; // sorted by vid
  acceptFrames: AcceptFrames;
  ingressFiltering: boolean;
  /** dot1q-tunnel only: allowed customer VIDs; null = any frame. */
  tunnelCvids: number[] | null;
  /** Null: priorities are those of tags, and 0. */
  priority: PriorityConfig | null;
  /** dot1q-tunnel only: service VLANs by customer VLAN; empty = all frames go by the PVID. */
  serviceVlans: ServiceVlan[];
  /** Trunks of private VLANs only. */
  privateTrunk: PrivateTrunk | null;
  /** VLAN translation, undone on the way out. */
  translate: TranslateRule[];
  /** Untagged frames get their VLAN by `SwitchConfig.classification`, and the PVID where that says nothing. */
  classify: boolean;
  mtu: number; // bytes of payload after the Ethernet header and tags
  enabled: boolean; // off: down, whatever its link
  state: PortState;
  learning: boolean;
  unknownUnicastFlood: boolean; // out of this port
  multicastFlood: boolean; // out of this port
  broadcastFlood: boolean; // out of this port
  isolated: boolean; // isolated ports do not reach each other
  splitHorizonGroup: number; // 0 = none
  hairpin: boolean; // may send back to itself
  fdbMaxEntries: number; // 0 = none of its own
  /** Null: it is no tunnel. */
  tunnel: TunnelConfig | null;
}

/** Copies of frames, out of a port or into a VLAN: one of `output` and `outputVlan` is not null. */
export interface MirrorConfig {
  name: string;
  bridge: string; // whose ports `selectAll` means, and whose VLAN `outputVlan` is
  selectSrc: string[]; // ports whose received frames are copied
  selectDst: string[]; // ports whose sent frames are copied
  selectAll: boolean; // both, of every port of the bridge
  selectVlan: number[]; // only frames of these VLANs; empty = of all
  output: string | null; // this port, which does nothing else
  outputVlan: number | null; // this VLAN
}

/** The API over TCP. */
export interface ApiConfig {
  listen: string; // HOST:PORT
  tokenFile: string;
}

/** What outlives the process. */
export interface StateConfig {
  file: string;
  fdb: boolean; // learned addresses as well
}

export const MAX_WORKERS = 16;

export interface SwitchConfig {
  name: string;
  bridges: BridgeConfig[]; // [0] is the default bridge, made of `switch:` and `vlans:`
  ports: PortConfig[];
  fdbEntries: FdbEntryConfig[];
  vteps: VtepConfig[];
  vxlanEntries: VxlanEntryConfig[];
  mirrors: MirrorConfig[];
  classification: ClassificationConfig;
  macvlan: MacvlanConfig[];
  ipvlan: IpvlanConfig[];
  vrfs: VrfConfig[];
  interfaces: InterfaceConfig[];
  routes: RouteConfig[];
  /** Threads that forward. */
  workers: number;
  /** What becomes of capabilities when all ports are open. */
  privileges: 'keep' | 'drop';
  poll: PollConfig;
  /** Seed of the keyed hash; null = random at start. */
  hashSeed: number | null;
  /** Path of the control socket; null = default for the name. */
  controlSocket: string | null;
  api: ApiConfig | null;
  state: StateConfig | null;
}
