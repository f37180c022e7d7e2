/** Tests of addresses: `host`, `net`, `ether host`, `broadcast`, `multicast`. */

import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../wire/ethernet.ts';
import { parseIpv6 } from '../wire/ipv6-text.ts';
import type { Direction, Identifier, Qualifiers } from './ast.ts';
import { FilterError, quote } from './error.ts';
import { type Layers, network } from './layers.ts';
import { macOf, type Token } from './lex.ts';
import { linkType } from './link-tests.ts';
import { ETHER_TYPES } from './names.ts';
import { all, any, atLeast, equals, hasBits, load, masked, type Place, type Test } from './test.ts';

/** Where source and destination are in the network header. */
const IPV4 = { type: ETHERTYPE_IPV4, src: 12, dst: 16 };
const ARP = { type: ETHERTYPE_ARP, src: 14, dst: 24 };
const RARP = { type: ETHER_TYPES.rarp!, src: 14, dst: 24 };
const IPV6_SRC = 8;
const IPV6_DST = 24;
const MAC_SRC = 6;
const MAC_DST = 0;
const IPV4_GROUPS = 224;
const IPV6_GROUPS = 255;

export function inDirection(direction: Direction, src: () => Test, dst: () => Test): Test {
  switch (direction) {
    case 'src':
      return src();
    case 'dst':
      return dst();
    case 'both':
      return all(src(), dst());
    default:
      return any(src(), dst());
  }
}

/** `[PROTOCOL] [src|dst] [host|net] ID`. */
export function hasAddress(layers: Layers, qualifiers: Qualifiers, id: Identifier): Test {
  const { token } = id;
  if (qualifiers.protocol === 'ether') return hasMac(layers, qualifiers, token);
  switch (token.kind) {
    case 'ipv4':
    case 'number':
      return hasIpv4(layers, qualifiers, id);
    case 'ipv6':
      return hasIpv6(layers, qualifiers, id);
    case 'mac':
      throw new FilterError(token.column, `${token.text} is a MAC address; write "ether" before "host"`);
    default:
      throw new FilterError(
        token.column,
        `${quote(token.text)} is a name, and a switch has no resolver; give the address`,
      );
  }
}

function hasMac(layers: Layers, { direction, kind }: Qualifiers, token: Token): Test {
  if (kind === 'net') throw new FilterError(token.column, '"ether" has no "net"; valid is "ether host MAC"');
  if (token.kind !== 'mac') throw new FilterError(token.column, `${quote(token.text)} is no MAC address`);
  const { high, low } = macOf(token.text);
  const link = linkHeader(layers, token);
  const at = (bytes: number) => all(equals(load(link, bytes + 2, 4), low), equals(load(link, bytes, 2), high));
  return inDirection(
    direction,
    () => at(MAC_SRC),
    () => at(MAC_DST),
  );
}

function linkHeader(layers: Layers, token: Token): Place {
  if (layers.link === null) throw new FilterError(token.column, 'inside PPPoE there are no Ethernet addresses');
  return layers.link;
}

function hasIpv4(layers: Layers, { protocol, direction, kind }: Qualifiers, id: Identifier): Test {
  const { address, mask } = ipv4Range(id, kind);
  const of = ({ type, src, dst }: typeof IPV4): Test => {
    const at = (bytes: number) => () =>
      all(linkType(layers, type, id.token), equals(masked(load(network(layers), bytes, 4), mask), address));
    return inDirection(direction, at(src), at(dst));
  };
  switch (protocol) {
    case '':
      return layers.labels > 0 ? of(IPV4) : any(of(IPV4), of(ARP), of(RARP));
    case 'ip':
      return of(IPV4);
    case 'arp':
      return of(ARP);
    case 'rarp':
      return of(RARP);
    default:
      throw new FilterError(
        id.token.column,
        `"${protocol}" has no IPv4 address; valid are ip, arp, rarp or nothing before "${kind || 'host'}"`,
      );
  }
}

