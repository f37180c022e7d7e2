/**
 * Frames of a sender on this machine whose checksum it left to the hardware, where nothing says so (libpcap).
 *
 * Such a frame is known by its checksum: the sender leaves the sum of the pseudo header there (virtio 1.2 §5.1.6.2). A
 * finished frame that has this value by chance, one in 65,536, stays correct: finishing it again gives the same value.
 * An unfinished TCP frame that is longer than the MTU is a super-frame; how long its segments were to be is not known,
 * so they are made as long as the MTU allows. UDP has borders inside that cannot be guessed: its super-frames are
 * left as they are, and are too long for the switch. The same inside a VXLAN tunnel.
 */

import type { Batch } from '../dataplane/batch.ts';
import { csumWord, GSO_IN_TUNNEL, GSO_NONE, GSO_TCPV4, GSO_TCPV6, gsoWord } from '../dataplane/offload/needs.ts';
import { tagBytes } from '../dataplane/stages/frame-length.ts';
import { foldSum, ipv4PseudoSum, ipv6PseudoSum } from '../wire/checksum.ts';
import {
  ipv4Addresses,
  ipv4Fits,
  ipv4HeaderBytes,
  ipv4IsFragment,
  ipv4Protocol,
  ipv4TotalBytes,
  PROTO_TCP,
  PROTO_UDP,
} from '../wire/ipv4.ts';
import { createUpper, findUpper, IPV6_BYTES, ipv6Fits, ipv6PayloadBytes, ipv6SrcAt } from '../wire/ipv6.ts';
import { tcpFits, tcpHeaderBytes } from '../wire/tcp.ts';
import { PORT_VXLAN, UDP_BYTES } from '../wire/udp.ts';
import { VXLAN_BYTES } from '../wire/vxlan.ts';

const ETHERNET_HEADER = 14;
const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;
const TCP_CHECKSUM = 16;
const UDP_CHECKSUM = 6;
const UDP_DESTINATION = 2;
/** Linux's, from before there was one. */
const PORT_VXLAN_OLD = 8472;
const TUNNEL_BYTES = UDP_BYTES + VXLAN_BYTES;

const upper = createUpper();

/** Sets gso and csum of frame i: what it still needs, 0 when nothing is known to be missing. */
export function findUnfinished(view: DataView, b: Batch, i: number, mtu: number): void {
  b.gso[i] = 0;
  b.csum[i] = 0;
  const off = b.off[i];
  const end = off + b.len[i];
  const ip = packetOf(view, off, end);
  if (ip < 0) return;
  // Inside first: of a super-frame in a tunnel both checksums are open, and the outer one follows from the inner.
  if (isTunnel(view, end)) {
    const inner = packetOf(view, upper.at + TUNNEL_BYTES, end);
    if (inner >= 0 && describe(view, b, i, inner, ip, mtu, GSO_IN_TUNNEL)) return;
    packetOf(view, off, end);
  }
  describe(view, b, i, ip, ip, mtu, 0);
}

/** Whether the packet that was looked at last is one of VXLAN. */
function isTunnel(view: DataView, end: number): boolean {
  if (upper.protocol !== PROTO_UDP || end - upper.at < TUNNEL_BYTES) return false;
  const port = view.getUint16(upper.at + UDP_DESTINATION);
  return port === PORT_VXLAN || port === PORT_VXLAN_OLD;
}

/** IP packet of the Ethernet frame at `off`, with its pseudo header and upper header at hand; -1 when there is none. */
function packetOf(view: DataView, off: number, end: number): number {
  if (end - off < ETHERNET_HEADER) return -1;
  const ip = off + ETHERNET_HEADER + tagBytes(view, off, end - off);
  if (ip > end) return -1;
  const type = view.getUint16(ip - 2);
  pseudo = type === TYPE_IPV6 ? pseudoOfIpv6(view, ip, end) : type === TYPE_IPV4 ? pseudoOfIpv4(view, ip, end) : -1;
  return pseudo < 0 ? -1 : ip;
}

/** Folded sum of the pseudo header of the packet that was looked at last. */
let pseudo = -1;

/** Describes in row i what the packet at `ip` needs, if it does; `outer` is the outermost, which the MTU is for. */
function describe(
  view: DataView,
  b: Batch,
  i: number,
  ip: number,
  outer: number,
  mtu: number,
  tunnel: number,
): boolean {
  const end = b.off[i] + b.len[i];
  const { at, protocol } = upper;
  const isTcp = protocol === PROTO_TCP;
  if (isTcp ? !tcpFits(view, at, end) : end - at < UDP_BYTES) return false;
  const field = isTcp ? TCP_CHECKSUM : UDP_CHECKSUM;
  if (view.getUint16(at + field) !== pseudo) return false;
  let type = GSO_NONE;
  let size = 0;
  if (isTcp && end - outer > mtu) {
    type = view.getUint8(ip) >>> 4 === 6 ? GSO_TCPV6 : GSO_TCPV4;
    size = mtu - (at - outer) - tcpHeaderBytes(view, at);
    if (size <= 0) return true;
  }
  b.gso[i] = gsoWord(type, size) | tunnel;
  b.csum[i] = csumWord(at - b.off[i], field);
  return true;
}

/** The folded sum of the pseudo header of a TCP or UDP packet, and its place in `upper`; -1 when it is none. */
function pseudoOfIpv4(view: DataView, ip: number, end: number): number {
  if (!ipv4Fits(view, ip, end) || ipv4IsFragment(view, ip)) return -1;
  const headerBytes = ipv4HeaderBytes(view, ip);
  upper.protocol = ipv4Protocol(view, ip);
  upper.at = ip + headerBytes;
  if (upper.protocol !== PROTO_TCP && upper.protocol !== PROTO_UDP) return -1;
  return foldSum(ipv4PseudoSum(view, ipv4Addresses(ip), upper.protocol, ipv4TotalBytes(view, ip) - headerBytes));
}

function pseudoOfIpv6(view: DataView, ip: number, end: number): number {
  if (!ipv6Fits(view, ip, end)) return -1;
  findUpper(view, ip, end, upper);
  if (!upper.whole || upper.fragment || (upper.protocol !== PROTO_TCP && upper.protocol !== PROTO_UDP)) return -1;
  const bytes = ipv6PayloadBytes(view, ip) - (upper.at - ip - IPV6_BYTES);
  return bytes < 0 ? -1 : foldSum(ipv6PseudoSum(view, ipv6SrcAt(ip), upper.protocol, bytes));
}
