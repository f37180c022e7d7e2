/**
 * Captures at work: the taps of everybody who captures, told of what passes the edges of the pipeline.
 *
 * The core asks whether there is any once a batch. What leaves is seen by a sender around the port's own, so that mirror
 * copies and frames of the switch's making are seen like all others, and only what the device has taken.
 */

import type { Ring } from '../capture/ring.ts';
import { Tap, type TapSpec } from '../capture/tap.ts';
import type { Arena } from '../dataplane/arena.ts';
import type { Batch } from '../dataplane/batch.ts';
import type { Dataplane } from '../dataplane/dataplane.ts';
import type { Sender } from '../dataplane/transmit.ts';

export class Capturing {
  /** Ports by name, as they are now. */
  names: (name: string) => number | undefined = () => undefined;
  readonly #arena: Arena;
  readonly #dp: Dataplane;
  readonly #frames: number;
  readonly #taps = new Map<number, Tap>();
  /** By port number. */
  readonly #senders: WatchedSender[] = [];

  /** `frames`: rows of the largest batch. */
  constructor(dp: Dataplane, frames: number) {
    this.#arena = dp.arena;
    this.#dp = dp;
    this.#frames = frames;
  }

  get isIdle(): boolean {
    return this.#taps.size === 0;
  }

  /** Throws FilterError. */
  start(id: number, spec: TapSpec, ring: Ring): void {
    this.#taps.set(id, new Tap(spec, ring, this.#frames));
    this.aim();
  }

  stop(id: number): void {
    this.#taps.delete(id);
  }

  /** Ports have come or gone. */
  aim(): void {
    for (const tap of this.#taps.values()) tap.aim(this.names, this.#dp.ports.capacity);
  }

  received(b: Batch): void {
    for (const tap of this.#taps.values()) tap.received(this.#arena, b);
  }

  decapsulated(b: Batch): void {
    for (const tap of this.#taps.values()) tap.decapsulated(this.#arena, b);
  }

  /** list[start .. start+count) leaves by a port that has no sender: a tunnel. */
  sent(b: Batch, port: number, list: Int32Array, start: number, count: number): void {
    for (const tap of this.#taps.values()) tap.sent(this.#arena, b, port, list, start, count);
  }

  settled(b: Batch, first: number, end: number): void {
    for (const tap of this.#taps.values()) tap.settled(this.#arena, b, first, end);
  }

  publish(): void {
    for (const tap of this.#taps.values()) tap.publish();
  }

  /** The port's sender, watched. */
  watched(port: number, sender: Sender): Sender {
    const watched = this.#senders[port] ?? new WatchedSender(this, port);
    this.#senders[port] = watched;
    watched.inner = sender;
    return watched;
  }
}

class WatchedSender implements Sender {
  inner: Sender | null = null;
  readonly #capturing: Capturing;
  readonly #port: number;

  constructor(capturing: Capturing, port: number) {
    this.#capturing = capturing;
    this.#port = port;
  }

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    const sent = this.inner!.send(batch, list, start, count);
    if (sent > 0) this.#capturing.sent(batch, this.#port, list, start, Math.min(sent, count));
    return sent;
  }

  get lastError(): number {
    return this.inner!.lastError;
  }
}
