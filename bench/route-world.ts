/**
 * What both sides of the routing benchmark share: hosts, routes, packets, and where each packet has to go.
 *
 * Four ports, each a VLAN with an interface of the router; hosts behind all of them. Some of the hosts are next hops of
 * routes whose lengths are spread as those of the Internet's are. The expected way of a packet comes from a plain table
 * per prefix length, without any code of the router; only which of several next hops a flow takes is asked of it.
 */
import { writeFileSync } from 'node:fs';
import { flowHash4, flowHash6 } from '../src/wire/flow-hash.ts';
import { BATCH, Fnv, FRAME_BYTES, RECORD_BYTES } from './world.ts';

export const PORTS = 4;
export const HOSTS = 10_000;
/** The first hosts are who packets go to: hosts, or the routers behind which everything else is. */
const NEIGHBORS = 256;
const ROUTERS = 16;
export const FIRST_VLAN = 10;
/** Frames that are laid at once, untimed, and then forwarded. */
export const LAID = 1024;
const PACKETS = 262_144;
/** Packets that are looked at before the timing. */
const CHECKED = 16 * BATCH;
const ROUTE_WORDS = 7;
const HEADER_WORDS = 5;

export interface RouteSpec {
  family: 4 | 6;
  routes: number;
  /** Next hops of a route. */
  ways: number;
}

/** Bits of the address that say which host it is. */
const HOST_BASE = 0x1000;
export const portOfHost = (host: number): number => host % PORTS;
export const gatewayMacLow = (port: number): number => 0x00fe0000 | port;

/** Address words of a host, most significant first. */
export function hostAddress(family: 4 | 6, host: number): number[] {
  const low = HOST_BASE + host;
  const port = portOfHost(host);
  return family === 4 ? [(0x0a000000 | (port << 16) | low) >>> 0, 0, 0, 0] : [0x20010db8, port << 16, 0, low];
}

export interface RouteWorld {
  /** Header, then routes: length, first next hop, next hops, four address words. */
  words: Int32Array;
  /** As makeFrames makes it: count, then port, length, bytes. */
  frames: Buffer;
  /** Next hop of each packet. */
  to: Int32Array;
}

/** Prefix lengths in parts of a thousand, about as the Internet's tables had them in 2024. */
const LENGTHS: Record<4 | 6, [length: number, parts: number][]> = {
  4: [
    [24, 595],
    [22, 112],
    [23, 100],
    [21, 52],
    [20, 45],
    [19, 28],
    [18, 15],
    [17, 10],
    [16, 14],
    [15, 5],
    [14, 5],
    [13, 4],
    [12, 5],
    [28, 5],
    [32, 5],
  ],
  6: [
    [48, 460],
    [32, 130],
    [40, 100],
    [44, 90],
    [36, 70],
    [46, 50],
    [47, 40],
    [29, 40],
    [28, 20],
  ],
};

class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed | 0;
  }
  word(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }
  below(n: number): number {
    return Math.floor((this.word() / 0x1_0000_0000) * n);
  }
}

/** The first `length` bits of two words as one number: prefixes here have at most 48. */
function keyOf(high: number, low: number, length: number): number {
  const top = length >= 32 ? high : length === 0 ? 0 : (high & ~(0xffffffff >>> length)) >>> 0;
  const bits = length - 32;
  return top * 65536 + (bits <= 0 ? 0 : (low >>> 16) & ~(0xffff >>> bits));
}

