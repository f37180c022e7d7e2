/**
 * What control knows by name: bridges, their VLANs, ports. The data plane knows the same by number; `compile`
 * writes the one into the other.
 */

import type { FdbConfig, FdbOverflow } from '../config/types/fdb.ts';
import type { InterfaceConfig, RouteConfig, VrfConfig } from '../config/types/routing.ts';
import type { BridgeConfig, MirrorConfig, PortConfig, SecondaryVlan } from '../config/types.ts';
import { OVERFLOW_FAIR, OVERFLOW_LRU, OVERFLOW_REFUSE } from '../tables/fdb/fdb.ts';
import type { Mac } from '../wire/ethernet.ts';
import type { MemberSet, VidSet } from './vid-set.ts';

export interface Bridge {
  readonly index: number;
  readonly name: string;
  settings: BridgeSettings;
  /** Name, own limit and FID per VID; an unaware bridge has the one VID 0. */
  readonly vlans: Map<number, Vlan>;
  /** Their VIDs. */
  readonly vids: VidSet;
  /** Those of them that are there for their ports alone. */
  readonly unlisted: Set<Vlan>;
  /** Those of them that are secondaries of private VLANs. */
  readonly secondaries: Set<Vlan>;
  /** A tunnel of it answers for hosts. */
  suppresses: boolean;
}

/** A bridge's configuration without its name and VLANs. */
export type BridgeSettings = Omit<BridgeConfig, 'name' | 'vlans'>;

export interface Vlan {
  readonly vid: number;
  readonly fid: number;
  name: string;
  fdbMaxEntries: number;
  /** A secondary of a private VLAN learns in its primary, as long as that exists. */
  secondary?: SecondaryVlan | undefined;
  /** Listed by configuration; others exist as long as a port is a member. */
  configured: boolean;
}

export interface Port {
  readonly index: number;
  readonly name: string;
  /** Null: attached to no bridge; it receives nothing and everything it brings is dropped. */
  bridge: Bridge | null;
  settings: PortSettings;
  /** On an unaware bridge empty. */
  members: MemberSet;
  /** Link is there. */
  up: boolean;
  /** Copies of a mirror leave by it, and nothing else. */
  mirrorOutput: boolean;
  /** Row of customer VIDs in the port table, -1 = none. */
  tunnelRow: number;
  /** It is a tunnel: what it carries, and how long frames may be on its paths. */
  tunnel: PortTunnel | null;
}

export interface PortTunnel {
  /** VNIs with the VTEP they belong to: no frame goes from one tunnel to another of the same VNI. */
  vnis: ReadonlySet<number>;
  /** Bytes of inner frames after their Ethernet header that fit every path. */
  mtu: number;
  /** It answers questions for hosts behind it. */
  suppresses: boolean;
}

/** A port's configuration without its member set. */
export type PlacedPort = Omit<PortConfig, 'members'>;

/** A port's configuration without name, bridge, adapter and member set. */
export type PortSettings = Omit<PortConfig, 'name' | 'bridge' | 'adapter' | 'members' | 'tunnel'>;

export function portSettings(port: Omit<PlacedPort, 'adapter'>): PortSettings {
  const { name, bridge, adapter, members, tunnel, ...settings } = port as PortConfig;
  return settings;
}

export function bridgeSettings(bridge: BridgeConfig): BridgeSettings {
  const { name: _name, vlans: _vlans, ...settings } = bridge;
  return settings;
}

/** A mirror's configuration, and its row in the table. */
export interface Mirror {
  readonly index: number;
  readonly config: MirrorConfig;
}

/** A row says which VIDs its frames may come with: those of customers, or on a trunk of private VLANs. */
export function asksCustomerVid({
  tunnelCvids,
  serviceVlans,
  privateTrunk,
}: Pick<PortConfig, 'tunnelCvids' | 'serviceVlans' | 'privateTrunk'>): boolean {
  return tunnelCvids !== null || serviceVlans.length > 0 || privateTrunk !== null;
}

/** Frames that leave get other tags: by rules, those of customers back, or those of a private VLAN's other half. */
export function rewritesTags({
  translate,
  serviceVlans,
  privateTrunk,
}: Pick<PortConfig, 'translate' | 'serviceVlans' | 'privateTrunk'>): boolean {
  return translate.length > 0 || privateTrunk !== null || serviceVlans.some(({ keepTag }) => !keepTag);
}

/** Frames pass: the link is there and the port is not turned off. */
export function isUp(port: Port): boolean {
  return port.up && port.settings.enabled;
}

/** 802.1D-2004 §7.9.2: a port that stops learning forgets what it learned. So does one that is turned off. */
export function stopsLearning(before: PortSettings, after: PortSettings): boolean {
  return (after.state === 'discarding' && before.state !== 'discarding') || (before.enabled && !after.enabled);
}

/** What the rest of control asks of the router. */
export interface RouterControl {
  readonly routes: RoutesControl;
  addInterface(config: InterfaceConfig): void;
  /** Other settings of one that stays: `mtu`, `proxyArp`, `redirects`. */
  setInterface(config: InterfaceConfig): void;
  removeInterface(name: string): void;
  interface(name: string): { readonly config: InterfaceConfig };
  /** A link came up: own addresses are to be announced there. */
  linkUp(port: number): void;
  /** The VLAN has become a secondary of another, or is one no more. */
  vlanChanged(fid: number): void;
  /** The port is an interface of the router, nobody's configuration. */
  hasInterface(name: string): boolean;
  /** Its row in the router table; 0 when there is no such interface. */
  interfaceRow(name: string): number;
  /** Of the VLAN itself, not of its primary; else null. */
  interfaceIn(fid: number): string | null;
  /** The interface of the VLAN, where the MAC is its own; else null. */
  ownerOfMac(fid: number, mac: Mac): string | null;
  /** What was added and not removed. */
  configuration(): { vrfs: VrfConfig[]; interfaces: InterfaceConfig[]; routes: RouteConfig[] };
}

export interface RoutesControl {
  declareVrfs(vrfs: readonly VrfConfig[]): void;
  add(route: RouteConfig): void;
  replace(route: RouteConfig): void;
  /** Whether its prefix is one of an interface. */
  isConnected(route: RouteConfig): boolean;
  remove(route: RouteConfig): void;
}

export class ControlError extends Error {
  override readonly name = 'ControlError';
}

export const DEFAULT_FDB: FdbConfig = {
  ageSeconds: 300,
  maxEntries: 65_536,
  overflow: 'fair',
  staticViolation: 'forward',
};

export const DEFAULT_BRIDGE: BridgeSettings = {
  type: 'c-vlan',
  fdb: DEFAULT_FDB,
  reservedMac: 'c-vlan',
  hub: false,
  learning: true,
  unknownUnicastFlood: true,
  multicastFlood: true,
  broadcastFlood: true,
};

export const DEFAULT_PORT: PortSettings = {
  mode: 'access',
  pvid: null,
  acceptFrames: 'all',
  ingressFiltering: true,
  tunnelCvids: null,
  serviceVlans: [],
  privateTrunk: null,
  translate: [],
  priority: null,
  classify: false,
  mtu: 1500,
  enabled: true,
  state: 'forwarding',
  learning: true,
  unknownUnicastFlood: true,
  multicastFlood: true,
  broadcastFlood: true,
  isolated: false,
  splitHorizonGroup: 0,
  hairpin: false,
  fdbMaxEntries: 0,
};

export const OVERFLOWS: Record<FdbOverflow, number> = {
  fair: OVERFLOW_FAIR,
  lru: OVERFLOW_LRU,
  refuse: OVERFLOW_REFUSE,
};
