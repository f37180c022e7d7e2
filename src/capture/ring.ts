/**
 * A ring of records in shared memory, from one thread to one other: the forwarding thread writes, the main thread
 * reads.
 *
 *   control: | written | read | lost |        words of 8 bytes, counted for ever; only differences mean something
 *   records: | bytes | ... payload ... | bytes | ... | 0 | (rest of the ring)        0: go on at the start
 *
 * The writer never waits: a record that finds no room is lost, and counted. What it has written is seen when it
 * publishes, so a record can be completed after the next ones have been begun.
 */

import type { Arena } from '../dataplane/arena.ts';
import { sharedInt32 } from '../tables/shared.ts';

const WRITTEN = 0;
const READ = 1;
const LOST = 2;

const WORD = 8;
const WORD_SHIFT = 3;
/** Bytes in front of a record's payload: its own length; the payload keeps 8-byte alignment. */
export const RECORD_HEAD = WORD;

export interface Ring {
  readonly control: Int32Array;
  readonly memory: SharedArrayBuffer;
}

/** From here on `set` is faster than a loop, though it makes an object a frame (1,514 bytes: 0.2 µs against 2). */
const LONG_COPY = 192;

/** `bytes` is a power of two. */
export function createRing(bytes: number): Ring {
  if (bytes < 1024 || (bytes & (bytes - 1)) !== 0) throw new RangeError(`${bytes} is no power of two from 1024 on`);
  return { control: sharedInt32(3), memory: new SharedArrayBuffer(bytes) };
}

/** Records that were lost because the reader was behind. */
export function lostRecords({ control }: Ring): number {
  return Atomics.load(control, LOST) >>> 0;
}

export class RingWriter {
  readonly view: DataView;
  /** The same memory. */
  readonly bytes: Uint8Array;
  readonly #control: Int32Array;
  readonly #words: number;
  #at: number;

  constructor(ring: Ring) {
    this.view = new DataView(ring.memory);
    this.bytes = new Uint8Array(ring.memory);
    this.#control = ring.control;
    this.#words = ring.memory.byteLength >> WORD_SHIFT;
    this.#at = Atomics.load(ring.control, WRITTEN);
  }

  /** Room for a payload of `bytes`; its offset in `view`, or -1 when the record is lost. */
  reserve(bytes: number): number {
    const words = 1 + ((bytes + WORD - 1) >> WORD_SHIFT);
    const index = this.#at & (this.#words - 1);
    const toEnd = this.#words - index;
    const skip = words > toEnd ? toEnd : 0;
    const used = (this.#at - Atomics.load(this.#control, READ)) | 0;
    if (skip + words > this.#words - used) {
      this.lose();
      return -1;
    }
    if (skip > 0) this.view.setInt32(index << WORD_SHIFT, 0);
    this.#at = (this.#at + skip) | 0;
    const start = (this.#at & (this.#words - 1)) << WORD_SHIFT;
    this.view.setInt32(start, words << WORD_SHIFT);
    this.#at = (this.#at + words) | 0;
    return start + RECORD_HEAD;
  }

  /** Takes back the last reservation, `offset` being what it gave. */
  cancel(offset: number): void {
    const words = this.view.getInt32(offset - RECORD_HEAD) >> WORD_SHIFT;
    // The gap that may have been skipped stays skipped.
    this.#at = (this.#at - words) | 0;
  }

  /** Copies bytes of the arena to `at`, within what is reserved. */
  copy(arena: Arena, off: number, at: number, length: number): void {
    if (length >= LONG_COPY) {
      this.bytes.set(arena.bytes.subarray(off, off + length), at);
      return;
    }
    const words = length & ~3;
    for (let n = 0; n < words; n += 4) this.view.setInt32(at + n, arena.view.getInt32(off + n));
    for (let n = words; n < length; n++) this.view.setUint8(at + n, arena.view.getUint8(off + n));
  }

  lose(): void {
    Atomics.add(this.#control, LOST, 1);
  }

  /** Shows the reader all that was reserved. */
  publish(): void {
    Atomics.store(this.#control, WRITTEN, this.#at);
  }
}

export class RingReader {
  readonly view: DataView;
  /** The same memory. */
  readonly bytes: Uint8Array;
  readonly #control: Int32Array;
  readonly #words: number;
  #at: number;

  constructor(ring: Ring) {
    this.view = new DataView(ring.memory);
    this.bytes = new Uint8Array(ring.memory);
    this.#control = ring.control;
    this.#words = ring.memory.byteLength >> WORD_SHIFT;
    this.#at = Atomics.load(ring.control, READ);
  }

  /** Offset of the next record's payload, or -1; the one before is given up. */
  next(): number {
    Atomics.store(this.#control, READ, this.#at);
    const written = Atomics.load(this.#control, WRITTEN);
    if (this.#at === written) return -1;
    let start = (this.#at & (this.#words - 1)) << WORD_SHIFT;
    let bytes = this.view.getInt32(start);
    if (bytes === 0) {
      this.#at = (this.#at + this.#words - (start >> WORD_SHIFT)) | 0;
      if (this.#at === written) return this.next();
      start = 0;
      bytes = this.view.getInt32(0);
    }
    this.#at = (this.#at + (bytes >> WORD_SHIFT)) | 0;
    return start + RECORD_HEAD;
  }
}
