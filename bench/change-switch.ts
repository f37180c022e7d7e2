/**
 * The switch that `change` measures: a forwarding thread with the heap that it has in `run`, and the configuration that stands before it.
 */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { keepCollectionsShort, keepYoungSpaceSmall } from '../src/cli/small-heap.ts';
import { documentOf } from '../src/config/load.ts';
import { ControlError } from '../src/control/model.ts';
import type { Action } from '../src/control/plan/action.ts';
import { plan } from '../src/control/plan/plan.ts';
import { PORT_COUNTERS, RX_FRAMES } from '../src/dataplane/counters.ts';
import { latencyView, sumLatency } from '../src/dataplane/latency.ts';
import { FORWARDING_HEAP } from '../src/runtime/forwarding-thread.ts';
import type { Change, SharedState } from '../src/runtime/messages.ts';
import { planPieces } from '../src/runtime/plan-pieces.ts';
import type { Known } from '../src/runtime/relearn.ts';
import { type Changer, Standing } from '../src/runtime/standing.ts';
import type { ChangeStart, FromChangeWorker, ToChangeWorker } from './change-worker.ts';

/** The system gives none of these to others by itself. */
const UDP_PORT = 21_987;

const FRAME = Buffer.alloc(60, 2);
/** It is seen in one go, with what comes before it. */
const IMPOSSIBLE: Action = { do: 'remove-bridge', bridge: 'nowhere' };
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
    keepCollectionsShort();
    const entry = new URL('./change-worker.js', import.meta.url);
    this.#worker = new Worker(entry, { workerData, resourceLimits: FORWARDING_HEAP });
  }

  get state(): SharedState {
    return this.#told!.state;
  }

  workers() {
    return [];
  }

  change(change: Change): Promise<void> {
    return this.#ask({ change });
  }

  async #ask(message: ToChangeWorker): Promise<void> {
    this.#worker.postMessage(message);
    await this.#answer();
  }

  async #answer(): Promise<void> {
    [this.#told] = (await once(this.#worker, 'message')) as [FromChangeWorker];
    const { refused } = this.#told;
    if (refused !== null) throw new ControlError(refused);
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

  measure(to: Raw): Promise<Measured> {
    const document = documentOf(to, 'bench');
    return this.#during(() => this.#standing!.apply(document));
  }

  /** The same of a change with an action in it that cannot be done, so that all of it is taken back. */
  measureTakenBack(to: Raw): Promise<Measured> {
    const { config } = this.#standing!.document;
    const actions = [...plan(config, documentOf(to, 'bench').config), IMPOSSIBLE];
    return this.#during(async () => {
      try {
        await this.change({ do: 'apply', plan: planPieces(config, actions) });
      } catch (error) {
        if (error instanceof ControlError) return;
        throw error;
      }
      throw new Error('what cannot be done was done');
    });
  }

  /** The same of no change: the forwarding thread is as busy with nothing. */
  measureBare(ms: number): Promise<Measured> {
    return this.#during(() => this.#ask({ bareMs: ms }));
  }

  /** A frame comes every millisecond as far as this thread can, before, during and after it. */
  async #during(change: () => Promise<unknown>): Promise<Measured> {
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
    await change();
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
