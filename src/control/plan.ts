/**
 * Plan and apply: the difference between two configurations as named actions, then their execution.
 *
 * The plan is pure: two configurations in, a list out, in an order in which every step is possible (what goes,
 * then what changes, then what comes). Opening and closing adapters is the runtime's part; here a port is its
 * place in the tables.
 */

import type {
  BridgeConfig,
  FdbEntryConfig,
  InterfaceConfig,
  MirrorConfig,
  PortConfig,
  RouteConfig,
  SwitchConfig,
  VlanConfig,
} from '../config/types.ts';
import type { Control } from './control.ts';
import { addEntry, deleteEntry, entryKind } from './fdb-control.ts';
import { addMirror, removeMirror } from './mirror-control.ts';
import { type BridgeSettings, ControlError, type PortSettings, type RouterControl } from './model.ts';

export type Action =
  | { do: 'remove-mirror'; mirror: string }
  | { do: 'remove-entry'; entry: FdbEntryConfig }
  | { do: 'remove-port'; port: string }
  | { do: 'remove-vlan'; bridge: string; vid: number }
  | { do: 'remove-bridge'; bridge: string }
  | { do: 'add-bridge'; bridge: string; settings: BridgeSettings }
  | { do: 'set-bridge'; bridge: string; settings: BridgeSettings }
  | { do: 'add-vlan'; bridge: string; vlan: VlanConfig }
  | { do: 'add-port'; port: PortConfig }
  | { do: 'set-port'; port: string; settings: PortSettings }
  | { do: 'remove-member'; port: string; vid: number }
  | { do: 'set-member'; port: string; vid: number; untagged: boolean }
  | { do: 'set-pvid'; port: string; pvid: number | null }
  | { do: 'add-entry'; entry: FdbEntryConfig }
  | { do: 'add-mirror'; mirror: MirrorConfig }
  | { do: 'remove-route'; route: RouteConfig }
  | { do: 'remove-interface'; interface: string }
  | { do: 'add-interface'; interface: InterfaceConfig }
  | { do: 'add-route'; route: RouteConfig };

/** The actions that turn `from` (null: nothing) into `to`. */
export function plan(from: SwitchConfig | null, to: SwitchConfig): Action[] {
  const old = {
    bridges: byName(from?.bridges ?? []),
    ports: byName(from?.ports ?? []),
    mirrors: byName(from?.mirrors ?? []),
    entries: new Map((from?.fdbEntries ?? []).map((e) => [entryKey(e), e])),
  };
  const bridges = byName(to.bridges);
  const entries = new Map(to.fdbEntries.map((e) => [entryKey(e), e]));
  const ports = byName(to.ports);
  const mirrors = byName(to.mirrors);
  const actions: Action[] = [];
  // A bridge of another type is another bridge, a port with another adapter or bridge another port.
  const keepsBridge = (b: BridgeConfig) => old.bridges.get(b.name)?.type === bridges.get(b.name)?.type;
  const keepsPort = (p: PortConfig) => {
    const before = old.ports.get(p.name);
    const after = ports.get(p.name);
    if (before === undefined || after === undefined) return false;
    const bridge = bridges.get(after.bridge);
    return (
      before.bridge === after.bridge &&
      same(before.adapter, after.adapter) &&
      bridge !== undefined &&
      keepsBridge(bridge)
    );
  };
  const keepsEntry = (e: FdbEntryConfig) => {
    const bridge = bridges.get(e.bridge);
    const port = e.port === null ? null : ports.get(e.port);
    return (
      same(old.entries.get(entryKey(e)), entries.get(entryKey(e))) &&
      bridge !== undefined &&
      keepsBridge(bridge) &&
      (port === null || (port !== undefined && keepsPort(port)))
    );
  };

  const keepsMirror = (m: MirrorConfig) => same(old.mirrors.get(m.name), mirrors.get(m.name));

  for (const mirror of old.mirrors.values()) {
    if (!keepsMirror(mirror)) actions.push({ do: 'remove-mirror', mirror: mirror.name });
  }
  const routing = planRouting(from, to, (name) => {
    const bridge = bridges.get(name);
    return bridge !== undefined && keepsBridge(bridge);
  });

  actions.push(...routing.first);
  for (const entry of old.entries.values()) if (!keepsEntry(entry)) actions.push({ do: 'remove-entry', entry });
  for (const port of old.ports.values()) if (!keepsPort(port)) actions.push({ do: 'remove-port', port: port.name });
  for (const bridge of old.bridges.values()) {
    if (!keepsBridge(bridge)) {
      actions.push({ do: 'remove-bridge', bridge: bridge.name });
      continue;
    }
    const vids = new Set(bridges.get(bridge.name)?.vlans.map((v) => v.vid));
    for (const { vid } of bridge.vlans) {
      if (!vids.has(vid)) actions.push({ do: 'remove-vlan', bridge: bridge.name, vid });
    }
  }
  for (const bridge of to.bridges) {
    const before = keepsBridge(bridge) ? old.bridges.get(bridge.name) : undefined;
    const settings = bridgeSettings(bridge);
    if (before === undefined) actions.push({ do: 'add-bridge', bridge: bridge.name, settings });
    else if (!same(bridgeSettings(before), settings)) actions.push({ do: 'set-bridge', bridge: bridge.name, settings });
    const vlans = new Map(before?.vlans.map((v) => [v.vid, v]));
    for (const vlan of bridge.vlans) {
      if (!same(vlans.get(vlan.vid), vlan)) actions.push({ do: 'add-vlan', bridge: bridge.name, vlan });
    }
  }
  const vidsOf = new Map(to.bridges.map((b) => [b.name, new Set(b.vlans.map((v) => v.vid))]));
  for (const port of to.ports) {
    if (keepsPort(port)) changePort(actions, old.ports.get(port.name)!, port, vidsOf.get(port.bridge)!);
    else actions.push({ do: 'add-port', port });
  }
  for (const entry of entries.values()) if (!keepsEntry(entry)) actions.push({ do: 'add-entry', entry });
  for (const mirror of mirrors.values()) if (!keepsMirror(mirror)) actions.push({ do: 'add-mirror', mirror });
  actions.push(...routing.last);
  return actions;
}

