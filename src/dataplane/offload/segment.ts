/**
 * Segmentation in software: a frame with work left (a super-frame, or one without its checksum) becomes rows that a
 * plain port can send. The frame itself is not touched: other ports may take it whole.
 *
 *   super-frame   | headers | payload ......................................... |
 *   rows          | headers'0 | ▸ payload 0    | headers'1 | ▸ payload 1    ...
 *
 * Each row is a frame in two pieces (SHAPE_ALT): its own headers, written into memory of the caller's, and its part
 * of the payload where that lies, uncopied. What differs from header to header, as Linux does it:
 *
 *   IPv4   total length, identification + n, checksum      TCP   sequence + n * size, checksum; FIN and PSH in the
 *   IPv6   payload length                                        last, CWR in the first only
 *   UDP    length, checksum                                tunnel  lengths, identification + n, checksum of the outer
 *                                                                UDP header unless it is 0, "not computed"
 *
 * The sum of the pseudo header is not computed anew: it is in the checksum's field, with the super-frame's length
 * in it, which is exchanged for the segment's. The outer checksum needs no look at the payload either: what a right
 * inner checksum covers sums to the complement of its pseudo header.
 */

import { foldSum, sumBytes } from '../../wire/checksum.ts';
import { ipv4HeaderBytes } from '../../wire/ipv4.ts';
import { ipv6SrcAt } from '../../wire/ipv6.ts';
import { type Batch, INDEX_MASK, SHAPE_ALT } from '../batch.ts';
import { createHeaders, findHeaders, type Headers } from './headers.ts';
import {
  csumOffset,
  csumStart,
  csumWord,
  GSO_NONE,
  GSO_TCPV4,
  GSO_TCPV6,
  GSO_UDP_L4,
  gsoSize,
  gsoType,
  NEEDS_CSUM,
} from './needs.ts';

/** Longest headers that are cut: far more than a tunnel needs, room for IPv6 extension headers. */
export const MAX_HEAD_BYTES = 2048;

const IPV4_TOTAL = 2;
const IPV4_IDENT = 4;
const IPV4_CHECKSUM = 10;
const IPV4_SRC = 12;
const IPV6_BYTES = 40;
const IPV6_PAYLOAD = 4;
const PROTO_UDP = 17;
const UDP_BYTES = 8;
const UDP_LENGTH = 4;
const UDP_CHECKSUM = 6;
const TCP_BYTES = 20;
const TCP_SEQUENCE = 4;
const TCP_OFFSET = 12;
const TCP_FLAGS = 13;
const TCP_CHECKSUM = 16;
const CWR = 0x80;
const FIN_PSH = 0x09;
/** Every header that is written starts at a multiple of this. */
const ALIGN = 16;

/** A frame that is being cut. */
export interface Cut {
  /** Segments that there are; 0 when the frame cannot be cut. */
  segments: number;
  /** Where the headers of the whole frame are copied to, the pattern for those of the segments. */
  head: number;
  headBytes: number;
  /** Where the payload starts, its bytes, and how many of them a segment has. */
  payload: number;
  payloadBytes: number;
  size: number;
  /** First byte that the checksum covers, and where it is stored, from the first byte of the head. */
  transport: number;
  field: number;
  /** Sum of the pseudo header without the length. */
  pseudo: number;
  /** GSO_NONE for a frame that only lacks its checksum. */
  type: number;
  /** IP headers are known and are written: for super-frames, and for tunnels whose checksum depends on it. */
  located: boolean;
  readonly headers: Headers;
}

export function createCut(): Cut {
  return {
    segments: 0,
    head: 0,
    headBytes: 0,
    payload: 0,
    payloadBytes: 0,
    size: 0,
    transport: 0,
    field: 0,
    pseudo: 0,
    type: GSO_NONE,
    located: false,
    headers: createHeaders(),
  };
}

