/**
 * Tunnels of an embedded switch: peers, entries of the VXLAN FDB and flood lists at run time, and what is in them. The
 * VTEPs and tunnel ports themselves come with the configuration.
 */

import type { Control } from '../control/control.ts';
import { ControlError } from '../control/model.ts';
import {
  addVxlanEntry,
  deleteVxlanEntry,
  flushVxlan,
  type VxlanEventView,
  type VxlanFlushScope,
  vxlanEntries,
  vxlanEvents,
} from '../control/vxlan/fdb.ts';
import { segmentOf, tunnelNamed } from '../control/vxlan/names.ts';
import { type TunnelNeighborView, tellNeighbor, tunnelNeighbors, untellNeighbor } from '../control/vxlan/neighbors.ts';
import { addFlood, removeFlood } from '../control/vxlan/tunnel-control.ts';
import {
  type PeerView,
  peerViews,
  type VtepView,
  type VxlanEntryView,
  vtepViews,
  vxlanNames,
} from '../control/vxlan/views.ts';
import { allowPeer, denyPeer, setPathMtu } from '../control/vxlan/vtep-control.ts';
import { onlyKeys, whole } from './given.ts';

/** Of IPv4 (RFC 791), and of a length in 16 bits. */
const MIN_MTU = 68;
const MAX_MTU = 65_535;

export interface VxlanEntryInput {
  port: string;
  /** Needed where the port has several. */
  vni?: number;
  mac: string;
  /** None for a blackhole, several for a group address. */
  remotes?: readonly string[];
  kind?: 'static' | 'external' | 'blackhole';
}

export interface TunnelNeighborInput {
  port: string;
  /** Needed on a bridge with VLANs. */
  vid?: number | null;
  address: string;
  mac: string;
  /** What is said of an IPv6 neighbor in answers. */
  isRouter?: boolean;
}

export class Vxlan {
  readonly #control: Control;

  /** Made by the switch. */
  constructor(control: Control) {
    this.#control = control;
  }

  vteps(): VtepView[] {
    return vtepViews(this.#control.dp.vxlan, vxlanNames(this.#control));
  }

  peers(): PeerView[] {
    return peerViews(this.#control.dp.vxlan, vxlanNames(this.#control));
  }

  /** Entries that count now, of one port or of all. */
  fdb(port?: string): VxlanEntryView[] {
    return vxlanEntries(this.#control, port);
  }

  /** Hands over what was learned, moved, aged since the last call; returns how many events were lost. */
  events(take: (event: VxlanEventView) => void): number {
    return vxlanEvents(this.#control, take);
  }

  allowPeer(vtep: string, address: string): void {
    allowPeer(this.#control, vtep, address);
  }

  denyPeer(vtep: string, address: string): void {
    denyPeer(this.#control, vtep, address);
  }

  /** Puts an entry in place of what there is. */
  addEntry({ port, vni, mac, remotes = [], kind = 'static' }: VxlanEntryInput): void {
    if (!['static', 'external', 'blackhole'].includes(kind)) throw new ControlError(`${kind} is no kind of entry`);
    const segment = segmentOf(tunnelNamed(this.#control, port), vni);
    addVxlanEntry(this.#control, { port, vni: segment.vni, mac, remotes: [...remotes], kind }, true);
  }

  removeEntry({ port, vni, mac }: { port: string; vni?: number; mac: string }): void {
    deleteVxlanEntry(this.#control, port, segmentOf(tunnelNamed(this.#control, port), vni).vni, mac);
  }

  /** Neighbors that hosts are answered for with `suppress`: told and learned, of one port or of all. */
  neighbors(port?: string): TunnelNeighborView[] {
    return tunnelNeighbors(this.#control, port);
  }

  /** Tells of a neighbor behind the tunnel, of kind `external`: it does not age. */
  addNeighbor({ port, vid = null, address, mac, isRouter = false }: TunnelNeighborInput): void {
    tellNeighbor(this.#control, { port, vid, address }, mac, isRouter);
  }

  removeNeighbor({ port, vid = null, address }: { port: string; vid?: number | null; address: string }): void {
    untellNeighbor(this.#control, { port, vid, address });
  }

  /** One more remote that floods go to. */
  addFlood(port: string, address: string, vni?: number): void {
    const tunnel = tunnelNamed(this.#control, port);
    addFlood(this.#control, tunnel, segmentOf(tunnel, vni), address);
  }

  removeFlood(port: string, address: string, vni?: number): void {
    removeFlood(this.#control, segmentOf(tunnelNamed(this.#control, port), vni), address);
  }

  /** Forgets what was learned: behind a peer, in a VNI, of a port, of a VTEP, or all. */
  flush(what: VxlanFlushScope = {}): void {
    onlyKeys(what, ['vtep', 'port', 'vni', 'peer']);
    flushVxlan(this.#control, what);
  }

  /** What the path to a remote carries, in bytes of the outer IP packet; null: the link's MTU again. */
  setPathMtu(vtep: string, address: string, mtu: number | null): void {
    const bytes = mtu === null ? null : whole('mtu', mtu, MIN_MTU, MAX_MTU);
    setPathMtu(this.#control, vtep, address, bytes);
  }
}
