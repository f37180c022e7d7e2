/**
 * Frames of the switch's own making: `inject` gives one to the pipeline as if it had arrived on a port, `emit` sends
 * one out of a port directly.
 *
 * Handlers of punted frames and timers call both at any time. While a batch is under way the frames wait until its
 * owner has flushed what came before them; then they go one by one, in order, by the slow lane, each flushed before the
 * next. They teach the FDB nothing. What they cause (a punt again) is worked off as well, up to a bound.
 */

import { frameStart, release, takeFor } from '../dataplane/arena.ts';
import { type Batch, createBatch, RX_GENERATED } from '../dataplane/batch.ts';
import type { Dataplane } from '../dataplane/dataplane.ts';
import { sendGenerated } from '../dataplane/generate.ts';
import { forwardBatchSlowly } from '../dataplane/pipeline.ts';
import type { Sender } from '../dataplane/transmit.ts';

/** What the injector asks of its switch. */
export interface Around {
  readonly dp: Dataplane;
  senderOf(port: number): Sender | null;
  /** A frame is about to leave by `port`, past the bridge. */
  emitting(batch: Batch, port: number, list: Int32Array): void;
  /** Sends what the egress lists hold of this batch. */
  flush(batch: Batch): void;
  /** Gives a punted frame to its handler. */
  punted(batch: Batch): void;
}

/** Frames that wait; one more is refused. */
const MAX_WAITING = 1024;
/** Frames worked off at one go: handlers that answer each other for ever end here. */
const MAX_AT_ONCE = 4096;
const ITS_OWN = Int32Array.of(0);

/** Offloads of a frame, as in the batch's columns. */
export interface Offload {
  readonly gso: number;
  readonly csum: number;
}

export const PLAIN: Offload = { gso: 0, csum: 0 };

interface Waiting {
  port: number;
  slot: number;
  length: number;
  direct: boolean;
  offload: Offload;
  nowMs: number;
  timeUs: number;
}

export class Injector {
  readonly #around: Around;
  readonly #batch = createBatch(1);
  #waiting: Waiting[] = [];

  constructor(around: Around) {
    this.#around = around;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Takes a copy of the frame; false when too many wait or no slot is free. `direct`: past the bridge, out of `port`. */
  add(port: number, frame: Uint8Array, direct: boolean, offload: Offload, nowMs: number, timeUs: number): boolean {
    if (this.#waiting.length === MAX_WAITING) return false;
    const { arena } = this.#around.dp;
    const slot = takeFor(arena, frame.length);
    if (slot < 0) return false;
    arena.bytes.set(frame, frameStart(arena, slot));
    this.#waiting.push({ port, slot, length: frame.length, direct, offload, nowMs, timeUs });
    return true;
  }

  /** Works off what waits. The egress lists must be empty. */
  settle(): void {
    const { dp } = this.#around;
    let left = MAX_AT_ONCE;
    for (let next = 0; next < this.#waiting.length; next++) {
      const frame = this.#waiting[next];
      if (left-- > 0) this.#send(frame);
      release(dp.arena, frame.slot);
    }
    this.#waiting = [];
  }

  #send({ port, slot, length, direct, offload, nowMs, timeUs }: Waiting): void {
    const { dp } = this.#around;
    const b = this.#batch;
    b.count = 1;
    b.slot[0] = slot;
    b.off[0] = frameStart(dp.arena, slot);
    b.len[0] = length;
    b.port[0] = port;
    b.rxFlags[0] = RX_GENERATED;
    b.nowMs[0] = nowMs;
    b.timeUs[0] = timeUs;
    b.gso[0] = offload.gso;
    b.csum[0] = offload.csum;
    b.fid[0] = 0;
    b.vid[0] = 0;
    b.mirrored[0] = 0;
    if (direct) {
      this.#around.emitting(b, port, ITS_OWN);
      sendGenerated(dp, b, port, ITS_OWN, 0, 1, this.#around.senderOf(port));
      return;
    }
    forwardBatchSlowly(dp, b);
    this.#around.flush(b);
    if (b.punted >= 0) this.#around.punted(b);
  }
}
