/**
 * Several threads of one contender that forward over the same tables at the same time. A round begins for all by one word in
 * shared memory and ends when each has said how many frames it had.
 *
 *   words   0 rounds begun   1 milliseconds of the round   2 threads that are ready or have finished   4 + k frames of thread k
 */

import { Worker } from 'node:worker_threads';
import { type Dataplane, type DataplaneShared, sharedPart } from '../src/dataplane/dataplane.ts';
import { sharedInt32 } from '../src/tables/shared.ts';

const [BEGUN, MS, FINISHED, FRAMES] = [0, 1, 2, 4] as const;

/** Given to a thread. */
export interface TeamMate {
  tables: DataplaneShared;
  worker: number;
  args: string[];
  words: Int32Array;
}

type Work = (seconds: number) => number;

export class Team {
  readonly #words: Int32Array;
  readonly #others: number;
  readonly #work: Work;

  constructor(dp: Dataplane, workers: number, args: string[], work: Work) {
    this.#words = sharedInt32(FRAMES + workers);
    this.#others = workers - 1;
    this.#work = work;
    for (let worker = 1; worker < workers; worker++) {
      const mate: TeamMate = { tables: sharedPart(dp), worker, args, words: this.#words };
      new Worker(process.argv[1], { workerData: mate }).unref();
    }
  }

  /** FRAMES NANOSECONDS, and the processor time of all threads in NANOSECONDS. */
  async round(seconds: number): Promise<string> {
    const words = this.#words;
    // A thread comes up only while this one's event loop turns.
    while (Atomics.load(words, BEGUN) === 0 && Atomics.load(words, FINISHED) < this.#others) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    Atomics.store(words, FINISHED, 0);
    words[MS] = Math.round(seconds * 1e3);
    const cpu = process.cpuUsage();
    const start = performance.now();
    Atomics.add(words, BEGUN, 1);
    Atomics.notify(words, BEGUN);
    let frames = this.#work(words[MS] / 1e3);
    while (Atomics.load(words, FINISHED) < this.#others)
      Atomics.wait(words, FINISHED, Atomics.load(words, FINISHED), 1);
    const ns = (performance.now() - start) * 1e6;
    const { user, system } = process.cpuUsage(cpu);
    for (let k = 1; k <= this.#others; k++) frames += words[FRAMES + k];
    return `${frames} ${Math.round(ns)} ${(user + system) * 1000}`;
  }
}

/** A thread's part, until its process ends. */
export function serveTeam({ words, worker }: TeamMate, work: Work): void {
  Atomics.add(words, FINISHED, 1);
  for (let round = 0; ; round++) {
    while (Atomics.load(words, BEGUN) === round) Atomics.wait(words, BEGUN, round);
    words[FRAMES + worker] = work(words[MS] / 1e3);
    Atomics.add(words, FINISHED, 1);
    Atomics.notify(words, FINISHED);
  }
}
