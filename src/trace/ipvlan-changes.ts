/** What might be changed where an ipvlan group keeps a frame from a port. */

import type { IpvlanConfig, IpvlanFlag, PortConfig } from '../config/types.ts';
import { type Change, portConfig } from './change.ts';
import { addressedTo, type Frame } from './frame-fields.ts';
import {
  accessChanges,
  changeGroup,
  childOf,
  isIn,
  joinChanges,
  ownChanges,
  vlanChanges,
  wanted,
} from './group-changes.ts';
import { isTooLong, longer, upChanges } from './port-changes.ts';
import type { Situation } from './situation.ts';

/** `port`, where the frame came in, is one of a group. */
export function ipvlanChanges(s: Situation, port: PortConfig, frame: Frame, target: PortConfig | undefined): Change[] {
  const groups = s.config.ipvlan.filter((group) => isIn(group, port.name));
  const isGroupMac = (Number.parseInt(frame.dst.slice(0, 2), 16) & 1) === 1;
  const address = isGroupMac ? null : addressedTo(frame.bytes);
  const changes = vlanChanges(s, 'ipvlan', port, frame.tagVid, target);
  for (const group of groups) {
    const isChild = childOf(group, port.name) !== undefined;
    changes.push(...accessChanges('ipvlan', group, port, target));
    // What leaves by the parent may be for any MAC.
    if (!isGroupMac && target?.name !== group.parent && (!isChild || target !== undefined)) {
      changes.push(...groupMac(group, frame.dst));
    }
    for (const child of wanted(group, target)) {
      if (child.port === port.name) continue;
      if (address !== null) changes.push(...ownChanges('ipvlan', group, child, address));
      if (isChild && group.flag !== 'bridge') changes.push(withFlag(group, 'bridge'));
    }
    if (target === undefined) continue;
    if (isChild && group.parent === target.name && group.flag !== 'vepa') changes.push(withFlag(group, 'vepa'));
    if (address !== null) changes.push(...joinChanges(s, 'ipvlan', group, target, address));
  }
  return changes;
}

/** The frame came to a port of a bridge, and is or might be for a child behind the router. */
export function routedChildChanges(
  s: Situation,
  frame: Frame,
  vid: number | null,
  target: PortConfig | undefined,
): Change[] {
  const address = addressedTo(frame.bytes);
  if (address === null) return [];
  const { interfaces } = s.config;
  return s.config.ipvlan
    .filter(({ mode }) => mode !== 'l2')
    .flatMap((group) => {
      const child = group.children.find(({ port, addresses }) =>
        target === undefined ? addresses.includes(address) : port === target.name,
      );
      if (child === undefined) return [];
      const port = portConfig(s, child.port)!;
      const to = interfaces.find((each) => each.mac === frame.dst && each.vid === vid);
      const parent = interfaces.find(({ name }) => name === group.parent);
      const isElsewhere = to !== undefined && parent !== undefined && to.vrf !== parent.vrf;
      return [
        ...ownChanges('ipvlan', group, child, address),
        ...upChanges(s, port),
        ...(isTooLong(port, frame) ? longer(port, frame) : []),
        ...(isElsewhere ? [withParent(group, to.name)] : []),
      ];
    });
}

function withParent(group: IpvlanConfig, parent: string): Change {
  return changeGroup('ipvlan', group, () => ({ parent }), {
    key: 'parent',
    value: parent,
    condition: `the parent of group ${group.name} were interface ${parent} instead of ${group.parent}`,
  });
}

function withFlag(group: IpvlanConfig, flag: IpvlanFlag): Change {
  return changeGroup('ipvlan', group, () => ({ flag }), {
    key: 'flag',
    value: flag,
    condition: `the flag of group ${group.name} were ${flag} instead of ${group.flag}`,
  });
}

function groupMac(group: IpvlanConfig, mac: string): Change[] {
  if (group.mac === null || group.mac === mac) return [];
  return [
    changeGroup('ipvlan', group, () => ({ mac }), {
      key: 'mac',
      value: `'${mac}'`,
      condition: `the MAC of group ${group.name} were ${mac} instead of ${group.mac}`,
    }),
  ];
}