/** Short addresses are networks: `net 10.1` is 10.1.0.0/16, as is `host 10.1`; `net 10` is 10.0.0.0/8. */
function ipv4Range({ token, prefix, mask: maskToken }: Identifier, kind: string): { address: number; mask: number } {
  if (token.kind === 'number') {
    let address = token.value;
    let mask = 0xffffffff;
    while (kind === 'net' && address !== 0 && address <= 0xffffff) {
      address = (address << 8) >>> 0;
      mask = (mask << 8) >>> 0;
    }
    return { address, mask };
  }
  const whole = dotted(token);
  if (prefix === undefined && maskToken === undefined) return { address: whole.bits, mask: prefixMask(whole.length) };
  if (kind !== 'net') throw new FilterError(token.column, 'a mask is for "net" only');
  const mask = maskToken !== undefined ? dotted(maskToken).bits : prefixMask(prefixOf(prefix!, 32));
  if ((whole.bits & ~mask) !== 0) {
    throw new FilterError(token.column, `${token.text} has bits set outside its mask`);
  }
  return { address: whole.bits, mask };
}

function prefixMask(bits: number): number {
  return bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
}

function prefixOf(prefix: Token, most: number): number {
  if (prefix.value <= most) return prefix.value;
  throw new FilterError(prefix.column, `${prefix.text} is no prefix length; valid are 0-${most}`);
}

function dotted(token: Token): { bits: number; length: number } {
  const parts = token.text.split('.').map(Number);
  if (parts.some((part) => part > 255)) throw new FilterError(token.column, `${quote(token.text)} is no IPv4 address`);
  const bits = parts.reduce((sum, part, i) => sum + part * 2 ** (24 - 8 * i), 0);
  return { bits, length: 8 * parts.length };
}

function hasIpv6(layers: Layers, { protocol, direction, kind }: Qualifiers, { token, prefix }: Identifier): Test {
  if (protocol !== '' && protocol !== 'ip6') {
    throw new FilterError(token.column, `"${protocol}" has no IPv6 address; valid are ip6 or nothing before it`);
  }
  const bits = prefix === undefined ? 128 : prefixOf(prefix, 128);
  if (bits !== 128 && kind !== 'net') throw new FilterError(token.column, 'a prefix is for "net" only');
  const bytes = parseIpv6(token.text)!;
  const address = new DataView(bytes.buffer);
  const words = [0, 1, 2, 3].map((i) => ({
    at: 4 * i,
    value: address.getUint32(4 * i),
    mask: prefixMask(Math.min(32, Math.max(0, bits - 32 * i))),
  }));
  if (words.some(({ value, mask }) => (value & ~mask) !== 0)) {
    throw new FilterError(token.column, `${token.text} has bits set outside its prefix`);
  }
  const header = network(layers);
  const at = (start: number) => () =>
    all(
      linkType(layers, ETHERTYPE_IPV6, token),
      ...words.map((word) => equals(masked(load(header, start + word.at, 4), word.mask), word.value)),
    );
  return inDirection(direction, at(IPV6_SRC), at(IPV6_DST));
}

/** `[ether|ip|ip6] broadcast|multicast`. */
export function toGroup(layers: Layers, protocol: string, token: Token): Test {
  const broadcast = token.text === 'broadcast';
  if (protocol === '' || protocol === 'ether') {
    const link = linkHeader(layers, token);
    if (!broadcast) return hasBits(load(link, MAC_DST, 1), 1);
    return all(equals(load(link, MAC_DST + 2, 4), 0xffffffff), equals(load(link, MAC_DST, 2), 0xffff));
  }
  const header = network(layers);
  if (protocol === 'ip') {
    const isIp = linkType(layers, ETHERTYPE_IPV4, token);
    if (!broadcast) return all(isIp, atLeast(load(header, IPV4.dst, 1), IPV4_GROUPS));
    // A switch knows no netmask; like tcpdump on a file it takes all zeros and all ones.
    const dst = load(header, IPV4.dst, 4);
    return all(isIp, any(equals(dst, 0), equals(dst, 0xffffffff)));
  }
  if (protocol === 'ip6' && !broadcast) {
    return all(linkType(layers, ETHERTYPE_IPV6, token), equals(load(header, IPV6_DST, 1), IPV6_GROUPS));
  }
  throw new FilterError(
    token.column,
    `"${protocol}" has no ${token.text}; valid are ether, ip${broadcast ? '' : ', ip6'} or nothing before it`,
  );
}
