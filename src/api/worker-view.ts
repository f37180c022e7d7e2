/** The threads that forward: what each has received, and how busy it is. */

import { PORT_COUNTERS, RX_BYTES, RX_FRAMES, TX_BYTES, TX_FRAMES } from '../dataplane/counters.ts';
import type { ReadableSwitch } from './reader.ts';

/** As the main thread sees it. */
export interface WorkerLoad {
  worker: number;
  /** Whether it forwards; one that has ended is started again. */
  up: boolean;
  /** How often it was started again. */
  restarts: number;
  /** At work, and at rest, since its last start. */
  activeSeconds: number;
  idleSeconds: number;
}

export interface WorkerView extends WorkerLoad {
  rxFrames: number;
  rxBytes: number;
  txFrames: number;
  txBytes: number;
}

export function workerViews({ tables, directory }: ReadableSwitch, loads: readonly WorkerLoad[]): WorkerView[] {
  return loads.map((load) => {
    const { port } = tables.countersOf[load.worker];
    const sum = (column: number) =>
      directory.ports.reduce((all, { index }) => all + port[index * PORT_COUNTERS + column], 0);
    return {
      ...load,
      rxFrames: sum(RX_FRAMES),
      rxBytes: sum(RX_BYTES),
      txFrames: sum(TX_FRAMES),
      txBytes: sum(TX_BYTES),
    };
  });
}
