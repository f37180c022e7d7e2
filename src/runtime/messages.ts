/**
 * What the main thread and the forwarding thread say to each other. Tables and counters are not among it: they
 * are shared memory, posted once and again when they have moved.
 */

import type { MessagePort } from 'node:worker_threads';
import type { PortStatus } from '../api/directory.ts';
import type { PortEvent } from '../api/events.ts';
import type { Ring } from '../capture/ring.ts';
import type { TapSpec } from '../capture/tap.ts';
import type { SwitchConfig } from '../config/types.ts';
import type { FlushScope } from '../control/fdb-control.ts';
import type { EntryAction } from '../control/plan/entries.ts';
import type { VxlanFlushScope } from '../control/vxlan/fdb.ts';
import type { DataplaneShared } from '../dataplane/dataplane.ts';
import type { Numbers } from './directory-of.ts';
import type { PlanPieces } from './plan-pieces.ts';
import type { SideStart } from './side-messages.ts';

/** Given to the worker at start. */
export interface WorkerStart {
  /** Of the main thread: build-stamp.ts. */
  stamp: string;
  config: SwitchConfig;
  /** In the place of a thread that has ended: what is not there is waited for. */
  again: boolean;
}

/** What a reader on another thread needs. */
export interface SharedState {
  tables: DataplaneShared;
  numbers: Numbers;
  statuses: readonly PortStatus[];
  /** How long the poll loop has waited (adapters/poller.ts). */
  sleep: BigInt64Array;
}

/** What the forwarding thread does between two batches, whole or not at all. */
export type Change =
  /** Pieces of actions (plan-pieces.ts). */
  | { do: 'apply'; plan: PlanPieces }
  /** A plan of a few FDB or VXLAN entries and nothing else: ports and their numbers stay. */
  | { do: 'set-entries'; actions: readonly EntryAction[] }
  | { do: 'flush'; what: FlushScope }
  /** An entry that configuration does not have: a learned one. */
  | { do: 'delete-entry'; bridge: string; vid: number | null; mac: string }
  | { do: 'flush-vxlan'; what: VxlanFlushScope }
  | { do: 'delete-vxlan-entry'; port: string; vni: number; mac: string }
  | { do: 'reset-counters' }
  /** Addresses that were known before the start, oldest first: RELEARN_WORDS each (relearn.ts), in shared memory. */
  | { do: 'relearn'; rows: Int32Array }
  /** The worker ends with an error, as a defect would end it. */
  | { do: 'restart-worker'; worker: number }
  /** To see whether it answers. */
  | { do: 'nothing' }
  | CaptureChange;

/** Copies frames into the ring from now on, until it is stopped. */
export type CaptureChange =
  | { do: 'start-capture'; id: number; spec: TapSpec; rings: readonly Ring[] }
  | { do: 'stop-capture'; id: number };

export type FromWorker =
  | { type: 'ready'; state: SharedState }
  /** Nothing is open. `status` is the exit status. */
  | { type: 'failed'; message: string; status: number }
  /** Arrays were replaced, for the `replaced`th time. */
  | { type: 'tables'; tables: DataplaneShared; replaced: number }
  /** Of ports that have another one now. */
  | { type: 'statuses'; statuses: readonly PortStatus[] }
  | { type: 'event'; event: PortEvent }
  /** The change `id` is made, and these are the numbers now; null where they are as before. Statuses have gone ahead. */
  | { type: 'changed'; id: number; numbers: Numbers | null }
  | { type: 'refused'; id: number; message: string }
  /** A thread is wanted; what it has to say to worker 0 goes through a channel of their own. */
  | { type: 'start-side'; start: SideStart }
  | { type: 'stopped' };

export type ToWorker =
  | { type: 'stop' }
  | { type: 'change'; id: number; change: Change }
  | { type: 'side-joined'; worker: number; channel: MessagePort }
  /** It holds nothing any more, and the gate is free of it. */
  | { type: 'side-ended'; worker: number; why: string };
