/**
 * One block of frame memory, cut into fixed slots of two sizes.
 *
 * A frame is (slot, offset, length) in it. Every slot starts with headroom, so that a tag or a tunnel header is
 * pushed by moving the offset down. Small slots hold ordinary and mildly jumbo frames, large ones 9,000-byte
 * frames and offloaded super-frames of 64 KB. An adapter that keeps a frame beyond the flush of its batch
 * retains the slot. One thread allocates and releases.
 *
 *   slot:  | headroom 128 | frame ... | tail |
 *
 * Behind the slots lies a scratch for headers that many copies of a frame need in front of the one payload
 * (vxlan/underlay.ts). What is there lives until the flush: who keeps a frame longer copies it.
 */

export const HEADROOM = 128;
/**
 * An odd number of cache lines: with a power of two the headers of all slots would share two cache sets, and
 * reading them would miss every time (bench micro: 25 ns a frame against 6).
 */
export const SMALL_SLOT_BYTES = 33 * 64;
/** 64 KB of IP packet, Ethernet header, a few tags, headroom; an odd number of lines as well. */
export const LARGE_SLOT_BYTES = 1033 * 64;

/** Outer Ethernet with a tag, IPv6, UDP, VXLAN, and an inner head with a tag: 94 bytes. */
export const SCRATCH_HEADER_BYTES = 96;
export const SCRATCH_HEADERS = 256;

export interface Arena {
  /** The whole block; `view` and `bytes` are the same memory. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly smallSlots: number;
  readonly largeSlots: number;
  /** Offset of the scratch. */
  readonly scratch: number;
  /** Holders per slot; 0 = free. */
  readonly holders: Int32Array;
  /** Free slots as stacks: small ones from 0, large ones from `smallSlots`. */
  readonly free: Int32Array;
  /** [0] free small slots, [1] free large slots. */
  readonly freeCount: Int32Array;
}

export interface ArenaSize {
  smallSlots: number;
  largeSlots: number;
}

/** Makes an arena over its own shared memory, or over `memory` (at least `arenaBytes(size)` long). */
export function createArena(size: ArenaSize, memory?: ArrayBufferLike): Arena {
  const { smallSlots, largeSlots } = size;
  const buffer = memory ?? new SharedArrayBuffer(arenaBytes(size));
  const free = new Int32Array(smallSlots + largeSlots);
  // Stacks pop from the top: filled downwards, so that low slots, warm in cache, are handed out first.
  for (let s = 0; s < smallSlots; s++) free[s] = smallSlots - 1 - s;
  for (let s = 0; s < largeSlots; s++) free[smallSlots + s] = smallSlots + largeSlots - 1 - s;
  return {
    bytes: new Uint8Array(buffer),
    view: new DataView(buffer),
    smallSlots,
    largeSlots,
    scratch: slotBytes(size),
    holders: new Int32Array(smallSlots + largeSlots),
    free,
    freeCount: Int32Array.of(smallSlots, largeSlots),
  };
}

export function arenaBytes(size: ArenaSize): number {
  return slotBytes(size) + SCRATCH_HEADERS * SCRATCH_HEADER_BYTES;
}

function slotBytes(size: ArenaSize): number {
  return size.smallSlots * SMALL_SLOT_BYTES + size.largeSlots * LARGE_SLOT_BYTES;
}

/** Longest frame that fits a small slot behind its headroom. */
export const SMALL_FRAME_BYTES = SMALL_SLOT_BYTES - HEADROOM;
export const LARGE_FRAME_BYTES = LARGE_SLOT_BYTES - HEADROOM;

/** Takes a small slot, or -1 when none is free. */
export function takeSmall(arena: Arena): number {
  const n = arena.freeCount[0];
  if (n === 0) return -1;
  arena.freeCount[0] = n - 1;
  const slot = arena.free[n - 1];
  arena.holders[slot] = 1;
  return slot;
}

/** Takes a large slot, or -1 when none is free. */
export function takeLarge(arena: Arena): number {
  const n = arena.freeCount[1];
  if (n === 0) return -1;
  arena.freeCount[1] = n - 1;
  const slot = arena.free[arena.smallSlots + n - 1];
  arena.holders[slot] = 1;
  return slot;
}

/** Takes a slot that holds a frame of `length` bytes, or -1. */
export function takeFor(arena: Arena, length: number): number {
  if (length <= SMALL_FRAME_BYTES) {
    const slot = takeSmall(arena);
    return slot >= 0 ? slot : takeLarge(arena);
  }
  return length <= LARGE_FRAME_BYTES ? takeLarge(arena) : -1;
}

export function retain(arena: Arena, slot: number): void {
  arena.holders[slot]++;
}

/** Gives up one hold; the last one frees the slot. Slot -1 (memory that is nobody's) is ignored. */
export function release(arena: Arena, slot: number): void {
  if (slot < 0) return;
  if (--arena.holders[slot] !== 0) return;
  if (slot < arena.smallSlots) arena.free[arena.freeCount[0]++] = slot;
  else arena.free[arena.smallSlots + arena.freeCount[1]++] = slot;
}

/** The same for the first `count` of these. */
export function releaseAll(arena: Arena, slots: Int32Array, count: number): void {
  // Read once: in a loop that writes arrays V8 reads properties anew.
  const { holders, free, freeCount, smallSlots } = arena;
  for (let i = 0; i < count; i++) {
    const slot = slots[i];
    if (slot < 0 || --holders[slot] !== 0) continue;
    if (slot < smallSlots) free[freeCount[0]++] = slot;
    else free[smallSlots + freeCount[1]++] = slot;
  }
}

/** Offset of the slot's first frame byte, behind the headroom. */
export function frameStart(arena: Arena, slot: number): number {
  return slot < arena.smallSlots
    ? slot * SMALL_SLOT_BYTES + HEADROOM
    : arena.smallSlots * SMALL_SLOT_BYTES + (slot - arena.smallSlots) * LARGE_SLOT_BYTES + HEADROOM;
}

/** Bytes that a frame in this slot may have. */
export function frameCapacity(arena: Arena, slot: number): number {
  return slot < arena.smallSlots ? SMALL_FRAME_BYTES : LARGE_FRAME_BYTES;
}

/** Slots in use, for leak checks. */
export function slotsInUse(arena: Arena): number {
  return arena.smallSlots - arena.freeCount[0] + (arena.largeSlots - arena.freeCount[1]);
}
