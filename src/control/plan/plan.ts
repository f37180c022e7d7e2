/**
 * Plan: the difference between two configurations as named actions (action.ts); their execution is apply.ts.
 *
 * The plan is pure: two configurations in, a list out, in an order in which every step is possible (what goes,
 * then what changes, then what comes). Opening and closing adapters is the runtime's part; here a port is its
 * place in the tables.
 */

import { changedPart } from '../../config/changed-part.ts';
import { NO_CLASSIFICATION } from '../../config/classify.ts';
import { POLL_PRESETS } from '../../config/poll.ts';
import { byName } from '../../config/remembered.ts';
import type { InterfaceConfig, RouteConfig } from '../../config/types/routing.ts';
import type { VxlanEntryConfig } from '../../config/types/vxlan.ts';
import type { BridgeConfig, MirrorConfig, PortConfig, SwitchConfig } from '../../config/types.ts';
import { compressVlans } from '../../config/vlan-range.ts';
import { bridgeSettings, portSettings } from '../model.ts';
import { routeKey } from '../router/prefixes.ts';
import type { Action } from './action.ts';
import { changesText, same } from './differences.ts';
import { changedEntries, onlyEntriesDiffer } from './entries.ts';

/** The actions that turn `from` (null: nothing) into `to`. What is the very object on both sides, as config/edited.ts leaves it, is not compared. */
export function plan(from: SwitchConfig | null, to: SwitchConfig): Action[] {
  if (from !== null && onlyEntriesDiffer(from, to)) {
    const { go, come } = changedEntries(from, to);
    return [...go, ...come];
  }
  const actions: Action[] = [];
  const old = {
    bridges: byName(from?.bridges ?? []),
    vteps: byName(from?.vteps ?? []),
    mirrors: byName(from?.mirrors ?? []),
  };
  const mirrors = byName(to.mirrors);
  // A bridge of another type is another bridge, a port with another adapter or bridge another port.
  const bridges = new Map(to.bridges.filter((b) => old.bridges.get(b.name)?.type === b.type).map((b) => [b.name, b]));
  // A VTEP elsewhere, or on another port, is another VTEP; so are its tunnels.
  const adapterOf = (config: SwitchConfig, name: string) => config.ports.find((port) => port.name === name)?.adapter;
  const vteps = new Map(
    to.vteps
      .filter((after) => {
        const before = old.vteps.get(after.name);
        if (before === undefined || VTEP_IDENTITY.some((key) => before[key] !== after[key])) return false;
        return same(adapterOf(from!, before.uplink), adapterOf(to, after.uplink));
      })
      .map((vtep) => [vtep.name, vtep]),
  );
  const stays =
    isAll(bridges, old.bridges, to.bridges.length) && isAll(vteps, old.vteps, to.vteps.length) && from !== null;
  // Other ports are the very objects, and so is what they hang on.
  const moved = stays ? changedPart(from.ports, to.ports) : { from: 0, wasEnd: undefined, isEnd: undefined };
  const portsBefore = byName(from?.ports.slice(moved.from, moved.wasEnd) ?? []);
  const portsAfter = byName(to.ports.slice(moved.from, moved.isEnd));
  const keepsPort = (name: string) => {
    const before = portsBefore.get(name);
    const after = portsAfter.get(name);
    if (before === undefined || after === undefined || before.bridge !== after.bridge) return false;
    if (before.tunnel?.vtep !== after.tunnel?.vtep || !same(before.adapter, after.adapter)) return false;
    return (
      (after.tunnel === null || vteps.has(after.tunnel.vtep)) && (after.bridge === null || bridges.has(after.bridge))
    );
  };
  const keptPorts = new Map([...portsAfter].filter(([name]) => keepsPort(name)));
  const goesOrComes = (name: string) => (portsBefore.has(name) || portsAfter.has(name)) && !keptPorts.has(name);
  const keepsVni = ({ port, vni }: VxlanEntryConfig) => {
    const after = keptPorts.get(port);
    return after === undefined || same(vniOf(portsBefore.get(port), vni), vniOf(after, vni));
  };
  const entries = changedEntries(from ?? NO_ENTRIES, to, {
    all:
      stays &&
      isAll(keptPorts, portsBefore, portsAfter.size) &&
      [...keptPorts].every(([name, { tunnel }]) => same(portsBefore.get(name)!.tunnel?.vnis, tunnel?.vnis)),
    fdb: ({ bridge, port }) => bridges.has(bridge) && (port === null || !goesOrComes(port)),
    vxlan: (entry) => !goesOrComes(entry.port) && keepsVni(entry),
  });
  const keepsMirror = (m: MirrorConfig) => same(old.mirrors.get(m.name), mirrors.get(m.name));

  for (const mirror of old.mirrors.values()) {
    if (!keepsMirror(mirror)) actions.push({ do: 'remove-mirror', mirror: mirror.name });
  }
  const routing =
    stays && from.interfaces === to.interfaces && from.routes === to.routes
      ? { first: [], last: [] }
      : planRouting(from, to, bridges);

  if (!same(from?.poll ?? POLL_PRESETS.throughput, to.poll)) actions.push({ do: 'set-poll', poll: to.poll });
  actions.push(...routing.first);
  if (!same(from?.classification ?? NO_CLASSIFICATION, to.classification)) {
    actions.push({ do: 'set-classification', classification: to.classification });
  }
  actions.push(...entries.go);
  const leaving = [...portsBefore.values()].filter(({ name }) => !keptPorts.has(name));
  for (const { name, bridge } of leaving) if (bridge !== null) actions.push({ do: 'remove-port', port: name });
  for (const name of old.vteps.keys()) if (!vteps.has(name)) actions.push({ do: 'remove-vtep', vtep: name });
  for (const { name, bridge } of leaving) if (bridge === null) actions.push({ do: 'remove-port', port: name });
  for (const before of old.bridges.values()) {
    const after = bridges.get(before.name);
    if (after === undefined) actions.push({ do: 'remove-bridge', bridge: before.name });
    if (after === undefined || after === before) continue;
    const vids = vidsOf(after);
    for (const { vid } of before.vlans) {
      if (!vids.has(vid)) actions.push({ do: 'remove-vlan', bridge: before.name, vid });
    }
  }
  for (const bridge of to.bridges) {
    const before = bridges.has(bridge.name) ? old.bridges.get(bridge.name) : undefined;
    if (before !== bridge) changeBridge(actions, before, bridge);
  }
  const place = (port: PortConfig) => {
    const before = keptPorts.has(port.name) ? portsBefore.get(port.name)! : undefined;
    if (before === undefined) actions.push(addPort(port));
    else if (before !== port)
      changePort(actions, before, port, port.bridge === null ? undefined : bridges.get(port.bridge));
  };
  // Uplinks, what sits on them, and then the tunnels among the others.
  for (const port of portsAfter.values()) if (port.bridge === null) place(port);
  for (const vtep of to.vteps) {
    if (!vteps.has(vtep.name)) actions.push({ do: 'add-vtep', vtep });
    else {
      const changes = changesText(old.vteps.get(vtep.name)!, vtep);
      if (changes !== '') actions.push({ do: 'set-vtep', vtep, changes });
    }
  }
  for (const port of portsAfter.values()) if (port.bridge !== null) place(port);
  actions.push(...entries.come);
  for (const mirror of mirrors.values()) if (!keepsMirror(mirror)) actions.push({ do: 'add-mirror', mirror });
  if (!same(from?.macvlan ?? [], to.macvlan)) actions.push({ do: 'set-macvlan', groups: to.macvlan });
  if (!same(from?.vrfs ?? [], to.vrfs)) actions.push({ do: 'set-vrfs', vrfs: to.vrfs });
  actions.push(...routing.last);
  // After the interfaces that are their parents.
  if (!same(from?.ipvlan ?? [], to.ipvlan)) actions.push({ do: 'set-ipvlan', groups: to.ipvlan });
  return actions;
}

