import {
  REMOTE_ADDRESS,
  REMOTE_FLAGS,
  REMOTE_IDENT,
  REMOTE_IPV6,
  REMOTE_MACS,
  REMOTE_SOURCE,
  REMOTE_SUM,
  REMOTE_TAG,
  REMOTE_VTEP,
  REMOTE_WORDS,
} from '../../tables/remote-table.ts';
import {
  VNI_CHECKSUM,
  VNI_DF,
  VNI_DF_INHERIT,
  VNI_FLAGS,
  VNI_FLOW_LABEL,
  VNI_SHIFTED,
  VNI_SPORT,
  VNI_SPORTS,
  VNI_TOS,
  VNI_TOS_INHERIT,
  VNI_TTL,
  VNI_TTL_INHERIT,
  VNI_WORDS,
} from '../../tables/vni-table.ts';
import { sumBytes } from '../../wire/checksum.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../../wire/ethernet.ts';
import { PROTO_UDP } from '../../wire/ipv4.ts';
import type { Dataplane } from '../dataplane.ts';
import { ECN_MASK, outerEcn } from './ecn.ts';
import { createFlow, FLOW_DF, FLOW_HASH, FLOW_TOS, FLOW_TTL } from './inner-flow.ts';

const ETHERNET_HEADER = 14;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
/** UDP and VXLAN. */
const TUNNEL_BYTES = 16;
const TAG = 4;
/** TTL of frames that have none to inherit. */
const DEFAULT_TTL = 64;
const DONT_FRAGMENT = 0x4000;
const I_FLAG = 0x0800_0000;
/** Stands where a checksum is to be, in front of a frame that is not finished itself: whoever finishes it computes. */
const TO_BE_COMPUTED = 0xffff;

/** Of the frame that is being encapsulated (inner-flow.ts). */
export const flow = createFlow();

/** Bytes of the outer header to a remote. */
export function headerBytes(words: Int32Array, remote: number): number {
  const at = remote * REMOTE_WORDS;
  const ip = (words[at + REMOTE_FLAGS] & REMOTE_IPV6) !== 0 ? IPV6_BYTES : IPV4_BYTES;
  return ETHERNET_HEADER + (words[at + REMOTE_TAG] === 0 ? 0 : TAG) + ip + TUNNEL_BYTES;
}

/**
 * Writes the outer header at `start`, for the flow in `flow`. The inner frame is two pieces (a, aLen) and (c, cLen), of
 * `length` bytes in all; `unfinished`: its own checksum is still to be computed, and the outer one with it.
 */
