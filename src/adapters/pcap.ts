/**
 * Captures as ports: frames come out of a capture and go into one.
 *
 * Three pieces. `appendCaptured` copies a reader's current frame into the arena, `CaptureSender` writes an
 * egress list with the time of the frames that caused it, and `PcapAdapter` is the two as a port of a running
 * switch, where the capture is read as fast as the switch polls. Replay, which merges many captures by time,
 * takes the first two.
 */

import type { Arena } from '../dataplane/arena.ts';
import { frameStart, LARGE_FRAME_BYTES, takeFor } from '../dataplane/arena.ts';
import { type Batch, INDEX_MASK, RX_TRUNCATED, SHAPE_ALT } from '../dataplane/batch.ts';
import { LINKTYPE_ETHERNET } from '../pcap/link-type.ts';
import { PcapWriter } from '../pcap/pcap-writer.ts';
import { CaptureError, type CaptureReader } from '../pcap/reader.ts';
import type { ByteSink } from '../pcap/source.ts';
import type { Adapter, AdapterContext } from './adapter.ts';

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

const EIO = 5;
/** Nothing in a capture is longer than a slot that the arena has anyway. */
const CAPTURE_MTU = 65_535;

export interface PcapAdapterOptions {
  /** For people: the name of the file. */
  device: string;
  /** What the port receives; null: nothing. */
  reader: CaptureReader | null;
  /** Where the port sends; null: what it is sent disappears. */
  sink: ByteSink | null;
}

/** A capture as a port of a running switch. At the end of the capture, or at its damage, the port stays up. */
export class PcapAdapter implements Adapter {
  readonly kind = 'pcap';
  readonly device: string;
  readonly mtu = CAPTURE_MTU;
  readonly fd = -1;
  readonly offloadsAvailable = 0;
  readonly offloads = 0;
  lastError = 0;
  /** Frames passed over: another link type, or too long for any slot. */
  framesSkipped = 0;
  /** What is wrong with the capture, null while nothing is. */
  damage: string | null = null;
  #context: AdapterContext;
  #reader: CaptureReader | null;
  #sender: CaptureSender | null;
  /** The reader stands on a frame for which there was no slot. */
  #pending = false;

  constructor(options: PcapAdapterOptions, context: AdapterContext) {
    this.device = options.device;
    this.#context = context;
    this.#reader = options.reader;
    this.#sender = options.sink === null ? null : new CaptureSender(context.arena, options.sink);
    if (this.#reader !== null) queueMicrotask(() => context.events.readable());
  }

  setOffloads(_offloads: number): void {}

  receive(b: Batch, port: number, max: number): number {
    const first = b.count;
    while (b.count - first < max && b.count < b.capacity && this.#next()) {
      const reader = this.#reader!;
      const done = appendCaptured(this.#context.arena, b, reader, port);
      this.#pending = done === NO_SLOT;
      if (done === NO_SLOT) break;
      if (done === NEVER_FITS) this.framesSkipped++;
      else b.timeUs[b.count - 1] = captureTimeUs(reader.seconds, reader.nanos);
    }
    if (this.#reader !== null) queueMicrotask(() => this.#context.events.readable());
    return b.count - first;
  }

  /** Moves the reader to the next Ethernet frame; false at the end, and where the capture is damaged. */
  #next(): boolean {
    if (this.#pending) return true;
    try {
      while (this.#reader?.next() === true) {
        if (this.#reader.kind === 'packet' && this.#reader.linkType === LINKTYPE_ETHERNET) return true;
        this.framesSkipped++;
      }
    } catch (error) {
      this.damage = error instanceof CaptureError ? error.message : `${this.device}: ${String(error)}`;
    }
    this.#reader = null;
    return false;
  }

  send(b: Batch, list: Int32Array, start: number, count: number): number {
    if (this.#sender === null) return count;
    try {
      this.lastError = 0;
      return this.#sender.send(b, list, start, count);
    } catch (error) {
      this.lastError = Math.abs((error as { errno?: number }).errno ?? EIO);
      this.#sender = null;
      return 0;
    }
  }

  close(): void {
    this.#reader = null;
    this.#pending = false;
    try {
      this.#sender?.flush();
    } catch (error) {
      this.lastError = Math.abs((error as { errno?: number }).errno ?? EIO);
    }
    this.#sender = null;
  }
}
