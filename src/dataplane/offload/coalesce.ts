/**
 * Receive coalescing in software: consecutive TCP segments of one flow become one super-frame.
 *
 *   received      | headers 0 | payload 0 |   | headers 1 | payload 1 |   | headers 2 | payload 2 |
 *   super-frame   | headers 0, made to fit | payload 0 | payload 1 | payload 2 |   gso, csum columns
 *
 * Only what segmentation gives back byte for byte is put together, the rule of Linux's GRO: all headers are the same
 * but for length, checksum, sequence number and IPv4 identification, which follow on; no flags but ACK and PSH; every
 * checksum is right; every segment but the last is of one size; PSH ends it. Any other frame of the flow ends it too,
 * so that the order within a flow stays.
 *
 * Segments inside tunnels are put together when they have come out (`tunnelOf`): those of one VNI from one remote. What
 * decapsulation has dropped or punted stays as it is, and where it is among the others.
 *
 * Worth it where a port sends super-frames whole. It works on one burst; a segment that is alone in it is not touched.
 * The first segment moves to a large slot when a second one comes; without a free one nothing is put together.
 */

import { checksum, foldSum, sumBytes } from '../../wire/checksum.ts';
import { ipv6SrcAt } from '../../wire/ipv6.ts';
import { type Arena, frameStart, LARGE_FRAME_BYTES, release, takeLarge } from '../arena.ts';
import { type Batch, RX_TRUNCATED } from '../batch.ts';
import { tagBytes } from '../stages/frame-length.ts';
import { csumWord, GSO_TCPV4, GSO_TCPV6, gsoWord } from './needs.ts';

/** Flows of one burst that are being put together at once; with more the oldest one ends. */
const FLOWS = 8;
const MAX_IP_BYTES = 0xffff;

const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;
const PROTO_TCP = 6;
const IPV4_BYTES = 20;
const IPV4_TOTAL = 2;
const IPV4_IDENT = 4;
const IPV4_FRAGMENT = 6;
const IPV4_PROTOCOL = 9;
const IPV4_CHECKSUM = 10;
const IPV4_SRC = 12;
const FRAGMENT_BITS = 0x3fff;
const IPV6_BYTES = 40;
const IPV6_PAYLOAD = 4;
const IPV6_NEXT = 6;
const TCP_BYTES = 20;
const TCP_SEQUENCE = 4;
const TCP_ACKNOWLEDGMENT = 8;
const TCP_OFFSET = 12;
const TCP_FLAGS = 13;
const TCP_CHECKSUM = 16;
const PSH = 0x08;
const ACK = 0x10;

/** What a frame is to this. */
const OTHER = 0; // of no TCP flow
const UNREADABLE = 1; // of a flow that cannot be told
const INELIGIBLE = 2; // of a flow, and not to be put together
const ELIGIBLE = 3;

/** The frame that was read last; offsets are of the memory. */
interface Segment {
  ip: number;
  isIpv6: boolean;
  tcp: number;
  payload: number;
  payloadBytes: number;
}

export interface Coalesce {
  readonly arena: Arena;
  readonly segment: Segment;
  /** The frames have come out of tunnels. */
  isInside: boolean;
  /** Flows being put together, oldest first. */
  open: number;
  /** Row of the first segment. */
  readonly row: Int32Array;
  /** Its headers, from the frame's first byte. */
  readonly ip: Int32Array;
  readonly tcp: Int32Array;
  readonly isIpv6: Uint8Array;
  /** Ports in one word: what tells most flows apart. */
  readonly ports: Int32Array;
  readonly headBytes: Int32Array;
  readonly payloadBytes: Int32Array;
  /** Payload of each segment, and how many there are. */
  readonly size: Int32Array;
  readonly segments: Int32Array;
}

