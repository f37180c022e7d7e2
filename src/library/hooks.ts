/**
 * Hooks: functions of the program that see frames at three places, behind a fence.
 *
 *   ingress ▸ (the pipeline) ▸ egress, when a port has taken the frame
 *                          └ drop
 *
 * The fence: what a hook throws stays here, and a hook that throws, or takes longer than its budget, is removed and
 * reported. The frame that it was called for goes on as if there had been no hook. Time is taken around a batch, so
 * that it costs a frame nothing, and judged over several: a process that was not given the processor for a moment
 * proves nothing about a hook.
 */

import { type Batch, INDEX_MASK, RX_DONE, SHAPE_ALT } from '../dataplane/batch.ts';
import { DROP_NONE, INGRESS_HOOK, reasonName } from '../dataplane/reasons.ts';
import { refuse } from '../dataplane/refuse.ts';
import type { Sender } from '../dataplane/transmit.ts';
import type { SwitchCore } from '../runtime/core.ts';
import type { DropHook, EgressHook, HookPlace, IngressHook } from './events.ts';
import { vidOf } from './result.ts';

export const HOOK_PLACES = ['ingress', 'egress', 'drop'] as const satisfies readonly HookPlace[];
const BUDGET_US = 1000;
/** Batches in a row that have to be over the budget. */
const OVERRUNS = 3;

export interface HookOptions {
  /** Microseconds that a call may take, on the average of a batch; 1,000 when left out. `Infinity`: any. */
  budgetUs?: number;
}

/** A hook was slower than its budget. */
export class HookBudgetError extends Error {
  override readonly name = 'HookBudgetError';
}

/** Who is told that a hook has been removed. */
export type HookFailed = (place: HookPlace, port: string, error: unknown) => void;

interface Hook<F> {
  readonly place: HookPlace;
  readonly call: F;
  readonly budgetUs: number;
  gone: boolean;
  overruns: number;
}

/** Lists are replaced, never changed: a hook may add and remove hooks. */
interface Lists {
  ingress: readonly Hook<IngressHook>[];
  egress: readonly Hook<EgressHook>[];
  drop: readonly Hook<DropHook>[];
}

export class Hooks {
  readonly #core: () => SwitchCore;
  readonly #nameOf: (port: number) => string;
  readonly #failed: HookFailed;
  readonly #lists: Lists = { ingress: [], egress: [], drop: [] };
  /** By port number. */
  readonly #senders: HookedSender[] = [];
  #joined = new DataView(new ArrayBuffer(2048));
  /** Of the run under way: how many calls, and the port of the last one. */
  #calls = 0;
  #at = '';

  constructor(core: () => SwitchCore, nameOf: (port: number) => string, failed: HookFailed) {
    this.#core = core;
    this.#nameOf = nameOf;
    this.#failed = failed;
  }

  has(place: HookPlace): boolean {
    return this.#lists[place].length !== 0;
  }

  /** Returns what removes it. The same function given twice is two hooks. */
  add(place: HookPlace, call: IngressHook | EgressHook | DropHook, { budgetUs = BUDGET_US }: HookOptions): () => void {
    if (!HOOK_PLACES.includes(place))
      throw new TypeError(`there is no hook ${JSON.stringify(place)}; valid are ${HOOK_PLACES.join(', ')}`);
    if (typeof call !== 'function') throw new TypeError('a hook is a function');
    if (typeof budgetUs !== 'number' || !(budgetUs > 0))
      throw new RangeError(`budgetUs: ${budgetUs} is not a number of microseconds above 0`);
    const hook: Hook<never> = { place, call: call as never, budgetUs, gone: false, overruns: 0 };
    const lists = this.#lists as Record<HookPlace, readonly Hook<never>[]>;
    lists[place] = [...lists[place], hook];
    return () => this.#remove(hook);
  }

