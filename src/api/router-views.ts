/**
 * What `show` shows of the router: interfaces, neighbors, routes.
 */

import type { InterfaceConfig } from '../config/types/routing.ts';
import { portLedger, sumLedger } from '../dataplane/counters.ts';
import { ADJ_FORWARD, RELAY_REFUSED, RELAY_REPLIES, RELAY_REQUESTS, RELAY_STATS } from '../tables/router-table.ts';
import { addressBytes, addressText, masked } from '../wire/address.ts';
import { formatMac } from '../wire/ethernet.ts';
import { type ReadableSwitch, StableReads } from './reader.ts';
import { Refusal } from './refusal.ts';

/** Those that interfaces are in, then those that are declared for none yet. */
function vrfNames({ interfaces, vrfs }: ReadableSwitch['directory']): string[] {
  return [...new Set([...interfaces.map(({ config }) => config.vrf), ...vrfs.map(({ name }) => name)])];
}

/** The views of one VRF; all where none is named. Throws a Refusal for a name that there is not. */
export function ofVrf<V extends { vrf: string }>({ directory }: ReadableSwitch, views: V[], vrf?: string): V[] {
  if (vrf === undefined) return views;
  const names = vrfNames(directory);
  if (names.includes(vrf)) return views.filter((view) => view.vrf === vrf);
  throw new Refusal(`there is no VRF ${JSON.stringify(vrf)}; valid are ${names.join(', ') || 'none'}`);
}

export interface InterfaceView extends InterfaceConfig {
  /** Own addresses that somebody else has: they are not used. */
  duplicates: string[];
  /** Own addresses that are used and that somebody else said he has. */
  claimed: string[];
  /** DHCP messages that were sent on; null without a relay. */
  relayed: { requests: number; replies: number; refused: number } | null;
  /** Packets that left by it: routed ones and the switch's own. */
  sent: number;
  dropped: number;
}

export function interfaceViews({ tables, directory }: ReadableSwitch): InterfaceView[] {
  const stable = new StableReads(tables.gate);
  return directory.interfaces.map(({ config, port }) => {
    const row = sumLedger(stable.each((k) => portLedger(tables.countersOf[k], port)));
    const { router } = tables;
    const iface = router.port.indexOf(port);
    const stat = (which: number) => router.relayed[iface * RELAY_STATS + which]!;
    return {
      ...config,
      duplicates: marked(config.addresses, router.duplicates[iface]),
      claimed: marked(config.addresses, router.claimed[iface]),
      relayed:
        config.dhcpRelay === null
          ? null
          : { requests: stat(RELAY_REQUESTS), replies: stat(RELAY_REPLIES), refused: stat(RELAY_REFUSED) },
      sent: row.delivered,
      dropped: row.dropped,
    };
  });
}

/** A bit for each of the first 32. */
function marked(addresses: readonly string[], bits: number): string[] {
  return addresses.filter((_, i) => i < 32 && ((bits >>> i) & 1) !== 0);
}

export interface NeighborView {
  vrf: string;
  interface: string;
  address: string;
  /** Null while it is asked for, or when it did not answer. */
  mac: string | null;
}

/** Neighbors that are known, and next hops of routes whether known or not. */
export function neighborViews({ tables, directory }: ReadableSwitch): NeighborView[] {
  const { adj, port } = tables.router;
  const byPort = new Map(directory.interfaces.map((each) => [each.port, each.config]));
  const views: NeighborView[] = [];
  for (let row = 1; row < adj.kind.length; row++) {
    const bytes = adj.addressBytes[row];
    const iface = byPort.get(port[adj.iface[row]]);
    if (bytes === 0 || iface === undefined) continue;
    const address = new Uint8Array(bytes);
    const view = new DataView(address.buffer);
    for (let at = 0; at < bytes; at += 4) view.setInt32(at, adj.address[row * 4 + at / 4]);
    const mac = adj.kind[row] === ADJ_FORWARD ? formatMac(adj.macHigh[row], adj.macLow[row]) : null;
    views.push({ vrf: iface.vrf, interface: iface.name, address: addressText(address), mac });
  }
  return views;
}

export interface VrfView {
  name: string;
  description: string | null;
  /** By name. */
  interfaces: string[];
  /** Static ones. */
  routes: number;
  /** Null: no limit of its own. */
  maxRoutes: number | null;
}

export function vrfViews({ directory }: ReadableSwitch): VrfView[] {
  return vrfNames(directory).map((name) => {
    const declared = directory.vrfs.find((each) => each.name === name);
    return {
      name,
      description: declared?.description ?? null,
      interfaces: directory.interfaces.filter(({ config }) => config.vrf === name).map(({ config }) => config.name),
      routes: directory.routes.filter(({ vrf }) => vrf === name).length,
      maxRoutes: declared?.maxRoutes ?? null,
    };
  });
}

export interface RouteView {
  vrf: string;
  prefix: string;
  /** connected, via, blackhole, unreachable or prohibited. */
  kind: string;
  via: { address: string | null; interface: string }[];
}

/** Connected subnets, then configured routes. */
export function routeViews({ directory }: ReadableSwitch): RouteView[] {
  const connected = directory.interfaces.flatMap(({ config }) =>
    config.addresses.map((text): RouteView => {
      const [address, length] = text.split('/');
      const prefix = `${addressText(masked(addressBytes(address!)!, Number(length)))}/${length}`;
      return { vrf: config.vrf, prefix, kind: 'connected', via: [{ address: null, interface: config.name }] };
    }),
  );
  return [...connected, ...directory.routes];
}
