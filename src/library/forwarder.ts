/**
 * A frame's turn: into the batch, through the switch, to the listeners, and what they answer after it.
 *
 * Frames sent while a turn is under way wait in a list that the outermost call works off, one frame after the
 * other: no recursion, nothing lost, and a bound for answers that would never end. What listeners throw is kept
 * until everything has been forwarded and then thrown at the outermost caller.
 */

import type { MemoryAdapter } from '../adapters/memory.ts';
import { ControlError } from '../control/model.ts';
import { LARGE_FRAME_BYTES } from '../dataplane/arena.ts';
import type { Batch } from '../dataplane/batch.ts';
import type { SwitchCore } from '../runtime/core.ts';
import type { Clock } from './clock.ts';
import type { Hooks } from './hooks.ts';
import type { SwitchPort } from './port.ts';
import { type FrameInput, QUEUED, resultOf, type SendResult } from './result.ts';

/** What the forwarder tells its switch. */
export interface Witness {
  /** The first `n` frames of the batch have been forwarded; their columns hold until the next turn. */
  forwarded(batch: Batch, n: number): void;
}

interface Waiting {
  port: SwitchPort;
  frame: Buffer;
  truncated: boolean;
}

export interface Arrival {
  port: SwitchPort;
  frame: FrameInput;
}

export class Forwarder {
  readonly #core: SwitchCore;
  readonly #clock: Clock;
  readonly #maxAnswers: number;
  readonly #witness: Witness;
  readonly #hooks: Hooks;
  /** A turn is under way, or its answers are. */
  #busy = false;
  #inTurn = false;
  #closed = false;
  #waiting: Waiting[] = [];
  #failures: unknown[] = [];
  /** Names of the ports that the frame under way left by; null while nobody asks. */
  #left: string[] | null = null;

  constructor(core: SwitchCore, clock: Clock, maxAnswers: number, witness: Witness, hooks: Hooks) {
    this.#core = core;
    this.#clock = clock;
    this.#maxAnswers = maxAnswers;
    this.#witness = witness;
    this.#hooks = hooks;
  }

  /** Frames are in the batch: numbers of ports and VLANs must not change hands. */
  get inTurn(): boolean {
    return this.#inTurn;
  }