/** Interfaces and routes: what goes before everything else, and what comes after it. A change is both. */
function planRouting(
  from: SwitchConfig | null,
  to: SwitchConfig,
  keepsBridge: (name: string) => boolean,
): { first: Action[]; last: Action[] } {
  const old = {
    interfaces: byName(from?.interfaces ?? []),
    routes: new Map((from?.routes ?? []).map((route) => [routeKey(route), route])),
  };
  const interfaces = byName(to.interfaces);
  const routes = new Map(to.routes.map((route) => [routeKey(route), route]));
  const keepsInterface = (name: string) => {
    const after = interfaces.get(name);
    return after !== undefined && same(old.interfaces.get(name), after) && keepsBridge(after.bridge);
  };
  // What leads by way of an interface goes with it.
  const keepsRoute = (route: RouteConfig) =>
    same(old.routes.get(routeKey(route)), routes.get(routeKey(route))) &&
    route.via.every((hop) => keepsInterface(hop.interface));
  const first: Action[] = [];
  const last: Action[] = [];
  for (const route of old.routes.values()) if (!keepsRoute(route)) first.push({ do: 'remove-route', route });
  for (const { name } of old.interfaces.values()) {
    if (!keepsInterface(name)) first.push({ do: 'remove-interface', interface: name });
  }
  for (const each of interfaces.values()) {
    if (!keepsInterface(each.name)) last.push({ do: 'add-interface', interface: each });
  }
  for (const route of routes.values()) if (!keepsRoute(route)) last.push({ do: 'add-route', route });
  return { first, last };
}

/** `vids` are the VLANs that the port's bridge will have. */
function changePort(actions: Action[], before: PortConfig, after: PortConfig, vids: ReadonlySet<number>): void {
  const port = after.name;
  const had = new Map(before.members.map((m) => [m.vid, m.untagged]));
  const has = new Map(after.members.map((m) => [m.vid, m.untagged]));
  // With a membership goes the PVID, which the port may have without one: it is set again below.
  let loses = false;
  for (const vid of had.keys()) {
    if (has.has(vid)) continue;
    loses ||= vid === after.pvid;
    // A VLAN that goes takes its memberships along.
    if (vids.has(vid)) actions.push({ do: 'remove-member', port, vid });
  }
  for (const [vid, untagged] of has) {
    if (had.get(vid) !== untagged) actions.push({ do: 'set-member', port, vid, untagged });
  }
  const settings = portSettings(after);
  if (!same(portSettings(before), settings)) actions.push({ do: 'set-port', port, settings });
  if (loses || before.pvid !== after.pvid) actions.push({ do: 'set-pvid', port, pvid: after.pvid });
}

