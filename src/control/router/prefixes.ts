/**
 * Prefixes of interfaces and routes, from their text to bytes, and what an interface's addresses mean to the routing table.
 */

import type { InterfaceConfig, RouteConfig } from '../../config/types/routing.ts';
import {
  ADJ_BROADCAST,
  ADJ_LOCAL,
  ADJ_RESOLVE,
  ownBit4,
  ownBit6,
  RELAY_V4,
  RELAY_V6,
} from '../../tables/router-table.ts';
import { addressBytes, masked, maskedOnes } from '../../wire/address.ts';
import { ControlError } from '../model.ts';

/** Which DHCP an interface relays, by the families of its servers: RELAY_V4, RELAY_V6. */
export function relayKinds({ dhcpRelay }: InterfaceConfig): number {
  const servers = dhcpRelay?.servers ?? [];
  return servers.reduce((kinds, server) => kinds | (server.includes(':') ? RELAY_V6 : RELAY_V4), 0);
}

export interface OwnPrefix {
  bytes: Uint8Array;
  length: number;
  kind: number;
}

/** What an interface's addresses mean: the address itself, its subnet, and in IPv4 the two that mean everybody. */
export function ownPrefixes(config: InterfaceConfig): OwnPrefix[] {
  const prefixes: OwnPrefix[] = [];
  for (const text of config.addresses) {
    const { bytes: address, length } = prefixOf(text);
    const bits = address.length * 8;
    prefixes.push({ bytes: address, length: bits, kind: ADJ_LOCAL });
    if (length === bits) continue;
    prefixes.push({ bytes: masked(address, length), length, kind: ADJ_RESOLVE });
    if (bits !== 32 || length === 31) continue;
    prefixes.push({ bytes: masked(address, length), length: bits, kind: ADJ_BROADCAST });
    prefixes.push({ bytes: maskedOnes(address, length), length: bits, kind: ADJ_BROADCAST });
  }
  return prefixes;
}

export function prefixOf(text: string): { bytes: Uint8Array; length: number } {
  const [address, length] = text.split('/');
  const bytes = addressBytes(address!);
  if (bytes === null) throw new ControlError(`${text} is not a prefix`);
  return { bytes, length: Number(length) };
}

export function routeKey(route: RouteConfig): string {
  return `${route.vrf} ${route.prefix}`;
}

export function isLinkLocal(bytes: Uint8Array): boolean {
  return bytes.length === 16 && bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
}

/** Which bit of the router table's `own` an address of an interface has. */
export function ownBit(address: string, vrf: number): number {
  const { bytes } = prefixOf(address);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const word = (at: number) => (at < bytes.length ? view.getInt32(at) : 0);
  return bytes.length === 4 ? ownBit4(vrf, word(0)) : ownBit6(vrf, word(0), word(4), word(8), word(12));
}