export function writeOuter(
  dp: Dataplane,
  start: number,
  length: number,
  vni: number,
  remote: number,
  a: number,
  aLen: number,
  c: number,
  cLen: number,
  unfinished: boolean,
): void {
  const view = dp.arena.view;
  const { words } = dp.vxlan.remotes;
  const vniWords = dp.vxlan.vnis.words;
  const r = remote * REMOTE_WORDS;
  const s = vni * VNI_WORDS;
  const flags = vniWords[s + VNI_FLAGS];
  view.setInt32(start, words[r + REMOTE_MACS]);
  view.setInt32(start + 4, words[r + REMOTE_MACS + 1]);
  view.setInt32(start + 8, words[r + REMOTE_MACS + 2]);
  let at = start + 12;
  const tag = words[r + REMOTE_TAG];
  if (tag !== 0) {
    view.setInt32(at, tag);
    at += TAG;
  }
  const innerTos = flow[FLOW_TOS];
  let tos = (flags & VNI_TOS_INHERIT) !== 0 ? innerTos & ~ECN_MASK : vniWords[s + VNI_TOS];
  if (innerTos < 0) tos = (flags & VNI_TOS_INHERIT) !== 0 ? 0 : tos;
  else tos |= outerEcn(innerTos);
  const inherits = (flags & VNI_TTL_INHERIT) !== 0;
  const ttl = !inherits ? vniWords[s + VNI_TTL] : innerTos < 0 ? DEFAULT_TTL : flow[FLOW_TTL];
  const udpBytes = TUNNEL_BYTES + length;
  const ports =
    ((vniWords[s + VNI_SPORT] + (Math.imul(flow[FLOW_HASH] >>> 16, vniWords[s + VNI_SPORTS]) >>> 16)) << 16) |
    dp.vxlan.vteps.udpPort[words[r + REMOTE_VTEP]];
  let udp = 0;
  if ((words[r + REMOTE_FLAGS] & REMOTE_IPV6) === 0) {
    view.setUint16(at, ETHERTYPE_IPV4);
    const ip = at + 2;
    const total = IPV4_BYTES + udpBytes;
    const df = (flags & VNI_DF) !== 0 || ((flags & VNI_DF_INHERIT) !== 0 && flow[FLOW_DF] === 1);
    // RFC 6864: an atomic datagram needs no identification.
    // Workers share it: no two of them may take the same one.
    const ident = df ? 0 : (Atomics.add(words, r + REMOTE_IDENT, 1) + 1) & 0xffff;
    const fragment = df ? DONT_FRAGMENT : 0;
    let sum = words[r + REMOTE_SUM] + 0x4500 + tos + total + ident + fragment + (ttl << 8) + PROTO_UDP;
    sum = (sum & 0xffff) + (sum >>> 16);
    sum = (sum & 0xffff) + (sum >>> 16);
    // A super-frame can be longer than the field: whoever cuts it writes the length.
    view.setInt32(ip, ((0x4500 | tos) << 16) | (total & 0xffff));
    view.setInt32(ip + 4, (ident << 16) | fragment);
    view.setInt32(ip + 8, (((ttl << 8) | PROTO_UDP) << 16) | (~sum & 0xffff));
    view.setInt32(ip + 12, words[r + REMOTE_SOURCE]);
    view.setInt32(ip + 16, words[r + REMOTE_ADDRESS]);
    udp = ip + IPV4_BYTES;
  } else {
    view.setUint16(at, ETHERTYPE_IPV6);
    const ip = at + 2;
    const label = (flags & VNI_FLOW_LABEL) !== 0 ? flow[FLOW_HASH] & 0xfffff : 0;
    view.setInt32(ip, 0x6000_0000 | (tos << 20) | label);
    view.setInt32(ip + 4, (udpBytes << 16) | (PROTO_UDP << 8) | ttl);
    for (let n = 0; n < 4; n++) {
      view.setInt32(ip + 8 + 4 * n, words[r + REMOTE_SOURCE + n]);
      view.setInt32(ip + 24 + 4 * n, words[r + REMOTE_ADDRESS + n]);
    }
    udp = ip + IPV6_BYTES;
  }
  view.setInt32(udp, ports);
  view.setInt32(udp + 4, udpBytes << 16);
  view.setInt32(udp + 8, I_FLAG);
  view.setInt32(udp + 12, vniWords[s + VNI_SHIFTED]);
  if ((flags & VNI_CHECKSUM) === 0) return;
  const checksum = unfinished ? TO_BE_COMPUTED : udpSum(view, words[r + REMOTE_SUM], udp, udpBytes, a, aLen, c, cLen);
  view.setUint16(udp + 6, checksum);
}

/** `addresses` is the sum of the outer addresses; every piece but the last has an even length. */
function udpSum(
  view: DataView,
  addresses: number,
  udp: number,
  udpBytes: number,
  a: number,
  aLen: number,
  c: number,
  cLen: number,
): number {
  let sum = sumBytes(view, udp, TUNNEL_BYTES, addresses + PROTO_UDP + udpBytes);
  sum = sumBytes(view, a, aLen, sum);
  sum = sumBytes(view, c, cLen, sum);
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff || 0xffff;
}
