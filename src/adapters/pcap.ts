/**
 * Captures in place of devices: `appendCaptured` copies a reader's current frame into the arena, `CaptureSender`
 * writes what leaves a port, with the time of the frames that caused it.
 *
 * This is no `Adapter`: replay merges many captures by time, so the order in which frames are received is not the
 * port's to decide, and a write that fails ends the replay instead of dropping a frame.
 */

import type { Arena } from '../dataplane/arena.ts';
import { frameStart, LARGE_FRAME_BYTES, takeFor } from '../dataplane/arena.ts';
import { type Batch, INDEX_MASK, RX_TRUNCATED, SHAPE_ALT } from '../dataplane/batch.ts';
import { PcapWriter } from '../pcap/pcap-writer.ts';
import type { CaptureReader } from '../pcap/reader.ts';
import type { ByteSink } from '../pcap/source.ts';

/** What `appendCaptured` did. */
export const APPENDED = 0;
/** The arena has no free slot: forward what is in the batch and try again. */
export const NO_SLOT = 1;
/** No slot is large enough, not even an empty one: the frame can only be dropped. */
export const NEVER_FITS = 2;

/** Up to here a loop of words beats `set`, which makes an object for its view: 25 ns against 80 for 60 bytes. */
const LOOP_BYTES = 128;
/** The latest time that a pcap can hold, in its unsigned 32-bit seconds. */
const MAX_TIME_US = 0xffff_ffff * 1e6 + 999_999;

/** Bytes of the current frame without the frame check sequence that some captures keep behind it. */
export function frameBytes(reader: CaptureReader): number {
  const fcs = reader.fcsBytes;
  return fcs > 0 && reader.capLen >= reader.origLen ? Math.max(0, reader.capLen - fcs) : reader.capLen;
}

/** Microseconds since the epoch, within what a pcap can say. */
export function captureTimeUs(seconds: number, nanos: number): number {
  return Math.min(Math.max(seconds * 1e6 + Math.floor(nanos / 1000), 0), MAX_TIME_US);
}

/** Appends the reader's current frame to the batch; the columns of time are the caller's. */
export function appendCaptured(arena: Arena, b: Batch, reader: CaptureReader, port: number): number {
  const length = frameBytes(reader);
  const slot = takeFor(arena, length);
  if (slot < 0) return length > LARGE_FRAME_BYTES ? NEVER_FITS : NO_SLOT;
  const to = frameStart(arena, slot);
  const from = reader.offset;
  if (length <= LOOP_BYTES) {
    const source = reader.view;
    const target = arena.view;
    const words = length & ~3;
    let i = 0;
    for (; i < words; i += 4) target.setInt32(to + i, source.getInt32(from + i));
    for (; i < length; i++) target.setUint8(to + i, source.getUint8(from + i));
  } else {
    arena.bytes.set(reader.buffer.subarray(from, from + length), to);
  }
  const i = b.count++;
  b.slot[i] = slot;
  b.off[i] = to;
  b.len[i] = length;
  b.port[i] = port;
  b.rxFlags[i] = reader.capLen < reader.origLen ? RX_TRUNCATED : 0;
  b.gso[i] = 0;
  b.csum[i] = 0;
  return APPENDED;
}

/** Writes egress lists into a pcap. Throws what the sink throws. */
export class CaptureSender {
  readonly lastError = 0;
  #arena: Arena;
  #writer: PcapWriter;
  /** A frame in its other shape is put together here: its head and its payload lie apart. */
  #whole = new Uint8Array(0);

  constructor(arena: Arena, sink: ByteSink) {
    this.#arena = arena;
    this.#writer = new PcapWriter(sink);
  }

  send(b: Batch, list: Int32Array, start: number, count: number): number {
    const { bytes } = this.#arena;
    const writer = this.#writer;
    const { off, len, timeUs } = b;
    for (let k = start; k < start + count; k++) {
      const word = list[k];
      const i = word & INDEX_MASK;
      const time = timeUs[i];
      const seconds = Math.floor(time / 1e6);
      const nanos = (time - seconds * 1e6) * 1000;
      if (word < SHAPE_ALT) {
        writer.write(bytes, off[i], len[i], len[i], seconds, nanos);
      } else {
        const length = this.#assemble(b, i);
        writer.write(this.#whole, 0, length, length, seconds, nanos);
      }
    }
    return count;
  }

  #assemble(b: Batch, i: number): number {
    const headAt = b.altHeadOff[i];
    const head = b.altHeadLen[i];
    const payloadAt = b.altOff[i];
    const length = head + b.altLen[i];
    if (this.#whole.length < length) this.#whole = new Uint8Array(length + 4096);
    this.#whole.set(this.#arena.bytes.subarray(headAt, headAt + head));
    this.#whole.set(this.#arena.bytes.subarray(payloadAt, payloadAt + b.altLen[i]), head);
    return length;
  }

  flush(): void {
    this.#writer.flush();
  }
}
