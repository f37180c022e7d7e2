/** What might be changed where a macvlan group keeps a frame from a port. */

import type { MacvlanChild, MacvlanConfig, MacvlanMode } from '../../config/types/groups.ts';
import type { PortConfig } from '../../config/types.ts';
import type { Frame } from '../frame-fields.ts';
import type { Situation } from '../situation.ts';
import type { Change } from './change.ts';
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

/** `port` is where the frame came in. */
export function macvlanChanges(s: Situation, port: PortConfig, frame: Frame, target: PortConfig | undefined): Change[] {
  const groups = s.config.macvlan.filter((group) => isIn(group, port.name));
  const changes = vlanChanges(s, 'macvlan', port, frame.tagVid, target);
  for (const group of groups) {
    const sender = childOf(group, port.name);
    changes.push(...accessChanges('macvlan', group, port, target));
    for (const child of wanted(group, target)) {
      if (child.port === port.name) continue;
      if (isStation(frame.dst)) changes.push(...ownChanges('macvlan', group, child, frame.dst));
      if (sender !== undefined) changes.push(...bridging(group, sender), ...bridging(group, child));
      if (child.mode === 'source') changes.push(...listening(group, child, frame.src), ...bridging(group, child));
    }
    if (target === undefined) continue;
    if (group.host?.port === target.name && isStation(frame.dst)) changes.push(...hostMac(group, frame.dst));
    if (group.parent === target.name && sender?.mode === 'bridge') changes.push(inMode(group, sender, 'vepa'));
    if (isStation(frame.dst)) changes.push(...joinChanges(s, 'macvlan', group, target, frame.dst));
  }
  return changes;
}

function bridging(group: MacvlanConfig, child: MacvlanChild): Change[] {
  if (child.mode === 'bridge' || child.macs.length === 0) return [];
  return [inMode(group, child, 'bridge')];
}

function inMode(group: MacvlanConfig, { port, mode }: MacvlanChild, to: MacvlanMode): Change {
  return changeGroup('macvlan', group, (g) => patchChild(g, port, () => ({ mode: to, sources: [] })), {
    key: `children.${port}.mode`,
    value: to,
    condition: `${port} were in mode ${to} instead of ${mode}`,
  });
}

function listening(group: MacvlanConfig, { port, sources }: MacvlanChild, mac: string): Change[] {
  if (sources.includes(mac) || !isStation(mac)) return [];
  const all = [...sources, mac];
  return [
    changeGroup('macvlan', group, (g) => patchChild(g, port, () => ({ sources: all })), {
      key: `children.${port}.sources`,
      value: `[${all.map((each) => `'${each}'`).join(', ')}]`,
      condition: `${mac} were among the sources of ${port}`,
    }),
  ];
}

function hostMac(group: MacvlanConfig, mac: string): Change[] {
  const { host } = group;
  if (host === null || host.mac === mac || group.children.some(({ macs }) => macs.includes(mac))) return [];
  return [
    changeGroup('macvlan', group, () => ({ host: { ...host, mac } }), {
      key: 'host.mac',
      value: `'${mac}'`,
      condition: `the MAC of host ${host.port} were ${mac} instead of ${host.mac}`,
    }),
  ];
}
