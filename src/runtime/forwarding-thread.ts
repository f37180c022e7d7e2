/**
 * The main thread's end of the forwarding thread: start it, keep what it shares, notice its end.
 */

import { Worker } from 'node:worker_threads';
import { waitedNs } from '../adapters/poller.ts';
import type { PortEvent } from '../api/events.ts';
import type { SwitchConfig } from '../config/types.ts';
import { ControlError } from '../control/model.ts';
import type { Change, FromWorker, SharedState, ToWorker, WorkerStart } from './messages.ts';

/** A thread that does not stop by itself within this is ended. */
const STOP_MS = 5000;

export interface ThreadHooks {
  event(event: PortEvent): void;
  /** It ended without being told to: a defect. */
  crashed(why: string): void;
}

/** The switch could not start; the message is for people. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

export class ForwardingThread {
  readonly #worker: Worker;
  readonly #hooks: ThreadHooks;
  /** Settles when ports are open and forwarding runs; rejects with StartError. */
  readonly ready: Promise<void>;
  #state: SharedState | undefined;
  readonly #asked = new Map<number, { made: () => void; refused: (error: Error) => void }>();
  #lastId = 0;
  #phase: 'starting' | 'running' | 'stopping' | 'ended' = 'starting';

  constructor(config: SwitchConfig, hooks: ThreadHooks, entry = new URL('./worker.js', import.meta.url)) {
    this.#hooks = hooks;
    const workerData: WorkerStart = { config };
    this.#worker = new Worker(entry, { workerData, name: 'forwarding' });
    this.ready = new Promise((resolve, reject) => {
      this.#worker.on('message', (message: FromWorker) => this.#take(message, resolve, reject));
      this.#worker.on('error', (error) => this.#ended(withPlace(error), reject));
      this.#worker.on('exit', (code) => this.#ended(`it exited with ${code}`, reject));
    });
  }

  /** Tables, counters, numbers; only after `ready`. */
  get state(): SharedState {
    return this.#state!;
  }

  #take(message: FromWorker, resolve: () => void, reject: (error: Error) => void): void {
    switch (message.type) {
      case 'ready':
        this.#state = message.state;
        if (this.#phase === 'starting') this.#phase = 'running';
        resolve();
        return;
      case 'failed':
        this.#phase = 'ended';
        reject(new StartError(message.message, message.status));
        return;
      case 'tables':
        this.#state = { ...this.#state!, tables: message.tables };
        return;
      case 'statuses':
        this.#state = { ...this.#state!, statuses: message.statuses };
        return;
      case 'event':
        this.#hooks.event(message.event);
        return;
      case 'changed': {
        const { numbers, statuses } = message;
        this.#state = { ...this.#state!, numbers, statuses };
        this.#asked.get(message.id)?.made();
        this.#asked.delete(message.id);
        return;
      }
      case 'refused':
        this.#asked.get(message.id)?.refused(new ControlError(message.message));
        this.#asked.delete(message.id);
        return;
      case 'stopped':
        this.#phase = 'ended';
    }
  }

  #ended(why: string, reject: (error: Error) => void): void {
    const phase = this.#phase;
    this.#phase = 'ended';
    for (const { refused } of this.#asked.values()) refused(new ControlError('the forwarding thread has ended'));
    this.#asked.clear();
    if (phase === 'starting') reject(new StartError(`the forwarding thread failed: ${why}`, 1));
    else if (phase === 'running') this.#hooks.crashed(why);
  }

  /**
   * Makes a change between two batches, whole or not at all; rejects with ControlError when it is refused. When it
   * is made, `state` says so already.
   */
  change(change: Change): Promise<void> {
    if (this.#phase !== 'running') return Promise.reject(new ControlError('the switch is not running'));
    const id = ++this.#lastId;
    return new Promise((made, refused) => {
      this.#asked.set(id, { made, refused });
      const message: ToWorker = { type: 'change', id, change };
      this.#worker.postMessage(message);
    });
  }

  /** How long it was at work, and waited; by now. For its event loop, waiting in the poll loop is work. */
  load(): { activeSeconds: number; idleSeconds: number } {
    const { active, idle } = this.#worker.performance.eventLoopUtilization();
    const waited = Number(waitedNs(this.state.sleep)) / 1e6;
    return { activeSeconds: Math.max(0, active - waited) / 1000, idleSeconds: (idle + waited) / 1000 };
  }

  /** Closes every port; resolves with false when the thread had to be ended by force. */
  async stop(): Promise<boolean> {
    if (this.#phase === 'ended') return true;
    this.#phase = 'stopping';
    const exited = new Promise<boolean>((resolve) => this.#worker.once('exit', () => resolve(true)));
    const stop: ToWorker = { type: 'stop' };
    this.#worker.postMessage(stop);
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), STOP_MS);
    });
    const done = await Promise.race([exited, tooLong]);
    clearTimeout(timer);
    if (!done) await this.#worker.terminate();
    return done;
  }
}

/** The message and the line that it came from: what a report needs, in one line. */
function withPlace(error: unknown): string {
  const { message, stack } = error as Error;
  const place = stack?.split('\n').find((line) => line.trimStart().startsWith('at '));
  return place === undefined ? String(message ?? error) : `${message} (${place.trim()})`;
}
