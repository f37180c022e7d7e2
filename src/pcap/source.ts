/**
 * Where a capture's bytes come from and go to.
 *
 * This room parses and never does I/O: a caller hands in a `ByteSource` (a file, stdin, a block of memory)
 * and the reader pulls from it. Both calls are synchronous, because a replay reads as fast as it forwards
 * and a promise per chunk would make the order of frames a matter of scheduling.
 */
export interface ByteSource {
  /** Puts up to `length` bytes at `into[offset]` and returns how many; fewer is normal, 0 is the end. */
  read(into: Uint8Array, offset: number, length: number): number;
}

export interface ByteSink {
  /** Takes all `length` bytes, or throws. The memory is the caller's again when this returns. */
  write(from: Uint8Array, offset: number, length: number): void;
}

/** A source over bytes in memory: tests, fuzzing, captures that came over a socket. */
export class MemorySource implements ByteSource {
  #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(into: Uint8Array, offset: number, length: number): number {
    const n = Math.min(length, this.#bytes.length - this.#at);
    into.set(this.#bytes.subarray(this.#at, this.#at + n), offset);
    this.#at += n;
    return n;
  }
}

/** A sink that keeps everything: for tests and for captures small enough to hold. */
export class MemorySink implements ByteSink {
  #bytes = new Uint8Array(4096);
  #length = 0;

  write(from: Uint8Array, offset: number, length: number): void {
    if (this.#length + length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + length));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(from.subarray(offset, offset + length), this.#length);
    this.#length += length;
  }

  /** Everything written so far; a view that stays valid, later writes do not change it. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}
