/**
 * A situation is all that decides what becomes of a frame: the configuration, which links are up, what is learned
 * about its two addresses and, where it is routed, about its next hop. It is plain data that a change turns into another one, and a world is made from it by the
 * same plan and apply as everywhere.
 */

import type { ReadableSwitch } from '../api/reader.ts';
import { neighborViews } from '../api/router-views.ts';
import type { NeighborConfig } from '../config/types/routing.ts';
import type { SwitchConfig } from '../config/types.ts';
import { listEntries } from '../tables/fdb/entries.ts';
import { PORT_UP } from '../tables/port-table.ts';
import { addressText, covers } from '../wire/address.ts';
import { formatMac } from '../wire/ethernet.ts';
import { packetOf } from './frame-fields.ts';
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

/** The situation of a running switch, as far as it concerns this frame. `config` is what it runs. */
export function situationOf(readable: ReadableSwitch, config: SwitchConfig, bytes: Uint8Array, nowMs: number): Start {
  const { tables, directory } = readable;
  const hops = hopsKnown(readable, config, bytes);
  const macs = [...addressesOf(bytes), ...hops.map(({ mac }) => mac)];
  // A port that is turned off is down whatever its link.
  const off = new Set(config.ports.filter(({ enabled }) => !enabled).map(({ name }) => name));
  const down = directory.ports.filter(
    ({ index, name }) => (tables.ports.flags[index] & PORT_UP) === 0 && !off.has(name),
  );
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
  return { config: withNeighbors(config, hops), down: down.map((port) => port.name), learned };
}

function addressesOf(bytes: Uint8Array): string[] {
  if (bytes.length < 12) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return [0, 6].map((at) => formatMac(view.getUint16(at), view.getInt32(at + 2)));
}

/** A next hop that has told its MAC. */
interface Hop extends NeighborConfig {
  interface: string;
}

/** Those that a packet for this destination may have, as far as they are known. */
function hopsKnown(readable: ReadableSwitch, { routes }: SwitchConfig, bytes: Uint8Array): Hop[] {
  const destination = packetOf(Buffer.from(bytes))?.dst;
  if (destination === undefined || readable.directory.interfaces.length === 0) return [];
  const via = routes.filter(({ prefix }) => covers(prefix, destination)).flatMap((route) => route.via);
  const addresses = new Set([addressText(destination), ...via.map(({ address }) => address)]);
  return neighborViews(readable).flatMap(({ mac, address, interface: by }) =>
    mac !== null && addresses.has(address) ? [{ mac, address, interface: by }] : [],
  );
}

/** As if they were configured. */
function withNeighbors(config: SwitchConfig, hops: readonly Hop[]): SwitchConfig {
  if (hops.length === 0) return config;
  const interfaces = config.interfaces.map((each) => {
    const others = hops.filter(
      (hop) => hop.interface === each.name && each.neighbors.every((own) => own.address !== hop.address),
    );
    return { ...each, neighbors: [...each.neighbors, ...others.map(({ address, mac }) => ({ address, mac }))] };
  });
  return { ...config, interfaces };
}
