/**
 * A situation is all that decides what becomes of a frame: the configuration, which links are up, what is learned
 * about its two addresses. It is plain data that a change turns into another one, and a world is made from it by the
 * same plan and apply as everywhere.
 */

import type { ReadableSwitch } from '../api/reader.ts';
import type { SwitchConfig } from '../config/types.ts';
import { listEntries } from '../tables/fdb/entries.ts';
import { PORT_UP } from '../tables/port-table.ts';
import { formatMac } from '../wire/ethernet.ts';
import type { Learned } from './world.ts';
import { learnBefore, type World, worldOf } from './world.ts';

export interface Start {
  readonly config: SwitchConfig;
  /** Ports whose link is down. */
  readonly down: readonly string[];
  readonly learned: readonly Learned[];
}

/** On the way to another one. */
export interface Situation extends Start {
  /** The configuration before any change: places in lists are counted there. */
  readonly file: SwitchConfig;
  /** What was learned before any change. */
  readonly had: readonly Learned[];
}

/** Learned entries that a world tried out has room for: it knows two addresses, and small tables are quickly made. */
const ROOM = 64;

/** The world of a situation. Throws ControlError where the configuration contradicts itself. */
export function worldUnder({ config, down, learned }: Start): World {
  const bridges = config.bridges.map((bridge) => ({ ...bridge, fdb: { ...bridge.fdb, maxEntries: ROOM } }));
  const world = worldOf({ ...config, bridges }, down);
  for (const each of learned) if (mayKnow(world, each)) learnBefore(world, each);
  return world;
}

/** What was learned does not survive every change. */
function mayKnow({ directory }: World, { port: name, vid }: Learned): boolean {
  const port = directory.ports.find((each) => each.name === name);
  if (port === undefined) return false;
  if (port.mode === 'unaware') return true;
  const wanted = vid ?? port.pvid;
  return directory.vlans.some((vlan) => vlan.bridge === port.bridge && vlan.vid === wanted);
}

/** The situation of a running switch, as far as it concerns these addresses. `config` is what it runs. */
export function situationOf(
  { tables, directory }: ReadableSwitch,
  config: SwitchConfig,
  macs: readonly string[],
  nowMs: number,
): Start {
  const down = directory.ports.filter((port) => (tables.ports.flags[port.index] & PORT_UP) === 0);
  const names = new Map(directory.ports.map((port) => [port.index, port.name]));
  const vids = new Map(directory.vlans.map((vlan) => [vlan.fid, vlan.vid]));
  const learned: Learned[] = [];
  for (const { kind, fid, port, macHigh, macLow } of listEntries(tables.fdb, nowMs | 0)) {
    const mac = formatMac(macHigh, macLow);
    const name = names.get(port);
    const vid = vids.get(fid);
    if (kind !== 'dynamic' || name === undefined || vid === undefined || !macs.includes(mac)) continue;
    learned.push({ mac, port: name, ...(vid === null ? {} : { vid }) });
  }
  return { config, down: down.map((port) => port.name), learned };
}
