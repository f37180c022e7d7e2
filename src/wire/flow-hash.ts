/**
 * A stable hash of the flow that a packet belongs to: addresses, protocol, and ports where the packet shows them.
 *
 * All fragments of a packet have one hash, so they stay together: a fragment is hashed by its addresses alone (the first
 * one as well, although it has ports). The hash spreads load; it protects nothing. Packets must fit.
 */
import {
  ipv4Dst,
  ipv4HeaderBytes,
  ipv4IsFragment,
  ipv4Protocol,
  ipv4Src,
  ipv4TotalBytes,
  PROTO_TCP,
  PROTO_UDP,
} from './ipv4.ts';
import { IPV6_BYTES, ipv6DstAt, ipv6FlowLabel, ipv6Next, ipv6SrcAt } from './ipv6.ts';

/** 32 bits, signed. */
export function flowHash4(view: DataView, packet: number): number {
  let hash = mix(mix(0, ipv4Src(view, packet)), ipv4Dst(view, packet));
  if (ipv4IsFragment(view, packet)) return finish(hash);
  const protocol = ipv4Protocol(view, packet);
  hash = mix(hash, protocol);
  const header = ipv4HeaderBytes(view, packet);
  if (hasPorts(protocol) && ipv4TotalBytes(view, packet) - header >= 4)
    hash = mix(hash, view.getInt32(packet + header));
  return finish(hash);
}

/** 32 bits, signed. Behind extension headers the flow label stands for the ports (RFC 6438). */
export function flowHash6(view: DataView, packet: number, end: number): number {
  let hash = 0;
  for (let at = ipv6SrcAt(packet); at < ipv6DstAt(packet) + 16; at += 4) hash = mix(hash, view.getInt32(at));
  const next = ipv6Next(view, packet);
  if (!hasPorts(next)) return finish(mix(hash, ipv6FlowLabel(view, packet)));
  hash = mix(hash, next);
  if (end - packet >= IPV6_BYTES + 4) hash = mix(hash, view.getInt32(packet + IPV6_BYTES));
  return finish(hash);
}

function hasPorts(protocol: number): boolean {
  return protocol === PROTO_TCP || protocol === PROTO_UDP;
}

/** One word of MurmurHash3. */
function mix(hash: number, word: number): number {
  const k = Math.imul(word, 0xcc9e2d51);
  const h = hash ^ Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
