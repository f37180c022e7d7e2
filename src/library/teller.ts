/**
 * Tells the program what happened: events, only for those who listen.
 *
 * FDB events come out of the table's ring after each turn. Listeners run between frames, so they may change the
 * switch and send; what they throw is kept by the forwarder's guard.
 */

import type { EventEmitter } from 'node:events';
import { fdbEvents } from '../control/fdb-control.ts';
import type { Batch } from '../dataplane/batch.ts';
import { DROP_NONE, reasonName } from '../dataplane/reasons.ts';
import type { SwitchCore } from '../runtime/core.ts';
import { FDB_EVENTS, type HookPlace, type SwitchEvents } from './events.ts';
import type { Witness } from './forwarder.ts';
import type { Hooks } from './hooks.ts';
import { vidOf } from './result.ts';

export class Teller implements Witness {
  readonly #core: SwitchCore;
  readonly #emitter: EventEmitter<SwitchEvents>;
  readonly #guard: (call: () => void) => void;
  readonly #hooks: Hooks;
  /** Memory of the arena, for views of dropped frames. */
  readonly #memory: Buffer;
  #telling = false;

  constructor(core: SwitchCore, emitter: EventEmitter<SwitchEvents>, hooks: Hooks, guard: (call: () => void) => void) {
    const { bytes } = core.dp.arena;
    this.#core = core;
    this.#emitter = emitter;
    this.#guard = guard;
    this.#hooks = hooks;
    this.#memory = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const observed = emitter as EventEmitter;
    observed.on('newListener', (event) => this.#listens(event));
  }

  nameOf(port: number): string {
    return this.#core.control.portByIndex[port]?.name ?? '';
  }

  forwarded(batch: Batch, n: number): void {
    if (this.#hooks.has('drop')) this.#hooks.drops(batch, n);
    if (this.#emitter.listenerCount('drop') !== 0) this.#drops(batch, n);
    this.fdbEvents();
  }

  hookFailed(hook: HookPlace, port: string, error: unknown): void {
    if (this.#emitter.listenerCount('hookFailed') !== 0) {
      this.#guard(() => this.#emitter.emit('hookFailed', { hook, port, error }));
    } else {
      process.emitWarning(`the ${hook} hook failed and was removed: ${error}`, 'EtherloomHookWarning');
    }
  }

  /** Tells what happened to the FDB since the last time, and what listeners make happen meanwhile. */
  fdbEvents(): void {
    if (this.#telling || !this.#wantsFdbEvents()) return;
    const { position } = this.#core.dp.fdb.events;
    this.#telling = true;
    while (position[0] !== position[1]) {
      const lost = fdbEvents(this.#core.control, ({ event, ...change }) => {
        this.#guard(() => this.#emitter.emit(event, change));
      });
      if (lost !== 0) this.#guard(() => this.#emitter.emit('eventsLost', lost));
    }
    this.#telling = false;
  }

  #drops(batch: Batch, n: number): void {
    for (let i = 0; i < n; i++) {
      if (batch.reason[i] === DROP_NONE) continue;
      const frame = this.#memory.subarray(batch.off[i], batch.off[i] + batch.len[i]);
      const drop = {
        port: this.nameOf(batch.port[i]),
        reason: reasonName(batch.reason[i]),
        vid: vidOf(batch, i),
        frame,
      };
      this.#guard(() => this.#emitter.emit('drop', drop));
    }
  }

  #wantsFdbEvents(): boolean {
    return FDB_EVENTS.some((event) => this.#emitter.listenerCount(event) !== 0);
  }

  /** The first listener hears of what happens from now on, not of what nobody asked about before. */
  #listens(event: string | symbol): void {
    if (!(FDB_EVENTS as readonly (string | symbol)[]).includes(event) || this.#wantsFdbEvents()) return;
    fdbEvents(this.#core.control, () => {});
  }
}
