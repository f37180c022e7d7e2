/**
 * What a change does to VLAN memberships, by name: for people to read before they apply it.
 */

import type { SwitchConfig } from '../../config/types.ts';

export interface MembershipChange {
  port: string;
  bridge: string;
  vid: number;
  tagged: boolean;
}

export interface MembershipChanges {
  added: MembershipChange[];
  removed: MembershipChange[];
}

/** A membership that keeps its VLAN and changes its tag is removed and added. */
export function membershipChanges(from: SwitchConfig, to: SwitchConfig): MembershipChanges {
  const before = membershipsOf(from);
  const after = membershipsOf(to);
  return {
    added: [...after].flatMap(([key, membership]) => (before.has(key) ? [] : [membership])),
    removed: [...before].flatMap(([key, membership]) => (after.has(key) ? [] : [membership])),
  };
}

function membershipsOf({ ports }: SwitchConfig): Map<string, MembershipChange> {
  const all = new Map<string, MembershipChange>();
  for (const { name: port, bridge, members } of ports) {
    if (bridge === null) continue;
    for (const { vid, untagged } of members) {
      all.set(`${port} ${bridge} ${vid} ${untagged}`, { port, bridge, vid, tagged: !untagged });
    }
  }
  return all;
}
