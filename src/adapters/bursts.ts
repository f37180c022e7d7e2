/** What adapters do alike around the burst calls of the addon. */

import {
  type Arena,
  frameStart,
  LARGE_FRAME_BYTES,
  release,
  SMALL_FRAME_BYTES,
  takeLarge,
  takeSmall,
} from '../dataplane/arena.ts';
import type { Batch } from '../dataplane/batch.ts';
import type { AdapterEvents } from './adapter.ts';
import { type NativeAddon, REPORT_LONG } from './native.ts';

/** Slots offered to a quiet device. Taking and releasing a batch full of slots costs more than reading one frame. */
export const QUIET_BURST = 8;

/** Puts up to `wanted` free slots behind the batch's last frame; says how many. */
export function takeSlots(arena: Arena, batch: Batch, wanted: number, large: boolean): number {
  for (let n = 0; n < wanted; n++) {
    const slot = large ? takeLarge(arena) : takeSmall(arena);
    if (slot < 0) return n;
    batch.slot[batch.count + n] = slot;
    batch.off[batch.count + n] = frameStart(arena, slot);
  }
  return wanted;
}

/** `got` frames are in the first of the slots that were offered; the others go back. */
export function keepFrames(arena: Arena, batch: Batch, port: number, offered: number, got: number): void {
  const first = batch.count;
  const end = first + got;
  // Last taken, first given back: the free stack is as it was.
  for (let i = first + offered - 1; i >= end; i--) release(arena, batch.slot[i]);
  enterRows(batch, port, first, end, 0);
}

/** What is the same in all rows of [first, end). */
export function enterRows(batch: Batch, port: number, first: number, end: number, rxFlags: number): void {
  for (let i = first; i < end; i++) {
    batch.port[i] = port;
    batch.rxFlags[i] = rxFlags;
  }
  batch.count = end;
}

/**
 * Receiving where a frame's length is known before it is copied, so that only long frames take large slots: a burst ends at one
 * that does not fit, and goes on with a slot that does.
 */
export class BurstReader {
  readonly #read: NativeAddon['packetReadBurst'];
  readonly #arena: Arena;
  readonly #report: Int32Array;
  readonly #bytes: number;
  #burst = QUIET_BURST;

  /** `bytes`: how much is read at once. */
  constructor(read: NativeAddon['packetReadBurst'], arena: Arena, report: Int32Array, bytes: number) {
    this.#read = read;
    this.#arena = arena;
    this.#report = report;
    this.#bytes = bytes;
  }

  /** Appends at most `max` frames. After each burst `after` looks at the report; false ends it. */
  receive(fd: number, batch: Batch, port: number, max: number, after: () => boolean): number {
    const arena = this.#arena;
    const begin = batch.count;
    let room = Math.min(max, batch.capacity - begin);
    let large = false;
    while (room > 0) {
      const offered = takeSlots(arena, batch, large ? 1 : Math.min(room, this.#burst), large);
      if (offered === 0) break; // the frames wait
      const got = this.#read(
        fd,
        arena.bytes,
        batch.off,
        batch.len,
        batch.gso,
        batch.csum,
        batch.count,
        offered,
        large ? LARGE_FRAME_BYTES : SMALL_FRAME_BYTES,
        this.#bytes,
        this.#report,
      );
      keepFrames(arena, batch, port, offered, got);
      const goesOn = after();
      room -= got;
      large = this.#report[REPORT_LONG] !== 0;
      if (got === offered) {
        this.#burst = Math.min(this.#burst * 2, batch.capacity);
      } else if (!large) {
        this.#burst = Math.max(QUIET_BURST, got * 2);
        break;
      }
      if (!goesOn) break;
    }
    return batch.count - begin;
  }
}

/** Sends the frames of list[start .. start + count) by a call that wants nothing else. */
export function writeBurst(
  write: NativeAddon['packetWriteBurst'],
  fd: number,
  arena: Arena,
  batch: Batch,
  list: Int32Array,
  start: number,
  count: number,
  report: Int32Array,
): number {
  return write(
    fd,
    arena.bytes,
    list,
    start,
    count,
    batch.off,
    batch.len,
    batch.altHeadOff,
    batch.altHeadLen,
    batch.altOff,
    batch.altLen,
    batch.gso,
    batch.csum,
    report,
  );
}

/** Says `readable` in the next turn of the event loop, however often it is called in this one, if there is something by then. */
export function readableSoon(events: AdapterEvents, isThere: () => boolean): () => void {
  let told = false;
  const tell = () => {
    told = false;
    if (isThere()) events.readable();
  };
  return () => {
    if (told) return;
    told = true;
    setImmediate(tell);
  };
}