export function makeRouteWorld({ family, routes, ways }: RouteSpec): RouteWorld {
  const random = new Random(routes + family);
  const lengths = LENGTHS[family].flatMap(([length, parts]) => new Array<number>(parts).fill(length));
  const words = new Int32Array(HEADER_WORDS + routes * ROUTE_WORDS);
  const nextHops = routes === 0 ? NEIGHBORS : ROUTERS;
  words.set([family, HOSTS, nextHops, routes, ways]);
  // As in S1 a thousand frames come again and again; where they go does not.
  const sources = Array.from(
    { length: LAID },
    (_, i) => random.below(HOSTS / PORTS) * PORTS + (Math.floor(i / 32) % PORTS),
  );
  const byLength = new Map<number, Map<number, number>>();
  const areas = Array.from(
    { length: Math.max(16, routes >> 3) },
    () => (0x2001_0000 + random.below(0x0c00_0000)) >>> 0,
  );
  for (let r = 0; r < routes; ) {
    const length = lengths[random.below(lengths.length)];
    const high =
      family === 6
        ? areas[random.below(areas.length)]
        : (((11 + random.below(200)) << 24) | (random.word() & 0xffffff)) >>> 0;
    if (high >>> 24 === 127 || high === 0x20010db8) continue;
    const low = family === 6 ? random.word() : 0;
    const known = byLength.get(length) ?? new Map<number, number>();
    byLength.set(length, known);
    const key = keyOf(high, low, length);
    if (known.has(key)) continue;
    known.set(key, r);
    const first = random.below(nextHops);
    const top = Math.floor(key / 65536);
    words.set([length, first, ways, top, (key % 65536) << 16, 0, 0], HEADER_WORDS + r * ROUTE_WORDS);
    r++;
  }
  const longest = [...byLength.keys()].sort((a, b) => b - a);
  const frames = Buffer.alloc(4 + PACKETS * RECORD_BYTES);
  const view = new DataView(frames.buffer, frames.byteOffset, frames.length);
  const to = new Int32Array(PACKETS);
  frames.writeInt32LE(PACKETS, 0);
  for (let i = 0; i < PACKETS; i++) {
    const port = Math.floor(i / 32) % PORTS;
    const source = sources[i % LAID];
    const at = 4 + i * RECORD_BYTES;
    frames.writeInt32LE(port, at);
    frames.writeInt32LE(FRAME_BYTES, at + 4);
    let destination: number[];
    let route = -1;
    if (routes === 0) {
      to[i] = random.below(nextHops);
      destination = hostAddress(family, to[i]);
    } else {
      const picked = HEADER_WORDS + random.below(routes) * ROUTE_WORDS;
      const length = words[picked];
      const high = (words[picked + 3] | (length >= 32 ? 0 : random.word() & (0xffffffff >>> length))) >>> 0;
      const mask = length <= 32 ? 0xffffffff : length >= 64 ? 0 : 0xffffffff >>> (length - 32);
      const low = (words[picked + 4] | (random.word() & mask)) >>> 0;
      destination = family === 4 ? [high, 0, 0, 0] : [high, low, random.word(), random.word()];
      for (const each of longest) {
        const found = byLength.get(each)!.get(keyOf(high, family === 4 ? 0 : low, each));
        if (found === undefined) continue;
        route = found;
        break;
      }
    }
    writePacket(view, at + 8, family, port, source, destination, 1024 + (random.word() & 0x3fff));
    if (route < 0) continue;
    const packet = at + 8 + 14;
    const hash = family === 4 ? flowHash4(view, packet) : flowHash6(view, packet, packet + 50);
    const way = ways === 1 ? 0 : Math.imul(Math.imul(hash, 0x9e3779b1) >>> 16, ways) >>> 16;
    to[i] = (words[HEADER_WORDS + route * ROUTE_WORDS + 1] + way) % nextHops;
  }
  return { words, frames, to };
}

/** A UDP datagram in a frame of 64 bytes for the gateway of its port. */
function writePacket(
  view: DataView,
  at: number,
  family: 4 | 6,
  port: number,
  source: number,
  destination: number[],
  udpPort: number,
): void {
  view.setUint16(at, 0x0200);
  view.setUint32(at + 2, gatewayMacLow(port));
  view.setUint16(at + 6, 0x0200);
  view.setUint32(at + 8, source);
  const ip = at + 14;
  const from = hostAddress(family, source);
  let udp = ip + 20;
  if (family === 4) {
    view.setUint16(at + 12, 0x0800);
    view.setUint32(ip, 0x45000000 | (FRAME_BYTES - 14));
    view.setUint32(ip + 8, 0x40110000);
    view.setUint32(ip + 12, from[0]);
    view.setUint32(ip + 16, destination[0]);
    let sum = 0;
    for (let k = 0; k < 20; k += 2) sum += view.getUint16(ip + k);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    view.setUint16(ip + 10, ~sum & 0xffff);
  } else {
    view.setUint16(at + 12, 0x86dd);
    view.setUint32(ip, 0x60000000);
    view.setUint32(ip + 4, ((FRAME_BYTES - 54) << 16) | 0x1140);
    for (let k = 0; k < 4; k++) view.setUint32(ip + 8 + 4 * k, from[k]);
    for (let k = 0; k < 4; k++) view.setUint32(ip + 24 + 4 * k, destination[k]);
    udp = ip + 40;
  }
  view.setUint32(udp, (udpPort << 16) | 53);
  view.setUint32(udp + 4, (at + FRAME_BYTES - udp) << 16);
}

/** Digest of what has to leave: batch by batch, port by port, in order, one hop further. */
export function expectedRouteDigest(spec: RouteSpec, { frames, to }: RouteWorld): number {
  const hash = new Fnv();
  const copy = Buffer.alloc(FRAME_BYTES);
  const view = new DataView(copy.buffer, copy.byteOffset, FRAME_BYTES);
  for (let first = 0; first < CHECKED; first += BATCH) {
    for (let port = 0; port < PORTS; port++) {
      for (let i = first; i < first + BATCH; i++) {
        if (portOfHost(to[i]) !== port) continue;
        const at = 4 + i * RECORD_BYTES + 8;
        frames.copy(copy, 0, at, at + FRAME_BYTES);
        view.setUint32(2, to[i]);
        view.setUint32(8, gatewayMacLow(port));
        if (spec.family === 6) copy[21]--;
        else {
          copy[22]--;
          view.setUint16(24, 0);
          let sum = 0;
          for (let k = 14; k < 34; k += 2) sum += view.getUint16(k);
          while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
          view.setUint16(24, ~sum & 0xffff);
        }
        hash.copy(port, FRAME_BYTES, copy, 0);
      }
    }
  }
  return hash.value();
}

export function saveRouteWorld(path: string, world: RouteWorld): void {
  writeFileSync(`${path}.routes`, new Uint8Array(world.words.buffer));
  writeFileSync(`${path}.frames`, world.frames);
}
