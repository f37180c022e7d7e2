/**
 * What might be changed where a private VLAN keeps two hosts apart: one of them becomes promiscuous, or both belong to one
 * community.
 */

import type { BridgeConfig, PortConfig } from '../../config/types.ts';
import { compressVlans } from '../../config/vlan-range.ts';
import { type Change, changePort } from './change.ts';

/** `vid` is the VLAN of the frame, which `port` brought. */
export function privateVlanChanges(
  bridge: BridgeConfig,
  port: PortConfig,
  to: PortConfig,
  vid: number | null,
): Change[] {
  const of = (v: number | null) => bridge.vlans.find((vlan) => vlan.vid === v)?.secondary;
  const own = of(vid);
  if (own === undefined) return [];
  const { primary } = own;
  const changes: Change[] = [];
  const hosts = [port, to].filter((each) => each.mode === 'private-host' && each.privateTrunk === null);
  for (const host of hosts) {
    const other = host === port ? to.pvid : vid;
    if (other !== null && of(other)?.kind === 'community') changes.push(joinCommunity(host, primary, other));
  }
  const vids = bridge.vlans.filter((vlan) => vlan.vid === primary || vlan.secondary?.primary === primary);
  for (const host of hosts) {
    changes.push(
      changePort(
        host,
        { mode: 'promiscuous', pvid: primary, members: vids.map((vlan) => ({ vid: vlan.vid, untagged: true })) },
        {
          path: `ports.${host.name}`,
          value: `{ mode: promiscuous, vlan: ${primary} }`,
          condition: `${host.name} were promiscuous in private VLAN ${primary}`,
          cost: 2,
        },
      ),
    );
  }
  return changes;
}

/** A trunk of private VLANs carries one more VLAN, an ordinary one or, where it is promiscuous, a primary. */
export function joinTrunk(bridge: BridgeConfig, port: PortConfig, vid: number): Change[] {
  const trunk = port.privateTrunk;
  const primary = bridge.vlans.find((vlan) => vlan.vid === vid)?.secondary?.primary;
  const wanted = primary ?? vid;
  const secondaries = bridge.vlans.filter((vlan) => vlan.secondary?.primary === wanted).map((vlan) => vlan.vid);
  if (trunk === null || trunk.takes.includes(wanted)) return [];
  if (port.mode === 'private-host' && secondaries.length > 0) return [];
  const takes = [...trunk.takes, wanted].sort((a, b) => a - b);
  const leaves = [...trunk.leaves, ...secondaries.map((each) => ({ vid: each, tag: wanted }))];
  const members = [...port.members, ...[wanted, ...secondaries].map((each) => ({ vid: each, untagged: false }))];
  return [
    changePort(
      port,
      { members: members.sort((a, b) => a.vid - b.vid), privateTrunk: { takes, leaves } },
      {
        path: `ports.${port.name}.vlans`,
        value: compressVlans(takes),
        condition: `VLAN ${wanted} were among the VLANs of ${port.mode} trunk ${port.name}`,
        cost: 1,
      },
    ),
  ];
}

function joinCommunity(port: PortConfig, primary: number, vid: number): Change {
  const vids = [primary, vid].sort((a, b) => a - b);
  return changePort(
    port,
    { pvid: vid, members: vids.map((each) => ({ vid: each, untagged: true })) },
    {
      path: `ports.${port.name}.vlan`,
      value: String(vid),
      condition: `${port.name} were a host of community ${vid} instead of VLAN ${port.pvid}`,
      cost: 1,
    },
  );
}
