/**
 * What a side worker leaves behind when it ends is put in order by the main thread: worker 0 may be waiting for it.
 *
 * Its frames are entered, tables that it was writing are rebuilt, and the gate is free of it. That has to be done to the
 * arrays that it had. Whether those are the ones known here is in shared memory: worker 0 posts new arrays, then counts
 * that it has, then gives them to side workers. Where an end is seen before the arrays have come, it waits for them; they
 * are on their way.
 */

import type { DataplaneShared } from '../dataplane/dataplane.ts';
import { accountLost } from '../dataplane/under-way.ts';
import { rebuildFdb } from '../tables/fdb/rebuild.ts';
import { reclaim, replacements } from '../tables/gate.ts';

interface Ended {
  worker: number;
  done: (lost: number) => void;
}

export class Reclaiming {
  #tables: DataplaneShared | null = null;
  #replaced = -1;
  #waiting: Ended[] = [];

  /** Arrays as they are since they were replaced for the `replaced`th time. */
  known(tables: DataplaneShared, replaced: number): void {
    if (replaced < this.#replaced) return;
    this.#tables = tables;
    this.#replaced = replaced;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const ended of waiting) this.#reclaim(ended);
  }

  /** The thread is gone. `done` is told when nothing is its any more, and how many frames went with it. */
  ended(worker: number, done: (lost: number) => void): void {
    this.#reclaim({ worker, done });
  }

  #reclaim(ended: Ended): void {
    const tables = this.#tables;
    if (tables === null || replacements(tables.gate) > this.#replaced) {
      this.#waiting.push(ended);
      return;
    }
    const { gate, fdb, vxlan, countersOf } = tables;
    const lost = accountLost(countersOf[ended.worker]!);
    reclaim(gate, ended.worker, (alone) => {
      rebuildFdb(fdb, alone);
      rebuildFdb(vxlan.fdb, alone);
    });
    ended.done(lost);
  }
}
