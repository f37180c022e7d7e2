/**
 * The configuration that stands: the model read back as the plain data that the loader makes.
 *
 * Every change goes to the model, whoever makes it, so what is read here is true, also in the middle of a plan.
 */

import type { FdbEntryConfig, FdbEntryKind } from '../../config/types/fdb.ts';
import type { InterfaceConfig } from '../../config/types/routing.ts';
import type { VxlanEntryConfig } from '../../config/types/vxlan.ts';
import type { AdapterConfig, BridgeConfig, PortConfig, SwitchConfig, VlanMembership } from '../../config/types.ts';
import type { Control } from '../control.ts';
import { fdbEntries } from '../fdb-control.ts';
import type { Bridge, Port } from '../model.ts';
import { hasVid, vidsIn } from '../vid-set.ts';
import { vxlanEntries } from '../vxlan/fdb.ts';

/** Control knows a port by its place in the tables; `adapterOf` says what it is attached to. */
export function currentConfig(
  control: Control,
  name: string,
  adapterOf: (port: string) => AdapterConfig = (port) => ({
    kind: control.vxlan.tunnels.has(port) ? 'vxlan' : 'memory',
    options: {},
  }),
): SwitchConfig {
  const bridges: BridgeConfig[] = [...control.bridges.values()].map((bridge) => ({
    name: bridge.name,
    ...bridge.settings,
    vlans: vlansOf(bridge),
  }));
  const vteps = [...control.vxlan.vteps.values()].map((vtep) => ({ name: vtep.name, ...vtep.settings }));
  const ports: PortConfig[] = [];
  for (const port of control.ports.values()) {
    if (control.router?.hasInterface(port.name)) continue;
    // In no bridge it is an uplink, also in the middle of a plan that has not come to its VTEP.
    ports.push(portConfig(control, port, adapterOf(port.name)));
  }
  const { vrfs, interfaces, routes } = control.router?.configuration() ?? { vrfs: [], interfaces: [], routes: [] };
  const fdbEntries = configuredEntries(control, interfaces);
  const { classification, poll } = control;
  const macvlan = [...control.macvlan];
  const ipvlan = [...control.ipvlan];
  const mirrors = [...control.mirrors.values()].map((mirror) => mirror.config);
  const vxlanEntries = configuredVxlanEntries(control);
  const none = { workers: 1, privileges: 'keep' as const, hashSeed: null, controlSocket: null, api: null, state: null };
  return {
    name,
    bridges,
    ports,
    fdbEntries,
    vteps,
    vxlanEntries,
    classification,
    macvlan,
    ipvlan,
    vrfs,
    interfaces,
    routes,
    mirrors,
    poll,
    ...none,
  };
}

function vlansOf(bridge: Bridge) {
  if (bridge.settings.type === 'unaware') return [];
  return [...bridge.vlans.values()]
    .map(({ vid, name, fdbMaxEntries, secondary }) => ({ vid, name, fdbMaxEntries, ...(secondary && { secondary }) }))
    .sort((a, b) => a.vid - b.vid);
}

function portConfig(control: Control, port: Port, adapter: AdapterConfig): PortConfig {
  const { vids, untagged } = port.members;
  const members: VlanMembership[] = Array.from(vidsIn(vids), (vid) => ({ vid, untagged: hasVid(untagged, vid) }));
  const tunnel = control.vxlan.tunnels.get(port.name)?.settings ?? null;
  return { name: port.name, bridge: port.bridge?.name ?? null, adapter, members, tunnel, ...port.settings };
}

/** Entries of the interfaces' own MACs are theirs. */
function configuredEntries(control: Control, interfaces: readonly InterfaceConfig[]): FdbEntryConfig[] {
  const own = new Set(interfaces.map((each) => `${each.bridge} ${each.vid} ${each.mac}`));
  const entries: FdbEntryConfig[] = [];
  for (const { bridge, vid, mac, port, kind } of fdbEntries(control)) {
    if (kind === 'dynamic' || own.has(`${bridge} ${vid} ${mac}`)) continue;
    entries.push({ bridge, vid, mac, port, kind: kind satisfies FdbEntryKind });
  }
  return entries;
}

function configuredVxlanEntries(control: Control): VxlanEntryConfig[] {
  const entries: VxlanEntryConfig[] = [];
  for (const { port, vni, mac, remotes, kind } of vxlanEntries(control)) {
    if (kind === 'static' || kind === 'external' || kind === 'blackhole')
      entries.push({ port, vni, mac, remotes, kind });
  }
  return entries;
}
