/**
 * The changes of `config` steps, as calls of the switch's control. What the switch refuses comes out as its
 * `ControlError`.
 *
 * Some of the format's words are those of Linux, and are carried out here from smaller steps of ours: a VLAN of a
 * port is one call there and two here (membership and PVID), and the default PVID of a bridge is a rule that Linux
 * applies to its ports when it changes.
 */

import type { FdbEntryKind } from '../config/types/fdb.ts';
import { addEntry, deleteEntry, fdbEntries, flush } from '../control/fdb-control.ts';
import { ControlError, type Port } from '../control/model.ts';
import { hasVid, vidsIn } from '../control/vid-set.ts';
import { type Bench, portFlags } from './bench.ts';
import type { Operation, PortFlags, VxlanSpec } from './format.ts';
import { MAX_AGE_SECONDS, MAX_LEARNED } from './read-topology.ts';

/** Carries out one change. Throws ControlError when the switch refuses it. */
export function operate(bench: Bench, { op, args }: Operation): void {
  const { control } = bench.core;
  const text = (name: string) => args[name] as string;
  switch (op) {
    case 'set_bridge':
      setBridge(bench, args);
      return;
    case 'set_port':
      if (control.port(text('port')).bridge === null) throw new ControlError(`port ${text('port')} is in no bridge`);
      control.setPort(text('port'), portFlags((args.flags ?? {}) as Partial<PortFlags>));
      setSuppression(bench, text('port'), (args.flags ?? {}) as Partial<PortFlags>);
      return;
    case 'vlan_add':
      addVlan(bench, args);
      return;
    case 'vlan_del':
      deleteVlan(bench, text('port'), args.vid as number);
      return;
    case 'fdb_add':
    case 'fdb_replace':
      addFdb(bench, args, op === 'fdb_replace');
      return;
    case 'fdb_del':
      deleteFdb(bench, args);
      return;
    case 'fdb_flush':
      flushFdb(bench, args);
      return;
    case 'topology_change':
      flush(control, { bridge: text('bridge') });
      return;
    case 'port_down':
    case 'port_up':
      control.setLink(text('port'), op === 'port_up');
      return;
    case 'port_leave':
      control.movePort(text('port'), null);
      return;
    case 'port_join':
      if (!bench.ports.has(text('port'))) throw new ControlError(`no port ${text('port')}`);
      control.bridge(text('bridge'));
      bench.join(text('port'), text('bridge'));
      return;
    case 'port_delete':
      bench.removePort(text('port'));
      return;
    case 'neigh_add':
    case 'neigh_del': {
      if (bench.vxlan === null) throw new ControlError('there is no VXLAN port to answer for a neighbor');
      const mac = op === 'neigh_add' ? text('mac') : null;
      bench.vxlan.setNeighbor(text('bridge'), (args.vlan as number | undefined) ?? null, text('ip'), mac);
      return;
    }
    case 'vxlan_fdb_add':
    case 'vxlan_fdb_append':
    case 'vxlan_fdb_del':
    case 'vxlan_set':
      changeVxlan(bench, op, args);
      return;
    default:
      throw new Error(`${op} is not carried out`);
  }
}

// ---- bridges

function setBridge(bench: Bench, args: Record<string, unknown>): void {
  const { control } = bench.core;
  const { name } = control.bridge(args.bridge as string);
  const spec = bench.bridges.get(name)!;
  const { default_pvid: pvid, ageing_s: age, fdb_max_learned: limit, fdb_overflow: overflow } = args;
  inRange('default_pvid', pvid, 0, 4094);
  inRange('ageing_s', age, 0, MAX_AGE_SECONDS);
  inRange('fdb_max_learned', limit, 0, MAX_LEARNED);
  if (args.learning !== undefined) control.setBridge(name, { learning: args.learning as boolean });
  if (args.unknown_unicast_flood !== undefined) {
    control.setBridge(name, { unknownUnicastFlood: args.unknown_unicast_flood as boolean });
  }
  if (args.broadcast_flood !== undefined) control.setBridge(name, { broadcastFlood: args.broadcast_flood as boolean });
  if (age !== undefined) spec.ageSeconds = age as number;
  if (limit !== undefined) spec.fdbMaxLearned = limit as number;
  if (overflow !== undefined) spec.overflow = overflow as 'fair' | 'refuse';
  if (age !== undefined || limit !== undefined || overflow !== undefined) bench.writeFdbSettings(name);
  if (pvid !== undefined) setDefaultPvid(bench, name, pvid as number);
}

