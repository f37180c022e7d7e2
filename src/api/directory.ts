/**
 * Names for what shared memory holds by number, so that a thread that does not forward can read tables and
 * counters. Plain data: the forwarding thread posts it when something in it changes.
 */

import type { IpvlanConfig, MacvlanConfig } from '../config/types/groups.ts';
import type { InterfaceConfig, RouteConfig, VrfConfig } from '../config/types/routing.ts';
import type { VniConfig, VtepConfig } from '../config/types/vxlan.ts';
import type { MirrorConfig, PortConfig, SecondaryVlan } from '../config/types.ts';

export interface Directory {
  name: string;
  bridges: readonly { name: string; index: number; type: string }[];
  ports: readonly DirectoryPort[];
  vlans: readonly DirectoryVlan[];
  vteps: readonly { row: number; config: VtepConfig }[];
  /** VNIs by tunnel port. */
  tunnels: readonly { port: string; vnis: readonly VniConfig[] }[];
  vrfs: readonly VrfConfig[];
  interfaces: readonly DirectoryInterface[];
  routes: readonly RouteConfig[];
  macvlan: readonly MacvlanConfig[];
  ipvlan: readonly IpvlanConfig[];
  mirrors: readonly { index: number; config: MirrorConfig }[];
}

export interface DirectoryInterface {
  /** The number of the port that its frames come from, which has its name. */
  port: number;
  config: InterfaceConfig;
}

/** What a port does to the tags of frames. */
export type TagRules = Pick<PortConfig, 'priority' | 'serviceVlans' | 'translate'>;

export interface DirectoryPort extends TagRules {
  name: string;
  index: number;
  bridge: string | null;
  adapter: string;
  /** As configured; `unaware` on a VLAN-unaware bridge; of no bridge: `macvlan` or `ipvlan` in a group, else `underlay`. */
  mode: string;
  pvid: number | null;
  mtu: number;
  /** Spanning-tree state. */
  state: string;
}

export interface DirectoryVlan {
  fid: number;
  bridge: string;
  /** Null: the one broadcast domain of a VLAN-unaware bridge. */
  vid: number | null;
  name: string;
  members: readonly { port: string; tagged: boolean }[];
  /** It is a secondary of a private VLAN; its addresses are learned in the primary. */
  secondary?: SecondaryVlan;
}

/** What the outside world does to a port. */
export interface PortStatus {
  name: string;
  /** `tap1`, `127.0.0.1:5001`; empty for a port without a device. */
  device: string;
  /** How the adapter goes about it, where that is worth telling. */
  detail: string | null;
  /** Why the link is as it is, or why there is no device. */
  linkReason: string;
  /** Made by this switch, and gone with it unless it is persistent. */
  created: boolean;
  /** `csum tso4 tso6`, or `none`. */
  offloads: string;
  /** Why they are less than the device could do. */
  offloadsWhy: string | null;
  /** What frames that leave here may need and the switch does in software: `csum tso4 tso6`; `gro` for what arrives; or `none`. */
  software: string;
  /** What the adapter lost before the switch had it or after: `queueFull`, `framesTooLong`, … */
  adapterCounters: Record<string, number>;
}
