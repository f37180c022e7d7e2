/**
 * A world is what one frame can be tried in: a data plane of its own, and the names of what is in it.
 *
 * It comes from a configuration, or is copied from a running switch out of shared memory, which does not ask the
 * forwarding thread. Whatever a trace does to it, learning above all, happens nowhere else.
 */

import type { Directory, DirectoryPort, DirectoryVlan } from '../api/directory.ts';
import { type ReadableSwitch, StableReads } from '../api/reader.ts';
import { noSuch } from '../config/error.ts';
import type { SwitchConfig } from '../config/types.ts';
import { type ArenaSize, arenaBytes, createArena } from '../dataplane/arena.ts';
import { createEgress } from '../dataplane/batch.ts';
import { createCounters } from '../dataplane/counters.ts';
import type { Dataplane } from '../dataplane/dataplane.ts';
import { createDropSamples } from '../dataplane/samples.ts';
import { createUnderlay } from '../dataplane/vxlan/underlay.ts';
import { configure, SwitchCore, sizeFor } from '../runtime/core.ts';
import { ownDirectory } from '../runtime/directory-of.ts';
import { findEntry } from '../tables/fdb/entries.ts';
import { keyHigh, probe, startSlot } from '../tables/fdb/fdb.ts';
import { learnSource } from '../tables/fdb/learn.ts';
import { createGate } from '../tables/gate.ts';
import { VIDS_PER_BRIDGE } from '../tables/vlan-table.ts';
import { formatMac, parseMac } from '../wire/ethernet.ts';
import { copyTables } from './copy-tables.ts';
import { TraceError } from './error.ts';

export interface World {
  readonly dp: Dataplane;
  readonly directory: Directory;
  readonly nowMs: number;
}

/** An address that the switch is to know before the frame comes. */
export interface Learned {
  mac: string;
  port: string;
  /** The port's PVID when left out. */
  vid?: number | undefined;
}

/** An entry of the FDB by name. */
export interface EntryView {
  mac: string;
  /** Null on a VLAN-unaware bridge. */
  vid: number | null;
  port: string | null;
  kind: string;
  ageSeconds: number;
}

/** One frame at a time, of whatever size, and a copy with other tags. */
const ARENA: ArenaSize = { smallSlots: 2, largeSlots: 2 };

/** The switch of a configuration, with every link up but those of `down`. Throws ControlError where it does not fit the tables. */
export function worldOf(config: SwitchConfig, down: readonly string[] = []): World {
  const core = new SwitchCore({
    ...sizeFor(config),
    // It will not grow.
    fids: config.bridges.reduce((sum, bridge) => sum + bridge.vlans.length + 1, 2),
    ...ARENA,
    arenaMemory: new ArrayBuffer(arenaBytes(ARENA)),
    batch: 1,
    nowMs: () => 0,
  });
  configure(core, config);
  for (const { name } of config.ports) if (!down.includes(name)) core.control.setLink(name, true);
  return { dp: core.dp, directory: ownDirectory(core.control, config), nowMs: 0 };
}

/** A running switch as it is now. */
export function copyWorld({ tables, directory }: ReadableSwitch, nowMs: number): World {
  const stable = new StableReads(tables.gate);
  const { counters, countersOf: _counters, samples: _samples, samplesOf: _all, gate: _gate, ...rest } = tables;
  const countersOf = createCounters(counters.ports, counters.fids);
  const samplesOf = createDropSamples();
  const copy = copyTables(rest, stable);
  const dp: Dataplane = {
    ...copy,
    // Nobody else writes these tables.
    fdb: { ...copy.fdb, gate: null },
    vxlan: { ...copy.vxlan, fdb: { ...copy.vxlan.fdb, gate: null } },
    gate: createGate(1),
    counters: countersOf[0],
    countersOf,
    samples: samplesOf[0],
    samplesOf,
    arena: createArena(ARENA, new ArrayBuffer(arenaBytes(ARENA))),
    egress: createEgress(tables.ports.capacity, 1),
    underlay: createUnderlay(),
    newPeer: () => -1,
  };
  return { dp, directory, nowMs: nowMs | 0 };
}

