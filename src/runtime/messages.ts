/**
 * What the main thread and the forwarding thread say to each other. Tables and counters are not among it: they
 * are shared memory, posted once and again when they have moved.
 */

import type { Directory, PortStatus } from '../api/directory.ts';
import type { SwitchConfig } from '../config/types.ts';
import type { DataplaneShared } from '../dataplane/dataplane.ts';
import type { LiveEvent } from './live.ts';

/** Given to the worker at start. */
export interface WorkerStart {
  config: SwitchConfig;
}

/** What a reader on another thread needs. */
export interface SharedState {
  tables: DataplaneShared;
  /** See `SwitchCore.epoch`. */
  epoch: Int32Array;
  directory: Directory;
  statuses: readonly PortStatus[];
}

export type FromWorker =
  | { type: 'ready'; state: SharedState }
  /** Nothing is open. `status` is the exit status. */
  | { type: 'failed'; message: string; status: number }
  | { type: 'tables'; tables: DataplaneShared }
  | { type: 'statuses'; statuses: readonly PortStatus[] }
  | { type: 'event'; event: LiveEvent }
  | { type: 'stopped' };

export type ToWorker = { type: 'stop' };
