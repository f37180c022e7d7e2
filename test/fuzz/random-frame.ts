/** Random frames: mostly ones that a switch has to think about, some that nobody would send. */
import type { Prng } from '../unit/pcap/mutate.ts';
import { HOSTS, VIDS } from './worlds.ts';

export const MAX_FRAME_BYTES = 70_000;
const TPIDS = [0x8100, 0x8100, 0x8100, 0x88a8, 0x9100];
const TYPES = [0x0800, 0x0806, 0x86dd, 0x8100, 0x88a8, 0x8808, 0, 1500, 0x0600];
const EDGES = [0, 1, 6, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 26, 60, 64, 82, 86, 1510, 1514, 1518, 1522, 1526];

/** Writes a frame to `bytes` (MAX_FRAME_BYTES long) and returns its length. What is behind it stays. */
export function randomFrame(random: Prng, bytes: Uint8Array, view: DataView): number {
  const roll = random.below(100);
  if (roll < 2) return noise(random, bytes);
  writeAddress(random, view, 0, true);
  writeAddress(random, view, 6, false);
  let at = 12;
  // A frame of nothing but tags reads like a tag wherever one looks.
  const tags = roll < 4 ? 1 + random.below(600) : [0, 0, 0, 1, 1, 1, 1, 2, 2, 3][random.below(10)];
  for (let n = 0; n < tags; n++) {
    view.setUint16(at, TPIDS[random.below(TPIDS.length)]);
    view.setUint16(at + 2, (random.next() & 0xf000) | rollVid(random));
    at += 4;
  }
  view.setUint16(at, TYPES[random.below(TYPES.length)]);
  at += 2;
  if (random.below(8) === 0) return writePacket(random, view, at);
  const length = rollLength(random, at);
  if (length > at) {
    const word = random.next();
    for (let i = at; i < Math.min(length, at + 48); i++) bytes[i] = word >>> ((i & 3) * 8);
    bytes[length - 1] = word;
  }
  if (random.below(20) === 0 && length > 0) bytes[random.below(Math.min(length, 30))] = random.next();
  return length;
}

/** An IP or ARP packet between hosts' addresses, 10.0.0.0 to .31 and 2001:db8:: to ::1f; its MACs may be the groups' own. */
function writePacket(random: Prng, view: DataView, at: number): number {
  if (random.below(2) === 0) {
    const all = random.below(3) === 0;
    view.setUint16(0, all ? 0xffff : 0x0200);
    view.setUint32(2, all ? 0xffffffff : 0);
    if (random.below(2) === 0) view.setUint32(8, 0);
  }
  const type = [0x0800, 0x0806, 0x86dd][random.below(3)];
  view.setUint16(at - 2, type);
  if (type === 0x86dd) {
    view.setUint32(at, 0x60000000);
    view.setUint32(at + 4, (20 << 16) | (17 << 8) | 64);
    for (const address of [at + 8, at + 24]) {
      for (let n = 0; n < 16; n += 4) view.setUint32(address + n, n === 0 ? 0x20010db8 : 0);
      view.setUint8(address + 15, random.below(HOSTS));
    }
    return at + 60;
  }
  const isArp = type === 0x0806;
  if (isArp) view.setUint32(at, 0x00010800);
  else view.setUint32(at, 0x45000030);
  for (const address of isArp ? [at + 14, at + 24] : [at + 12, at + 16]) {
    view.setUint32(address, 0x0a000000 + random.below(HOSTS));
  }
  return at + 60;
}

function noise(random: Prng, bytes: Uint8Array): number {
  const length = random.below(200);
  for (let i = 0; i < length; i++) bytes[i] = random.next();
  return length;
}

function writeAddress(random: Prng, view: DataView, at: number, isDestination: boolean): void {
  const roll = random.below(100);
  view.setUint16(at, 0x0200);
  view.setUint32(at + 2, random.below(HOSTS));
  if (roll < (isDestination ? 60 : 92)) return;
  if (roll < 70 || !isDestination) {
    if (roll === 97 || roll === 60) view.setUint32(at + 2, 0);
    if (roll === 97) view.setUint16(at, 0);
    if (roll === 98 || roll === 61) view.setUint16(at, 0x0100 | random.below(256)); // group
    if (roll === 99 || roll === 62) view.setUint32(at + 2, random.next());
    return;
  }
  if (roll < 84) {
    view.setUint16(at, 0xffff);
    view.setUint32(at + 2, 0xffffffff);
  } else if (roll < 92) {
    view.setUint16(at, 0x3333);
  } else {
    view.setUint16(at, 0x0180); // reserved, and what lies beside it
    view.setUint32(at + 2, 0xc2000000 + random.below(18));
  }
}

function rollVid(random: Prng): number {
  const roll = random.below(20);
  if (roll === 0) return 0xfff;
  if (roll < 3) return 0;
  return roll === 3 ? random.below(4096) : VIDS[random.below(VIDS.length)];
}

function rollLength(random: Prng, head: number): number {
  const roll = random.below(200);
  if (roll === 0) return random.below(MAX_FRAME_BYTES);
  if (roll < 3) return random.below(10_000);
  if (roll < 6) return 1900 + random.below(120); // around the small slot
  if (roll < 40) return EDGES[random.below(EDGES.length)];
  if (roll < 60) return head - 2 + random.below(8);
  if (roll < 80) return random.below(1600);
  return head + random.below(64);
}
