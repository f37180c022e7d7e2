/**
 * Plan: the difference between two configurations as named actions (action.ts); their execution is apply.ts.
 *
 * The plan is pure: two configurations in, a list out, in an order in which every step is possible (what goes,
 * then what changes, then what comes). Opening and closing adapters is the runtime's part; here a port is its
 * place in the tables.
 */

import { NO_CLASSIFICATION } from '../../config/classify.ts';
import { POLL_PRESETS } from '../../config/poll.ts';
import type { FdbEntryConfig } from '../../config/types/fdb.ts';
import type { InterfaceConfig, RouteConfig } from '../../config/types/routing.ts';
import type { VxlanEntryConfig } from '../../config/types/vxlan.ts';
import type { BridgeConfig, MirrorConfig, PortConfig, SwitchConfig } from '../../config/types.ts';
import { compressVlans } from '../../config/vlan-range.ts';
import { bridgeSettings, portSettings } from '../model.ts';
import { routeKey } from '../router/prefixes.ts';
import type { Action } from './action.ts';
import { changesText, same } from './differences.ts';
import { entryKey, onlyEntriesDiffer, planEntries, vxlanEntryKey } from './entries.ts';

/** The actions that turn `from` (null: nothing) into `to`. */
export function plan(from: SwitchConfig | null, to: SwitchConfig): Action[] {
  if (from !== null && onlyEntriesDiffer(from, to)) return planEntries(from, to);
  const few = from === null ? null : planSettings(from, to);
  if (few !== null) return few;
  const old = {
    bridges: byName(from?.bridges ?? []),
    ports: byName(from?.ports ?? []),
    mirrors: byName(from?.mirrors ?? []),
    vteps: byName(from?.vteps ?? []),
    vxlanEntries: new Map((from?.vxlanEntries ?? []).map((e) => [vxlanEntryKey(e), e])),
    entries: new Map((from?.fdbEntries ?? []).map((e) => [entryKey(e), e])),
  };
  const bridges = byName(to.bridges);
  const entries = new Map(to.fdbEntries.map((e) => [entryKey(e), e]));
  const ports = byName(to.ports);
  const mirrors = byName(to.mirrors);
  const vteps = byName(to.vteps);
  const vxlanEntries = new Map(to.vxlanEntries.map((e) => [vxlanEntryKey(e), e]));
  const actions: Action[] = [];
  // A bridge of another type is another bridge, a port with another adapter or bridge another port.
  const keepsBridge = (b: BridgeConfig) => old.bridges.get(b.name)?.type === bridges.get(b.name)?.type;
  // A VTEP elsewhere, or on another port, is another VTEP; so are its tunnels.
  const keepsVtep = (name: string): boolean => {
    const before = old.vteps.get(name);
    const after = vteps.get(name);
    if (before === undefined || after === undefined) return false;
    const uplink = ports.get(after.uplink);
    return (
      VTEP_IDENTITY.every((key) => before[key] === after[key]) &&
      uplink !== undefined &&
      same(old.ports.get(before.uplink)?.adapter, uplink.adapter)
    );
  };
  const keepsPort = (p: PortConfig) => {
    const before = old.ports.get(p.name);
    const after = ports.get(p.name);
    if (before === undefined || after === undefined) return false;
    if (before.tunnel?.vtep !== after.tunnel?.vtep) return false;
    if (after.tunnel !== null && !keepsVtep(after.tunnel.vtep)) return false;
    const bridge = after.bridge === null ? undefined : bridges.get(after.bridge);
    return (
      before.bridge === after.bridge &&
      same(before.adapter, after.adapter) &&
      (after.bridge === null || (bridge !== undefined && keepsBridge(bridge)))
    );
  };
  const keepsVxlanEntry = (e: VxlanEntryConfig) => {
    const port = ports.get(e.port);
    return (
      same(old.vxlanEntries.get(vxlanEntryKey(e)), vxlanEntries.get(vxlanEntryKey(e))) &&
      port !== undefined &&
      keepsPort(port) &&
      // With a VNI that goes, its entries go.
      same(vniOf(old.ports.get(e.port), e.vni), vniOf(port, e.vni))
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

  if (!same(from?.poll ?? POLL_PRESETS.throughput, to.poll)) actions.push({ do: 'set-poll', poll: to.poll });
  actions.push(...routing.first);
  if (!same(from?.classification ?? NO_CLASSIFICATION, to.classification)) {
    actions.push({ do: 'set-classification', classification: to.classification });
  }
  for (const entry of old.entries.values()) if (!keepsEntry(entry)) actions.push({ do: 'remove-entry', entry });
  for (const entry of old.vxlanEntries.values()) {
    if (!keepsVxlanEntry(entry)) actions.push({ do: 'remove-vxlan-entry', entry });
  }
  const leaving = [...old.ports.values()].filter((port) => !keepsPort(port));
  for (const { name, bridge } of leaving) if (bridge !== null) actions.push({ do: 'remove-port', port: name });
  for (const { name } of old.vteps.values()) if (!keepsVtep(name)) actions.push({ do: 'remove-vtep', vtep: name });
  for (const { name, bridge } of leaving) if (bridge === null) actions.push({ do: 'remove-port', port: name });
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
      const was = vlans.get(vlan.vid);
      if (was === undefined) actions.push({ do: 'add-vlan', bridge: bridge.name, vlan });
      else if (!same(was, vlan)) {
        actions.push({ do: 'add-vlan', bridge: bridge.name, vlan, changes: changesText(was, vlan) });
      }
    }
  }
  const vidsOf = new Map(to.bridges.map((b) => [b.name, new Set(b.vlans.map((v) => v.vid))]));
  const place = (port: PortConfig) => {
    const vids = port.bridge === null ? NO_VIDS : vidsOf.get(port.bridge)!;
    if (keepsPort(port)) changePort(actions, old.ports.get(port.name)!, port, vids);
    else actions.push(addPort(port));
  };
  // Uplinks, what sits on them, and then the tunnels among the others.
  for (const port of to.ports) if (port.bridge === null) place(port);
  for (const vtep of to.vteps) {
    if (!keepsVtep(vtep.name)) actions.push({ do: 'add-vtep', vtep });
    else if (!same(old.vteps.get(vtep.name), vtep)) actions.push({ do: 'set-vtep', vtep });
  }
  for (const port of to.ports) if (port.bridge !== null) place(port);
  for (const entry of entries.values()) if (!keepsEntry(entry)) actions.push({ do: 'add-entry', entry });
  for (const entry of vxlanEntries.values()) {
    if (!keepsVxlanEntry(entry)) actions.push({ do: 'add-vxlan-entry', entry });
  }
  for (const mirror of mirrors.values()) if (!keepsMirror(mirror)) actions.push({ do: 'add-mirror', mirror });
  if (!same(from?.macvlan ?? [], to.macvlan)) actions.push({ do: 'set-macvlan', groups: to.macvlan });
  if (!same(from?.vrfs ?? [], to.vrfs)) actions.push({ do: 'set-vrfs', vrfs: to.vrfs });
  actions.push(...routing.last);
  // After the interfaces that are their parents.
  if (!same(from?.ipvlan ?? [], to.ipvlan)) actions.push({ do: 'set-ipvlan', groups: to.ipvlan });
  return actions;
}

