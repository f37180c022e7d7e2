/**
 * Member sets of ports: joining and leaving VLANs, one or thousands at once. Where thousands change, forwarding stands still for
 * it, so each membership costs two words of the VLAN table and nothing else.
 */

import type { DataplaneShared } from '../dataplane/dataplane.ts';
import { clearRow, rowIsEmpty } from '../tables/bitmap.ts';
import { flushFid } from '../tables/fdb/flush.ts';
import { VIDS_PER_BRIDGE, type VlanTable } from '../tables/vlan-table.ts';
import { compilePort } from './compile.ts';
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
   * Or throws, and has changed nothing. `staged`: its rows are written otherwise (staged-members.ts).
   */
  join(port: Port, vids: VidSet, untagged: boolean, staged = false): void {
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
    if (!staged) this.#write(bridge, port, vids, true, untagged);
    port.members.add(vids, untagged);
  }

  /** Ends memberships; entries on the port in those VLANs go, a PVID among them becomes none. */
  leave(port: Port, vids: VidSet, staged = false): void {
    const { bridge, members } = port;
    if (bridge === null || !isWithin(vids, members.vids)) {
      const [vid] = vidsIn(without(vids, members.vids));
      throw new ControlError(`port ${port.name} is not in VLAN ${vid}`);
    }
    this.#control.forgetting.forgetMemberships(port.index, vids);
    this.withdraw(port, vids, staged);
  }

  /** The same without a word about entries. */
  withdraw(port: Port, vids: VidSet, staged = false): void {
    const { dp, nowMs } = this.#control;
    const { vlans } = dp;
    const bridge = port.bridge!;
    if (!staged) this.#write(bridge, port, vids, false, false);
    port.members.remove(vids);
    // What it learned in a secondary is among the addresses of the primary.
    for (const { vid, fid } of bridge.secondaries) {
      if (hasVid(vids, vid) && vlans.fdbFid[fid] !== fid) flushFid(dp.fdb, vlans.fdbFid[fid], nowMs());
    }
    this.#losePvid(port, vids);
    for (const vlan of [...bridge.unlisted]) if (hasVid(vids, vlan.vid)) this.dropUnused(bridge, vlan);
  }

  /** All ports leave these VLANs of the bridge, which will be dropped: that flushes what was learned there. */
  empty(bridge: Bridge, vids: VidSet): void {
    clearRows(this.#control.dp.vlans, bridge.index, vids);
    for (const port of this.#control.ports.values()) {
      if (port.bridge !== bridge) continue;
      port.members.remove(vids);
      this.#losePvid(port, vids);
    }
  }

  #losePvid(port: Port, vids: VidSet): void {
    const { pvid } = port.settings;
    if (pvid === null || !hasVid(vids, pvid)) return;
    port.settings = { ...port.settings, pvid: null };
    compilePort(this.#control.dp, port);
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

  /** Rows as the model has them, when staged ones have not been put in place. */
  rewrite(bridges: Iterable<Bridge>): void {
    const { dp, ports } = this.#control;
    for (const bridge of bridges) {
      if (bridge.settings.type === 'unaware') continue;
      for (const { fid } of bridge.vlans.values()) {
        clearRow(dp.vlans.member, dp.vlans.width, fid);
        clearRow(dp.vlans.untagged, dp.vlans.width, fid);
      }
    }
    for (const port of ports.values()) {
      const { bridge, members } = port;
      if (bridge === null || bridge.settings.type === 'unaware') continue;
      this.#write(bridge, port, without(members.vids, members.untagged), true, false);
      this.#write(bridge, port, members.untagged, true, true);
    }
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

/** Rows of VLANs that nobody is a member of any more. */
function clearRows({ fidOf, secondaryOf, member, untagged, width }: VlanTable, bridge: number, vids: VidSet): void {
  const base = bridge * VIDS_PER_BRIDGE;
  for (let vid = 1; vid < VIDS_PER_BRIDGE - 1; vid++) {
    if (!hasVid(vids, vid)) continue;
    const at = (fidOf[base + vid] || secondaryOf[base + vid]) * width;
    for (let w = at; w < at + width; w++) {
      member[w] = 0;
      untagged[w] = 0;
    }
  }
}
