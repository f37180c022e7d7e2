/**
 * A tap: copies the frames that one capture wants into its ring, on the forwarding thread, at the pipeline's edges.
 *
 *   received ▸ (the pipeline) ▸ settled, where what became of a received frame is filled in, and drops are taken
 *                └ sent, as a port's device has taken it
 *
 * Nothing of it runs while nobody captures. What it writes is published once a turn.
 */

import type { Arena } from '../dataplane/arena.ts';
import { type Batch, INDEX_MASK, RX_GENERATED, SHAPE_ALT } from '../dataplane/batch.ts';
import { DROP_NONE } from '../dataplane/reasons.ts';
import { compileFilter, type FrameFilter } from '../filter/compile.ts';
import {
  BROUGHT,
  CAPTURE_DROP,
  CAPTURE_IN,
  CAPTURE_OUT,
  COPIES_AT,
  DIRECTION_AT,
  FRAME_AT,
  FROM_AT,
  KEPT_AT,
  LENGTH_AT,
  PORT_AT,
  REASON_AT,
  TIME_AT,
  TO_AT,
  UNKNOWN,
  VID_AT,
} from './record.ts';
import { type Ring, RingWriter } from './ring.ts';

export interface TapSpec {
  /** Names; empty = every port. */
  readonly ports: readonly string[];
  /** CAPTURE_* bits. */
  readonly directions: number;
  readonly filter: string;
  /** Bytes kept of a frame. */
  readonly snapLen: number;
}

export class Tap {
  readonly spec: TapSpec;
  readonly #ring: RingWriter;
  readonly #passes: FrameFilter;
  /** Where the record of a received frame is that waits for its fate; -1 for none. */
  readonly #waiting: Int32Array;
  /** The same of the frame that a tunnel's datagram brought, which has the row then. */
  readonly #brought: Int32Array;
  /** Port that each frame of the batch came by. */
  readonly #cameBy: Int32Array;
  /** By port number; null = all. */
  #ports: Uint8Array | null = null;

  /** `capacity`: frames of a batch. Throws FilterError. */
  constructor(spec: TapSpec, ring: Ring, capacity: number) {
    this.spec = spec;
    this.#ring = new RingWriter(ring);
    this.#passes = compileFilter(spec.filter);
    this.#waiting = new Int32Array(capacity).fill(-1);
    this.#brought = new Int32Array(capacity).fill(-1);
    this.#cameBy = new Int32Array(capacity);
  }

  /** Which numbers its ports have now. */
  aim(numberOf: (name: string) => number | undefined, capacity: number): void {
    if (this.spec.ports.length === 0) return;
    this.#ports = new Uint8Array(capacity);
    for (const name of this.spec.ports) {
      const port = numberOf(name);
      if (port !== undefined) this.#ports[port] = 1;
    }
  }