/** Where only settings of ports differ, and all else is the very objects, as config/edited.ts leaves them; else null. */
function planSettings(from: SwitchConfig, to: SwitchConfig): Action[] | null {
  const others = (Object.keys(to) as (keyof SwitchConfig)[]).filter((key) => key !== 'ports');
  if (from.ports.length !== to.ports.length || others.some((key) => from[key] !== to[key])) return null;
  const actions: Action[] = [];
  for (const [n, after] of to.ports.entries()) {
    const before = from.ports[n]!;
    if (PORT_PLACE.some((key) => before[key] !== after[key])) return null;
    changePort(actions, before, after, NO_VIDS);
  }
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
    const before = old.interfaces.get(name);
    const after = interfaces.get(name);
    if (before === undefined || after === undefined || !keepsBridge(after.bridge)) return false;
    return same(interfaceIdentity(before), interfaceIdentity(after));
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
    const before = old.interfaces.get(each.name);
    if (before === undefined || !keepsInterface(each.name)) {
      last.push({ do: 'add-interface', interface: each });
      continue;
    }
    const changes = changesText(before, each);
    if (changes !== '') last.push({ do: 'set-interface', interface: each, changes });
  }
  for (const route of routes.values()) if (!keepsRoute(route)) last.push({ do: 'add-route', route });
  return { first, last };
}

/** With another of these it is another interface, which knows no neighbors. */
function interfaceIdentity({ mtu, proxyArp, redirects, ...identity }: InterfaceConfig) {
  return identity;
}

/** With another of these it is another VTEP. */
const VTEP_IDENTITY = ['underlay', 'uplink', 'local', 'vlan', 'udpPort'] as const;
const PORT_PLACE = ['name', 'bridge', 'adapter', 'members', 'pvid', 'tunnel'] as const;
const NO_VIDS: ReadonlySet<number> = new Set();

function vniOf(port: PortConfig | undefined, vni: number) {
  return port?.tunnel?.vnis.find((each) => each.vni === vni);
}

function addPort({ members, ...port }: PortConfig): Action {
  const setOf = (untagged: boolean) => setText(members.filter((m) => m.untagged === untagged).map((m) => m.vid));
  return { do: 'add-port', port, tagged: setOf(false), untagged: setOf(true) };
}

function setText(vids: number[]): string {
  return compressVlans(vids.sort((a, b) => a - b));
}

/** `vids` are the VLANs that the port's bridge will have. */
function changePort(actions: Action[], before: PortConfig, after: PortConfig, vids: ReadonlySet<number>): void {
  // As config/edited.ts leaves it.
  if (before === after) return;
  const port = after.name;
  const had = new Map(before.members.map((m) => [m.vid, m.untagged]));
  const has = new Map(after.members.map((m) => [m.vid, m.untagged]));
  const goes = [...had.keys()].filter((vid) => !has.has(vid));
  // A VLAN that goes takes its memberships along.
  const left = goes.filter((vid) => vids.has(vid));
  if (left.length > 0) actions.push({ do: 'remove-member', port, vids: setText(left) });
  for (const untagged of [false, true]) {
    const comes = [...has].filter(([vid, shape]) => shape === untagged && had.get(vid) !== untagged);
    if (comes.length > 0) actions.push({ do: 'set-member', port, vids: setText(comes.map(([vid]) => vid)), untagged });
  }
  // With a membership goes the PVID, which the port may have without one: it is set again below.
  const loses = after.pvid !== null && goes.includes(after.pvid);
  const settings = portSettings(after);
  const changes = changesText(portSettings(before), settings);
  if (changes !== '') actions.push({ do: 'set-port', port, settings, changes });
  if (loses || before.pvid !== after.pvid) actions.push({ do: 'set-pvid', port, pvid: after.pvid });
  if (after.tunnel !== null && !same(before.tunnel, after.tunnel)) {
    actions.push({ do: 'set-tunnel', port, tunnel: after.tunnel });
  }
}

function byName<T extends { name: string }>(items: readonly T[]): Map<string, T> {
  return new Map(items.map((item) => [item.name, item]));
}