export function createCoalesce(arena: Arena): Coalesce {
  const column = () => new Int32Array(FLOWS);
  return {
    arena,
    isInside: false,
    segment: { ip: 0, isIpv6: false, tcp: 0, payload: 0, payloadBytes: 0 },
    open: 0,
    row: column(),
    ip: column(),
    tcp: column(),
    isIpv6: new Uint8Array(FLOWS),
    ports: column(),
    headBytes: column(),
    payloadBytes: column(),
    size: column(),
    segments: column(),
  };
}

/**
 * Puts together what can be of rows [begin, count); the batch gets shorter by the rows that went into others. With
 * `tunnelOf` (of the VNI table) only frames of tunnel ports are.
 */
export function coalesce(c: Coalesce, b: Batch, begin: number, tunnelOf: Int32Array | null = null): void {
  const { view } = c.arena;
  c.open = 0;
  c.isInside = tunnelOf !== null;
  let end = begin;
  for (let i = begin; i < b.count; i++) {
    const passes = tunnelOf === null || (b.rxFlags[i] === 0 && tunnelOf[b.port[i]] >= 0);
    const kind = passes ? read(view, b, i, c.segment) : OTHER;
    if (kind === UNREADABLE) while (c.open > 0) close(c, b, 0);
    let flow = -1;
    if (kind >= INELIGIBLE) {
      flow = find(c, b, i);
      if (flow >= 0 && kind === ELIGIBLE && joins(c, b, flow) && append(c, b, flow)) {
        release(c.arena, b.slot[i]);
        if (c.segment.payloadBytes < c.size[flow] || pushed(view, c.segment.tcp)) close(c, b, flow);
        continue;
      }
      if (flow >= 0) close(c, b, flow);
    }
    if (end < i) move(b, i, end);
    if (kind === ELIGIBLE && !pushed(view, c.segment.tcp)) begins(c, b, end);
    end++;
  }
  while (c.open > 0) close(c, b, 0);
  b.count = end;
}

function pushed(view: DataView, tcp: number): boolean {
  return (view.getUint8(tcp + TCP_FLAGS) & PSH) !== 0;
}

/** Reads where the headers of frame i are, and says what it is. */
function read(view: DataView, b: Batch, i: number, out: Segment): number {
  const off = b.off[i];
  const end = off + b.len[i];
  const ip = off + 14 + tagBytes(view, off, b.len[i]);
  if (end - ip < IPV4_BYTES) return OTHER;
  const type = view.getUint16(ip - 2);
  let kind = b.gso[i] === 0 && (b.rxFlags[i] & RX_TRUNCATED) === 0 ? ELIGIBLE : INELIGIBLE;
  let bytes: number;
  if (type === TYPE_IPV4) {
    if (view.getUint8(ip + IPV4_PROTOCOL) !== PROTO_TCP) return OTHER;
    if (view.getUint8(ip) !== 0x45 || (view.getUint16(ip + IPV4_FRAGMENT) & FRAGMENT_BITS) !== 0) return UNREADABLE;
    bytes = view.getUint16(ip + IPV4_TOTAL);
    out.tcp = ip + IPV4_BYTES;
  } else if (type === TYPE_IPV6) {
    if (end - ip < IPV6_BYTES) return OTHER;
    const next = view.getUint8(ip + IPV6_NEXT);
    if (next !== PROTO_TCP) return isOther(next) ? OTHER : UNREADABLE;
    bytes = IPV6_BYTES + view.getUint16(ip + IPV6_PAYLOAD);
    out.tcp = ip + IPV6_BYTES;
  } else return OTHER;
  if (end - out.tcp < TCP_BYTES) return UNREADABLE;
  out.ip = ip;
  out.isIpv6 = type === TYPE_IPV6;
  // The lower half of this byte is reserved bits and flags.
  const offset = view.getUint8(out.tcp + TCP_OFFSET);
  out.payload = out.tcp + (offset >>> 4) * 4;
  out.payloadBytes = end - out.payload;
  if ((offset & 0x0f) !== 0 || offset < 0x50 || out.payloadBytes <= 0) kind = INELIGIBLE;
  // Padding behind the packet would be lost.
  if (bytes !== end - ip || (view.getUint8(out.tcp + TCP_FLAGS) & ~PSH) !== ACK) kind = INELIGIBLE;
  return kind;
}

