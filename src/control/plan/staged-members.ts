/**
 * Memberships of a plan made ready aside: what will be done to each row of the VLAN table, for all ports together. Putting it in
 * place is a pass over the rows instead of one for each port, while forwarding stands still.
 */

import type { DataplaneShared } from '../../dataplane/dataplane.ts';
import { VIDS_PER_BRIDGE, type VlanTable } from '../../tables/vlan-table.ts';
import type { Bridge, Port } from '../model.ts';
import { addAll, emptyVids, hasVid, type VidSet, type VidSets } from '../vid-set.ts';
import type { Action } from './action.ts';

/** Fewer VLANs of ports are written as they come. */
const WORTH_IT = 1000;

/** Rows of a bridge by VID, as wide as those of the table. */
interface Rows {
  readonly vids: VidSet;
  readonly leave: Int32Array;
  readonly tagged: Int32Array;
  readonly untagged: Int32Array;
}

/** The part of control that they are of. */
interface Staging {
  readonly dp: DataplaneShared;
  readonly ports: ReadonlyMap<string, Port>;
}

export type MemberAction = Extract<Action, { do: 'set-member' | 'remove-member' }>;

export class StagedMembers {
  readonly #bridges = new Map<Bridge, Rows>();
  readonly #actions = new Set<MemberAction>();

  /** Whether its part of the rows is here. */
  has(action: MemberAction): boolean {
    return this.#actions.has(action);
  }

  /** In steps, one for each port; of plans with few memberships nothing. */
  *stage({ dp, ports }: Staging, actions: readonly MemberAction[], sets: VidSets): Generator<void> {
    if (actions.reduce((sum, { vids }) => sum + sets.sizeOf(vids), 0) < WORTH_IT) return;
    const { width } = dp.vlans;
    for (const action of actions) {
      const port = ports.get(action.port);
      if (port === undefined || port.bridge === null) continue;
      const vids = sets.of(action.vids);
      const rows = this.#rowsOf(port.bridge, width);
      addAll(rows.vids, vids);
      const into = action.do === 'remove-member' ? rows.leave : action.untagged ? rows.untagged : rows.tagged;
      addColumn(into, width, port.index, vids);
      this.#actions.add(action);
      yield;
    }
  }

  #rowsOf(bridge: Bridge, width: number): Rows {
    let rows = this.#bridges.get(bridge);
    if (rows === undefined) {
      const empty = () => new Int32Array(VIDS_PER_BRIDGE * width);
      rows = { vids: emptyVids(), leave: empty(), tagged: empty(), untagged: empty() };
      this.#bridges.set(bridge, rows);
    }
    return rows;
  }

  /** Writes the rows. The VLANs are there. */
  commit({ dp }: Staging): void {
    for (const [bridge, rows] of this.#bridges) writeRows(dp.vlans, bridge.index, rows);
  }
}

function writeRows(vlans: VlanTable, bridge: number, { vids, leave, tagged, untagged }: Rows): void {
  const { fidOf, secondaryOf, width } = vlans;
  const base = bridge * VIDS_PER_BRIDGE;
  for (let vid = 1; vid < VIDS_PER_BRIDGE - 1; vid++) {
    if (!hasVid(vids, vid)) continue;
    const fid = fidOf[base + vid] || secondaryOf[base + vid];
    let at = fid * width;
    for (let from = vid * width; from < (vid + 1) * width; from++, at++) {
      const comes = untagged[from] | tagged[from];
      const goes = leave[from];
      if ((comes | goes) === 0) continue;
      vlans.member[at] = (vlans.member[at] & ~goes) | comes;
      vlans.untagged[at] = (vlans.untagged[at] & ~(goes | tagged[from])) | untagged[from];
    }
  }
}

/** Sets one port's bit in the rows of many VIDs. */
function addColumn(rows: Int32Array, width: number, port: number, vids: VidSet): void {
  const word = port >> 5;
  const bit = 1 << (port & 31);
  for (let w = 0; w < vids.length; w++) {
    for (let bits = vids[w]; bits !== 0; bits &= bits - 1) {
      rows[((w << 5) + 31 - Math.clz32(bits & -bits)) * width + word] |= bit;
    }
  }
}