  /** Frames of the batch have just come. */
  received(arena: Arena, b: Batch): void {
    if ((this.spec.directions & CAPTURE_IN) === 0) return;
    for (let i = 0; i < b.count; i++) {
      this.#waiting[i] = -1;
      this.#brought[i] = -1;
      this.#cameBy[i] = b.port[i];
      if ((b.rxFlags[i] & RX_GENERATED) !== 0 || !this.#watches(b.port[i])) continue;
      if (!this.#passes(arena.view, b.off[i], b.len[i], b.len[i])) continue;
      this.#waiting[i] = this.#keep(arena, b, i, CAPTURE_IN, b.port[i]);
    }
  }

  /** Datagrams of tunnels have become the frames that they brought. */
  decapsulated(arena: Arena, b: Batch): void {
    if ((this.spec.directions & CAPTURE_IN) === 0) return;
    for (let i = 0; i < b.count; i++) {
      const port = b.port[i];
      if (port === this.#cameBy[i] || !this.#watches(port)) continue;
      if (this.#passes(arena.view, b.off[i], b.len[i], b.len[i]))
        this.#brought[i] = this.#keep(arena, b, i, CAPTURE_IN, port);
    }
  }

  /** Words of list[start .. start+count) have left by `port`. */
  sent(arena: Arena, b: Batch, port: number, list: Int32Array, start: number, count: number): void {
    if ((this.spec.directions & CAPTURE_OUT) === 0 || !this.#watches(port)) return;
    for (let k = start; k < start + count; k++) {
      const word = list[k];
      const i = word & INDEX_MASK;
      if ((word & SHAPE_ALT) !== 0) this.#keepJoined(arena, b, i, port);
      else if (this.#passes(arena.view, b.off[i], b.len[i], b.len[i])) this.#keep(arena, b, i, CAPTURE_OUT, port);
    }
  }

  /** What became of rows [first, end) is known. */
  settled(arena: Arena, b: Batch, first: number, end: number): void {
    const { directions } = this.spec;
    for (let i = first; i < end; i++) {
      if ((directions & CAPTURE_IN) !== 0) this.#tellFates(b, i);
      if ((directions & CAPTURE_DROP) === 0 || b.reason[i] === DROP_NONE || !this.#watches(b.port[i])) continue;
      if (!this.#passes(arena.view, b.off[i], b.len[i], b.len[i])) continue;
      const at = this.#keep(arena, b, i, CAPTURE_DROP, b.port[i]);
      if (at >= 0) this.#tellFate(b, i, at);
    }
  }

  /** The turn is over: shows what it brought. */
  publish(): void {
    this.#ring.publish();
  }

  #watches(port: number): boolean {
    return this.#ports === null || this.#ports[port] === 1;
  }

  /** Copies the frame in its main shape; returns where its record is, or -1. */
  #keep(arena: Arena, b: Batch, i: number, direction: number, port: number): number {
    const length = b.len[i];
    const kept = Math.min(length, this.spec.snapLen);
    const at = this.#ring.reserve(FRAME_AT + kept);
    if (at < 0) return -1;
    this.#write(b, i, at, direction, port, length, kept);
    this.#ring.copy(arena, b.off[i], at + FRAME_AT, kept);
    return at;
  }

  /** The same for the other shape, whose head is elsewhere: the filter looks at the copy. */
  #keepJoined(arena: Arena, b: Batch, i: number, port: number): void {
    const { view } = this.#ring;
    const head = b.altHeadLen[i];
    const length = head + b.altLen[i];
    const kept = Math.min(length, this.spec.snapLen);
    const at = this.#ring.reserve(FRAME_AT + length);
    if (at < 0) return;
    this.#write(b, i, at, CAPTURE_OUT, port, length, kept);
    this.#ring.copy(arena, b.altHeadOff[i], at + FRAME_AT, head);
    this.#ring.copy(arena, b.altOff[i], at + FRAME_AT + head, b.altLen[i]);
    if (!this.#passes(view, at + FRAME_AT, length, length)) this.#ring.cancel(at);
  }

  #write(b: Batch, i: number, at: number, direction: number, port: number, length: number, kept: number): void {
    const { view } = this.#ring;
    const sent = direction === CAPTURE_OUT;
    // What the switch made itself came from nowhere; a tunnel's datagrams have the port that they leave by.
    const cameFrom = sent && (b.rxFlags[i] & RX_GENERATED) === 0 && b.port[i] !== port ? b.port[i] : UNKNOWN;
    view.setInt32(at + DIRECTION_AT, direction);
    view.setInt32(at + PORT_AT, port);
    view.setInt32(at + LENGTH_AT, length);
    view.setInt32(at + KEPT_AT, kept);
    view.setInt32(at + VID_AT, sent && b.fid[i] !== 0 ? b.vid[i] : 0);
    view.setInt32(at + REASON_AT, UNKNOWN);
    view.setInt32(at + TO_AT, UNKNOWN);
    view.setInt32(at + COPIES_AT, UNKNOWN);
    view.setInt32(at + FROM_AT, cameFrom);
    view.setFloat64(at + TIME_AT, b.timeUs[i]);
  }

  #tellFates(b: Batch, i: number): void {
    const came = this.#waiting[i];
    const brought = this.#brought[i];
    if (brought >= 0) this.#tellFate(b, i, brought);
    if (came < 0) return;
    if (b.port[i] === this.#cameBy[i]) {
      this.#tellFate(b, i, came);
      return;
    }
    const { view } = this.#ring;
    view.setInt32(came + REASON_AT, DROP_NONE);
    view.setInt32(came + TO_AT, b.port[i]);
    view.setInt32(came + COPIES_AT, BROUGHT);
  }

  #tellFate(b: Batch, i: number, at: number): void {
    const { view } = this.#ring;
    view.setInt32(at + VID_AT, b.fid[i] !== 0 ? b.vid[i] : 0);
    view.setInt32(at + REASON_AT, b.reason[i]);
    view.setInt32(at + TO_AT, b.to[i]);
    view.setInt32(at + COPIES_AT, b.copies[i]);
  }
}
