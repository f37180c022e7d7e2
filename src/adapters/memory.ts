/**
 * A port that is memory: a program pushes frames in and is handed those that leave. No descriptor, no timer, no
 * thread; what the library, tests and the scenario runner put behind their ports.
 *
 * In: `push` copies the frame into the arena and queues its slot, `receive` moves it into the batch. A full queue
 * or arena refuses the newest, and says so. Out: `onFrame` gets a view of the arena, without a copy; when there is
 * none, copies wait in a bounded queue for `take`, and when that is full the frame counts as TX_RING_FULL, as on
 * any device that nobody reads.
 *
 * Limits: a frame fits one slot (LARGE_FRAME_BYTES). A frame in its other shape has its head and its payload in
 * two places, so its view is of a scratch block into which both are copied.
 */

import { type Arena, frameStart, release, takeFor } from '../dataplane/arena.ts';
import { type Batch, INDEX_MASK, RX_TRUNCATED, SHAPE_ALT } from '../dataplane/batch.ts';
import type { Adapter, AdapterContext, AdapterEvents } from './adapter.ts';

export interface MemoryOptions {
  /** What it is called, for people; `memory` unless told. */
  device?: string;
  mtu: number;
  /** Frames that wait, in each direction; 1,024 unless told. */
  queueFrames?: number;
}

/**
 * Takes a frame that leaves; false = it cannot. `frame` is a view that holds until the call returns, `index` is
 * its place in the batch, for the columns. Must not throw.
 */
export type TakeFrame = (frame: Buffer, batch: Batch, index: number) => boolean;

const QUEUE_FRAMES = 1024;
/** EBADF: sent to after close. */
const CLOSED_ERRNO = 9;

export class MemoryAdapter implements Adapter {
  readonly kind = 'memory';
  readonly device: string;
  readonly mtu: number;
  readonly fd = -1;
  readonly offloads = 0;
  lastError = 0;
  /** Gets every frame that leaves; null puts copies into the queue of `take`. */
  onFrame: TakeFrame | null = null;
  readonly #arena: Arena;
  readonly #events: AdapterEvents;
  /** The arena's memory as Node.js knows it, to make views from. */
  readonly #memory: Buffer;
  readonly #queueFrames: number;
  /** A ring: `#waiting` frames from `#head` on, slot, length and receive flags of each. */
  readonly #slots: Int32Array;
  readonly #lengths: Int32Array;
  readonly #flags: Int32Array;
  #head = 0;
  #waiting = 0;
  #out: Buffer[] = [];
  #scratch: Buffer = Buffer.alloc(0);
  #closed = false;

  constructor(options: MemoryOptions, context: AdapterContext) {
    const { arena, events } = context;
    this.device = options.device ?? 'memory';
    this.mtu = options.mtu;
    this.#arena = arena;
    this.#events = events;
    this.#memory = Buffer.from(arena.bytes.buffer, arena.bytes.byteOffset, arena.bytes.length);
    this.#queueFrames = options.queueFrames ?? QUEUE_FRAMES;
    // Room for one even where nothing may wait: a frame is pushed and received in one breath.
    const ring = Math.max(1, this.#queueFrames);
    this.#slots = new Int32Array(ring);
    this.#lengths = new Int32Array(ring);
    this.#flags = new Int32Array(ring);
  }

  /**
   * Copies a frame in, to be received; false when queue or arena have no room for it, or the port is closed.
   * `truncated`: it is only a part of the frame that was on the wire.
   */
  push(frame: Uint8Array, truncated: boolean = false): boolean {
    const ring = this.#slots.length;
    if (this.#closed || this.#waiting === ring) return false;
    const slot = takeFor(this.#arena, frame.length);
    if (slot < 0) return false;
    // Of memory that was transferred away not even nothing can be copied.
    if (frame.length > 0) this.#arena.bytes.set(frame, frameStart(this.#arena, slot));
    const at = (this.#head + this.#waiting) % ring;
    this.#slots[at] = slot;
    this.#lengths[at] = frame.length;
    this.#flags[at] = truncated ? RX_TRUNCATED : 0;
    if (++this.#waiting === 1) this.#events.readable();
    return true;
  }

  receive(batch: Batch, port: number, max: number): number {
    const begin = batch.count;
    const end = Math.min(begin + max, batch.capacity, begin + this.#waiting);
    const ring = this.#slots.length;
    for (let i = begin; i < end; i++) {
      const slot = this.#slots[this.#head];
      batch.slot[i] = slot;
      batch.off[i] = frameStart(this.#arena, slot);
      batch.len[i] = this.#lengths[this.#head];
      batch.port[i] = port;
      batch.rxFlags[i] = this.#flags[this.#head];
      batch.gso[i] = 0;
      batch.csum[i] = 0;
      this.#head = (this.#head + 1) % ring;
      this.#waiting--;
    }
    batch.count = Math.max(begin, end);
    return batch.count - begin;
  }

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    if (this.#closed) return 0;
    for (let k = 0; k < count; k++) {
      const word = list[start + k];
      const i = word & INDEX_MASK;
      const view = (word & SHAPE_ALT) === 0 ? this.#view(batch, i) : this.#joined(batch, i);
      if (this.onFrame === null ? !this.keep(view) : !this.onFrame(view, batch, i)) return k;
    }
    return count;
  }

  /** Puts a copy into the queue of `take`; false when it is full. */
  keep(frame: Buffer): boolean {
    if (this.#out.length >= this.#queueFrames) return false;
    this.#out.push(Buffer.from(frame));
    return true;
  }

  /** Hands over the copies that wait, oldest first. */
  take(): Buffer[] {
    const frames = this.#out;
    this.#out = [];
    return frames;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.lastError = CLOSED_ERRNO;
    for (; this.#waiting > 0; this.#waiting--) {
      release(this.#arena, this.#slots[this.#head]);
      this.#head = (this.#head + 1) % this.#slots.length;
    }
  }

  #view(batch: Batch, i: number): Buffer {
    const off = batch.off[i];
    return this.#memory.subarray(off, off + batch.len[i]);
  }

  #joined(batch: Batch, i: number): Buffer {
    const head = batch.altHeadOff[i];
    const headLen = batch.altHeadLen[i];
    const body = batch.altOff[i];
    const length = headLen + batch.altLen[i];
    if (this.#scratch.length < length) this.#scratch = Buffer.alloc(Math.max(2048, length));
    this.#memory.copy(this.#scratch, 0, head, head + headLen);
    this.#memory.copy(this.#scratch, headLen, body, body + batch.altLen[i]);
    return this.#scratch.subarray(0, length);
  }
}
