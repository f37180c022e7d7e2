/**
 * Tunnels of an embedded switch: peers, entries of the VXLAN FDB and flood lists at run time, and what is in them. The
 * VTEPs and tunnel ports themselves come with the configuration.
 */

import type { Control } from '../control/control.ts';
import { ControlError } from '../control/model.ts';
import {
  addFlood,
  allowPeer,
  denyPeer,
  removeFlood,
  segmentOf,
  setPathMtu,
  tunnelNamed,
} from '../control/vxlan-control.ts';
import {
  addVxlanEntry,
  deleteVxlanEntry,
  flushVxlan,
  type VxlanEntryView,
  type VxlanEventView,
  type VxlanFlushScope,
  vxlanEntries,
  vxlanEvents,
} from '../control/vxlan-fdb.ts';
import { type PeerView, peerViews, type VtepView, vtepViews, vxlanNames } from '../control/vxlan-views.ts';

export interface VxlanEntryInput {
  port: string;
  /** Needed where the port has several. */
  vni?: number;
  mac: string;
  /** None for a blackhole, several for a group address. */
  remotes?: readonly string[];
  kind?: 'static' | 'external' | 'blackhole';
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
    flushVxlan(this.#control, what);
  }

  /** What the path to a remote carries, in bytes of the outer IP packet; null: the link's MTU again. */
  setPathMtu(vtep: string, address: string, mtu: number | null): void {
    setPathMtu(this.#control, vtep, address, mtu);
  }
}