/** What is kept is all that there was, and all that there is. */
function isAll(kept: ReadonlyMap<string, unknown>, before: ReadonlyMap<string, unknown>, after: number): boolean {
  return kept.size === before.size && kept.size === after;
}

function vidsOf({ vlans }: BridgeConfig): Set<number> {
  return new Set(vlans.map(({ vid }) => vid));
}

/** `before` is undefined where there is none of its type. */
function changeBridge(actions: Action[], before: BridgeConfig | undefined, after: BridgeConfig): void {
  const bridge = after.name;
  const settings = bridgeSettings(after);
  if (before === undefined) actions.push({ do: 'add-bridge', bridge, settings });
  else {
    const changes = changesText(bridgeSettings(before), settings);
    if (changes !== '') actions.push({ do: 'set-bridge', bridge, settings, changes });
  }
  const vlans = new Map(before?.vlans.map((v) => [v.vid, v]));
  for (const vlan of after.vlans) {
    const was = vlans.get(vlan.vid);
    if (was === undefined) actions.push({ do: 'add-vlan', bridge, vlan });
    else if (!same(was, vlan)) actions.push({ do: 'add-vlan', bridge, vlan, changes: changesText(was, vlan) });
  }
}

/** Interfaces and routes: what goes before everything else, and what comes after it. A change is both. `bridges` are those that stay. */
function planRouting(
  from: SwitchConfig | null,
  to: SwitchConfig,
  bridges: ReadonlyMap<string, unknown>,
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
    if (before === undefined || after === undefined || !bridges.has(after.bridge)) return false;
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

const NO_ENTRIES = { fdbEntries: [], vxlanEntries: [] };
/** With another of these it is another VTEP. */
const VTEP_IDENTITY = ['underlay', 'uplink', 'local', 'vlan', 'udpPort'] as const;

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

/** `bridge` is the port's, as it will be. */
function changePort(actions: Action[], before: PortConfig, after: PortConfig, bridge: BridgeConfig | undefined): void {
  const port = after.name;
  const goes = before.members === after.members ? [] : changeMembers(actions, before, after, bridge);
  // With a membership goes the PVID, which the port may have without one: it is set again below.
  const loses = after.pvid !== null && goes.includes(after.pvid);
  const settings = portSettings(after);
  const changes = changesText({ ...portSettings(before), pvid: after.pvid }, settings);
  if (changes !== '') actions.push({ do: 'set-port', port, settings, changes });
  if (loses || before.pvid !== after.pvid) actions.push({ do: 'set-pvid', port, pvid: after.pvid });
  if (after.tunnel !== null && before.tunnel !== null && !same(before.tunnel, after.tunnel)) {
    const changes = changesText(before.tunnel, after.tunnel);
    actions.push({ do: 'set-tunnel', port, tunnel: after.tunnel, changes });
  }
}

/** Returns the VLANs that the port is no member of any more. */
function changeMembers(
  actions: Action[],
  before: PortConfig,
  after: PortConfig,
  bridge: BridgeConfig | undefined,
): number[] {
  const port = after.name;
  const had = new Map(before.members.map((m) => [m.vid, m.untagged]));
  const has = new Map(after.members.map((m) => [m.vid, m.untagged]));
  const goes = [...had.keys()].filter((vid) => !has.has(vid));
  // A VLAN that goes takes its memberships along.
  const vids = goes.length === 0 || bridge === undefined ? undefined : vidsOf(bridge);
  const left = goes.filter((vid) => vids?.has(vid));
  if (left.length > 0) actions.push({ do: 'remove-member', port, vids: setText(left) });
  for (const untagged of [false, true]) {
    const comes = [...has].filter(([vid, shape]) => shape === untagged && had.get(vid) !== untagged);
    if (comes.length > 0) actions.push({ do: 'set-member', port, vids: setText(comes.map(([vid]) => vid)), untagged });
  }
  return goes;
}