/** Carries out one action. Throws ControlError when the tables have no room for it. */
export function apply(control: Control, action: Action): void {
  switch (action.do) {
    case 'remove-mirror':
      removeMirror(control, action.mirror);
      return;
    case 'remove-entry':
      removeConfigured(control, action.entry);
      return;
    case 'remove-port':
      control.removePort(action.port);
      return;
    case 'remove-vlan':
      // One that nobody listed went with its last port.
      if (control.bridge(action.bridge).vlans.has(action.vid)) control.removeVlan(action.bridge, action.vid);
      return;
    case 'remove-bridge':
      control.removeBridge(action.bridge);
      return;
    case 'add-bridge':
      control.addBridge(action.bridge, action.settings);
      return;
    case 'set-bridge':
      control.setBridge(action.bridge, action.settings);
      return;
    case 'add-vlan':
      control.addVlan(action.bridge, action.vlan.vid, action.vlan.name, action.vlan.fdbMaxEntries);
      return;
    case 'add-port': {
      const { port } = action;
      control.addPort(port.name, port.bridge, portSettings(port));
      try {
        for (const { vid, untagged } of port.members) control.setMember(port.name, vid, untagged);
      } catch (error) {
        control.removePort(port.name);
        throw error;
      }
      return;
    }
    case 'set-port':
      control.setPort(action.port, action.settings);
      return;
    case 'remove-member':
      control.removeMember(action.port, action.vid);
      return;
    case 'set-member':
      control.setMember(action.port, action.vid, action.untagged);
      return;
    case 'set-pvid':
      control.setPvid(action.port, action.pvid);
      return;
    case 'add-entry':
      addEntry(control, action.entry, true);
      return;
    case 'add-mirror':
      addMirror(control, action.mirror);
      return;
    case 'remove-route':
      routerOf(control).removeRoute(action.route);
      return;
    case 'remove-interface':
      routerOf(control).removeInterface(action.interface);
      return;
    case 'add-interface':
      routerOf(control).addInterface(action.interface);
      return;
    case 'add-route':
      routerOf(control).addRoute(action.route);
      return;
  }
}

function routerOf(control: Control): RouterControl {
  if (control.router === null) throw new ControlError('this switch has no router');
  return control.router;
}

/** Takes out a configured entry. An external one may be gone: it moves with the traffic and ages then. */
function removeConfigured(control: Control, { bridge, vid, mac }: FdbEntryConfig): void {
  const kind = entryKind(control, bridge, vid, mac);
  if (kind !== null && kind !== 'dynamic') deleteEntry(control, bridge, vid, mac);
}

/** One line for people. */
export function describe(action: Action): string {
  switch (action.do) {
    case 'add-port':
      return `add-port ${action.port.name} (${action.port.mode}, bridge ${action.port.bridge})`;
    case 'remove-entry':
    case 'add-entry':
      return `${action.do} ${action.entry.mac} vlan ${action.entry.vid ?? '-'} ${action.entry.kind}`;
    case 'add-vlan':
      return `add-vlan ${action.bridge} ${action.vlan.vid} (${action.vlan.name})`;
    case 'remove-vlan':
      return `remove-vlan ${action.bridge} ${action.vid}`;
    case 'set-member':
      return `set-member ${action.port} vlan ${action.vid} ${action.untagged ? 'untagged' : 'tagged'}`;
    case 'remove-member':
      return `remove-member ${action.port} vlan ${action.vid}`;
    case 'set-pvid':
      return `set-pvid ${action.port} ${action.pvid ?? 'none'}`;
    case 'add-mirror':
      return `add-mirror ${action.mirror.name} to ${action.mirror.output ?? `vlan ${action.mirror.outputVlan}`}`;
    case 'remove-mirror':
      return `remove-mirror ${action.mirror}`;
    case 'remove-port':
    case 'set-port':
      return `${action.do} ${action.port}`;
    case 'remove-route':
    case 'add-route':
      return `${action.do} ${action.route.prefix} ${action.route.via.map((hop) => hop.address).join(' ') || action.route.kind}`;
    case 'remove-interface':
      return `${action.do} ${action.interface}`;
    case 'add-interface':
      return `${action.do} ${action.interface.name} (${action.interface.addresses.join(', ') || 'no address'})`;
    default:
      return `${action.do} ${action.bridge}`;
  }
}

export function portSettings(port: PortConfig): PortSettings {
  const { name: _name, bridge: _bridge, adapter: _adapter, members: _members, ...settings } = port;
  return settings;
}

function bridgeSettings(bridge: BridgeConfig): BridgeSettings {
  const { name: _name, vlans: _vlans, ...settings } = bridge;
  return settings;
}

function byName<T extends { name: string }>(items: readonly T[]): Map<string, T> {
  return new Map(items.map((item) => [item.name, item]));
}

function entryKey(entry: FdbEntryConfig): string {
  return `${entry.bridge} ${entry.vid} ${entry.mac}`;
}

function routeKey(route: RouteConfig): string {
  return `${route.vrf} ${route.prefix}`;
}

/** Plain data, whatever the order of its keys: one side may be a file's, the other read back from the model. */
export function same(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every(
    (key) => Object.hasOwn(b, key) && same((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  );
}
