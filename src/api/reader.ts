/**
 * Reading a switch that forwards on another thread: shared tables and counters, and the names for them.
 *
 * Nothing here asks the forwarding thread or makes it wait. Counters of one row are read between two batches, so
 * that a ledger balances under load too; where that does not succeed for long (a thread that is stuck), the row is
 * taken as it is.
 */

import type { DataplaneShared } from '../dataplane/dataplane.ts';
import type { Directory, PortStatus } from './directory.ts';

export interface ReadableSwitch {
  readonly tables: DataplaneShared;
  /** Odd while a batch is being counted. */
  readonly epoch: Int32Array;
  readonly directory: Directory;
  readonly statuses: readonly PortStatus[];
}

/** All waiting of one answer together. */
const PATIENCE_MS = 100;

export class StableReads {
  readonly #epoch: Int32Array;
  #patienceMs = PATIENCE_MS;

  constructor(epoch: Int32Array) {
    this.#epoch = epoch;
  }

  /** What `read` returns when no batch is counted meanwhile. `read` is quick and is called until then. */
  read<T>(read: () => T): T {
    const begin = performance.now();
    const end = begin + this.#patienceMs;
    for (;;) {
      const before = Atomics.load(this.#epoch, 0);
      if ((before & 1) === 0) {
        const value = read();
        if (Atomics.load(this.#epoch, 0) === before) {
          this.#patienceMs -= performance.now() - begin;
          return value;
        }
      }
      if (performance.now() >= end) {
        this.#patienceMs = 0;
        return read();
      }
    }
  }
}
