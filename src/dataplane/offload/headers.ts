/**
 * Where the headers are in front of an unfinished checksum: the IP header that it belongs to, and those of a UDP
 * tunnel around it.
 *
 *   | Ethernet, tags | IP | TCP or UDP | payload                                              plain
 *   | Ethernet, tags | IP | UDP | 8 bytes | Ethernet, tags | IP | TCP or UDP | payload         in a tunnel (VXLAN)
 *     ^ off            ^ outerIp            ^ outerUdp + 16  ^ ip ^ off + where the checksum starts
 *
 * The tunnel is known by its place, not by its port: a UDP header where the checksum does not start. What was found
 * is left in a struct that the caller owns.
 */

import { ipv4HeaderBytes, ipv4IsFragment, ipv4Protocol, PROTO_UDP } from '../../wire/ipv4.ts';
import { createUpper, findUpper } from '../../wire/ipv6.ts';
import { UDP_BYTES } from '../../wire/udp.ts';
import { tagBytes } from '../stages/frame-length.ts';

const ETHERNET_HEADER = 14;
const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
/** VXLAN and its relatives: eight bytes between the UDP header and the frame inside. */
const TUNNEL_HEADER = 8;

export interface Headers {
  /** IP header in front of the checksum; offsets are of the memory, not of the frame. */
  ip: number;
  isIpv6: boolean;
  /** IP and UDP headers of the tunnel around it; -1 when there is none. */
  outerIp: number;
  outerIsIpv6: boolean;
  outerUdp: number;
}

export function createHeaders(): Headers {
  return { ip: 0, isIpv6: false, outerIp: -1, outerIsIpv6: false, outerUdp: -1 };
}

/** Where the header behind the IP header at `ip` begins, and which it is. */
const upper = createUpper();

/**
 * Finds the headers of a frame at `off` whose checksum starts at `transport`. Reads nothing at or behind
 * `transport`. False when no IP header leads there.
 */
export function findHeaders(view: DataView, off: number, transport: number, out: Headers): boolean {
  out.outerIp = -1;
  out.outerUdp = -1;
  if (!readIp(view, off, transport, out)) return false;
  if (upper.at === transport) return true;
  if (upper.protocol !== PROTO_UDP) return false;
  out.outerIp = out.ip;
  out.outerIsIpv6 = out.isIpv6;
  out.outerUdp = upper.at;
  return readIp(view, upper.at + UDP_BYTES + TUNNEL_HEADER, transport, out) && upper.at === transport;
}

function readIp(view: DataView, off: number, end: number, out: Headers): boolean {
  if (end - off < ETHERNET_HEADER + IPV4_BYTES) return false;
  const ip = off + ETHERNET_HEADER + tagBytes(view, off, end - off);
  if (end - ip < IPV4_BYTES) return false;
  const type = view.getUint16(ip - 2);
  out.ip = ip;
  out.isIpv6 = type === TYPE_IPV6;
  if (type === TYPE_IPV4) {
    upper.at = ip + ipv4HeaderBytes(view, ip);
    upper.protocol = ipv4Protocol(view, ip);
    return view.getUint8(ip) >>> 4 === 4 && upper.at >= ip + IPV4_BYTES && upper.at <= end && !ipv4IsFragment(view, ip);
  }
  if (type !== TYPE_IPV6 || end - ip < IPV6_BYTES) return false;
  findUpper(view, ip, end, upper);
  return upper.whole && !upper.fragment && upper.at <= end;
}
