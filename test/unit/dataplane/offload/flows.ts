/**
 * Super-frames and the segments that they stand for, both written from one description and by nothing that the data
 * plane uses: the reference for segmentation and coalescing.
 */

import type { Random } from '../world.ts';

export interface Flow {
  tags: number[]; // TPID and TCI in 32 bits each
  isIpv6: boolean;
  isTcp: boolean;
  /** IPv4 options, or IPv6 extension headers without their chaining: sizes in bytes. */
  extra: number;
  ident: number;
  dontFragment: boolean;
  tos: number;
  ttl: number;
  sequence: number;
  acknowledgment: number;
  flags: number;
  window: number;
  options: Uint8Array;
  payload: Uint8Array;
  size: number;
  tunnel: Tunnel | null;
}

export interface Tunnel {
  isIpv6: boolean;
  tags: number[];
  ident: number;
  checksum: boolean;
}

const TCPV4 = 1;
const TCPV6 = 4;
const UDP_L4 = 5;

const u16 = (n: number): number[] => [(n >>> 8) & 0xff, n & 0xff];
const u32 = (n: number): number[] => [...u16(n >>> 16), ...u16(n & 0xffff)];

/** Ones' complement sum, slowly. */
function sum16(bytes: readonly number[] | Uint8Array, start = 0): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
    sum = (sum & 0xffff) + (sum >>> 16);
  }
  return sum;
}

const addresses = (isIpv6: boolean, of: number): number[] =>
  isIpv6
    ? [0xfd, 0, 0, of, ...Array(11).fill(0), 1, 0xfd, 0, 0, of, ...Array(11).fill(0), 2]
    : [10, of, 0, 1, 10, of, 0, 2];

function pseudo(isIpv6: boolean, of: number, protocol: number, length: number): number {
  return sum16([...addresses(isIpv6, of), ...u32(length), 0, 0, 0, protocol]);
}

function ethernet(tags: number[], isIpv6: boolean, of: number): number[] {
  return [2, 0, 0, 0, of, 2, 2, 0, 0, 0, of, 1, ...tags.flatMap(u32), ...u16(isIpv6 ? 0x86dd : 0x0800)];
}

interface IpFields {
  isIpv6: boolean;
  of: number;
  protocol: number;
  ident: number;
  dontFragment: boolean;
  tos: number;
  ttl: number;
  extra: number;
}

function ip(f: IpFields, upperBytes: number): number[] {
  if (f.isIpv6) {
    // Destination options, all padding.
    const extension = f.extra > 0 ? [f.protocol, f.extra / 8 - 1, 1, f.extra - 4, ...Array(f.extra - 4).fill(0)] : [];
    const next = f.extra > 0 ? 60 : f.protocol;
    const word = 0x60000000 | (f.tos << 20) | 0x12345;
    return [...u32(word), ...u16(f.extra + upperBytes), next, f.ttl, ...addresses(true, f.of), ...extension];
  }
  const head = [0x45 + f.extra / 4, f.tos, ...u16(20 + f.extra + upperBytes), ...u16(f.ident)];
  head.push(...u16(f.dontFragment ? 0x4000 : 0), f.ttl, f.protocol, 0, 0, ...addresses(false, f.of));
  head.push(...Array(f.extra).fill(1));
  const sum = ~sum16(head) & 0xffff;
  head[10] = sum >>> 8;
  head[11] = sum & 0xff;
  return head;
}

