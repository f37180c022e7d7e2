/**
 * Private VLANs (RFC 5517): secondaries learn in their primary, and the interface of the primary is theirs.
 *
 * Who reaches whom is in the member sets, as for every VLAN: promiscuous ports and trunks are members of all, an isolated host of
 * the primary alone, a host of a community of the primary and the community.
 */

import type { DataplaneShared } from '../dataplane/dataplane.ts';
import { flushFid } from '../tables/fdb/flush.ts';
import { VIDS_PER_BRIDGE } from '../tables/vlan-table.ts';
import type { Bridge, RouterControl } from './model.ts';

/** The part of control that private VLANs need. */
export interface Settled {
  readonly dp: DataplaneShared;
  readonly router: RouterControl | null;
  readonly nowMs: () => number;
}

/** Writes which VLANs of the bridge share the addresses of which; to be called when one comes, goes or changes. */
export function settlePrivateVlans(control: Settled, bridge: Bridge): void {
  const { vlans, fdb } = control.dp;
  for (const vlan of bridge.secondaries) {
    const { vid, fid, secondary } = vlan;
    if (secondary === undefined) bridge.secondaries.delete(vlan);
    const key = secondary === undefined ? fid : (bridge.vlans.get(secondary.primary)?.fid ?? fid);
    const before = vlans.fdbFid[fid];
    if (key === before) continue;
    // Addresses were learned under the one and will be under the other.
    for (const each of [before, key]) flushFid(fdb, each, control.nowMs());
    const at = bridge.index * VIDS_PER_BRIDGE + vid;
    vlans.fdbFid[fid] = key;
    vlans.fidOf[at] = key === fid ? fid : 0;
    vlans.secondaryOf[at] = key === fid ? 0 : fid;
    control.router?.vlanChanged(fid);
  }
}
