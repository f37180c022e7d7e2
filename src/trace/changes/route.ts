/** What might be changed of the router when it does not let a packet through. */

import type { InterfaceConfig, NextHopConfig, RouteConfig, RouteKind } from '../../config/types/routing.ts';
import type { PortConfig, SwitchConfig } from '../../config/types.ts';
import { addressBytes, addressText, covers } from '../../wire/address.ts';
import { parseMac } from '../../wire/ethernet.ts';
import { macAt, packetOf } from '../frame-fields.ts';
import type { Situation } from '../situation.ts';
import type { Trace } from '../types.ts';
import type { Change } from './change.ts';
import { changeInterface, tableChanges } from './interface.ts';
import { DEFAULT_VRF, missingWay } from './missing.ts';

/** Next hops looked at. */
const FEW = 8;
const KINDS: Readonly<Record<string, RouteKind>> = {
  ROUTE_BLACKHOLE: 'blackhole',
  ROUTE_UNREACHABLE: 'unreachable',
  ROUTE_PROHIBITED: 'prohibited',
};

/** `reason` is a ROUTE_* that ended the frame. */
export function routeChanges(s: Situation, reason: string, frame: Buffer, target: PortConfig | undefined): Change[] {
  const { config } = s;
  const packet = packetOf(frame);
  if (packet === null) return [];
  if (reason === 'ROUTE_TOO_BIG') {
    return config.interfaces.filter(({ mtu }) => mtu < packet.bytes).map((each) => longer(each, packet.bytes));
  }
  const by = interfaceTo(config.interfaces, frame);
  if (by === undefined) return [];
  if (reason === 'ROUTE_NO_ROUTE') {
    return [
      ...tableChanges(s, by, packet.dst),
      ...routesTo(config, by, packet.dst),
      ...missingWay(s, by, packet, target),
    ];
  }
  const kind = KINDS[reason];
  return config.routes
    .filter((route) => route.kind === kind && route.vrf === by.vrf && covers(route.prefix, packet.dst))
    .map((route) => without(s, route));
}

/** The next hop does not answer: by way of another one that is configured. */
export function nextHopChanges({ config, file }: Situation, frame: Buffer): Change[] {
  const hop = nextHopOf(config, frame);
  const route = config.routes.find(({ via }) => via.some((each) => each === hop));
  if (hop === null || route === undefined) return [];
  return neighborsIn(config, route.vrf, addressBytes(hop.address)!.length).map((via) => {
    const routes = config.routes.map((each) => (each === route ? { ...route, via: [via] } : each));
    return {
      path: `${placeOf(file, route)}.via`,
      value: via.address,
      condition: `the route to ${route.prefix} were via ${via.address} instead of ${hop.address}`,
      cost: 1,
      make: (before: Situation) => ({ ...before, config: { ...before.config, routes } }),
    };
  });
}

/** Neighbors that are configured: only they can be tried out. */
function neighborsIn({ interfaces }: SwitchConfig, vrf: string, bytes: number): NextHopConfig[] {
  return interfaces
    .filter((each) => each.vrf === vrf)
    .flatMap((each) => each.neighbors.map(({ address }) => ({ address, interface: each.name })))
    .filter(({ address }) => addressBytes(address)?.length === bytes)
    .slice(0, FEW);
}

/** Neighbors that are configured, and next hops of other routes. */
function hopsIn(config: SwitchConfig, vrf: string, bytes: number): NextHopConfig[] {
  const others = config.routes
    .filter((each) => each.vrf === vrf)
    .flatMap(({ via }) => via)
    .filter(({ address }) => addressBytes(address)?.length === bytes);
  const all = [...neighborsIn(config, vrf, bytes), ...others];
  const first = (hop: NextHopConfig) =>
    all.find((each) => each.address === hop.address && each.interface === hop.interface) === hop;
  return all.filter(first).slice(0, FEW);
}