/**
 * Begins to cut the frame that `word` names, with its headers copied to `head`, where MAX_HEAD_BYTES are free.
 * `cut.segments` is 0 when the columns do not fit the bytes: such a frame cannot be sent by anyone.
 */
export function beginCut(view: DataView, b: Batch, word: number, head: number, cut: Cut): void {
  const i = word & INDEX_MASK;
  const isAlt = word >= SHAPE_ALT;
  // The frame is `first` bytes at `start` and the rest at `body`; the checksum starts where the shape has moved it.
  const first = isAlt ? b.altHeadLen[i] : 0;
  const start = isAlt ? b.altHeadOff[i] : b.off[i];
  const body = isAlt ? b.altOff[i] : b.off[i];
  const bodyBytes = isAlt ? b.altLen[i] : b.len[i];
  const bytes = first + bodyBytes;
  const transport = csumStart(b.csum[i]) + bytes - b.len[i];
  const field = csumOffset(b.csum[i]);
  const type = gsoType(b.gso[i]);
  cut.segments = 0;
  if ((b.gso[i] & NEEDS_CSUM) === 0 || transport < first || transport + field + 2 > bytes || (field & 1) !== 0) return;
  const headBytes = transport + transportBytes(view, body + transport - first, bytes - transport, type, field);
  if (headBytes < transport || headBytes > MAX_HEAD_BYTES || headBytes > bytes) return;
  copy(view, start, head, first);
  copy(view, body, head + first, headBytes - first);
  cut.located = findHeaders(view, head, head + transport, cut.headers);
  if (type !== GSO_NONE && !cut.located) return;
  cut.head = head;
  cut.headBytes = headBytes;
  cut.payload = body + headBytes - first;
  cut.payloadBytes = bytes - headBytes;
  cut.size = type === GSO_NONE ? cut.payloadBytes : gsoSize(b.gso[i]);
  cut.transport = transport;
  cut.field = field;
  cut.type = type;
  // One's complement: taking the length out is adding its complement.
  cut.pseudo = foldSum(view.getUint16(head + transport + field) + 0xffff - ((bytes - transport) % 0xffff));
  if (cut.payloadBytes <= cut.size) cut.segments = 1;
  else if (cut.size > 0) cut.segments = Math.ceil(cut.payloadBytes / cut.size);
}

/** Bytes of the header at `at` that every segment gets; negative when it is not there. */
function transportBytes(view: DataView, at: number, bytes: number, type: number, field: number): number {
  if (type === GSO_NONE) return field + 2;
  if (type === GSO_UDP_L4) return bytes >= UDP_BYTES && field === UDP_CHECKSUM ? UDP_BYTES : -1;
  if (type !== GSO_TCPV4 && type !== GSO_TCPV6) return -1;
  if (bytes < TCP_BYTES || field !== TCP_CHECKSUM) return -1;
  const header = (view.getUint8(at + TCP_OFFSET) >>> 4) * 4;
  return header >= TCP_BYTES ? header : -1;
}

/** Bytes that the head of a segment takes where it is written. */
export function headRoom(cut: Cut): number {
  return (cut.headBytes + ALIGN - 1) & -ALIGN;
}

/**
 * Writes segment n (0, 1, ...) of the frame as row `row` of `out`, its headers to `head`. `checksums` false leaves
 * the (inner) checksum to a port that can.
 */
