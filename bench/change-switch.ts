/**
 * The switch that `change` measures: a forwarding thread, and the configuration that stands before it.
 */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { documentOf } from '../src/config/load.ts';
import { PORT_COUNTERS, RX_FRAMES } from '../src/dataplane/counters.ts';
import { latencyView, sumLatency } from '../src/dataplane/latency.ts';
import type { Change, SharedState } from '../src/runtime/messages.ts';
import type { Known } from '../src/runtime/relearn.ts';
import { type Changer, Standing } from '../src/runtime/standing.ts';
import type { ChangeStart, FromChangeWorker, ToChangeWorker } from './change-worker.ts';

/** The system gives none of these to others by itself. */
const UDP_PORT = 21_987;

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
    this.#worker = new Worker(new URL('./change-worker.js', import.meta.url), { workerData });
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
    await new Promise<void>((bound) => this.#socket.bind(UDP_PORT + 1, '127.0.0.1', bound));
    this.#standing = new Standing(this, documentOf(raw, 'bench'), () => {});
  }

  async learn(known: Iterable<Known>): Promise<void> {
    await this.#standing!.relearn([...known], 0);
  }

  /** Microseconds of the longest stop, and of processor time. */
  async measure(to: Raw): Promise<[stop: number, cpu: number]> {
    const document = documentOf(to, 'bench');
    await this.#standing!.make({ do: 'reset-counters' });
    await this.#standing!.apply(document);
    const { longestCpuMicroseconds } = this.#told!;
    const { tables, numbers } = this.state;
    const at = numbers.ports.get('u')! * PORT_COUNTERS + RX_FRAMES;
    const received = () => tables.counters.port[at];
    for (const before = received(); received() === before; ) {
      this.#socket.send(Buffer.alloc(60, 2), UDP_PORT, '127.0.0.1');
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return [latencyView(sumLatency(tables.countersOf)).longestStopMicroseconds, longestCpuMicroseconds];
  }

  async close(): Promise<void> {
    this.#socket.close();
    this.#standing?.close();
    const exited = once(this.#worker, 'exit');
    this.#worker.postMessage('stop' satisfies ToChangeWorker);
    await exited;
  }
}