  /** Forwards one frame and says what became of it. */
  sendOne(port: SwitchPort, frame: FrameInput, truncated: boolean): SendResult {
    this.#check(port, frame);
    if (this.#busy) {
      this.#wait(port, frame, truncated);
      return { ...QUEUED, ports: [] };
    }
    const ports: string[] = [];
    let result: SendResult;
    this.#busy = true;
    try {
      this.#append(port, frame, truncated);
      this.#left = ports;
      this.#turn();
      this.#left = null;
      result = resultOf(this.#core.batch, 0, ports);
      this.#witness.forwarded(this.#core.batch, 1);
      this.#answer();
    } finally {
      this.#left = null;
      this.#busy = false;
    }
    this.throwFailures();
    return result;
  }

  /** Forwards frames in batches. A frame that cannot be taken ends it: those before it are forwarded. */
  sendAll(arrivals: Iterable<Arrival>): void {
    if (this.#busy) {
      for (const { port, frame } of arrivals) {
        this.#check(port, frame);
        this.#wait(port, frame, false);
      }
      return;
    }
    const { batch } = this.#core;
    this.#busy = true;
    try {
      for (const { port, frame } of arrivals) {
        this.#check(port, frame);
        if (batch.count === batch.capacity) this.#finish();
        this.#append(port, frame, false);
      }
    } catch (error) {
      this.#failures.push(error);
    }
    try {
      this.#finish();
    } finally {
      this.#busy = false;
    }
    this.throwFailures();
  }

  /** Lets the switch send frames of its own; what listeners send meanwhile is forwarded after them. */
  during(act: () => void): void {
    if (this.#busy) return;
    this.#busy = true;
    try {
      act();
      this.#answer();
    } finally {
      this.#busy = false;
    }
    this.throwFailures();
  }

  /** A frame leaves by `port`. */
  leaves(port: SwitchPort): void {
    if (this.#left !== null) this.#left.push(port.name);
  }

  /** Calls what belongs to the program; what it throws waits for `throwFailures`. */
  guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#failures.push(error);
    }
  }

  failed(error: unknown): void {
    this.#failures.push(error);
  }

  /** Throws what listeners threw, unless an outer call will. */
  throwFailures(): void {
    const failures = this.#failures;
    if (failures.length === 0 || this.#busy) return;
    this.#failures = [];
    if (failures.length === 1) throw failures[0];
    throw new AggregateError(failures, `${failures.length} listeners threw; the first: ${failures[0]}`);
  }

  close(): void {
    this.#closed = true;
    this.#waiting = [];
  }

  #check(port: SwitchPort, frame: FrameInput): void {
    if (this.#closed) throw new ControlError('the switch is closed');
    if (port.isRemoved) throw new ControlError(`port ${port.name} has been removed`);
    if (!(frame instanceof Uint8Array)) throw new TypeError('a frame is a Buffer or a Uint8Array');
    if (frame.length === 0 && isGone(frame)) throw new TypeError('the memory of the frame has been transferred away');
    if (frame.length > LARGE_FRAME_BYTES) {
      throw new RangeError(`a frame of ${frame.length} bytes; the longest is ${LARGE_FRAME_BYTES}`);
    }
  }

  /** Copies a frame into the batch, which has room for it. */
  #append(port: SwitchPort, frame: FrameInput, truncated: boolean): void {
    const { batch, control, adapters } = this.#core;
    const { index } = control.port(port.name);
    const adapter = adapters[index] as MemoryAdapter;
    if (!adapter.push(frame, truncated)) {
      // The arena is full of this batch's frames: these first.
      this.#finish();
      if (!adapter.push(frame, truncated)) throw new RangeError(`no memory for a frame of ${frame.length} bytes`);
    }
    adapter.receive(batch, index, 1);
  }

  #turn(): void {
    const { batch } = this.#core;
    const nowMs = this.#clock.nowMs();
    const timeUs = this.#clock.timeUs?.() ?? nowMs * 1000;
    for (let i = 0; i < batch.count; i++) {
      batch.nowMs[i] = nowMs | 0;
      batch.timeUs[i] = timeUs;
    }
    this.#inTurn = true;
    try {
      if (this.#hooks.has('ingress')) this.#hooks.ingress(batch);
      this.#core.forward();
    } finally {
      this.#inTurn = false;
    }
  }

  /** Forwards what is in the batch, tells, and works off the answers. */
  #finish(): void {
    const { batch } = this.#core;
    const { count } = batch;
    if (count === 0) return;
    this.#turn();
    this.#witness.forwarded(batch, count);
    this.#answer();
  }

  #wait(port: SwitchPort, frame: FrameInput, truncated: boolean): void {
    this.#waiting.push({ port, frame: Buffer.from(frame), truncated });
  }

  /** Forwards what listeners sent, and what is sent in answer to that, one frame after the other. */
  #answer(): void {
    const waiting = this.#waiting;
    for (let n = 0; n < waiting.length && !this.#closed; n++) {
      if (n === this.#maxAnswers) {
        const left = waiting.length - n;
        const text = `listeners sent more than ${n} frames in answer to one call: a loop? ${left} are not forwarded`;
        this.#failures.push(new RangeError(text));
        break;
      }
      const { port, frame, truncated } = waiting[n];
      // Its memory can go now, the list only at the end.
      waiting[n] = GONE;
      if (port.isRemoved) continue;
      this.#append(port, frame, truncated);
      this.#turn();
      this.#witness.forwarded(this.#core.batch, 1);
    }
    this.#waiting = [];
  }
}

const GONE = {} as Waiting;

/** Its memory belongs to another thread by now, or was shrunk. */
function isGone(frame: Uint8Array): boolean {
  try {
    frame.slice();
    return false;
  } catch {
    return true;
  }
}