export function writeSegment(
  view: DataView,
  cut: Cut,
  n: number,
  head: number,
  checksums: boolean,
  out: Batch,
  row: number,
): void {
  const { headBytes, transport, field } = cut;
  const payload = cut.payload + n * cut.size;
  const bytes = Math.min(cut.size, cut.payloadBytes - n * cut.size);
  copy(view, cut.head, head, headBytes);
  const at = head + transport;
  const covered = headBytes - transport + bytes;
  if (cut.type === GSO_UDP_L4) view.setUint16(at + UDP_LENGTH, covered);
  else if (cut.type !== GSO_NONE) {
    view.setUint32(at + TCP_SEQUENCE, view.getUint32(at + TCP_SEQUENCE) + n * cut.size);
    let flags = view.getUint8(at + TCP_FLAGS);
    if (n > 0) flags &= ~CWR;
    if (n < cut.segments - 1) flags &= ~FIN_PSH;
    view.setUint8(at + TCP_FLAGS, flags);
  }
  if (cut.type !== GSO_NONE)
    writeIp(view, cut.headers.ip - cut.head + head, cut.headers.isIpv6, head + headBytes, bytes, n);
  const pseudo = foldSum(cut.pseudo + covered);
  view.setUint16(at + field, pseudo);
  if (checksums) {
    const sum = ~sumBytes(view, payload, bytes, sumBytes(view, at, headBytes - transport)) & 0xffff;
    // A computed 0 is sent as 0xffff where 0 means "no checksum" (RFC 768).
    view.setUint16(at + field, sum === 0 && field === UDP_CHECKSUM ? 0xffff : sum);
  }
  if (cut.located && cut.headers.outerUdp >= 0) writeTunnel(view, cut, n, head, bytes, pseudo);
  out.slot[row] = -1;
  out.off[row] = head;
  out.len[row] = headBytes + bytes;
  out.altHeadOff[row] = head;
  out.altHeadLen[row] = headBytes;
  out.altOff[row] = payload;
  out.altLen[row] = bytes;
  out.gso[row] = checksums ? 0 : NEEDS_CSUM;
  out.csum[row] = checksums ? 0 : csumWord(transport, field);
}

/** Lengths and identification of the n-th of several packets whose IP header is at `ip` and ends at `end` + `bytes`. */
function writeIp(view: DataView, ip: number, isIpv6: boolean, end: number, bytes: number, n: number): void {
  if (isIpv6) {
    view.setUint16(ip + IPV6_PAYLOAD, end - ip - IPV6_BYTES + bytes);
    return;
  }
  view.setUint16(ip + IPV4_TOTAL, end - ip + bytes);
  view.setUint16(ip + IPV4_IDENT, view.getUint16(ip + IPV4_IDENT) + n);
  view.setUint16(ip + IPV4_CHECKSUM, 0);
  view.setUint16(ip + IPV4_CHECKSUM, ~sumBytes(view, ip, ipv4HeaderBytes(view, ip)) & 0xffff);
}

/** The headers of the tunnel, when everything in them is written. `inner` is the sum of the inner pseudo header. */
function writeTunnel(view: DataView, cut: Cut, n: number, head: number, bytes: number, inner: number): void {
  const { outerIp, outerIsIpv6, outerUdp } = cut.headers;
  const ip = outerIp - cut.head + head;
  const udp = outerUdp - cut.head + head;
  const end = head + cut.headBytes;
  if (cut.type !== GSO_NONE) {
    writeIp(view, ip, outerIsIpv6, end, bytes, n);
    view.setUint16(udp + UDP_LENGTH, end - udp + bytes);
  }
  if (view.getUint16(udp + UDP_CHECKSUM) === 0) return;
  const addresses = outerIsIpv6 ? sumBytes(view, ipv6SrcAt(ip), 32) : sumBytes(view, ip + IPV4_SRC, 8);
  view.setUint16(udp + UDP_CHECKSUM, 0);
  const covered = sumBytes(view, udp, head + cut.transport - udp) + (~inner & 0xffff);
  const sum = ~foldSum(addresses + PROTO_UDP + end - udp + bytes + covered) & 0xffff;
  view.setUint16(udp + UDP_CHECKSUM, sum || 0xffff);
}

function copy(view: DataView, from: number, to: number, bytes: number): void {
  let at = 0;
  for (; at + 4 <= bytes; at += 4) view.setInt32(to + at, view.getInt32(from + at));
  for (; at < bytes; at++) view.setUint8(to + at, view.getUint8(from + at));
}
