/**
 * A window that slides over a byte source: the only memory a reader needs.
 *
 * Unread bytes are always `bytes[start..end)`, in one piece. When a caller needs more than that, the rest
 * moves to the front and the source fills what is free, so a record is never split and never copied twice.
 *
 * The window grows, but only when it is full of bytes that really came: a length field that lies costs
 * nothing, whatever it says. It begins small (a fuzz run opens a million captures), reaches 1 MiB on a file
 * that is longer than that, and grows beyond only for one record that is larger.
 */
import type { ByteSource } from './source.ts';

const FIRST_BYTES = 4 * 1024;
/** Enough that the system call costs less than a nanosecond per frame; larger did not read faster. */
const CHUNK_BYTES = 1024 * 1024;
const GROWTH = 16;

export class Window {
  bytes = new Uint8Array(FIRST_BYTES);
  view = new DataView(this.bytes.buffer);
  start = 0;
  end = 0;
  #source: ByteSource;
  #base = 0; // place in the file of bytes[0]
  #ended = false;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Place in the file of bytes[start]. */
  get position(): number {
    return this.#base + this.start;
  }

  get available(): number {
    return this.end - this.start;
  }

  /** True when `need` bytes lie in the window, false when the source ended before. May move `start`. */
  has(need: number): boolean {
    return this.end - this.start >= need || this.#fill(need);
  }

  /** Passes over `count` bytes without holding them; false when the source ended before. */
  skip(count: number): boolean {
    let left = count;
    while (left > this.end - this.start) {
      left -= this.end - this.start;
      this.start = this.end;
      if (!this.#fill(1)) return false;
    }
    this.start += left;
    return true;
  }

  /** After damage: nothing more is read or held. */
  close(): void {
    this.#base += this.start;
    this.start = 0;
    this.end = 0;
    this.#ended = true;
  }

  #fill(need: number): boolean {
    if (this.start > 0) {
      this.bytes.copyWithin(0, this.start, this.end);
      this.#base += this.start;
      this.end -= this.start;
      this.start = 0;
    }
    while (this.end < need && !this.#ended) {
      if (this.end === this.bytes.length) this.#grow(this.bytes.length * 2);
      const room = this.bytes.length - this.end;
      const got = this.#source.read(this.bytes, this.end, room);
      if (got <= 0) this.#ended = true;
      else this.end += got;
      if (got === room && this.bytes.length < CHUNK_BYTES) this.#grow(this.bytes.length * GROWTH);
    }
    return this.end >= need;
  }

  #grow(size: number): void {
    const grown = new Uint8Array(size);
    grown.set(this.bytes.subarray(0, this.end));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }
}
