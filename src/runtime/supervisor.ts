/**
 * Forwarding that survives its own defects: when worker 0 ends, all threads that forward are started again, with the
 * configuration that stands then and the addresses that were known. TAPs, packet sockets and UDP sockets stay open meanwhile,
 * for the threads that follow (adapters/kept.ts). Where that happens too often, it is over.
 */

import { releaseDevices } from '../adapters/kept.ts';
import type { PortEvent } from '../api/events.ts';
import type { WorkerLoad } from '../api/worker-view.ts';
import type { SwitchConfig } from '../config/types.ts';
import { ControlError } from '../control/model.ts';
import { REPLACED } from './build-stamp.ts';
import { ForwardingThread } from './forwarding-thread.ts';
import type { Change, SharedState } from './messages.ts';
import type { Changer } from './standing.ts';

/** It is over at one more within a minute. */
const MOST_RESTARTS = 3;
const WITHIN_MS = 60_000;

/** What stands, and who has to hear that it is served by other threads. */
export interface Stood {
  readonly config: SwitchConfig;
  /** Remembers what goes with the old threads; called before the new ones start. The answer is called behind that. */
  restarting(): () => Promise<void>;
}

export interface SupervisorHooks {
  event(event: PortEvent): void;
  /** Null until the switch is served. */
  stood(): Stood | null;
  /** It does not forward any more. */
  crashed(why: string): void;
}

export class Supervisor implements Changer {
  readonly #hooks: SupervisorHooks;
  readonly #entry: URL | undefined;
  readonly #crashes: number[] = [];
  #thread: ForwardingThread;
  #state: SharedState | null = null;
  #restarts = 0;
  #stopping = false;

  /** `entry`: what worker 0 runs, where that is another program. */
  constructor(config: SwitchConfig, hooks: SupervisorHooks, entry?: URL) {
    this.#hooks = hooks;
    this.#entry = entry;
    this.#thread = this.#start(config);
  }

  #start(config: SwitchConfig, again = false): ForwardingThread {
    const { event } = this.#hooks;
    return new ForwardingThread(config, { event, crashed: (why) => void this.#crashed(why) }, this.#entry, again);
  }

  /** Settles when ports are open and forwarding runs; rejects with StartError. */
  get ready(): Promise<void> {
    return this.#thread.ready;
  }

  /** What can be read; that of the threads before while others start. */
  get state(): SharedState {
    return this.#state ?? this.#thread.state;
  }

  change(change: Change): Promise<void> {
    if (this.#state !== null) return Promise.reject(new ControlError('worker 0 is being started again'));
    return this.#thread.change(change);
  }

  workers(): WorkerLoad[] {
    const restarts = this.#restarts;
    return this.#thread.workers().map((load) => ({
      ...load,
      restarts: load.restarts + restarts,
      up: load.up && this.#state === null,
    }));
  }

  stop(): Promise<boolean> {
    this.#stopping = true;
    return this.#thread.stop();
  }

  async #crashed(why: string): Promise<void> {
    if (this.#stopping) return;
    const stood = this.#hooks.stood();
    const now = performance.now();
    while (this.#crashes.length > 0 && now - this.#crashes[0] > WITHIN_MS) this.#crashes.shift();
    this.#crashes.push(now);
    if (stood === null || this.#crashes.length > MOST_RESTARTS) return this.#over(why);
    this.#hooks.event({ event: 'worker', worker: 0, up: false, reason: why });
    this.#state = this.state;
    const restarted = stood.restarting();
    try {
      this.#thread = this.#start(stood.config, true);
      await this.#thread.ready;
    } catch (error) {
      const { message } = error as Error;
      // Another try would load the same.
      return message.includes(REPLACED) ? this.#over(REPLACED) : this.#crashed(message);
    }
    this.#restarts++;
    this.#state = null;
    void releaseDevices(); // of ports that are gone
    await restarted();
    this.#hooks.event({ event: 'worker', worker: 0, up: true, reason: '' });
  }

  async #over(why: string): Promise<void> {
    await releaseDevices();
    this.#hooks.crashed(why);
  }
}
