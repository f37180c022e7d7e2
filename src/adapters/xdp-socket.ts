/**
 * The socket of one receive queue, over the arena.
 *
 * It keeps slots of its own: what the kernel may write to is never taken by others, nor theirs by it. One that is lent to a
 * batch goes back to the kernel when nobody else holds it any more, at the next burst.
 */

import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Arena, LARGE_FRAME_BYTES, release, retain, SMALL_SLOT_BYTES, takeSmall } from '../dataplane/arena.ts';
import type { Batch } from '../dataplane/batch.ts';
import { type NativeAddon, type OpenedXdp, REPORT_FREED, REPORT_WORDS } from './native.ts';

/** Frames that may wait, in each direction, for a socket that has no others beside it. */
const RING_ENTRIES = 2048;
const MIN_RING_ENTRIES = 512;
/** Slots for frames that are copied to be sent: five batches of 9,000-byte frames, or two of short ones. */
const SPARE_SLOTS = 512;
const LEAST_SLOTS = 64;
/** The smallest page there is, which a driver without copying wants a slot to lie in. */
const PAGE_BYTES = 4096;
/** The kernel lets go of an interface some time after its socket was closed; of the queue when its workers come to it. */
const [BUSY_MS, BUSY_QUEUE_MS] = [1000, 10_000];
const BUSY_STEP_MS = 10;
/** Words of the report of its burst calls. */
export const XDP_REPORT_WORDS = REPORT_WORDS + RING_ENTRIES;

/** Entries of each of the rings of one of `queues` sockets: four have together what one has alone. */
function ringEntries(queues: number): number {
  let entries = RING_ENTRIES;
  for (let share = 1; share < queues && entries > MIN_RING_ENTRIES; share *= 2) entries /= 2;
  return entries;
}

/** Slots that the sockets of `queues` queues take from the arena of their thread: never more than half of what is free there. */
export function xdpSlots(queues: number): number {
  return queues * ringEntries(queues) + SPARE_SLOTS;
}

export interface SocketOptions {
  device: string;
  queue: number;
  /** How many sockets the port has in this thread. */
  beside: number;
  /** It is the one that sends. */
  sends: boolean;
  /** Frames may be longer than a slot. */
  isLong: boolean;
  lastQueue: number;
  /** What the interface's first socket has answered; null: this is it. */
  joins: { readonly map: number; readonly driver: boolean } | null;
}

/** Rejects with errors that have `code`, `errno`, `syscall`. */
export async function openSocket(addon: NativeAddon, arena: Arena, options: SocketOptions): Promise<XdpSocket> {
  const { device, queue, beside, isLong, lastQueue, joins } = options;
  const entries = ringEntries(beside);
  const spare = options.sends ? SPARE_SLOTS : 0;
  const { smallSlots } = arena;
  const { map, driver } = joins ?? { map: -1, driver: false };
  const opened = await whenFree(() =>
    addon.xdpOpen(device, queue, arena.bytes, SMALL_SLOT_BYTES, smallSlots, entries, isLong, lastQueue, map, driver),
  );
  const own = takeOwn(arena, opened, entries + spare);
  try {
    if (own.length < LEAST_SLOTS) {
      const text = 'ENOBUFS: other af-xdp ports have the frame memory that is left';
      throw Object.assign(new Error(text), { code: 'ENOBUFS', errno: -constants.errno.ENOBUFS });
    }
    addon.xdpStart(opened.fd, own, own.length - Math.min(spare, Math.floor(own.length / 4)));
  } catch (error) {
    await addon.closeApart(opened.fd);
    for (const slot of own) release(arena, slot);
    throw error;
  }
  return new XdpSocket(addon, arena, opened, own);
}

/** Slots for a socket: as many as it wants, while others have as many. */
function takeOwn(arena: Arena, { zeroCopy, delta }: OpenedXdp, wanted: number): Int32Array {
  const own: number[] = [];
  const unfit: number[] = [];
  for (let left = arena.freeCount[0] >> 1; left > 0 && own.length < wanted; left--) {
    const slot = takeSmall(arena);
    const from = (slot * SMALL_SLOT_BYTES + delta) % PAGE_BYTES;
    const fits = !zeroCopy || from + SMALL_SLOT_BYTES <= PAGE_BYTES;
    (fits ? own : unfit).push(slot);
  }
  for (const slot of unfit.reverse()) release(arena, slot);
  return Int32Array.from(own);
}

