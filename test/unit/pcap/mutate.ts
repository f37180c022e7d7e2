/**
 * Damages captures the way disks, programs and attackers do. Reused by `npm run fuzz`.
 *
 * The generator is seeded and the mutations take nothing else, so a failing capture is named by its seed:
 * `mutate(new Prng(seed), base)` makes it again.
 */

/** xorshift32: small, fast, the same everywhere. */
export class Prng {
  #state: number;

  constructor(seed: number) {
    // Spread near seeds apart (splitmix32's finalizer), and never start at 0, where xorshift stays.
    let x = (seed + 0x9e3779b9) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    this.#state = (x ^ (x >>> 15)) | 1;
  }

  /** 0..2^32-1 */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }

  /** 0..limit-1 */
  below(limit: number): number {
    return limit <= 1 ? 0 : this.next() % limit;
  }
}

/** Lengths at which parsers break: around zero, signs, alignments, the limits of 16 and 32 bits. */
const HOSTILE = [
  0, 1, 2, 3, 4, 7, 8, 11, 12, 15, 16, 19, 20, 27, 28, 31, 32, 33, 60, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000,
  262_143, 262_144, 262_145, 0xffffff, 0x7ffffff8, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffffc, 0xffffffff,
];
/** More than this a mutation does not let a capture grow to. */
const MAX_BYTES = 1 << 16;

type Mutation = (random: Prng, bytes: Uint8Array) => Uint8Array;

const flipBits: Mutation = (random, bytes) => {
  for (let n = 1 + random.below(8); n > 0; n--) bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
  return bytes;
};

const setBytes: Mutation = (random, bytes) => {
  for (let n = 1 + random.below(4); n > 0; n--) bytes[random.below(bytes.length)] = random.next();
  return bytes;
};

/** A 32-bit word at a place where length fields lie becomes a hostile number, in either byte order. */
const attackWord: Mutation = (random, bytes) => {
  if (bytes.length < 4) return bytes;
  const at = random.below((bytes.length >> 2) + 1) * 4;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(Math.min(at, bytes.length - 4), HOSTILE[random.below(HOSTILE.length)]!, random.below(2) === 0);
  return bytes;
};

const attackHalfWord: Mutation = (random, bytes) => {
  if (bytes.length < 2) return bytes;
  const at = random.below(bytes.length >> 1) * 2;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint16(at, HOSTILE[random.below(HOSTILE.length)]! & 0xffff, random.below(2) === 0);
  return bytes;
};

/** A length that is off by a little: the classic. */
const nudgeWord: Mutation = (random, bytes) => {
  if (bytes.length < 4) return bytes;
  const at = Math.min(random.below((bytes.length >> 2) + 1) * 4, bytes.length - 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const little = random.below(2) === 0;
  view.setUint32(at, view.getUint32(at, little) + random.below(33) - 16, little);
  return bytes;
};

const truncate: Mutation = (random, bytes) => bytes.slice(0, random.below(bytes.length + 1));

/** A piece is repeated at its end, or thrown away: blocks and records appear twice or lose their middle. */
const duplicate: Mutation = (random, bytes) => {
  const from = random.below(bytes.length) & ~3;
  const length = Math.min(random.below(256) & ~3, bytes.length - from);
  if (bytes.length + length > MAX_BYTES) return bytes;
  const out = new Uint8Array(bytes.length + length);
  out.set(bytes.subarray(0, from + length));
  out.set(bytes.subarray(from), from + length);
  return out;
};

const remove: Mutation = (random, bytes) => {
  const from = random.below(bytes.length);
  const length = Math.min(random.below(64), bytes.length - from);
  const out = new Uint8Array(bytes.length - length);
  out.set(bytes.subarray(0, from));
  out.set(bytes.subarray(from + length), from);
  return out;
};

/** Reverses the bytes of some words: a section that changes its mind about byte order. */
const swapEndianness: Mutation = (random, bytes) => {
  const from = random.below(bytes.length) & ~3;
  const until = Math.min(bytes.length - 3, from + (1 + random.below(16)) * 4);
  for (let at = from; at < until; at += 4) bytes.subarray(at, at + 4).reverse();
  return bytes;
};

const MUTATIONS: readonly Mutation[] = [
  flipBits,
  setBytes,
  attackWord,
  attackWord,
  attackHalfWord,
  nudgeWord,
  truncate,
  duplicate,
  remove,
  swapEndianness,
];

/** A damaged copy of `base`: one to four mutations, the first ones more likely alone. */
export function mutate(random: Prng, base: Uint8Array): Uint8Array {
  let bytes: Uint8Array = base.slice();
  const times = 1 + random.below(2) + random.below(2) + random.below(2);
  for (let n = 0; n < times && bytes.length > 0; n++) bytes = MUTATIONS[random.below(MUTATIONS.length)]!(random, bytes);
  return bytes;
}

/** The damaged capture that `seed` names, made from one of `bases`. */
export function fuzzCapture(seed: number, bases: readonly Uint8Array[]): Uint8Array {
  const random = new Prng(seed);
  return mutate(random, bases[random.below(bases.length)]!);
}