/** UDP, ICMPv6, nothing: what has no TCP header behind it. */
function isOther(next: number): boolean {
  return next === 17 || next === 58 || next === 59;
}

/** The open flow that the frame belongs to, or -1. */
function find(c: Coalesce, b: Batch, i: number): number {
  const { view } = c.arena;
  const { segment } = c;
  const ports = view.getInt32(segment.tcp);
  for (let f = 0; f < c.open; f++) {
    const row = c.row[f];
    if (c.ports[f] !== ports || c.ip[f] !== segment.ip - b.off[i] || (c.isIpv6[f] === 1) !== segment.isIpv6) continue;
    if (b.port[row] !== b.port[i]) continue;
    if (c.isInside && (b.vni[row] !== b.vni[i] || b.remote[row] !== b.remote[i])) continue;
    const first = b.off[row];
    const addresses = segment.isIpv6 ? 8 : IPV4_SRC;
    const bytes = segment.isIpv6 ? 32 : 8;
    // Addresses of both layers, tags and type.
    if (same(view, first, b.off[i], c.ip[f]) && same(view, first + c.ip[f] + addresses, segment.ip + addresses, bytes))
      return f;
  }
  return -1;
}

function same(view: DataView, one: number, other: number, bytes: number): boolean {
  for (let at = 0; at + 2 <= bytes; at += 2) {
    if (view.getUint16(one + at) !== view.getUint16(other + at)) return false;
  }
  return true;
}

/** Whether the frame that was read is the next segment of the flow. */
function joins(c: Coalesce, b: Batch, f: number): boolean {
  const { view } = c.arena;
  const { segment } = c;
  const first = b.off[c.row[f]];
  const ip = first + c.ip[f];
  const tcp = first + c.tcp[f];
  const headBytes = c.headBytes[f];
  if (segment.payload - segment.tcp !== headBytes - c.tcp[f]) return false;
  if (segment.payloadBytes > c.size[f]) return false;
  if (headBytes - c.ip[f] + c.payloadBytes[f] + segment.payloadBytes > MAX_IP_BYTES) return false;
  if (headBytes + c.payloadBytes[f] + segment.payloadBytes > LARGE_FRAME_BYTES) return false;
  const next = (view.getInt32(tcp + TCP_SEQUENCE) + c.payloadBytes[f]) | 0;
  if (view.getInt32(segment.tcp + TCP_SEQUENCE) !== next) return false;
  if (view.getInt32(segment.tcp + TCP_ACKNOWLEDGMENT) !== view.getInt32(tcp + TCP_ACKNOWLEDGMENT)) return false;
  // Window; then urgent pointer and options.
  if (view.getUint16(segment.tcp + 14) !== view.getUint16(tcp + 14)) return false;
  if (!same(view, tcp + 18, segment.tcp + 18, headBytes - c.tcp[f] - 18)) return false;
  if (segment.isIpv6) {
    // Version, class, label; next header and hop limit.
    if (view.getInt32(ip) !== view.getInt32(segment.ip)) return false;
    if (view.getUint16(ip + IPV6_NEXT) !== view.getUint16(segment.ip + IPV6_NEXT)) return false;
  } else {
    // Version, TOS; don't-fragment; TTL and protocol.
    if (view.getUint16(ip) !== view.getUint16(segment.ip)) return false;
    if (view.getInt16(ip + IPV4_FRAGMENT) !== view.getInt16(segment.ip + IPV4_FRAGMENT)) return false;
    if (view.getUint16(ip + 8) !== view.getUint16(segment.ip + 8)) return false;
    const ident = (view.getUint16(ip + IPV4_IDENT) + c.segments[f]) & 0xffff;
    if (view.getUint16(segment.ip + IPV4_IDENT) !== ident) return false;
  }
  if (!headRight(view, segment.ip, segment.isIpv6, segment.tcp)) return false;
  if (c.segments[f] > 1) return true;
  const bytes = headBytes - c.tcp[f] + c.size[f];
  return (
    headRight(view, ip, segment.isIpv6, tcp) &&
    checksum(view, tcp, bytes, pseudoSum(view, ip, segment.isIpv6, bytes)) === 0
  );
}

