/** Tests of what a packet carries: `tcp`, `ip proto 6`, `isis`, `ip6 protochain 51`. */

import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../wire/ethernet.ts';
import { FilterError, quote } from './error.ts';
import { type Layers, network } from './layers.ts';
import type { Token } from './lex.ts';
import { linkType } from './link-tests.ts';
import { ETHER_TYPES, IP_PROTOCOLS, ISO_PROTOCOLS } from './names.ts';
import { all, any, equals, load, masked, type Test } from './test.ts';

const FRAGMENT = 44;
const IPV4_PROTOCOL = 9;
const IPV4_FRAGMENT = 6;
const IPV4_FRAGMENT_OFFSET = 0x1fff;
const IPV6_NEXT = 6;
const IPV6_BYTES = 40;
/** ISO stands behind the three bytes of an LLC header (802.2 unnumbered). */
const LLC_BYTES = 3;
const ISIS_PDU_TYPE = 4;

/** Carried by IPv4, IPv6, or either. */
const IP_ONLY: ReadonlySet<string> = new Set(['icmp', 'igmp', 'igrp', 'vrrp', 'carp']);
const IP6_ONLY: ReadonlySet<string> = new Set(['icmp6']);
const EITHER: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp', 'pim', 'ah', 'esp']);

/** PDU types of IS-IS (ISO 10589): hellos on a LAN, hellos point to point, LSPs, CSNPs, PSNPs, of level 1 and 2. */
const ISIS: Readonly<Record<string, readonly number[]>> = {
  l1: [15, 17, 18, 24, 26],
  l2: [16, 17, 20, 25, 27],
  iih: [15, 16, 17],
  lsp: [18, 20],
  snp: [24, 26, 25, 27],
  csnp: [24, 25],
  psnp: [26, 27],
};

export const isIpv4 = (layers: Layers, token: Token): Test => linkType(layers, ETHERTYPE_IPV4, token);
export const isIpv6 = (layers: Layers, token: Token): Test => linkType(layers, ETHERTYPE_IPV6, token);

/** The primitive that is a protocol's name alone. */
export function isProtocol(layers: Layers, name: string, token: Token): Test {
  if (IP_ONLY.has(name)) return carriedByIpv4(layers, IP_PROTOCOLS[name]!, token);
  if (IP6_ONLY.has(name)) return carriedByIpv6(layers, IP_PROTOCOLS[name]!, token);
  if (EITHER.has(name)) return carried(layers, IP_PROTOCOLS[name]!, token);
  if (Object.hasOwn(ISO_PROTOCOLS, name)) return carriedByIso(layers, ISO_PROTOCOLS[name]!, token);
  if (Object.hasOwn(ISIS, name)) return any(...ISIS[name]!.map((type) => carriedByIsis(layers, type, token)));
  const type = ETHER_TYPES[name];
  if (type === undefined) {
    throw new FilterError(token.column, `"${name}" qualifies a primitive: "ether host MAC", "ether[0] & 1 = 0"`);
  }
  return linkType(layers, type, token);
}

export function carried(layers: Layers, protocol: number, token: Token): Test {
  return any(carriedByIpv4(layers, protocol, token), carriedByIpv6(layers, protocol, token));
}

export function carriedByIpv4(layers: Layers, protocol: number, token: Token): Test {
  return all(isIpv4(layers, token), equals(load(network(layers), IPV4_PROTOCOL, 1), protocol));
}

/** The first next header, and the one behind it where the first is a fragment's; no other chain is followed. */
export function carriedByIpv6(layers: Layers, protocol: number, token: Token): Test {
  const header = network(layers);
  const next = load(header, IPV6_NEXT, 1);
  const behindFragment = all(equals(next, FRAGMENT), equals(load(header, IPV6_BYTES, 1), protocol));
  return all(isIpv6(layers, token), any(equals(next, protocol), behindFragment));
}

function carriedByIso(layers: Layers, protocol: number, token: Token): Test {
  const isIso = linkType(layers, ETHER_TYPES.iso!, token);
  return all(isIso, equals(load(layers.payload, isoOffset(layers), 1), protocol));
}

function carriedByIsis(layers: Layers, type: number, token: Token): Test {
  const pdu = load(layers.payload, isoOffset(layers) + ISIS_PDU_TYPE, 1);
  return all(carriedByIso(layers, ISO_PROTOCOLS.isis!, token), equals(pdu, type));
}

const isoOffset = (layers: Layers): number => (layers.link === null ? 0 : LLC_BYTES + layers.labels);

/** Not a fragment, or the first one: it has the transport header. */
export function isFirstFragment(layers: Layers): Test {
  return equals(masked(load(network(layers), IPV4_FRAGMENT, 2), IPV4_FRAGMENT_OFFSET), 0);
}

/** `[PROTOCOL] proto ID` and `[PROTOCOL] protochain ID`. */
export function hasProtocol(layers: Layers, qualifier: string, kind: string, id: Token): Test {
  const { column } = id;
  if (kind === 'protochain') {
    const number = numberOf(id, IP_PROTOCOLS, 0xff);
    if (qualifier === 'ip') return chain(layers, number, 4, id);
    if (qualifier === 'ip6') return chain(layers, number, 6, id);
    if (qualifier === '') return any(chain(layers, number, 4, id), chain(layers, number, 6, id));
    throw new FilterError(column, `"${qualifier}" carries no chain; valid are ip, ip6 or nothing before "protochain"`);
  }
  switch (qualifier) {
    case '':
      return carried(layers, numberOf(id, IP_PROTOCOLS, 0xff), id);
    case 'ip':
      return carriedByIpv4(layers, numberOf(id, IP_PROTOCOLS, 0xff), id);
    case 'ip6':
      return carriedByIpv6(layers, numberOf(id, IP_PROTOCOLS, 0xff), id);
    case 'ether':
      return linkType(layers, numberOf(id, ETHER_TYPES, 0xffff), id);
    case 'iso':
      return carriedByIso(layers, numberOf(id, ISO_PROTOCOLS, 0xff), id);
    case 'isis':
      return carriedByIsis(layers, numberOf(id, {}, 0xff), id);
    default:
      throw new FilterError(
        column,
        `"${qualifier}" has no "proto"; valid are ether, ip, ip6, iso, isis or nothing before it`,
      );
  }
}

function chain(layers: Layers, protocol: number, version: 4 | 6, token: Token): Test {
  const isIp = version === 4 ? isIpv4(layers, token) : isIpv6(layers, token);
  return all(isIp, { kind: 'chain', version, place: network(layers), protocol });
}

function numberOf(id: Token, names: Readonly<Record<string, number>>, most: number): number {
  if (id.kind === 'number') {
    if (id.value <= most) return id.value;
    throw new FilterError(id.column, `${id.text} is no protocol; valid are 0-${most}`);
  }
  if (Object.hasOwn(names, id.text)) return names[id.text]!;
  const known = Object.keys(names).join(', ');
  throw new FilterError(id.column, `${quote(id.text)} is no protocol here; valid are a number${known && `, ${known}`}`);
}
