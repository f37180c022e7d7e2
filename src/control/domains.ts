/**
 * Broadcast domains: which row of the VLAN table, by number its FID, is which VLAN of a bridge.
 */

import { retireFid } from '../dataplane/counters.ts';
import { setFidAge } from '../tables/fdb/fdb.ts';
import { flushFid } from '../tables/fdb/flush.ts';
import { VIDS_PER_BRIDGE } from '../tables/vlan-table.ts';
import { compileOutputVlans, type Mirrored } from './compile-mirrors.ts';
import { ANY, type Forgetting } from './forget.ts';
import { type Bridge, ControlError, type Vlan } from './model.ts';
import { type Settled, settlePrivateVlans } from './private-vlans.ts';
import { addVid, takeVid } from './vid-set.ts';

/** The one VLAN of an unaware bridge. */
export const UNAWARE_VID = 0;

/** The part of control that domains are made of. */
export interface Divided extends Mirrored, Settled {
  readonly forgetting: Forgetting;
}

export class Domains {
  readonly byFid: ({ bridge: Bridge; vlan: Vlan } | undefined)[] = [];
  private readonly control: Divided;
  /** No FID below is free. */
  private firstFid = 1;
  private used = 0;

  constructor(control: Divided) {
    this.control = control;
  }

  /** Rows that no VLAN has. */
  get free(): number {
    return this.control.dp.vlans.capacity - 1 - this.used;
  }

  /** Throws ControlError when there are not so many rows left. */
  requireRoom(count: number): void {
    if (count > this.free)
      throw new ControlError(`no room for another VLAN (${this.control.dp.vlans.capacity - 1} in all)`);
  }

  /** Gives the VLAN a row. */
  make(bridge: Bridge, vid: number, name: string, configured: boolean): Vlan {
    const { dp, forgetting } = this.control;
    const { vlans, fdb } = dp;
    this.requireRoom(1);
    // The FID may be one whose entries wait to be taken out.
    forgetting.now();
    // All below are taken: thousands of VLANs are added one after the other.
    let fid = this.firstFid;
    while (this.byFid[fid] !== undefined) fid++;
    this.firstFid = fid;
    this.used++;
    const vlan: Vlan = { vid, fid, name, fdbMaxEntries: 0, configured };
    bridge.vlans.set(vid, vlan);
    addVid(bridge.vids, vid);
    if (!configured) bridge.unlisted.add(vlan);
    this.byFid[fid] = { bridge, vlan };
    vlans.vid[fid] = vid;
    vlans.bridge[fid] = bridge.index;
    setFidAge(fdb, fid, bridge.settings.fdb.ageSeconds * 1000);
    vlans.fidOf[bridge.index * VIDS_PER_BRIDGE + vid] = fid;
    settlePrivateVlans(this.control, bridge);
    compileOutputVlans(this.control);
    return vlan;
  }

  /** Takes the VLAN's row away, with all that was known in it. */
  drop(bridge: Bridge, vlan: Vlan): void {
    const { dp, forgetting, nowMs } = this.control;
    const { vlans, fdb, countersOf } = dp;
    bridge.vlans.delete(vlan.vid);
    takeVid(bridge.vids, vlan.vid);
    bridge.unlisted.delete(vlan);
    this.used--;
    vlan.secondary = undefined;
    settlePrivateVlans(this.control, bridge);
    vlans.fidOf[bridge.index * VIDS_PER_BRIDGE + vlan.vid] = 0;
    // Without an entry there is nothing to flush, and flushes are counted (fdb/flush.ts).
    if (fdb.fidCount[vlan.fid] !== 0) flushFid(fdb, vlan.fid, nowMs());
    forgetting.forget(vlan.fid, ANY);
    fdb.fidLimit[vlan.fid] = 0;
    retireFid(countersOf, vlan.fid);
    this.byFid[vlan.fid] = undefined;
    this.firstFid = Math.min(this.firstFid, vlan.fid);
    compileOutputVlans(this.control);
  }
}

/** Throws ControlError when the bridge has no VLANs. */
export function requireAware({ name, settings }: Bridge): void {
  if (settings.type === 'unaware') throw new ControlError(`bridge ${name} is VLAN-unaware`);
}

/** Throws ControlError when the bridge can have no such VLAN. */
export function checkVid(bridge: Bridge, vid: number): void {
  requireAware(bridge);
  if (!Number.isInteger(vid) || vid < 1 || vid > 4094) throw new ControlError(`${vid} is not a VLAN ID (1-4094)`);
}
