/**
 * Reading a switch that forwards on another thread: shared tables and counters, and the names for them.
 *
 * Nothing here asks the forwarding thread or makes it wait. Counters of one row are read between two batches of the
 * worker that counts in it, so that a ledger balances under load too; where that does not succeed for long (a thread
 * that is stuck), the row is taken as it is.
 */

import type { DataplaneShared } from '../dataplane/dataplane.ts';
import { epochOf, type Gate } from '../tables/gate.ts';
import type { Directory, PortStatus } from './directory.ts';

export interface ReadableSwitch {
  readonly tables: DataplaneShared;
  readonly directory: Directory;
  readonly statuses: readonly PortStatus[];
}

/** All waiting of one answer together. */
const PATIENCE_MS = 100;
/**
 * Looking, then sleeping, in turn. A batch is over in some microseconds, but a worker that lost its processor in the midst of one comes no
 * further while this thread holds it.
 */
const LOOK_MS = 0.03;
const SLEEP_MS = 0.05;
const NOBODY = new Int32Array(new SharedArrayBuffer(4));

export class StableReads {
  readonly #gate: Gate;
  #patienceMs = PATIENCE_MS;

  constructor(gate: Gate) {
    this.#gate = gate;
  }

  /** What `read` returns for each worker when that counts no batch meanwhile. `read` is quick and is called until then. */
  each<T>(read: (worker: number) => T): T[] {
    return Array.from({ length: this.#gate.workers }, (_, k) => this.#between(k, () => read(k)));
  }

  /** The same for what all workers write, or may be writing. */
  read<T>(read: () => T): T {
    return this.#between(null, read);
  }

  /** Of one worker or of all: even while no batch is under way, and another number when one has been. */
  #epoch(worker: number | null): number {
    if (worker !== null) return epochOf(this.#gate, worker);
    let sum = 0;
    for (let k = 0; k < this.#gate.workers; k++) {
      const epoch = epochOf(this.#gate, k);
      if ((epoch & 1) !== 0) return epoch;
      sum = (sum + epoch) | 0;
    }
    return sum;
  }

  #between<T>(worker: number | null, read: () => T): T {
    const begin = performance.now();
    const end = begin + this.#patienceMs;
    let lookUntil = begin + LOOK_MS;
    for (;;) {
      const before = this.#epoch(worker);
      if ((before & 1) === 0) {
        const value = read();
        if (this.#epoch(worker) === before) {
          this.#patienceMs -= performance.now() - begin;
          return value;
        }
      }
      const now = performance.now();
      if (now >= end) {
        this.#patienceMs = 0;
        return read();
      }
      if (now < lookUntil) continue;
      Atomics.wait(NOBODY, 0, 0, SLEEP_MS);
      lookUntil = performance.now() + LOOK_MS;
    }
  }
}
