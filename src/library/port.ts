/**
 * A port of an embedded switch, as its program holds it: frames in, frames out, link, counters.
 */

import type { MemoryAdapter } from '../adapters/memory.ts';
import type { Batch } from '../dataplane/batch.ts';
import type { PortCounters } from '../dataplane/counters.ts';
import type { FrameInput, SendOptions, SendResult } from './result.ts';

/** About a frame that leaves. One object per port, filled anew for every frame: copy what is to be kept. */
export interface FrameInfo {
  /** Port it leaves by. */
  port: string;
  /** Port it arrived on. */
  from: string;
  /** Its VLAN; null on a VLAN-unaware bridge. */
  vid: number | null;
  /** Microseconds since the epoch when it arrived, by the switch's clock. */
  timeUs: number;
}

/**
 * `frame` is a view of the switch's own memory, from the destination address on, without FCS. It holds until the
 * listener returns and is shared with the other ports of a flood: copy it (`Buffer.from(frame)`) to keep it or to
 * change it.
 */
export type FrameListener = (frame: Buffer, info: FrameInfo) => void;

/** What a port needs of its switch. */
export interface PortHost {
  send(port: SwitchPort, frame: FrameInput, options: SendOptions): SendResult;
  sendBatch(port: SwitchPort, frames: Iterable<FrameInput>): void;
  setLink(port: SwitchPort, up: boolean): void;
  isUp(port: SwitchPort): boolean;
  counters(port: SwitchPort): PortCounters;
  /** A frame leaves by `port`. */
  leaves(port: SwitchPort): void;
  /** Fills in what listeners are told of frame `index`. */
  describe(batch: Batch, index: number, info: FrameInfo): void;
  /** A listener threw. */
  failed(error: unknown): void;
}

export class SwitchPort {
  readonly name: string;
  /** Set by the switch: nothing can be sent any more. */
  isRemoved = false;
  readonly #host: PortHost;
  readonly #adapter: MemoryAdapter;
  readonly #info: FrameInfo;
  /** Replaced, never changed: a listener may add and remove listeners. */
  #listeners: readonly FrameListener[] = [];

  /** Ports are made by their switch. */
  constructor(name: string, host: PortHost, adapter: MemoryAdapter) {
    this.name = name;
    this.#host = host;
    this.#adapter = adapter;
    this.#info = { port: name, from: name, vid: null, timeUs: 0 };
    adapter.onFrame = (frame, batch, index) => this.#deliver(frame, batch, index);
  }

  /**
   * A frame arrives on this port and is forwarded before the call returns. It is copied. `frame` begins with the
   * destination address and has no FCS; any length is legal to hand in, what is no frame is a drop with a reason.
   *
   * From inside a listener or hook the frame waits its turn (`verdict: 'queued'`) and is forwarded before the
   * outermost call returns. Throws what a listener threw, after everything has been forwarded.
   */
  send(frame: FrameInput, options: SendOptions = {}): SendResult {
    return this.#host.send(this, frame, options);
  }

  /** The same for many, in batches: much faster. What becomes of them is in the counters. */
  sendBatch(frames: Iterable<FrameInput>): void {
    this.#host.sendBatch(this, frames);
  }

  /** Hands every frame that leaves by this port to `listener`, until the returned function is called. */
  onFrame(listener: FrameListener): () => void {
    if (typeof listener !== 'function') throw new TypeError('a frame listener is a function');
    // A wrapper, so that the same function given twice is two listeners.
    const own: FrameListener = (frame, info) => listener(frame, info);
    this.#listeners = [...this.#listeners, own];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== own);
    };
  }

  /** `onFrame` in the words of an emitter. */
  on(event: 'frame', listener: FrameListener): this {
    if (event !== 'frame') throw new TypeError(`a port has the event "frame", not ${JSON.stringify(event)}`);
    this.onFrame(listener);
    return this;
  }

  /** Copies of the frames that left by this port while nobody listened, oldest first; they are handed over once. */
  receive(): Buffer[] {
    return this.#adapter.take();
  }

  /** Link up. A port starts with its link up. */
  up(): void {
    this.#host.setLink(this, true);
  }

  /** Link down: frames are dropped as INGRESS_PORT_DOWN, and what was learned on the port is forgotten. */
  down(): void {
    this.#host.setLink(this, false);
  }

  get isUp(): boolean {
    return this.#host.isUp(this);
  }

  counters(): PortCounters {
    return this.#host.counters(this);
  }

  #deliver(frame: Buffer, batch: Batch, index: number): boolean {
    const listeners = this.#listeners;
    if (listeners.length === 0) {
      if (!this.#adapter.keep(frame)) return false;
      this.#host.leaves(this);
      return true;
    }
    this.#host.leaves(this);
    const info = this.#info;
    for (const listener of listeners) {
      this.#host.describe(batch, index, info);
      try {
        listener(frame, info);
      } catch (error) {
        this.#host.failed(error);
      }
    }
    return true;
  }
}
