/**
 * Frames of a sender on this machine whose checksum it left to the hardware, where nothing says so (libpcap).
 *
 * Such a frame is known by its checksum: the sender leaves the sum of the pseudo header there (virtio 1.2 §5.1.6.2). A
 * finished frame that has this value by chance, one in 65,536, stays correct: finishing it again gives the same value.
 * An unfinished TCP frame that is longer than the MTU is a super-frame; how long its segments were to be is not known,
 * so they are made as long as the MTU allows. UDP has borders inside that cannot be guessed: its super-frames are
 * left as they are, and are too long for the switch.
 */

import type { Batch } from '../dataplane/batch.ts';
import { csumWord, GSO_NONE, GSO_TCPV4, GSO_TCPV6, gsoWord } from '../dataplane/offload/needs.ts';
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
import { UDP_BYTES } from '../wire/udp.ts';

const ETHERNET_HEADER = 14;
const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;
const TCP_CHECKSUM = 16;
const UDP_CHECKSUM = 6;

const upper = createUpper();

/** Sets gso and csum of frame i: what it still needs, 0 when nothing is known to be missing. */
export function findUnfinished(view: DataView, b: Batch, i: number, mtu: number): void {
  b.gso[i] = 0;
  b.csum[i] = 0;
  const off = b.off[i];
  const end = off + b.len[i];
  if (end - off < ETHERNET_HEADER) return;
  const ip = off + ETHERNET_HEADER + tagBytes(view, off, end - off);
  const isIpv6 = ip <= end && view.getUint16(ip - 2) === TYPE_IPV6;
  const pseudo = isIpv6 ? pseudoOfIpv6(view, ip, end) : pseudoOfIpv4(view, ip, end);
  if (pseudo < 0) return;
  const { at, protocol } = upper;
  if (protocol === PROTO_TCP ? !tcpFits(view, at, end) : end - at < UDP_BYTES) return;
  const field = protocol === PROTO_TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
  if (view.getUint16(at + field) !== pseudo) return;
  let type = GSO_NONE;
  let size = 0;
  if (protocol === PROTO_TCP && end - ip > mtu) {
    type = isIpv6 ? GSO_TCPV6 : GSO_TCPV4;
    size = mtu - (at - ip) - tcpHeaderBytes(view, at);
    if (size <= 0) return;
  }
  b.gso[i] = gsoWord(type, size);
  b.csum[i] = csumWord(at - off, field);
}

/** The folded sum of the pseudo header of a TCP or UDP packet, and its place in `upper`; -1 when it is none. */
function pseudoOfIpv4(view: DataView, ip: number, end: number): number {
  if (ip > end || view.getUint16(ip - 2) !== TYPE_IPV4 || !ipv4Fits(view, ip, end) || ipv4IsFragment(view, ip))
    return -1;
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
