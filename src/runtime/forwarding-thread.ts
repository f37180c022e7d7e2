/**
 * The main thread's end of the forwarding thread: start it, keep what it shares, notice its end.
 */

import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { releaseDevices } from '../adapters/kept.ts';
import { nativeAvailable } from '../adapters/native.ts';
import { waitedNs } from '../adapters/poller.ts';
import type { PortStatus } from '../api/directory.ts';
import type { PortEvent } from '../api/events.ts';
import type { WorkerLoad } from '../api/worker-view.ts';
import type { SwitchConfig } from '../config/types.ts';
import { ControlError } from '../control/model.ts';
import { buildStamp } from './build-stamp.ts';
import type { Numbers } from './directory-of.ts';
import type { Change, FromWorker, SharedState, ToWorker, WorkerStart } from './messages.ts';
import { Reclaiming } from './reclaiming.ts';
import type { SideStart, SideWorkerStart } from './side-messages.ts';

const SIDE = new URL('./side-worker.js', import.meta.url);
/** Nothing is allocated for a frame, so that a semi-space of 1 MB is enough; V8 takes a third of this. */
export const FORWARDING_HEAP = { maxYoungGenerationSizeMb: 3 };
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
  /** Devices that are closed can be opened again. */
  readonly #mayOpen: boolean;
  /** Settles when ports are open and forwarding runs; rejects with StartError. */
  readonly ready: Promise<void>;
  #state: SharedState | undefined;
  readonly #asked = new Map<number, { made: () => void; refused: (error: Error) => void }>();
  #lastId = 0;
  /** Side workers, by number; why each that is ending does. */
  readonly #sides = new Map<number, { worker: Worker; why: string; sleep: BigInt64Array | null }>();
  readonly #reclaiming = new Reclaiming();
  /** By number: how often it was started again. */
  readonly #starts: (number | undefined)[] = [];
  #phase: 'starting' | 'running' | 'stopping' | 'ended' = 'starting';
  /** Why it could not start. */
  #failure: StartError | null = null;

  /** `again`: in the place of one that has ended. */
  constructor(
    config: SwitchConfig,
    hooks: ThreadHooks,
    entry = new URL('./worker.js', import.meta.url),
    again = false,
  ) {
    this.#hooks = hooks;
    this.#mayOpen = config.privileges === 'keep';
    // Loaded here as well, the addon outlives the thread, and with it devices that wait for the next one.
    nativeAvailable();
    const workerData: WorkerStart = { stamp: buildStamp, config, again };
    this.#worker = new Worker(entry, { workerData, resourceLimits: FORWARDING_HEAP, name: 'forwarding' });
    this.ready = new Promise((resolve, reject) => {
      this.#worker.on('message', (message: FromWorker) => this.#take(message, resolve));
      let why: string | null = null;
      this.#worker.on('error', (error) => {
        why = withPlace(error);
      });
      // Only now its devices are closed, or wait for the next thread.
      this.#worker.on('exit', (code) => void this.#ended(why ?? `it exited with ${code}`, reject));
    });
  }

  /** Tables, counters, numbers; only after `ready`. */
  get state(): SharedState {
    return this.#state!;
  }

  #take(message: FromWorker, resolve: () => void): void {
    switch (message.type) {
      case 'ready':
        this.#state = message.state;
        if (this.#phase === 'starting') this.#phase = 'running';
        resolve();
        return;
      case 'failed':
        this.#phase = 'ended';
        this.#failure = new StartError(message.message, message.status);
        void this.#worker.terminate();
        return;
      case 'tables':
        this.#reclaiming.known(message.tables, message.replaced);
        if (this.#state !== undefined) this.#state = { ...this.#state, tables: message.tables };
        return;
      case 'statuses':
        this.#state = { ...this.#state!, statuses: withNews(this.#state!.statuses, message.statuses) };
        return;
      case 'event':
        this.#hooks.event(message.event);
        return;
      case 'changed': {
        if (message.numbers !== null) this.#state = renumbered(this.#state!, message.numbers);
        this.#asked.get(message.id)?.made();
        this.#asked.delete(message.id);
        return;
      }
      case 'refused':
        this.#asked.get(message.id)?.refused(new ControlError(message.message));
        this.#asked.delete(message.id);
        return;
      case 'start-side':
        this.#startSide(message.start);
        return;
      case 'stopped':
        this.#phase = 'ended';
    }
  }

  #startSide(start: SideStart): void {
    this.#reclaiming.known(start.posted.tables, start.replaced);
    if (this.#phase === 'stopping' || this.#phase === 'ended') return;
    const { port1, port2 } = new MessageChannel();
    const workerData: SideWorkerStart = { ...start, channel: port2 };
    const worker = new Worker(SIDE, {
      workerData,
      resourceLimits: FORWARDING_HEAP,
      transferList: [port2],
      name: `forwarding ${start.worker}`,
    });
    const side = { worker, why: '', sleep: null as BigInt64Array | null };
    worker.on('message', (sleep: BigInt64Array) => {
      side.sleep = sleep;
    });
    this.#sides.set(start.worker, side);
    this.#starts[start.worker] = (this.#starts[start.worker] ?? -1) + 1;
    worker.on('error', (error) => {
      side.why = withPlace(error);
    });
    worker.on('exit', () => {
      this.#sides.delete(start.worker);
      if (this.#phase === 'ended') return;
      // The others have the flows of its sockets until it is back, but for those that it could not open again.
      void releaseDevices(start.worker, this.#mayOpen ? '' : 'vxlan-udp');
      // It may have died at any point: in a batch, with the lock, alone. Others wait for it until this is done.
      this.#reclaiming.ended(start.worker, (lost) => {
        const why = lost === 0 ? side.why : `${side.why}; frames that went with it: ${lost}`;
        this.#tell({ type: 'side-ended', worker: start.worker, why });
      });
    });
    this.#tell({ type: 'side-joined', worker: start.worker, channel: port1 }, [port1]);
  }

  #tell(message: ToWorker, transfer: readonly MessagePort[] = []): void {
    this.#worker.postMessage(message, [...transfer]);
  }

  async #ended(why: string, reject: (error: Error) => void): Promise<void> {
    const phase = this.#phase;
    this.#phase = 'ended';
    const sides = [...this.#sides.values()].map(({ worker }) => worker.terminate());
    for (const { refused } of this.#asked.values()) refused(new ControlError('the forwarding thread has ended'));
    this.#asked.clear();
    if (phase !== 'stopping') await Promise.all(sides);
    if (this.#failure !== null) reject(this.#failure);
    else if (phase === 'starting') reject(new StartError(`the forwarding thread failed: ${why}`, 1));
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
      this.#tell({ type: 'change', id, change });
    });
  }

  /** All that forward: worker 0 and the side workers. */
  workers(): WorkerLoad[] {
    const workers = [loadOf(0, this.#worker, 0, this.#state?.sleep ?? null)];
    for (const [worker, restarts] of this.#starts.entries()) {
      const side = this.#sides.get(worker);
      if (restarts !== undefined) workers.push(loadOf(worker, side?.worker, restarts, side?.sleep ?? null));
    }
    return workers;
  }

  /** Closes every port; resolves with false when the thread had to be ended by force. */
  async stop(): Promise<boolean> {
    if (this.#phase === 'ended') return true;
    this.#phase = 'stopping';
    const exited = new Promise<boolean>((resolve) => this.#worker.once('exit', () => resolve(true)));
    const sides = [...this.#sides.values()].map(({ worker }) => new Promise((resolve) => worker.once('exit', resolve)));
    this.#tell({ type: 'stop' });
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), STOP_MS);
    });
    const done = await Promise.race([Promise.all([exited, ...sides]).then(() => true), tooLong]);
    clearTimeout(timer);
    if (done) return true;
    const threads = [this.#worker, ...[...this.#sides.values()].map(({ worker }) => worker)];
    await Promise.all(threads.map((each) => each.terminate()));
    await releaseDevices();
    return false;
  }
}

/** Of the ports that have news, these; of the others what was there. */
function withNews(before: readonly PortStatus[], news: readonly PortStatus[]): readonly PortStatus[] {
  const all = new Map(before.map((status) => [status.name, status]));
  for (const status of news) all.set(status.name, status);
  return [...all.values()];
}

/** Without what is said of ports that are gone. */
function renumbered(state: SharedState, numbers: Numbers): SharedState {
  return { ...state, numbers, statuses: state.statuses.filter(({ name }) => numbers.ports.has(name)) };
}

/** The message and the line that it came from: what a report needs, in one line. */
function withPlace(error: unknown): string {
  const { message, stack } = error as Error;
  const place = stack?.split('\n').find((line) => line.trimStart().startsWith('at '));
  return place === undefined ? String(message ?? error) : `${message} (${place.trim()})`;
}

/** For its event loop, waiting in the poll loop is work. */
function loadOf(worker: number, thread: Worker | undefined, restarts: number, sleep: BigInt64Array | null): WorkerLoad {
  const { active, idle } = thread?.performance.eventLoopUtilization() ?? { active: 0, idle: 0 };
  const waited = sleep === null ? 0 : Number(waitedNs(sleep)) / 1e6;
  const activeSeconds = Math.max(0, active - waited) / 1000;
  return { worker, up: thread !== undefined, restarts, activeSeconds, idleSeconds: (idle + waited) / 1000 };
}
