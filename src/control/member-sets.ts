/**
 * Member sets of ports: joining and leaving VLANs, one or thousands at once. Those of a plan are made ready aside (plan/staged-members.ts).
 */

import type { DataplaneShared } from '../dataplane/dataplane.ts';
import { rowIsEmpty } from '../tables/bitmap.ts';
import { flushFid } from '../tables/fdb/flush.ts';
import { VIDS_PER_BRIDGE, type VlanTable } from '../tables/vlan-table.ts';
import { compilePvid } from './compile.ts';
import { type Domains, requireAware } from './domains.ts';
import type { Forgetting } from './forget.ts';
import { type Bridge, ControlError, type Port, type Vlan } from './model.ts';
import { hasVid, isWithin, type VidSet, vidsIn, without } from './vid-set.ts';

/** The part of control that member sets are made of. */
export interface Joined {
  readonly dp: DataplaneShared;
  readonly forgetting: Forgetting;
  readonly ports: ReadonlyMap<string, Port>;
  readonly nowMs: () => number;
}

export class MemberSets {
  readonly #control: Joined;
  readonly #domains: Domains;

  constructor(control: Joined, domains: Domains) {
    this.#control = control;
    this.#domains = domains;
  }

  /**
   * Makes the port a member of VLANs (made where they do not exist), leaving untagged or tagged.
   * Or throws, and has changed nothing.
   */
  join(port: Port, vids: VidSet, untagged: boolean): void {
    const bridge = port.bridge;
    if (bridge === null) throw new ControlError(`port ${port.name} is in no bridge`);
    requireAware(bridge);
    const { forgetting } = this.#control;
    if (!isWithin(vids, bridge.vids)) {
      const made = [...vidsIn(without(vids, bridge.vids))];
      this.#domains.requireRoom(made.length);
      for (const vid of made) this.#domains.make(bridge, vid, `vlan${vid}`, false);
    }
    forgetting.rejoining(port.index, vids);
    this.#write(bridge, port, vids, true, untagged);
    port.members.add(vids, untagged);
  }

  /** Ends memberships; entries on the port in those VLANs go, a PVID among them becomes none. */
  leave(port: Port, vids: VidSet): void {
    const { bridge, members } = port;
    if (bridge === null || !isWithin(vids, members.vids)) {
      const [vid] = vidsIn(without(vids, members.vids));
      throw new ControlError(`port ${port.name} is not in VLAN ${vid}`);
    }
    this.#control.forgetting.forgetMemberships(port.index, vids.slice());
    this.withdraw(port, vids);
  }

  /** The same without a word about entries. */
  withdraw(port: Port, vids: VidSet): void {
    const { dp, nowMs } = this.#control;
    const { vlans } = dp;
    const bridge = port.bridge!;
    this.#write(bridge, port, vids, false, false);
    port.members.remove(vids);
    // What it learned in a secondary is among the addresses of the primary.
    for (const { vid, fid } of bridge.secondaries) {
      if (hasVid(vids, vid) && vlans.fdbFid[fid] !== fid) flushFid(dp.fdb, vlans.fdbFid[fid], nowMs());
    }
    this.#losePvid(port, vids);
    for (const vlan of [...bridge.unlisted]) if (hasVid(vids, vlan.vid)) this.dropUnused(bridge, vlan);
  }

  #losePvid(port: Port, vids: VidSet): void {
    const { pvid } = port.settings;
    if (pvid === null || !hasVid(vids, pvid)) return;
    port.settings = { ...port.settings, pvid: null };
    compilePvid(this.#control.dp, port);
  }

  /** A VLAN that nobody listed goes with its last member and its last PVID. */
  dropUnused(bridge: Bridge, vlan: Vlan): void {
    const { vlans } = this.#control.dp;
    if (vlan.configured || !rowIsEmpty(vlans.member, vlans.width, vlan.fid)) return;
    for (const port of this.#control.ports.values()) {
      if (port.bridge === bridge && port.settings.pvid === vlan.vid) return;
    }
    this.#domains.drop(bridge, vlan);
  }

  #write(bridge: Bridge, port: Port, vids: VidSet, member: boolean, untagged: boolean): void {
    const { vlans } = this.#control.dp;
    writeColumn(vlans, vlans.member, bridge.index, port.index, vids, member);
    writeColumn(vlans, vlans.untagged, bridge.index, port.index, vids, untagged);
  }
}

/** One port's bit in the rows of many VLANs. */
function writeColumn(
  { fidOf, secondaryOf, width }: VlanTable,
  rows: Int32Array,
  bridge: number,
  port: number,
  vids: VidSet,
  on: boolean,
): void {
  const base = bridge * VIDS_PER_BRIDGE;
  const word = port >> 5;
  const bit = 1 << (port & 31);
  for (let w = 0; w < vids.length; w++) {
    for (let bits = vids[w]; bits !== 0; bits &= bits - 1) {
      const vid = (w << 5) + 31 - Math.clz32(bits & -bits);
      const fid = fidOf[base + vid];
      const at = (fid !== 0 ? fid : secondaryOf[base + vid]) * width + word;
      rows[at] = on ? rows[at] | bit : rows[at] & ~bit;
    }
  }
}