function inRange(name: string, value: unknown, least: number, most: number): void {
  if (value === undefined || ((value as number) >= least && (value as number) <= most)) return;
  throw new ControlError(`${name} ${value} is not in ${least}-${most}`);
}

/** Every port that still has the old default as its untagged PVID gets the new one instead; others are left alone. */
function setDefaultPvid(bench: Bench, name: string, vid: number): void {
  const { control } = bench.core;
  const spec = bench.bridges.get(name)!;
  const old = spec.defaultPvid;
  spec.defaultPvid = vid;
  if (old === vid || spec.type === 'unaware') return;
  for (const port of control.portsOf(control.bridge(name))) {
    if (port.settings.mode === 'dot1q-tunnel') continue;
    if (old !== 0 && !(port.settings.pvid === old && hasVid(port.members.untagged, old))) continue;
    if (vid !== 0) {
      if (port.members.has(vid)) continue;
      control.setMember(port.name, vid, true);
      control.setPvid(port.name, vid);
    }
    if (old !== 0) control.removeMember(port.name, old);
  }
}

// ---- VLANs of ports

function addVlan(bench: Bench, args: Record<string, unknown>): void {
  const { control } = bench.core;
  const name = args.port as string;
  const vid = args.vid as number;
  if (control.bridges.has(name)) {
    control.addVlan(name, vid);
    return;
  }
  control.setMember(name, vid, args.untagged === true);
  if (args.pvid === true) control.setPvid(name, vid);
  else if (control.port(name).settings.pvid === vid) control.setPvid(name, null);
}

/** A VLAN that the port is not in is no error: what was asked for is so. */
function deleteVlan(bench: Bench, name: string, vid: number): void {
  const { control } = bench.core;
  const bridge = control.bridges.get(name);
  if (bridge !== undefined) {
    const used = control.portsOf(bridge).some((port) => port.members.has(vid));
    if (bridge.vlans.has(vid) && !used) control.removeVlan(name, vid);
    return;
  }
  const port = control.port(name);
  if (port.bridge === null) throw new ControlError(`port ${name} is in no bridge`);
  if (port.members.has(vid)) control.removeMember(name, vid);
}

// ---- FDB

function addFdb(bench: Bench, args: Record<string, unknown>, replace: boolean): void {
  const { control } = bench.core;
  const { name: bridge } = control.bridge(args.bridge as string);
  const kind = kindOf(args);
  // The bridge's own name as port: an address of the switch itself.
  const own = args.port === undefined || control.bridges.has(args.port as string);
  const port = own ? null : control.port(args.port as string);
  // Such an entry is of no VLAN: no frame of a VLAN-aware bridge ever finds it, and there is nothing to write.
  if (args.only_vlan_0 === true && bench.bridges.get(bridge)!.type !== 'unaware') return;
  const vids = vidsOf(bench, bridge, port, args.vlan as number | undefined);
  const mac = args.mac as string;
  const held = fdbEntries(control, bridge).find((e) => e.mac === mac && e.kind !== 'dynamic' && vids.includes(e.vid));
  if (held !== undefined && !replace) throw new ControlError(`${mac} has a ${held.kind} entry already`);
  for (const vid of vids) addEntry(control, { bridge, vid, mac, port: port?.name ?? null, kind }, true);
}