/** Whether the header's checksum is right, and the segment's one that segmentation would write. */
function headRight(view: DataView, ip: number, isIpv6: boolean, tcp: number): boolean {
  // A sum that comes to nothing is written as 0, never as 0xffff.
  return view.getUint16(tcp + TCP_CHECKSUM) !== 0xffff && (isIpv6 || checksum(view, ip, IPV4_BYTES) === 0);
}

/** Folded. */
function pseudoSum(view: DataView, ip: number, isIpv6: boolean, bytes: number): number {
  return isIpv6
    ? sumBytes(view, ipv6SrcAt(ip), 32, PROTO_TCP + bytes)
    : sumBytes(view, ip + IPV4_SRC, 8, PROTO_TCP + bytes);
}

/** The frame that was read, now row `row`, is the first of a flow. */
function begins(c: Coalesce, b: Batch, row: number): void {
  if (c.open === FLOWS) close(c, b, 0);
  const f = c.open++;
  const { segment } = c;
  const off = b.off[row];
  c.row[f] = row;
  c.ip[f] = segment.ip - off;
  c.tcp[f] = segment.tcp - off;
  c.isIpv6[f] = segment.isIpv6 ? 1 : 0;
  c.ports[f] = c.arena.view.getInt32(segment.tcp);
  c.headBytes[f] = segment.payload - off;
  c.payloadBytes[f] = segment.payloadBytes;
  c.size[f] = segment.payloadBytes;
  c.segments[f] = 1;
}

/** Puts the payload of the frame that was read behind the flow's; false without room, or when its checksum is wrong. */
function append(c: Coalesce, b: Batch, f: number): boolean {
  const { arena, segment } = c;
  const row = c.row[f];
  if (c.segments[f] === 1 && !enlarge(arena, b, row)) return false;
  const to = b.off[row] + c.headBytes[f] + c.payloadBytes[f];
  const { ip, isIpv6, tcp, payload, payloadBytes } = segment;
  const head = payload - tcp;
  const pseudo = pseudoSum(arena.view, ip, isIpv6, head + payloadBytes);
  const sum = sumBytes(arena.view, tcp, head, pseudo) + copy(arena.view, payload, to, payloadBytes);
  if (foldSum(sum) !== 0xffff) return false;
  if (pushed(arena.view, segment.tcp)) {
    const flags = b.off[row] + c.tcp[f] + TCP_FLAGS;
    arena.view.setUint8(flags, arena.view.getUint8(flags) | PSH);
  }
  c.payloadBytes[f] += payloadBytes;
  c.segments[f]++;
  return true;
}

/** Moves a frame to the beginning of a large slot, unless it is there; false without a free one. */
function enlarge(arena: Arena, b: Batch, row: number): boolean {
  const from = b.slot[row];
  const off = b.off[row];
  if (from >= arena.smallSlots && off === frameStart(arena, from) && arena.holders[from] === 1) return true;
  const slot = takeLarge(arena);
  if (slot < 0) return false;
  b.off[row] = frameStart(arena, slot);
  copy(arena.view, off, b.off[row], b.len[row]);
  release(arena, from);
  b.slot[row] = slot;
  return true;
}

