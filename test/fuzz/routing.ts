/**
 * Whole and damaged packets at an interface of the router, each judged by a reference that shares no code with it: headers,
 * checksum, addresses, the longest prefix by going through all of them, hops, size, and which error is owed. Throws when an
 * answer is another one or the ledger does not balance.
 */
import { createSwitch, manualClock } from '../../src/index.ts';

const GW = [2, 0, 0, 0, 0, 0xfe];
const OUT = [2, 0, 0, 0, 0, 0xfd];
const A = [2, 0, 0, 0, 0, 0x0a];
const B = [2, 0, 0, 0, 0, 0x0b];
const C = [2, 0, 0, 0, 0, 0x0c];
const MTU = 600;
const text = (mac: readonly number[]) => mac.map((x) => x.toString(16).padStart(2, '0')).join(':');

type Way = 'local' | 'drop' | 'resolve' | 'unreachable' | 'prohibited' | 'back' | readonly (readonly number[])[];
type Route = [address: readonly number[], length: number, way: Way];
const six = (...groups: number[]) => groups.flatMap((g) => [g >> 8, g & 255]);
const HOST = [0x2001, 0xdb8, 0x20, 0, 0, 0, 0] as const;

const ROUTES: Route[] = [
  [[10, 0, 10, 0], 24, 'back'],
  [[10, 0, 10, 0], 32, 'drop'],
  [[10, 0, 10, 255], 32, 'drop'],
  [[10, 0, 20, 0], 32, 'drop'],
  [[10, 0, 20, 255], 32, 'drop'],
  [[10, 0, 10, 1], 32, 'local'],
  [[10, 0, 20, 1], 32, 'local'],
  [[10, 0, 20, 0], 24, 'resolve'],
  [[10, 0, 20, 2], 32, [B]],
  [[10, 0, 20, 3], 32, [C]],
  [[10, 1, 0, 0], 16, 'drop'],
  [[10, 2, 0, 0], 16, 'unreachable'],
  [[10, 3, 0, 0], 16, 'prohibited'],
  [[10, 3, 128, 0], 17, [B]],
  [[10, 4, 0, 0], 16, [B, C]],
  [[10, 4, 7, 0], 26, [C]],
  [six(0x2001, 0xdb8, 0x10, 0, 0, 0, 0, 0), 64, 'back'],
  [six(0x2001, 0xdb8, 0x10, 0, 0, 0, 0, 1), 128, 'local'],
  [six(...HOST, 0), 64, 'resolve'],
  [six(...HOST, 1), 128, 'local'],
  [six(...HOST, 2), 128, [B]],
  [six(0x2001, 0xdb8, 4, 0, 0, 0, 0, 0), 48, [B]],
  [six(0x2001, 0xdb8, 4, 7, 0, 0, 0, 0), 64, 'prohibited'],
];
const OWN = ROUTES.filter(([, , way]) => way === 'local').map(([address]) => address.join());

const CONFIG = {
  ports: {
    a: { adapter: 'memory', mode: 'access', vlan: 10 },
    b: { adapter: 'memory', mode: 'access', vlan: 20 },
  },
  interfaces: {
    vlan10: { vlan: 10, mac: text(GW), addresses: ['10.0.10.1/24', '2001:db8:10::1/64'] },
    vlan20: {
      vlan: 20,
      mac: text(OUT),
      addresses: ['10.0.20.1/24', '2001:db8:20::1/64'],
      mtu: MTU,
      neighbors: { '10.0.20.2': text(B), '10.0.20.3': text(C), '2001:db8:20::2': text(B) },
    },
  },
  routes: [
    { to: '10.1.0.0/16', type: 'blackhole' },
    { to: '10.2.0.0/16', type: 'unreachable' },
    { to: '10.3.0.0/16', type: 'prohibited' },
    { to: '10.3.128.0/17', via: '10.0.20.2' },
    { to: '10.4.0.0/16', via: ['10.0.20.2', '10.0.20.3'] },
    { to: '10.4.7.0/26', via: '10.0.20.3' },
    { to: '2001:db8:4::/48', via: '2001:db8:20::2' },
    { to: '2001:db8:4:7::/64', type: 'prohibited' },
  ],
} as const;

/** What has to come of a packet: it goes on by one of these MACs, in pieces, is answered with an error, or neither. */
type Fate = { to: readonly (readonly number[])[]; pieces: boolean } | { error: [number, number] } | 'nothing' | 'own';

