/** What might be changed of the router when it does not let a packet through. */

import type { InterfaceConfig, RouteConfig, RouteKind } from '../config/types.ts';
import { addressBytes, sharePrefix } from '../wire/address.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../wire/ethernet.ts';
import { isTagType, TAG_BYTES } from '../wire/vlan.ts';
import type { Change } from './change.ts';
import type { Situation } from './situation.ts';

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
  if (kind === undefined || destination === null) return [];
  return config.routes.flatMap((route, at) =>
    route.kind === kind && covers(route, destination) ? [without(route, at)] : [],
  );
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

function covers({ prefix }: RouteConfig, destination: Uint8Array): boolean {
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