/** Ends a flow: what was put together becomes a super-frame. */
function close(c: Coalesce, b: Batch, f: number): void {
  if (c.segments[f] > 1) finish(c, b, f);
  c.open--;
  for (let g = f; g < c.open; g++) {
    c.row[g] = c.row[g + 1];
    c.ip[g] = c.ip[g + 1];
    c.tcp[g] = c.tcp[g + 1];
    c.isIpv6[g] = c.isIpv6[g + 1];
    c.ports[g] = c.ports[g + 1];
    c.headBytes[g] = c.headBytes[g + 1];
    c.payloadBytes[g] = c.payloadBytes[g + 1];
    c.size[g] = c.size[g + 1];
    c.segments[g] = c.segments[g + 1];
  }
}

function finish(c: Coalesce, b: Batch, f: number): void {
  const { view } = c.arena;
  const row = c.row[f];
  const isIpv6 = c.isIpv6[f] === 1;
  const ip = b.off[row] + c.ip[f];
  const bytes = c.headBytes[f] + c.payloadBytes[f];
  b.len[row] = bytes;
  if (isIpv6) view.setUint16(ip + IPV6_PAYLOAD, bytes - c.ip[f] - IPV6_BYTES);
  else {
    view.setUint16(ip + IPV4_TOTAL, bytes - c.ip[f]);
    view.setUint16(ip + IPV4_CHECKSUM, 0);
    view.setUint16(ip + IPV4_CHECKSUM, checksum(view, ip, IPV4_BYTES));
  }
  const pseudo = pseudoSum(view, ip, isIpv6, bytes - c.tcp[f]);
  view.setUint16(b.off[row] + c.tcp[f] + TCP_CHECKSUM, pseudo);
  b.gso[row] = gsoWord(isIpv6 ? GSO_TCPV6 : GSO_TCPV4, c.size[f]);
  b.csum[row] = csumWord(c.tcp[f], TCP_CHECKSUM);
}

function move(b: Batch, from: number, to: number): void {
  b.slot[to] = b.slot[from];
  b.off[to] = b.off[from];
  b.len[to] = b.len[from];
  b.port[to] = b.port[from];
  b.rxFlags[to] = b.rxFlags[from];
  b.nowMs[to] = b.nowMs[from];
  b.timeUs[to] = b.timeUs[from];
  b.gso[to] = b.gso[from];
  b.csum[to] = b.csum[from];
  // What decapsulation has found, or decided.
  b.vni[to] = b.vni[from];
  b.remote[to] = b.remote[from];
  b.sourceHash[to] = b.sourceHash[from];
  b.reason[to] = b.reason[from];
  b.fid[to] = b.fid[from];
  b.vid[to] = b.vid[from];
  b.copies[to] = b.copies[from];
}

/**
 * Copies, and returns the sum of the bytes, in one pass. Words are moved in the machine's order, which spares swapping
 * them twice (1,448 bytes: 435 ns instead of 525), so their sum comes out with its two bytes swapped (RFC 1071 2 B).
 */
function copy(view: DataView, from: number, to: number, bytes: number): number {
  let low = 0;
  let high = 0;
  let at = 0;
  for (; at + 16 <= bytes; at += 16) {
    const a = view.getInt32(from + at, true);
    const b = view.getInt32(from + at + 4, true);
    const c = view.getInt32(from + at + 8, true);
    const d = view.getInt32(from + at + 12, true);
    view.setInt32(to + at, a, true);
    view.setInt32(to + at + 4, b, true);
    view.setInt32(to + at + 8, c, true);
    view.setInt32(to + at + 12, d, true);
    low = (low + (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff)) | 0;
    high = (high + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)) | 0;
  }
  const swapped = foldSum(foldSum(low) + foldSum(high));
  let sum = (swapped >>> 8) | ((swapped & 0xff) << 8);
  for (; at < bytes; at++) {
    const byte = view.getUint8(from + at);
    view.setUint8(to + at, byte);
    sum += (at & 1) === 0 ? byte << 8 : byte;
  }
  return sum;
}