function sum16(p: Uint8Array, bytes: number): number {
  let sum = 0;
  for (let k = 0; k < bytes; k += 2) sum += p[k]! * 256 + p[k + 1]!;
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return sum;
}

function longest(address: Uint8Array): Way | undefined {
  let best: Route | undefined;
  for (const route of ROUTES) {
    const [prefix, length] = route;
    if (prefix.length !== address.length || (best !== undefined && best[1] >= length)) continue;
    let same = true;
    for (let bit = 0; bit < length; bit++) {
      const mask = 0x80 >> (bit & 7);
      if ((prefix[bit >> 3]! & mask) !== (address[bit >> 3]! & mask)) same = false;
    }
    if (same) best = route;
  }
  return best?.[2];
}

function fate4(p: Uint8Array): Fate {
  if (p.length < 20 || p[0]! >> 4 !== 4) return 'nothing';
  const header = (p[0]! & 15) * 4;
  const total = p[2]! * 256 + p[3]!;
  if (header < 20 || total < header || total > p.length || sum16(p, header) !== 0xffff) return 'nothing';
  const [from, to] = [p[12]!, p[16]!];
  if (from === 0 || from === 127 || from >= 224 || to === 0 || to === 127 || to >= 224) return 'nothing';
  const way = longest(p.subarray(16, 20));
  if (way === 'local' || way === 'back') return 'own';
  if (way === 'drop') return 'nothing';
  if (way === undefined) return { error: [3, 0] };
  if (way === 'unreachable') return { error: [3, 1] };
  if (way === 'prohibited') return { error: [3, 13] };
  if (OWN.includes(p.subarray(12, 16).join())) return 'nothing';
  if (p[8]! <= 1) return { error: [11, 0] };
  const isBig = total > MTU;
  if (isBig && (p[6]! & 0x40) !== 0) return { error: [3, 4] };
  return way === 'resolve' ? 'nothing' : { to: way, pieces: isBig };
}

function fate6(p: Uint8Array): Fate {
  if (p.length < 40 || p[0]! >> 4 !== 6) return 'nothing';
  const total = 40 + p[4]! * 256 + p[5]!;
  if (total > p.length) return 'nothing';
  const [src, dst] = [p.subarray(8, 24), p.subarray(24, 40)];
  const isReserved = (x: Uint8Array) => x.subarray(0, 15).every((byte) => byte === 0) && x[15]! <= 1;
  const isLinkLocal = (x: Uint8Array) => x[0] === 0xfe && (x[1]! & 0xc0) === 0x80;
  if (src[0] === 0xff || isReserved(dst)) return 'nothing';
  if (dst[0] === 0xff || isLinkLocal(dst)) return 'own';
  const way = longest(dst);
  if (way === 'local' || way === 'back') return 'own';
  if (way === 'drop') return 'nothing';
  if (way === undefined) return { error: [1, 0] };
  if (way === 'prohibited') return { error: [1, 1] };
  if (isReserved(src) || isLinkLocal(src) || OWN.includes(src.join())) return 'nothing';
  if (p[7]! <= 1) return { error: [3, 0] };
  if (total > MTU) return { error: [2, 0] };
  return way === 'resolve' || way === 'unreachable' ? 'nothing' : { to: way, pieces: false };
}

