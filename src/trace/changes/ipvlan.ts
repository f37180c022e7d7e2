/** What might be changed where an ipvlan group keeps a frame from a port. */

import { isHost, isLinkLocal } from '../../config/routing.ts';
import type { IpvlanChild, IpvlanConfig, IpvlanFlag } from '../../config/types/groups.ts';
import type { PortConfig } from '../../config/types.ts';
import { addressBytes } from '../../wire/address.ts';
import { addressedTo, type Frame } from '../frame-fields.ts';
import type { Situation } from '../situation.ts';
import { type Change, portConfig } from './change.ts';
import {
  accessChanges,
  changeGroup,
  childOf,
  isIn,
  isStation,
  joinChanges,
  ownChanges,
  patchChild,
  vlanChanges,
  wanted,
} from './group.ts';
import { isTooLong, longer, upChanges } from './port.ts';

/** `port`, where the frame came in, is one of a group. */
export function ipvlanChanges(s: Situation, port: PortConfig, frame: Frame, target: PortConfig | undefined): Change[] {
  const groups = s.config.ipvlan.filter((group) => isIn(group, port.name));
  const unicast = isStation(frame.dst);
  const address = unicast ? hostAddressOf(frame) : null;
  const changes = vlanChanges(s, 'ipvlan', port, frame.tagVid, target);
  for (const group of groups) {
    const isChild = childOf(group, port.name) !== undefined;
    changes.push(...accessChanges('ipvlan', group, port, target));
    // What leaves by the parent may be for any MAC.
    if (unicast && target?.name !== group.parent && (!isChild || target !== undefined)) {
      changes.push(...groupMac(group, frame.dst));
    }
    for (const child of wanted(group, target)) {
      if (child.port === port.name) continue;
      if (address !== null && mayOwn(s, group, address)) changes.push(...ownChanges('ipvlan', group, child, address));
      if (!unicast) changes.push(...joinGroup(group, child, frame.dst));
      if (isChild && group.flag !== 'bridge') changes.push(withFlag(group, 'bridge'));
    }
    if (target === undefined) continue;
    if (isChild && group.parent === target.name && group.flag !== 'vepa') changes.push(withFlag(group, 'vepa'));
    if (address !== null && mayOwn(s, group, address))
      changes.push(...joinChanges(s, 'ipvlan', group, target, address));
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
  const address = hostAddressOf(frame);
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
        ...(mayOwn(s, group, address) ? ownChanges('ipvlan', group, child, address) : []),
        ...upChanges(s, port),
        ...(isTooLong(port, frame) ? longer(port, frame) : []),
        ...(isElsewhere ? [withParent(group, to.name)] : []),
      ];
    });
}

/** Behind the router an address is nobody else's, nor link-local. */
function mayOwn({ config }: Situation, group: IpvlanConfig, address: string): boolean {
  if (group.mode === 'l2') return true;
  const taken =
    config.interfaces.some(({ addresses }) => addresses.some((each) => each.split('/')[0] === address)) ||
    config.ipvlan.some((each) => {
      return each !== group && each.mode !== 'l2' && each.children.some(({ addresses }) => addresses.includes(address));
    });
  return !taken && !isLinkLocal(addressBytes(address)!);
}

function withParent(group: IpvlanConfig, parent: string): Change {
  return changeGroup('ipvlan', group, () => ({ parent }), {
    key: 'parent',
    value: parent,
    condition: `the parent of group ${group.name} were interface ${parent} instead of ${group.parent}`,
  });
}

/** The address that the frame is for, where a host may have it. */
function hostAddressOf({ bytes }: Frame): string | null {
  const address = addressedTo(bytes);
  return address !== null && isHost(addressBytes(address)!) ? address : null;
}

function withFlag(group: IpvlanConfig, flag: IpvlanFlag): Change {
  return changeGroup('ipvlan', group, () => ({ flag }), {
    key: 'flag',
    value: flag,
    condition: `the flag of group ${group.name} were ${flag} instead of ${group.flag}`,
  });
}

/** The child has joined the group address too. */
function joinGroup(group: IpvlanConfig, { port, multicast }: IpvlanChild, mac: string): Change[] {
  if (multicast === undefined || multicast.includes(mac)) return [];
  const more = [...multicast, mac];
  return [
    changeGroup('ipvlan', group, (g) => patchChild(g, port, () => ({ multicast: more })), {
      key: `children.${port}.multicast`,
      value: `[${more.map((each) => `'${each}'`).join(', ')}]`,
      condition: `${port} had joined ${mac}`,
    }),
  ];
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
