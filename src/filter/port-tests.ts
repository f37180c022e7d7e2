/**
 * Tests of TCP, UDP and SCTP ports: `port 80`, `udp portrange 1024-2047`.
 *
 * Over IPv4 later fragments have no ports and do not match; over IPv6 the transport header is looked for right behind
 * the fixed header only.
 */

import { inDirection } from './address-tests.ts';
import type { Qualifiers } from './ast.ts';
import { FilterError, quote } from './error.ts';
import { type Layers, network } from './layers.ts';
import type { Token } from './lex.ts';
import { IP_PROTOCOLS } from './names.ts';
import { isFirstFragment, isIpv4, isIpv6 } from './protocol-tests.ts';
import { above, all, any, atLeast, equals, load, not, shifted, type Test, type Value } from './test.ts';

const IPV4_PROTOCOL = 9;
const IPV6_NEXT = 6;
const IPV6_BYTES = 40;
const SRC = 0;
const DST = 2;
const MAX_PORT = 0xffff;

interface Ports {
  readonly first: number;
  readonly last: number;
}

export function hasPort(layers: Layers, qualifiers: Qualifiers, id: Token): Test {
  const ports = qualifiers.kind === 'port' ? onePort(id) : portRange(id);
  const protocols = qualifiers.protocol === '' ? ['tcp', 'udp', 'sctp'] : [qualifiers.protocol];
  if (qualifiers.protocol !== '' && !['tcp', 'udp', 'sctp'].includes(qualifiers.protocol)) {
    throw new FilterError(
      id.column,
      `"${qualifiers.protocol}" has no ports; valid are tcp, udp, sctp or nothing before "${qualifiers.kind}"`,
    );
  }
  const header = network(layers);
  const byIp = (protocol: string): Test => {
    const at = (bytes: number) => () => {
      const place = shifted(header, bytes);
      return within({ kind: 'load', place, size: 2, behindIpv4: header }, ports);
    };
    const isCarried = equals(load(header, IPV4_PROTOCOL, 1), IP_PROTOCOLS[protocol]!);
    return all(isCarried, isFirstFragment(layers), inDirection(qualifiers.direction, at(SRC), at(DST)));
  };
  const byIp6 = (protocol: string): Test => {
    const at = (bytes: number) => () => within(load(header, IPV6_BYTES + bytes, 2), ports);
    const isCarried = equals(load(header, IPV6_NEXT, 1), IP_PROTOCOLS[protocol]!);
    return all(isCarried, inDirection(qualifiers.direction, at(SRC), at(DST)));
  };
  return any(
    all(isIpv6(layers, id), any(...protocols.map(byIp6))),
    all(isIpv4(layers, id), any(...protocols.map(byIp))),
  );
}

function within(port: Value, { first, last }: Ports): Test {
  return first === last ? equals(port, first) : all(atLeast(port, first), not(above(port, last)));
}

function onePort(id: Token): Ports {
  if (id.kind !== 'number') throw noPort(id, `valid are 0-${MAX_PORT}; names of services are not looked up`);
  if (id.value > MAX_PORT) throw noPort(id, `valid are 0-${MAX_PORT}`);
  return { first: id.value, last: id.value };
}

function portRange(id: Token): Ports {
  if (id.kind === 'number') return onePort(id);
  const parts = /^([0-9]{1,5})-([0-9]{1,5})$/.exec(id.text);
  if (id.kind !== 'name' || parts === null) throw noPort(id, 'valid is FIRST-LAST such as 1024-2047');
  const [a, b] = [Number(parts[1]), Number(parts[2])];
  if (a > MAX_PORT || b > MAX_PORT) throw noPort(id, `valid are 0-${MAX_PORT}`);
  return { first: Math.min(a, b), last: Math.max(a, b) };
}

function noPort(id: Token, valid: string): FilterError {
  return new FilterError(id.column, `${quote(id.text)} is no port; ${valid}`);
}