/** One more route. */
function routesTo(config: SwitchConfig, { vrf }: InterfaceConfig, destination: Uint8Array): Change[] {
  const prefix = `${addressText(destination)}/${destination.length * 8}`;
  return hopsIn(config, vrf, destination.length).map((hop) => {
    const route: RouteConfig = { vrf, prefix, kind: 'via', via: [hop] };
    return {
      path: 'routes[]',
      value: `{ to: '${prefix}', via: '${hop.address}' }`,
      condition: `there were a route to ${prefix} via ${hop.address}`,
      cost: 2,
      make: (s) => ({ ...s, config: { ...s.config, routes: [...s.config.routes, route] } }),
    };
  });
}

/** A packet that no route fits: what would be one. Null for another frame. */
export function routeHint({ interfaces }: SwitchConfig, { reason, frame }: Trace): string | null {
  if (reason?.name !== 'ROUTE_NO_ROUTE') return null;
  const bytes = Buffer.from(frame.hex, 'hex');
  const [by, packet] = [interfaceTo(interfaces, bytes), packetOf(bytes)];
  if (by === undefined || packet === null) return null;
  const isV4 = packet.dst.length === 4;
  const near = interfaces.filter(({ vrf }) => vrf === by.vrf).flatMap(({ addresses }) => addresses);
  const subnets = near.filter((each) => each.includes(':') !== isV4).slice(0, FEW);
  const vrf = by.vrf === DEFAULT_VRF ? '' : `, vrf: ${by.vrf}`;
  return `what is not connected needs a route by way of a router that is: routes: [{ to: ${isV4 ? '0.0.0.0/0' : "'::/0'"}, via: ADDRESS${vrf} }], or a longer prefix, with an ADDRESS in the subnet of ${subnets.join(' or ')}`;
}

/** The next hop of a packet by configuration: the longest prefix of its interface's VRF, connected or routed. */
export function nextHopOf({ interfaces, routes }: SwitchConfig, frame: Buffer): NextHopConfig | null {
  const destination = packetOf(frame)?.dst ?? null;
  const vrf = interfaceTo(interfaces, frame)?.vrf;
  if (destination === null || vrf === undefined) return null;
  let longest = -1;
  let found: NextHopConfig | null = null;
  const offer = (prefix: string, hop: NextHopConfig) => {
    const length = Number(prefix.split('/')[1]);
    if (length <= longest || !covers(prefix, destination)) return;
    longest = length;
    found = hop;
  };
  for (const each of interfaces) {
    if (each.vrf !== vrf) continue;
    for (const address of each.addresses) offer(address, { address: addressText(destination), interface: each.name });
  }
  for (const { vrf: its, prefix, via } of routes) if (its === vrf && via.length > 0) offer(prefix, via[0]);
  return found;
}

/** The interface whose MAC the frame is for. */
function interfaceTo(interfaces: readonly InterfaceConfig[], frame: Buffer): InterfaceConfig | undefined {
  const mac = parseMac(macAt(frame, 0));
  return interfaces.find((each) => {
    const own = parseMac(each.mac);
    return own !== null && mac !== null && own.high === mac.high && (own.low | 0) === (mac.low | 0);
  });
}

function without(s: Situation, route: RouteConfig): Change {
  return {
    path: placeOf(s.file, route),
    value: null,
    condition: `there were no ${route.kind} route to ${route.prefix}`,
    cost: 1,
    make: (before) => {
      const routes = before.config.routes.filter((each) => !isSame(each, route));
      return { ...before, config: { ...before.config, routes } };
    },
  };
}

/** Where a route is written: in the section of routes, or in that of its VRF. */
function placeOf({ routes, vrfs }: SwitchConfig, route: RouteConfig): string {
  const index = routes.findIndex((each) => isSame(each, route));
  let first = routes.length - vrfs.reduce((sum, { ownRoutes }) => sum + ownRoutes, 0);
  for (const { name, ownRoutes } of vrfs) {
    if (index >= first && index < first + ownRoutes) return `vrfs.${name}.routes[${index - first}]`;
    first += ownRoutes;
  }
  return `routes[${index}]`;
}

function longer(by: InterfaceConfig, mtu: number): Change {
  const condition = `the MTU of interface ${by.name} were ${mtu} instead of ${by.mtu}`;
  return changeInterface(by, { mtu }, { key: 'mtu', value: String(mtu), condition });
}

function isSame(a: RouteConfig, b: RouteConfig): boolean {
  return a.vrf === b.vrf && a.prefix === b.prefix;
}
