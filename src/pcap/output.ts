/**
 * The writers' buffer: small pieces gather here, so that a sink sees few large writes.
 *
 * Nothing reaches the sink before the buffer is full or `flush()` is called; what a piece larger than the
 * buffer does is pass through without being copied. If the sink throws, the bytes handed to it are gone and
 * the writer must not be used again: a capture with a hole in it is worth nothing.
 */
import type { ByteSink } from './source.ts';

const BUFFER_BYTES = 64 * 1024;

export class Output {
  bytes = new Uint8Array(BUFFER_BYTES);
  view = new DataView(this.bytes.buffer);
  #sink: ByteSink;
  #at = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  /** Makes room for a small header of `length` bytes and says where in `bytes` it begins. */
  reserve(length: number): number {
    if (this.#at + length > BUFFER_BYTES) this.flush();
    const at = this.#at;
    this.#at += length;
    return at;
  }

  append(from: Uint8Array, offset: number, length: number): void {
    if (this.#at + length > BUFFER_BYTES) {
      this.flush();
      if (length > BUFFER_BYTES) {
        this.#sink.write(from, offset, length);
        return;
      }
    }
    // The view costs an object per frame; a byte loop instead measured no faster, not even for 20 bytes.
    this.bytes.set(from.subarray(offset, offset + length), this.#at);
    this.#at += length;
  }

  /** Up to three zero bytes, to the next multiple of four of `length`. */
  pad(length: number): void {
    for (let n = -length & 3; n > 0; n--) this.bytes[this.reserve(1)] = 0;
  }

  flush(): void {
    const length = this.#at;
    this.#at = 0;
    if (length > 0) this.#sink.write(this.bytes, 0, length);
  }
}
