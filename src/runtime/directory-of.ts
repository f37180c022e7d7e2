/**
 * The names of a switch as plain data, for who reads tables on another thread: the configuration that stands, and the
 * numbers that the forwarding thread gave to its bridges, ports and mirrors. A VLAN's number is in the tables.
 */

import type { Directory, DirectoryPort, DirectoryVlan, TagRules } from '../api/directory.ts';
import type { InterfaceConfig } from '../config/types/routing.ts';
import type { BridgeConfig, PortConfig, SwitchConfig } from '../config/types.ts';
import type { Control } from '../control/control.ts';
import { UNAWARE_VID } from '../control/domains.ts';
import { portsOfGroup } from '../control/groups/group-words.ts';
import { fidAt, VIDS_PER_BRIDGE, type VlanTable } from '../tables/vlan-table.ts';

/** Of a port that leaves tags as they are. */
export const NO_RULES: TagRules = { priority: null, serviceVlans: [], translate: [] };

/** By name. Small, however many VLANs there are: it is copied from thread to thread. */
export interface Numbers {
  bridges: ReadonlyMap<string, number>;
  ports: ReadonlyMap<string, number>;
  mirrors: ReadonlyMap<string, number>;
  vteps: ReadonlyMap<string, number>;
}

export function numbersOf(control: Control): Numbers {
  const numbers = (all: ReadonlyMap<string, { index: number }>) =>
    new Map([...all].map(([name, { index }]) => [name, index]));
  return {
    bridges: numbers(control.bridges),
    ports: numbers(control.ports),
    mirrors: numbers(control.mirrors),
    vteps: new Map([...control.vxlan.vteps].map(([name, { row }]) => [name, row])),
  };
}

export function directoryOf(config: SwitchConfig, numbers: Numbers, vlans: VlanTable): Directory {
  const types = new Map(config.bridges.map(({ name, type }) => [name, type]));
  const inGroups = new Map<string, string>();
  for (const kind of ['macvlan', 'ipvlan'] as const) {
    for (const port of config[kind].flatMap(portsOfGroup)) inGroups.set(port, kind);
  }
  const modeOf = (name: string, bridge: string | null, mode: string) => {
    if (bridge === null) return inGroups.get(name) ?? 'underlay';
    return types.get(bridge) === 'unaware' ? 'unaware' : mode;
  };
  const portOf = (port: PortConfig): DirectoryPort => {
    const { name, bridge, adapter, mode, pvid, mtu, state, priority, serviceVlans, translate } = port;
    return {
      name,
      index: numbers.ports.get(name)!,
      bridge,
      adapter: adapter.kind,
      mode: modeOf(name, bridge, mode),
      pvid,
      mtu,
      state,
      priority,
      serviceVlans,
      translate,
    };
  };
  /** An interface of the router is a port that nothing is plugged into. */
  const interfacePort = ({ name, bridge, vid, mtu }: InterfaceConfig): DirectoryPort => ({
    name,
    index: numbers.ports.get(name)!,
    bridge,
    adapter: 'router',
    mode: modeOf(name, bridge, 'access'),
    pvid: vid,
    mtu,
    state: 'forwarding',
    ...NO_RULES,
  });
  let listed: DirectoryVlan[] | undefined;
  return {
    name: config.name,
    bridges: config.bridges.map(({ name, type }) => ({ name, index: numbers.bridges.get(name)!, type })),
    ports: [...config.ports.map(portOf), ...config.interfaces.map(interfacePort)],
    // When somebody asks for it: there may be as many as VLANs times ports.
    get vlans() {
      listed ??= config.bridges.flatMap((bridge) => vlansOf(bridge, config, numbers.bridges.get(bridge.name)!, vlans));
      return listed;
    },
    vrfs: config.vrfs,
    interfaces: config.interfaces.map((each) => ({ port: numbers.ports.get(each.name)!, config: each })),
    routes: config.routes,
    macvlan: config.macvlan,
    ipvlan: config.ipvlan,
    mirrors: config.mirrors.map((each) => ({ index: numbers.mirrors.get(each.name)!, config: each })),
    vteps: config.vteps.map((vtep) => ({ row: numbers.vteps.get(vtep.name)!, config: vtep })),
    tunnels: config.ports.flatMap(({ name, tunnel }) => (tunnel === null ? [] : [{ port: name, vnis: tunnel.vnis }])),
  };
}

function vlansOf(bridge: BridgeConfig, config: SwitchConfig, index: number, vlans: VlanTable): DirectoryVlan[] {
  const { name, type } = bridge;
  const base = index * VIDS_PER_BRIDGE;
  const ports = config.ports.filter((port) => port.bridge === name);
  if (type === 'unaware') {
    const members = ports.map((port) => ({ port: port.name, tagged: false }));
    return [{ fid: fidAt(vlans, base + UNAWARE_VID), bridge: name, vid: null, name, members }];
  }
  const members = new Map<number, { port: string; tagged: boolean }[]>();
  for (const { vid } of bridge.vlans) members.set(vid, []);
  for (const port of ports) {
    for (const { vid, untagged } of port.members) members.get(vid)?.push({ port: port.name, tagged: !untagged });
  }
  return bridge.vlans.map((vlan) => ({
    fid: fidAt(vlans, base + vlan.vid),
    bridge: name,
    vid: vlan.vid,
    name: vlan.name,
    ...(vlan.secondary === undefined ? {} : { secondary: vlan.secondary }),
    members: members.get(vlan.vid)!,
  }));
}

/** The same on the thread that forwards. */
export function ownDirectory(control: Control, config: SwitchConfig): Directory {
  return directoryOf(config, numbersOf(control), control.dp.vlans);
}
