/**
 * The switch that `change` measures: a forwarding thread with the heap that it has in `run`, and the configuration that stands before it.
 */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { keepYoungSpaceSmall } from '../src/cli/small-heap.ts';
import { documentOf } from '../src/config/load.ts';
import { PORT_COUNTERS, RX_FRAMES } from '../src/dataplane/counters.ts';
import { latencyView, sumLatency } from '../src/dataplane/latency.ts';
import { FORWARDING_HEAP } from '../src/runtime/forwarding-thread.ts';
import type { Change, SharedState } from '../src/runtime/messages.ts';
import type { Known } from '../src/runtime/relearn.ts';
import { type Changer, Standing } from '../src/runtime/standing.ts';
import type { ChangeStart, FromChangeWorker, ToChangeWorker } from './change-worker.ts';

/** The system gives none of these to others by itself. */
const UDP_PORT = 21_987;

const FRAME = Buffer.alloc(60, 2);
/** For the last frame. */
const PATIENCE_MS = 1000;

/** Of one change. */
export interface Measured {
  /** Microseconds: the longest for which no port was looked at, and the most processor time that went by between two looks. */
  stop: number;
  cpu: number;
  frames: number;
  lost: number;
}

export type Raw = Record<string, unknown>;

/** The port that frames come to: what stopped it is told with the next one. */
export const LIVE_PORT = {
  u: { adapter: 'udp', local: `127.0.0.1:${UDP_PORT}`, remote: `127.0.0.1:${UDP_PORT + 1}`, mode: 'access', vlan: 1 },
};

export class Running implements Changer {
  readonly #worker: Worker;
  readonly #socket = createSocket('udp4');
  #standing: Standing | undefined;
  #told: FromChangeWorker | undefined;

  constructor(raw: Raw) {
    const workerData: ChangeStart = { config: documentOf(raw, 'bench').config };
    keepYoungSpaceSmall();
    setFlagsFromString('--no-memory-reducer');
    const entry = new URL('./change-worker.js', import.meta.url);
    this.#worker = new Worker(entry, { workerData, resourceLimits: FORWARDING_HEAP });
  }

  get state(): SharedState {
    return this.#told!.state;
  }

  workers() {
    return [];
  }

  async change(change: Change): Promise<void> {
    this.#worker.postMessage({ change } satisfies ToChangeWorker);
    await this.#answer();
  }

  async #answer(): Promise<void> {
    [this.#told] = (await once(this.#worker, 'message')) as [FromChangeWorker];
  }

  async begin(raw: Raw): Promise<void> {
    await this.#answer();
    keepYoungSpaceSmall();
    await new Promise<void>((bound) => this.#socket.bind(UDP_PORT + 1, '127.0.0.1', bound));
    this.#standing = new Standing(this, documentOf(raw, 'bench'), () => {});
  }

  async learn(known: Iterable<Known>): Promise<void> {
    await this.#standing!.relearn([...known], 0);
  }

  /** A frame comes every millisecond as far as this thread can, before, during and after the change. */
  async measure(to: Raw): Promise<Measured> {
    const document = documentOf(to, 'bench');
    let sent = 0;
    const send = () => {
      sent++;
      this.#socket.send(FRAME, UDP_PORT, '127.0.0.1');
    };
    // What stopped it before is told with the next frame.
    send();
    await this.#arrived(() => sent, this.#received());
    await this.#standing!.make({ do: 'reset-counters' });
    sent = 0;
    const timer = setInterval(send, 1);
    send();
    await this.#standing!.apply(document);
    const { longestCpuMicroseconds } = this.#told!;
    send();
    clearInterval(timer);
    const lost = await this.#arrived(() => sent, 0);
    const { longestStopMicroseconds } = latencyView(sumLatency(this.state.tables.countersOf));
    return { stop: longestStopMicroseconds, cpu: longestCpuMicroseconds, frames: sent, lost };
  }

  #received(): number {
    const { tables, numbers } = this.state;
    return tables.counters.port[numbers.ports.get('u')! * PORT_COUNTERS + RX_FRAMES]!;
  }

  /** Of so many frames that were sent, how many are missing in the end. */
  async #arrived(sent: () => number, before: number): Promise<number> {
    const missing = () => before + sent() - this.#received();
    for (const end = performance.now() + PATIENCE_MS; missing() > 0 && performance.now() < end; ) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return missing();
  }

  async close(): Promise<void> {
    this.#socket.close();
    this.#standing?.close();
    const exited = once(this.#worker, 'exit');
    this.#worker.postMessage('stop' satisfies ToChangeWorker);
    await exited;
  }
}
