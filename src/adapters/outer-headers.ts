/**
 * The outer headers of an underlay that has none of its own: a kernel socket takes and gives datagrams, the switch
 * reads and writes Ethernet frames.
 *
 * The MAC addresses stand for nothing and are the same everywhere. `native/src/udp-receive.c` and `udp-send.c` write
 * and read the same bytes.
 *
 *   | Ethernet 14 | IPv4 20 or IPv6 40 | UDP 8 | datagram ... |
 */

import { ETHERNET_BYTES, ETHERTYPE_IPV4, ETHERTYPE_IPV6, writeEtherType, writeMac } from '../wire/ethernet.ts';
import {
  IPV4_BYTES,
  ipv4DontFragment,
  ipv4HeaderBytes,
  ipv4Protocol,
  ipv4Text,
  ipv4Tos,
  ipv4Ttl,
  PROTO_UDP,
  writeIpv4,
} from '../wire/ipv4.ts';
import { IPV6_BYTES, ipv6Class, ipv6DstAt, ipv6HopLimit, ipv6Next, ipv6SrcAt, writeIpv6 } from '../wire/ipv6.ts';
import { ipv6Text } from '../wire/ipv6-text.ts';
import { UDP_BYTES, udpChecksum, udpDst, udpSrc, writeUdp } from '../wire/udp.ts';

/** 02:00:00:00:00:01, where synthetic frames come from; the far end of every kernel socket. */
export const OUTER_REMOTE_MAC = { high: 0x0200, low: 1 } as const;
/** 02:00:00:00:00:02, where they go to. */
export const OUTER_LOCAL_MAC = { high: 0x0200, low: 2 } as const;

export const OUTER_IPV4_BYTES = ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES;
export const OUTER_IPV6_BYTES = ETHERNET_BYTES + IPV6_BYTES + UDP_BYTES;

export interface OuterEnds {
  src: Uint8Array;
  dst: Uint8Array;
  srcPort: number;
  dstPort: number;
}

/** Headers of a datagram of `payloadBytes`; returns how many bytes they take. The UDP checksum is 0. */
export function writeOuter(view: DataView, at: number, ends: OuterEnds, payloadBytes: number): number {
  const v4 = ends.src.length === 4;
  const ip = at + ETHERNET_BYTES;
  writeMac(view, at, OUTER_LOCAL_MAC.high, OUTER_LOCAL_MAC.low);
  writeMac(view, at + 6, OUTER_REMOTE_MAC.high, OUTER_REMOTE_MAC.low);
  writeEtherType(view, at, v4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
  const udp = ip + (v4 ? IPV4_BYTES : IPV6_BYTES);
  if (v4) {
    writeIpv4(view, ip, word(ends.src), word(ends.dst), PROTO_UDP, UDP_BYTES + payloadBytes);
  } else {
    writeIpv6(view, ip, PROTO_UDP, UDP_BYTES + payloadBytes);
    for (let i = 0; i < 16; i++) {
      view.setUint8(ipv6SrcAt(ip) + i, ends.src[i]);
      view.setUint8(ipv6DstAt(ip) + i, ends.dst[i]);
    }
  }
  writeUdp(view, udp, ends.srcPort, ends.dstPort, payloadBytes);
  return udp + UDP_BYTES - at;
}

function word(bytes: Uint8Array): number {
  return (bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3];
}

/** What a socket is told of a frame that leaves. */
export interface Outer {
  headerBytes: number;
  src: string;
  dst: string;
  srcPort: number;
  dstPort: number;
  ttl: number;
  tos: number;
  dontFragment: boolean;
  hasChecksum: boolean;
}

/** Reads the headers of a frame of `length` bytes; null for what is no UDP datagram of this family. */
export function readOuter(view: DataView, at: number, length: number, v4: boolean): Outer | null {
  const headerBytes = v4 ? OUTER_IPV4_BYTES : OUTER_IPV6_BYTES;
  if (length < headerBytes || view.getUint16(at + 12) !== (v4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6)) return null;
  const ip = at + ETHERNET_BYTES;
  const udp = at + headerBytes - UDP_BYTES;
  if (
    v4
      ? ipv4HeaderBytes(view, ip) !== IPV4_BYTES || ipv4Protocol(view, ip) !== PROTO_UDP
      : ipv6Next(view, ip) !== PROTO_UDP
  ) {
    return null;
  }
  return {
    headerBytes,
    src: v4 ? ipv4Text(view, ip + 12) : ipv6Text(view, ipv6SrcAt(ip)),
    dst: v4 ? ipv4Text(view, ip + 16) : ipv6Text(view, ipv6DstAt(ip)),
    srcPort: udpSrc(view, udp),
    dstPort: udpDst(view, udp),
    ttl: v4 ? ipv4Ttl(view, ip) : ipv6HopLimit(view, ip),
    tos: v4 ? ipv4Tos(view, ip) : ipv6Class(view, ip),
    dontFragment: v4 ? ipv4DontFragment(view, ip) : true,
    hasChecksum: udpChecksum(view, udp) !== 0,
  };
}