/** The frame of part [from, to) of the payload. `finished` false leaves the pseudo header's sum in the checksum. */
function frame(flow: Flow, from: number, to: number, finished: boolean): { bytes: Uint8Array; transport: number } {
  const part = flow.payload.subarray(from, to);
  const n = flow.size > 0 ? Math.floor(from / flow.size) : 0;
  const protocol = flow.isTcp ? 6 : 17;
  const isLast = to >= flow.payload.length;
  let head: number[];
  let field: number;
  if (flow.isTcp) {
    const flags = flow.flags & (n > 0 ? ~0x80 : ~0) & (isLast ? ~0 : ~0x09);
    head = [...u16(1000), ...u16(2000), ...u32((flow.sequence + from) >>> 0), ...u32(flow.acknowledgment)];
    head.push((5 + flow.options.length / 4) << 4, flags, ...u16(flow.window), 0, 0, 0, 0, ...flow.options);
    field = 16;
  } else {
    head = [...u16(1000), ...u16(2000), ...u16(8 + part.length), 0, 0];
    field = 6;
  }
  const length = head.length + part.length;
  let sum = pseudo(flow.isIpv6, 1, protocol, length);
  if (finished) {
    sum = ~sum16([...head, ...part], sum) & 0xffff;
    if (sum === 0 && !flow.isTcp) sum = 0xffff;
  }
  head[field] = sum >>> 8;
  head[field + 1] = sum & 0xff;
  const inner = { ...flow, of: 1, protocol, ident: (flow.ident + n) & 0xffff };
  const front = [...ethernet(flow.tags, flow.isIpv6, 1), ...ip(inner, length)];
  const bytes = [...front, ...head, ...part];
  const { tunnel } = flow;
  if (tunnel === null) return { bytes: Uint8Array.from(bytes), transport: front.length };
  const vxlan = [8, 0, 0, 0, 0, 0, 42, 0];
  const datagram = [...u16(50_000), ...u16(4789), ...u16(16 + bytes.length), 0, 0, ...vxlan, ...bytes];
  if (tunnel.checksum) {
    const outerSum = finished ? ~sum16(datagram, pseudo(tunnel.isIpv6, 2, 17, datagram.length)) & 0xffff || 0xffff : 1;
    datagram[6] = outerSum >>> 8;
    datagram[7] = outerSum & 0xff;
  }
  const outer: IpFields = {
    isIpv6: tunnel.isIpv6,
    of: 2,
    protocol: 17,
    ident: (tunnel.ident + n) & 0xffff,
  } as IpFields;
  Object.assign(outer, { dontFragment: true, tos: 0, ttl: 64, extra: 0 });
  const outerFront = [...ethernet(tunnel.tags, tunnel.isIpv6, 2), ...ip(outer, datagram.length)];
  return {
    bytes: Uint8Array.from([...outerFront, ...datagram]),
    transport: outerFront.length + 16 + front.length,
  };
}

export interface SuperFrame {
  bytes: Uint8Array;
  gso: number;
  csum: number;
}

/** The frame as a kernel with offloads hands it over. */
export function superFrame(flow: Flow): SuperFrame {
  const { bytes, transport } = frame(flow, 0, flow.payload.length, false);
  const type = flow.size === 0 ? 0 : flow.isTcp ? (flow.isIpv6 ? TCPV6 : TCPV4) : UDP_L4;
  return { bytes, gso: 1 | (type << 8) | (flow.size << 16), csum: transport | ((flow.isTcp ? 16 : 6) << 16) };
}

/** The frames that it stands for, as they are on a wire. */
export function segments(flow: Flow): Uint8Array[] {
  const size = flow.size || flow.payload.length || 1;
  const parts: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < flow.payload.length; at += size) {
    parts.push(frame(flow, at, Math.min(at + size, flow.payload.length), true).bytes);
  }
  return parts;
}

/** Any flow; `most` bounds the payload. */
export function randomFlow(r: Random, most = 20_000): Flow {
  const isIpv6 = r.chance(50);
  const isTcp = r.chance(75);
  const bytes = (n: number) => Uint8Array.from({ length: n }, () => (r.chance(10) ? 0 : r.below(256)));
  const tags = () => r.pick([[], [], [0x8100000a], [0x88a80064, 0x8100600a]]);
  const payload = bytes(r.chance(20) ? r.below(4) : r.below(most));
  return {
    tags: tags(),
    isIpv6,
    isTcp,
    extra: r.chance(20) ? r.pick([8, 16, 24]) : 0,
    ident: r.pick([0, 1, 0xfff0, 0xffff, r.below(65_536)]),
    dontFragment: r.chance(80),
    tos: r.pick([0, 2, 0xb8]),
    ttl: r.pick([1, 64, 255]),
    sequence: r.pick([0, 0xffff_ff00, r.next()]),
    acknowledgment: r.next(),
    flags: r.pick([0x10, 0x18, 0x11, 0x19, 0x98, 0xd8]),
    window: r.below(65_536),
    options: isTcp && r.chance(60) ? Uint8Array.from([1, 1, 8, 10, ...bytes(8)]) : new Uint8Array(0),
    payload,
    size: r.pick([0, 1448, 1460, 536, 100, 1, 8948].filter((size) => size === 0 || payload.length / size < 600)),
    tunnel: r.chance(30)
      ? { isIpv6: r.chance(50), tags: tags(), ident: r.below(65_536), checksum: r.chance(50) }
      : null,
  };
}