async function whenFree<T>(open: () => Promise<T>): Promise<T> {
  const begin = performance.now();
  for (;;) {
    try {
      return await open();
    } catch (error) {
      const { code, syscall } = error as NodeJS.ErrnoException;
      const patience = syscall === 'bind(AF_XDP)' ? BUSY_QUEUE_MS : BUSY_MS;
      if (code !== 'EBUSY' || performance.now() - begin > patience) throw error;
      await sleep(BUSY_STEP_MS);
    }
  }
}

export class XdpSocket {
  readonly opened: OpenedXdp;
  readonly #addon: NativeAddon;
  readonly #arena: Arena;
  readonly #own: Int32Array;
  /** Slots of its own that batches have. */
  readonly #lent: Int32Array;
  #lentCount = 0;
  /** Those that go back to the kernel with the next call. */
  readonly #back: Int32Array;
  #backCount = 0;

  constructor(addon: NativeAddon, arena: Arena, opened: OpenedXdp, own: Int32Array) {
    this.#addon = addon;
    this.#arena = arena;
    this.opened = opened;
    this.#own = own;
    this.#lent = new Int32Array(own.length);
    this.#back = new Int32Array(own.length);
  }

  /** Lent slots that nobody else holds any more. */
  takeBack(): void {
    const { holders } = this.#arena;
    let kept = 0;
    for (let n = 0; n < this.#lentCount; n++) {
      const slot = this.#lent[n];
      if (holders[slot] === 1) this.#back[this.#backCount++] = slot;
      else this.#lent[kept++] = slot;
    }
    this.#lentCount = kept;
  }

  /** Fills rows from `first` on with frames that are in one slot each, where they are. */
  readInPlace(batch: Batch, first: number, max: number, report: Int32Array): number {
    const got = this.#read(batch, first, max, 0, report);
    for (let i = first; i < first + got; i++) {
      retain(this.#arena, batch.slot[i]);
      this.#lent[this.#lentCount++] = batch.slot[i];
    }
    return got;
  }

  /** Puts the chunks of the next frame together at an offset where a large slot begins its frame. */
  readLong(batch: Batch, row: number, at: number, report: Int32Array): number {
    return this.#read(batch, row, 1, at, report);
  }

  #read(batch: Batch, first: number, max: number, largeAt: number, report: Int32Array): number {
    const back = this.#backCount;
    this.#backCount = 0;
    return this.#addon.xdpReadBurst(
      this.opened.fd,
      batch.slot,
      batch.off,
      batch.len,
      batch.gso,
      batch.csum,
      first,
      max,
      this.#back,
      back,
      largeAt,
      LARGE_FRAME_BYTES,
      report,
    );
  }

  write(batch: Batch, list: Int32Array, start: number, count: number, report: Int32Array): number {
    const sent = this.#addon.xdpWriteBurst(
      this.opened.fd,
      this.#arena.bytes,
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
      batch.slot,
      this.#arena.holders,
      report,
    );
    const freed = report[REPORT_FREED];
    for (let n = 0; n < freed; n++) release(this.#arena, report[REPORT_WORDS + n]);
    return sent;
  }

  /** Gives the slots back with the descriptor: its own, and those of others that are on their way. */
  close(): boolean {
    const held = this.#held();
    const wasOpen = this.#addon.xdpClose(this.opened.fd);
    this.#giveBack(held);
    return wasOpen;
  }

  /** The same; until it is done the kernel may write to slots of its own, and read those of others. */
  async closeApart(): Promise<boolean> {
    const held = this.#held();
    const wasOpen = await this.#addon.closeApart(this.opened.fd);
    this.#giveBack(held);
    return wasOpen;
  }

  #held(): Int32Array {
    const held = new Int32Array(RING_ENTRIES);
    return held.subarray(0, this.#addon.xdpHeld(this.opened.fd, held));
  }

  #giveBack(held: Int32Array): void {
    for (const slot of held) release(this.#arena, slot);
    for (let n = this.#own.length - 1; n >= 0; n--) release(this.#arena, this.#own[n]);
  }
}
