/**
 * Redirects: a host that sends by way of the router what it could give to the next hop itself, on its own link, is told so
 * (RFC 1812 5.2.7.2, RFC 4861 8.2). The packet has been or will be routed all the same.
 *
 * The data plane lets control see few such packets (METER_REDIRECT); a bucket for each interface bounds what is said about
 * others that come here, those whose next hop is not known yet.
 */

import { takeToken } from '../../protocols/token-bucket.ts';
import { addressBytes, sharePrefix } from '../../wire/address.ts';
import { ETHERNET_BYTES } from '../../wire/ethernet.ts';
import { icmpRedirect } from '../../wire/icmp-error.ts';
import { ipv4HeaderBytes } from '../../wire/ipv4.ts';
import {
  IPV6_ADDRESS_BYTES,
  IPV6_BYTES,
  ipv6DstAt,
  ipv6PayloadBytes,
  ipv6SrcAt,
  linkLocalAddress,
} from '../../wire/ipv6.ts';
import { redirect } from '../../wire/nd.ts';
import { bytesAt, type Interface, viewOf } from './model.ts';

export const REDIRECTS_PER_SECOND = 10;
export const REDIRECTS_AT_ONCE = 10;

/** Loose and strict source routes: such packets go as they are told to. */
const SOURCE_ROUTES = [131, 137];

/**
 * The ICMP redirect to the sender of the IPv4 packet behind the Ethernet header of `view`; null where none is due: sender and
 * next hop share no subnet of the interface, or one has been sent just now.
 */
export function redirect4(iface: Interface, view: DataView, nextHop: string, nowMs: number): Uint8Array | null {
  const ip = ETHERNET_BYTES;
  const [src, hop] = [bytesAt(view, ip + 12, 4), addressBytes(nextHop)!];
  const own = sharedSubnet(iface, src, hop);
  if (!iface.config.redirects || own === undefined || hasSourceRoute(view, ip)) return null;
  if (!takeToken(iface.redirects, nowMs)) return null;
  return icmpRedirect(view, ip, viewOf(own.bytes).getUint32(0), viewOf(hop).getUint32(0));
}

/**
 * The same for IPv6, where a redirect is no error, and so may be about one. A router is named by its link-local address, so a next hop that has another is not told of.
 */
export function redirect6(iface: Interface, view: DataView, nextHop: string, nowMs: number): Uint8Array | null {
  const ip = ETHERNET_BYTES;
  const packet = bytesAt(view, ip, IPV6_BYTES + ipv6PayloadBytes(view, ip));
  const target = addressBytes(nextHop)!;
  const src = bytesAt(view, ipv6SrcAt(ip), IPV6_ADDRESS_BYTES);
  const dst = bytesAt(view, ipv6DstAt(ip), IPV6_ADDRESS_BYTES);
  const isRouter = target[0] === 0xfe && (target[1]! & 0xc0) === 0x80;
  if (!iface.config.redirects || (!isRouter && !sharePrefix(target, dst, 128))) return null;
  if (sharedSubnet(iface, src, src) === undefined) return null;
  if (!takeToken(iface.redirects, nowMs)) return null;
  const mac = iface.neighbors.entries.get(nextHop)?.mac ?? null;
  return redirect(linkLocalAddress(iface.mac.high, iface.mac.low), target, mac, packet);
}

/** The own address in whose subnet both are. */
function sharedSubnet(iface: Interface, a: Uint8Array, b: Uint8Array) {
  return iface.neighbors.own.find(
    ({ state, bytes, length }) =>
      state === 'used' && bytes.length === a.length && sharePrefix(bytes, a, length) && sharePrefix(bytes, b, length),
  );
}

function hasSourceRoute(view: DataView, ip: number): boolean {
  const end = ip + ipv4HeaderBytes(view, ip);
  for (let at = ip + 20; at < end; ) {
    const kind = view.getUint8(at);
    if (SOURCE_ROUTES.includes(kind)) return true;
    if (kind === 0) return false;
    const bytes = kind === 1 ? 1 : at + 1 < end ? view.getUint8(at + 1) : 0;
    if (bytes === 0) return false;
    at += bytes;
  }
  return false;
}