function kindOf(args: Record<string, unknown>): FdbEntryKind {
  const kind = (args.kind ?? 'static') as string;
  if (kind === 'extern_learn') return 'external';
  return kind === 'static' && args.sticky === true ? 'sticky' : (kind as FdbEntryKind);
}

/** Without a VLAN, an entry is for every VLAN of its port; an unaware bridge has none. */
function vidsOf(bench: Bench, bridge: string, port: Port | null, vid: number | undefined): (number | null)[] {
  if (bench.bridges.get(bridge)!.type === 'unaware') return [null];
  if (vid !== undefined) return [vid];
  const vids = port === null ? [...bench.core.control.bridge(bridge).vlans.keys()] : [...vidsIn(port.members.vids)];
  if (vids.length === 0) throw new ControlError(`an entry of bridge ${bridge} needs a VLAN`);
  return vids;
}

function deleteFdb(bench: Bench, args: Record<string, unknown>): void {
  const { control } = bench.core;
  const { name: bridge } = control.bridge(args.bridge as string);
  const aware = bench.bridges.get(bridge)!.type !== 'unaware';
  const { mac, port, vlan } = args;
  const found = fdbEntries(control, bridge).filter(
    (entry) =>
      entry.mac === mac &&
      (port === undefined || (entry.port ?? bridge) === port) &&
      (vlan === undefined || !aware || entry.vid === vlan),
  );
  const where = `${port === undefined ? '' : ` on ${port}`}${vlan === undefined ? '' : ` in VLAN ${vlan}`}`;
  if (found.length === 0) throw new ControlError(`bridge ${bridge} has no entry ${mac}${where}`);
  for (const entry of found) deleteEntry(control, bridge, entry.vid, entry.mac);
}

function flushFdb(bench: Bench, args: Record<string, unknown>): void {
  const { control } = bench.core;
  const { bridge, port, vlan } = args as { bridge?: string; port?: string; vlan?: number };
  if (bridge !== undefined) control.bridge(bridge);
  if (port !== undefined) {
    const there = control.port(port).bridge?.name;
    if (bridge !== undefined && there !== bridge) throw new ControlError(`port ${port} is not in bridge ${bridge}`);
  }
  flush(control, {
    ...(bridge === undefined ? {} : { bridge }),
    ...(port === undefined ? {} : { port }),
    ...(vlan === undefined ? {} : { vid: vlan }),
  });
}

// ---- VXLAN

function setSuppression(bench: Bench, port: string, { suppress }: Partial<PortFlags>): void {
  if (suppress === undefined || (!suppress && bench.ports.get(port)?.vxlan === null)) return;
  if (bench.vxlan === null) throw new ControlError(`port ${port} is no VXLAN port`);
  bench.vxlan.set(port, { suppress });
}

function changeVxlan(bench: Bench, op: string, args: Record<string, unknown>): void {
  const { vxlan } = bench;
  const port = args.port as string;
  const mac = args.mac as string;
  const remote = args.remote as string | undefined;
  if (vxlan === null) throw new ControlError('there is no underlay');
  if (op === 'vxlan_set') vxlan.set(port, (args.settings ?? {}) as Partial<VxlanSpec>);
  else if (op === 'vxlan_fdb_del') vxlan.remove(port, mac, remote ?? null);
  else if (op === 'vxlan_fdb_append') vxlan.append(port, mac, remote!);
  else vxlan.add(port, mac, remote!, args.kind === 'extern_learn' ? 'external' : 'static');
}

/** Everything that a refused change must leave alone. */
export function snapshot(bench: Bench): string {
  const { control } = bench.core;
  return JSON.stringify([
    [...control.bridges.values()].map((b) => [b.name, b.settings, [...b.vlans.keys()].sort((x, y) => x - y)]),
    [...control.ports.values()].map((p) => [
      p.name,
      p.bridge?.name,
      p.up,
      p.settings,
      [...p.members.vids],
      [...p.members.untagged],
    ]),
    fdbEntries(control),
    [...bench.bridges.values()],
    bench.vxlan?.snapshot() ?? null,
  ]);
}