export function portNamed(world: World, name: string): DirectoryPort {
  const port = world.directory.ports.find((each) => each.name === name);
  if (port !== undefined) return port;
  const names = world.directory.ports.filter((each) => !isInterface(world, each)).map((each) => each.name);
  throw new TraceError(noSuch('port', name, names));
}

/** The port that a frame comes in by: nothing is plugged into an interface of the router. */
export function receiverNamed(world: World, name: string): DirectoryPort {
  const port = portNamed(world, name);
  if (!isInterface(world, port)) return port;
  throw new TraceError(
    `${name} is an interface of the router, where no frame comes in from outside; name the port of the sender`,
  );
}

function isInterface({ directory }: World, { index }: DirectoryPort): boolean {
  return directory.interfaces.some((each) => each.port === index);
}

/** Of a port, or of the interface whose frames come from that number. */
export function portName({ directory }: World, index: number): string | null {
  const port = directory.ports.find((each) => each.index === index);
  return port?.name ?? directory.interfaces.find((each) => each.port === index)?.config.name ?? null;
}

/** The bridge that frames of this port come into. */
export function bridgeOf({ directory }: World, index: number): string | null {
  const port = directory.ports.find((each) => each.index === index);
  return port?.bridge ?? directory.interfaces.find((each) => each.port === index)?.config.bridge ?? null;
}

export function vlanOf(world: World, fid: number): DirectoryVlan | null {
  return world.directory.vlans.find((vlan) => vlan.fid === fid) ?? null;
}

/** `VLAN 10 (red)`, with the bridge where there are several. */
export function vlanText(world: World, fid: number): string {
  const vlan = vlanOf(world, fid);
  if (vlan === null) return `VLAN ${world.dp.vlans.vid[fid] % VIDS_PER_BRIDGE}`;
  const bridge = world.directory.bridges.length > 1 ? ` of bridge ${vlan.bridge}` : '';
  if (vlan.vid === null) return `bridge ${vlan.bridge}`;
  return `VLAN ${vlan.vid}${vlan.name === `vlan${vlan.vid}` ? '' : ` (${vlan.name})`}${bridge}`;
}

/** What the FDB says about an address now, or null. */
export function entryOf(world: World, fid: number, macHigh: number, macLow: number): EntryView | null {
  const key = world.dp.vlans.fdbFid[fid];
  const row = findEntry(world.dp.fdb, key, macHigh, macLow, world.nowMs);
  if (row === null) return null;
  return {
    mac: formatMac(macHigh, macLow),
    vid: vlanOf(world, key)?.vid ?? null,
    port: row.port < 0 ? null : portName(world, row.port),
    kind: row.kind,
    ageSeconds: row.idleMs / 1000,
  };
}

/** Makes the switch know an address as if a frame had come from it. */
export function learnBefore(world: World, { mac, port: name, vid }: Learned): void {
  const { fdb } = world.dp;
  const port = portNamed(world, name);
  const address = parseMac(mac);
  if (address === null) throw new TraceError(`"${mac}" is not a MAC address`);
  const unaware = port.mode === 'unaware';
  const wanted = unaware ? null : (vid ?? port.pvid);
  const vlan = world.directory.vlans.find((each) => each.bridge === port.bridge && each.vid === wanted);
  if (vlan === undefined) throw new TraceError(`port ${name} has no ${wanted === null ? 'PVID' : `VLAN ${wanted}`}`);
  const low = address.low | 0;
  const high = keyHigh(address.high, world.dp.vlans.fdbFid[vlan.fid]);
  learnSource(fdb, probe(fdb, low, high, startSlot(fdb, low, high)), low, high, port.index, world.nowMs);
}
