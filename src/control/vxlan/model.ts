/**
 * What control knows of VXLAN by name: VTEPs, the remotes that each of them talks to, and tunnels, which are ports. The
 * data plane knows the same by row (tables/vxlan-tables.ts).
 */

import type { TunnelConfig, VtepConfig } from '../../config/types/vxlan.ts';
import type { Mac } from '../../wire/ethernet.ts';
import { ControlError, type Port } from '../model.ts';
import type { TunnelNeighbors } from './tunnel-neighbors.ts';

export type VtepSettings = Omit<VtepConfig, 'name'>;

export interface Vtep {
  readonly row: number;
  readonly name: string;
  settings: VtepSettings;
  /** The uplink has the local address: without, nothing leaves and nothing is taken. */
  owned: boolean;
  mac: Mac;
  /** By address, configured (settings.neighbors) and found. */
  readonly found: Map<string, Mac>;
  readonly remotes: Map<string, Remote>;
}

export interface Remote {
  readonly row: number;
  readonly vtep: Vtep;
  readonly address: string;
  readonly bytes: Uint8Array;
  readonly isGroup: boolean;
  /** Flood lists and entries that name it. */
  uses: number;
  /** Listed as a peer. */
  listed: boolean;
  /** Told by the kernel or a router; null = nothing. */
  pathMtu: number | null;
}

/** A set of remotes that one entry stands for. */
export interface RemoteList {
  readonly row: number;
  readonly members: Remote[];
}

export interface Segment {
  /** Null: the whole port. */
  readonly vid: number | null;
  readonly vni: number;
  readonly row: number;
  readonly flood: Remote[];
}

export interface Tunnel {
  readonly port: Port;
  readonly vtep: Vtep;
  settings: TunnelConfig;
  segments: Segment[];
  readonly neighbors: TunnelNeighbors;
}

export interface VxlanModel {
  readonly vteps: Map<string, Vtep>;
  /** By port name. */
  readonly tunnels: Map<string, Tunnel>;
  readonly remoteByRow: (Remote | undefined)[];
  readonly listByRow: (RemoteList | undefined)[];
  readonly segmentByRow: ({ tunnel: Tunnel; segment: Segment } | undefined)[];
  /** Hosts of underlays say at the start what their addresses are. */
  announces: boolean;
  /** Told when VTEPs, remotes or groups have changed: whoever runs the underlay follows. */
  onUnderlayChanged: (vtep: Vtep) => void;
  /** Told when the link of a port of no bridge goes up or down. */
  onUplink: (port: string, up: boolean) => void;
}

export function createVxlanModel(): VxlanModel {
  return {
    vteps: new Map(),
    tunnels: new Map(),
    remoteByRow: [],
    listByRow: [],
    segmentByRow: [],
    announces: true,
    onUnderlayChanged: () => {},
    onUplink: () => {},
  };
}

/** Throws ControlError when VTEPs sit on the port: it cannot go. */
export function requireNoVtep({ vteps }: VxlanModel, port: string): void {
  for (const { name, settings } of vteps.values()) {
    if (settings.uplink === port) throw new ControlError(`port ${port} is the uplink of VTEP ${name}`);
  }
}