export function fuzzRouting(seed: number, count: number): void {
  let state = seed | 0;
  const below = (n: number): number => {
    state = (state + 0x9e3779b9) | 0;
    let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return Math.floor((((z ^ (z >>> 15)) >>> 0) / 0x1_0000_0000) * n);
  };
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!;
  const clock = manualClock();
  const sw = createSwitch(structuredClone(CONFIG) as never, { seed: 1, clock });
  let atA: Uint8Array[] = [];
  let atB: Uint8Array[] = [];
  sw.port('a').onFrame((frame) => atA.push(Uint8Array.from(frame)));
  sw.port('b').onFrame((frame) => atB.push(Uint8Array.from(frame)));
  const whole = (): Uint8Array => {
    const is6 = below(2) === 1;
    const route = pick(ROUTES.filter(([address]) => (address.length === 16) === is6));
    const dst = Uint8Array.from(route[0]);
    if (below(3) === 0) dst[dst.length - 1] = below(256);
    if (below(12) === 0) dst[below(2)] = below(256);
    const payload = pick([8, 8, 40, 500, 800]);
    const p = new Uint8Array((is6 ? 40 : 20) + payload);
    const hops = pick([0, 1, 2, 64, 64, 255]);
    const end = p.length - (is6 ? 40 : 0);
    if (is6) {
      p.set([0x60, 0, 0, 0, end >> 8, end & 255, 17, hops, ...six(0x2001, 0xdb8, 0x10, 0, 0, 0, 0, 2), ...dst]);
    } else {
      p.set([0x45, 0, end >> 8, end & 255, 0, 0, below(3) * 0x20, 0, hops, 17, 0, 0, 10, 0, 10, 2, ...dst]);
    }
    return p;
  };
  const right = (p: Uint8Array): void => {
    const header = (p[0]! & 15) * 4;
    if (p[0]! >> 4 !== 4 || header < 20 || header > p.length) return;
    p.set([0, 0], 10);
    const sum = ~sum16(p, header) & 0xffff;
    p.set([sum >> 8, sum & 255], 10);
  };
  const fail = (what: string, p: Uint8Array): never => {
    throw new Error(`${what}: ${Buffer.from(p).toString('hex')} at a: ${hex(atA)} at b: ${hex(atB)}`);
  };
  for (let n = 0; n < count; n++) {
    let p = whole();
    const type = p[0]! >> 4 === 6 ? 0x86dd : 0x0800;
    right(p);
    if (below(2) === 0) {
      for (let k = below(3); k >= 0; k--) p[below(Math.min(p.length, 48))] = below(256);
      if (below(3) > 0) right(p);
      if (below(10) === 0) p = p.slice(0, below(p.length + 1));
    }
    atA = [];
    atB = [];
    sw.port('a').send(Uint8Array.from([...GW, ...A, type >> 8, type & 255, ...p]));
    clock.advance(2);
    const fate = type === 0x0800 ? fate4(p) : fate6(p);
    // Questions for neighbors go to groups.
    const on = atB.filter((frame) => (frame[0]! & 1) === 0);
    const back = atA.filter((frame) => (frame[0]! & 1) === 0);
    if (typeof fate !== 'object' || 'error' in fate) {
      if (on.length !== 0) fail('went on', p);
      if (fate === 'nothing' && back.length !== 0) fail('was answered', p);
      if (typeof fate !== 'object') continue;
      const at = type === 0x0800 ? 34 : 54;
      const isPlain = p[type === 0x0800 ? 9 : 6] === 17 && !hasOddSource(p, type) && !(type === 0x0800 && isLater(p));
      if (back.length > 1 || (isPlain && back.length !== 1)) fail(`is owed an error ${fate.error}`, p);
      if (back.length === 1 && (back[0]![at] !== fate.error[0] || back[0]![at + 1] !== fate.error[1])) {
        fail(`is owed the error ${fate.error}`, p);
      }
      continue;
    }
    if (back.length !== 0) fail('was answered', p);
    if (fate.pieces) {
      if (on.length < 2) fail('is cut up', p);
      continue;
    }
    const next = p.slice();
    next[type === 0x0800 ? 8 : 7]!--;
    if (type === 0x0800) right(next);
    const wanted = fate.to.map((mac) => hex([Uint8Array.from([...mac, ...OUT, type >> 8, type & 255, ...next])]));
    if (on.length !== 1 || !wanted.includes(hex(on))) fail('has to go on one hop further', p);
  }
  const ledger = sw.ledger();
  sw.close();
  if (!ledger.balanced) throw new Error(`the ledger does not balance: ${JSON.stringify(ledger)}`);
}

/** A source that is not the host's: whether an error is owed to it depends on more than this reference knows. */
function hasOddSource(p: Uint8Array, type: number): boolean {
  const src = type === 0x0800 ? p.subarray(12, 16) : p.subarray(8, 24);
  return src.join() !== (type === 0x0800 ? [10, 0, 10, 2] : six(0x2001, 0xdb8, 0x10, 0, 0, 0, 0, 2)).join();
}

const isLater = (p: Uint8Array) => ((p[6]! & 0x1f) | p[7]!) !== 0;
const hex = (frames: readonly Uint8Array[]) => frames.map((frame) => Buffer.from(frame).toString('hex')).join(' ');