  #remove(hook: Hook<never>): void {
    hook.gone = true;
    const lists = this.#lists as Record<HookPlace, readonly Hook<never>[]>;
    lists[hook.place] = lists[hook.place].filter((other) => other !== hook);
  }

  /** Frames of the batch are about to be forwarded. */
  ingress(b: Batch): void {
    const { dp } = this.#core();
    const { view } = dp.arena;
    for (const hook of this.#lists.ingress) {
      this.#run(hook, b.count, (i) => {
        // Another hook has dropped it.
        if ((b.rxFlags[i] & RX_DONE) !== 0) return;
        const port = this.#next(b.port[i]);
        if (hook.call(view, b.off[i], b.len[i], port) === 'drop') refuse(dp, b, i, INGRESS_HOOK);
      });
    }
  }

  /** Words of list[start .. start+count) have left by `port`. */
  egress(b: Batch, port: number, list: Int32Array, start: number, count: number): void {
    const { view } = this.#core().dp.arena;
    for (const hook of this.#lists.egress) {
      this.#run(hook, count, (k) => {
        const i = list[start + k] & INDEX_MASK;
        const name = this.#next(port);
        const from = this.#nameOf(b.port[i]);
        if ((list[start + k] & SHAPE_ALT) === 0) hook.call(view, b.off[i], b.len[i], name, from, vidOf(b, i));
        else hook.call(this.#join(b, i), 0, b.altHeadLen[i] + b.altLen[i], name, from, vidOf(b, i));
      });
    }
  }

  /** The first `n` frames of the batch have been forwarded. */
  drops(b: Batch, n: number): void {
    const { view } = this.#core().dp.arena;
    for (const hook of this.#lists.drop) {
      this.#run(hook, n, (i) => {
        if (b.reason[i] === DROP_NONE) return;
        hook.call(view, b.off[i], b.len[i], this.#next(b.port[i]), reasonName(b.reason[i]), vidOf(b, i));
      });
    }
  }

  /** The sender of a port, with the hooks behind it. */
  behind(port: number, sender: Sender): Sender {
    const hooked = this.#senders[port] ?? new HookedSender(this, port);
    this.#senders[port] = hooked;
    hooked.inner = sender;
    return hooked;
  }

  /** The next call is about a frame of this port. */
  #next(port: number): string {
    this.#calls++;
    this.#at = this.#nameOf(port);
    return this.#at;
  }

  #run(hook: Hook<unknown>, count: number, each: (i: number) => void): void {
    this.#calls = 0;
    const started = performance.now();
    try {
      // It may remove itself.
      for (let i = 0; i < count && !hook.gone; i++) each(i);
    } catch (error) {
      this.#end(hook, error);
      return;
    }
    if (this.#calls === 0) return;
    const us = (performance.now() - started) * 1000;
    if (us <= hook.budgetUs * this.#calls) {
      hook.overruns = 0;
      return;
    }
    if (++hook.overruns < OVERRUNS || hook.gone) return;
    const took = Math.round(us / this.#calls);
    const text = `took ${took} us a frame, ${OVERRUNS} batches in a row over its budget of ${hook.budgetUs} us`;
    this.#end(hook, new HookBudgetError(text));
  }

  #end(hook: Hook<unknown>, error: unknown): void {
    this.#remove(hook as Hook<never>);
    this.#failed(hook.place, this.#at, error);
  }

  /** The other shape of frame i, which lies in two pieces, in one. */
  #join(b: Batch, i: number): DataView {
    const { bytes } = this.#core().dp.arena;
    const { altHeadOff, altHeadLen, altOff, altLen } = b;
    const length = altHeadLen[i] + altLen[i];
    if (this.#joined.byteLength < length) this.#joined = new DataView(new ArrayBuffer(length));
    const joined = new Uint8Array(this.#joined.buffer);
    joined.set(bytes.subarray(altHeadOff[i], altHeadOff[i] + altHeadLen[i]));
    joined.set(bytes.subarray(altOff[i], altOff[i] + altLen[i]), altHeadLen[i]);
    return this.#joined;
  }
}

/** Tells egress hooks of what the port has taken. */
class HookedSender implements Sender {
  inner: Sender | null = null;
  readonly #hooks: Hooks;
  readonly #port: number;

  constructor(hooks: Hooks, port: number) {
    this.#hooks = hooks;
    this.#port = port;
  }

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    const sent = this.inner!.send(batch, list, start, count);
    if (sent > 0) this.#hooks.egress(batch, this.#port, list, start, Math.min(sent, count));
    return sent;
  }

  get lastError(): number {
    return this.inner!.lastError;
  }
}
