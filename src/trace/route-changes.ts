/** What might be changed of the router when it does not let a packet through. */

import type { InterfaceConfig, NextHopConfig, RouteConfig, RouteKind, SwitchConfig } from '../config/types.ts';
import { addressBytes, addressText, sharePrefix } from '../wire/address.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, parseMac } from '../wire/ethernet.ts';
import { isTagType, TAG_BYTES } from '../wire/vlan.ts';
import type { Change } from './change.ts';
import type { Situation } from './situation.ts';

/** Next hops looked at. */
const FEW = 8;
const KINDS: Readonly<Record<string, RouteKind>> = {
  ROUTE_BLACKHOLE: 'blackhole',
  ROUTE_UNREACHABLE: 'unreachable',
  ROUTE_PROHIBITED: 'prohibited',
};

/** `reason` is a ROUTE_* that ended the frame. */
export function routeChanges({ config }: Situation, reason: string, frame: Buffer): Change[] {
  const packet = packetAt(frame);
  if (reason === 'ROUTE_TOO_BIG') {
    const bytes = frame.length - packet;
    return config.interfaces.filter(({ mtu }) => mtu < bytes).map((each) => longer(each, bytes));
  }
  const kind = KINDS[reason];
  const destination = destinationOf(frame, packet);
  if (reason === 'ROUTE_NO_ROUTE') return destination === null ? [] : routesTo(config, frame, destination);
  if (kind === undefined || destination === null) return [];
  return config.routes.flatMap((route, at) =>
    route.kind === kind && covers(route.prefix, destination) ? [without(route, at)] : [],
  );
}

/** Host routes by way of neighbors that are configured: only they can be tried out. */
function routesTo({ interfaces }: SwitchConfig, frame: Buffer, destination: Uint8Array): Change[] {
  const vrf = interfaceTo(interfaces, frame)?.vrf;
  const hops = interfaces
    .filter((each) => each.vrf === vrf)
    .flatMap((each) => each.neighbors.map(({ address }) => ({ address, interface: each.name })));
  const prefix = `${addressText(destination)}/${destination.length * 8}`;
  return hops
    .filter(({ address }) => addressBytes(address)?.length === destination.length)
    .slice(0, FEW)
    .map((hop) => {
      const route: RouteConfig = { vrf: vrf!, prefix, kind: 'via', via: [hop] };
      return {
        path: 'routes[]',
        value: `{ to: '${prefix}', via: '${hop.address}' }`,
        condition: `there were a route to ${prefix} via ${hop.address}`,
        cost: 2,
        make: (s) => ({ ...s, config: { ...s.config, routes: [...s.config.routes, route] } }),
      };
    });
}

/** The next hop of a packet by configuration: the longest prefix of its interface's VRF, connected or routed. */
export function nextHopOf({ interfaces, routes }: SwitchConfig, frame: Buffer): NextHopConfig | null {
  const destination = destinationOf(frame, packetAt(frame));
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
  const mac = parseMac(macAt(frame));
  return interfaces.find((each) => {
    const own = parseMac(each.mac);
    return own !== null && mac !== null && own.high === mac.high && (own.low | 0) === (mac.low | 0);
  });
}

function macAt(frame: Buffer): string {
  return frame
    .subarray(0, 6)
    .toString('hex')
    .replace(/..(?=.)/g, '$&:');
}

function without(route: RouteConfig, at: number): Change {
  return {
    path: `routes[${at}]`,
    value: null,
    condition: `there were no ${route.kind} route to ${route.prefix}`,
    cost: 1,
    make: (s) => ({ ...s, config: { ...s.config, routes: s.config.routes.filter((each) => !isSame(each, route)) } }),
  };
}

function longer({ name, mtu: was }: InterfaceConfig, mtu: number): Change {
  return {
    path: `interfaces.${name}.mtu`,
    value: String(mtu),
    condition: `the MTU of interface ${name} were ${mtu} instead of ${was}`,
    cost: 1,
    make: (s) => {
      const interfaces = s.config.interfaces.map((each) => (each.name === name ? { ...each, mtu } : each));
      return { ...s, config: { ...s.config, interfaces } };
    },
  };
}

function isSame(a: RouteConfig, b: RouteConfig): boolean {
  return a.vrf === b.vrf && a.prefix === b.prefix;
}

function covers(prefix: string, destination: Uint8Array): boolean {
  const [text, length] = prefix.split('/');
  const address = addressBytes(text);
  return address !== null && address.length === destination.length && sharePrefix(address, destination, Number(length));
}

function packetAt(frame: Buffer): number {
  let at = 12;
  while (at + TAG_BYTES + 2 <= frame.length && isTagType(frame.readUInt16BE(at))) at += TAG_BYTES;
  return at + 2;
}

function destinationOf(frame: Buffer, packet: number): Uint8Array | null {
  const type = frame.readUInt16BE(packet - 2);
  if (type === ETHERTYPE_IPV4 && frame.length >= packet + 20) return frame.subarray(packet + 16, packet + 20);
  if (type === ETHERTYPE_IPV6 && frame.length >= packet + 40) return frame.subarray(packet + 24, packet + 40);
  return null;
}
