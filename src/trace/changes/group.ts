/**
 * What might be changed of macvlan and ipvlan groups: the VLAN of the group, whose an address is, who may hear whom, and whether the
 * port is one of the group at all.
 */

import { NO_VLANS } from '../../config/port-modes.ts';
import type { IpvlanConfig, MacvlanConfig } from '../../config/types/groups.ts';
import type { PortConfig } from '../../config/types.ts';
import type { Situation } from '../situation.ts';
import type { Change } from './change.ts';

export type GroupKind = 'macvlan' | 'ipvlan';
export type Group = MacvlanConfig | IpvlanConfig;
type Child = Group['children'][number];

/** What a port that leaves its bridge has no more. */
const OF_NO_BRIDGE: Partial<PortConfig> = { ...NO_VLANS, bridge: null, translate: [], priority: null };

/** Children looked at where any would do. */
const FEW = 8;

export interface Words {
  /** Behind the name of the group. */
  key: string;
  value: string | null;
  condition: string;
  cost?: number;
}

export function changeGroup<G extends Group>(
  kind: GroupKind,
  { name }: G,
  patch: (group: G) => Partial<G>,
  words: Words,
): Change {
  return {
    path: `${kind}.${name}.${words.key}`,
    value: words.value,
    condition: words.condition,
    cost: words.cost ?? 1,
    make: (s) => {
      const groups = (s.config[kind] as readonly Group[]).map((each) =>
        each.name === name ? { ...each, ...patch(each as G) } : each,
      );
      return { ...s, config: { ...s.config, [kind]: groups } };
    },
  };
}

export function patchChild<G extends Group>(
  group: G,
  port: string,
  patch: (child: Child) => Partial<Child>,
): Partial<G> {
  const children = group.children.map((child) => (child.port === port ? { ...child, ...patch(child) } : child));
  return { children } as unknown as Partial<G>;
}

export function isIn(group: Group, port: string): boolean {
  return group.parent === port || group.host?.port === port || childOf(group, port) !== undefined;
}

/** A MAC that one station may have. */
export function isStation(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0 && mac !== '00:00:00:00:00:00';
}

export function childOf<G extends Group>(group: G, port: string): G['children'][number] | undefined {
  return group.children.find((child) => child.port === port);
}

/** Children that the frame might be meant for. */
export function wanted<G extends Group>(group: G, target: PortConfig | undefined): G['children'] {
  const all = group.children as Child[];
  return (target === undefined ? all.slice(0, FEW) : all.filter(({ port }) => port === target.name)) as G['children'];
}

/** Of the parent: the group has the VLAN of the frame, where no other has it. */
export function vlanChanges(
  s: Situation,
  kind: GroupKind,
  port: PortConfig,
  vid: number | null,
  target: PortConfig | undefined,
): Change[] {
  const siblings = (s.config[kind] as readonly Group[]).filter(({ parent }) => parent === port.name);
  if (siblings.some(({ vlan }) => vlan === vid)) return [];
  const meant = siblings.filter((group) => target === undefined || isIn(group, target.name));
  const text = (vlan: number | null) => (vlan === null ? 'the untagged frames' : `VLAN ${vlan}`);
  return meant.map((group) =>
    changeGroup(kind, group, () => ({ vlan: vid }), {
      key: 'vlan',
      value: vid === null ? null : String(vid),
      condition: `group ${group.name} had ${text(vid)} of ${port.name} instead of ${text(group.vlan)}`,
    }),
  );
}

/** The address is the child's: one more, taken from whom it belongs to, or in exchange where that would have none left. */
export function ownChanges<G extends Group>(kind: GroupKind, group: G, child: Child, address: string): Change[] {
  const own = addressesOf(child);
  if (own.includes(address)) return [];
  const owner = group.children.find((each) => addressesOf(each).includes(address));
  const field = kind === 'macvlan' ? 'macs' : 'addresses';
  const text = (all: readonly string[]) => `[${all.map((each) => `'${each}'`).join(', ')}]`;
  const key = `children.${child.port}.${field}`;
  if (owner === undefined) {
    const condition = `${address} were an address of ${child.port}`;
    const more = [...own, address];
    return [
      changeGroup(kind, group, (g) => patchChild(g, child.port, () => ({ [field]: more })), {
        key,
        value: text(more),
        condition,
      }),
    ];
  }
  const left = addressesOf(owner).filter((each) => each !== address);
  const [mine, its] = left.length > 0 ? [[...own, address], left] : [addressesOf(owner), own];
  if (its.length === 0) return [];
  const exchange = left.length === 0;
  const both = `{ ${child.port}: { ${field}: ${text(mine)} }, ${owner.port}: { ${field}: ${text(its)} } }`;
  const patch = (g: G) => {
    const first = { ...g, ...patchChild(g, child.port, () => ({ [field]: mine })) };
    return patchChild(first, owner.port, () => ({ [field]: its }));
  };
  const condition = exchange
    ? `${child.port} and ${owner.port} had each other's addresses`
    : `${address} were an address of ${child.port} instead of ${owner.port}`;
  return [changeGroup(kind, group, patch, { key: 'children', value: both, condition, cost: 2 })];
}

export function accessChanges<G extends Group>(
  kind: GroupKind,
  group: G,
  port: PortConfig,
  target: PortConfig | undefined,
) {
  const { host } = group;
  if (host === null || group.hostAccess) return [];
  const between = [port.name, ...(target === undefined ? [] : [target.name])];
  const hostMeant = between.includes(host.port) || target === undefined;
  if (!hostMeant || between.includes(group.parent)) return [];
  const condition = `host and children of group ${group.name} reached each other`;
  return [
    changeGroup(kind, group, () => ({ hostAccess: true }) as Partial<G>, {
      key: 'hostAccess',
      value: 'true',
      condition,
    }),
  ];
}

/** A port of no group becomes a child with that address. */
export function joinChanges<G extends Group>(
  s: Situation,
  kind: GroupKind,
  group: G,
  port: PortConfig,
  address: string,
) {
  const everywhere = [...s.config.macvlan, ...s.config.ipvlan];
  if (port.tunnel !== null || everywhere.some((each) => isIn(each, port.name))) return [];
  if (s.config.vteps.some(({ uplink }) => uplink === port.name)) return [];
  const child =
    kind === 'macvlan'
      ? { port: port.name, mode: 'bridge', macs: [address], sources: [] }
      : { port: port.name, addresses: [address] };
  const joined = changeGroup(
    kind,
    group,
    (g) => ({ children: [...g.children.filter((each) => each.port !== port.name), child] }) as unknown as Partial<G>,
    {
      key: `children.${port.name}`,
      value: kind === 'macvlan' ? `{ macs: ['${address}'] }` : `{ addresses: ['${address}'] }`,
      condition: `${port.name} were a child of group ${group.name} with the address ${address}`,
      // The keys that say its mode and VLAN go.
      cost: 2 + (port.members.length > 0 ? 2 : 0),
    },
  );
  // It leaves its bridge for that.
  const make = (before: Situation): Situation => {
    const after = joined.make(before);
    const ports = after.config.ports.map((each) => (each.name === port.name ? { ...each, ...OF_NO_BRIDGE } : each));
    return { ...after, config: { ...after.config, ports } };
  };
  return [{ ...joined, make }];
}

function addressesOf(child: Child): string[] {
  return 'macs' in child ? child.macs : child.addresses;
}
