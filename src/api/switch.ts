/**
 * The switch as the API sees it: what can be read, and the one way to change it. The runtime gives it; tests can give
 * another.
 */

import type { Feed } from '../capture/feed.ts';
import type { TapSpec } from '../capture/tap.ts';
import type { ConfigDocument } from '../config/load.ts';
import type { ConfigInput } from '../config/schema/schema.ts';
import type { FlushScope } from '../control/fdb-control.ts';
import type { Action } from '../control/plan/action.ts';
import type { VxlanFlushScope } from '../control/vxlan/fdb.ts';
import type { EventHub } from './event-hub.ts';
import type { ReadableSwitch } from './reader.ts';
import type { WorkerLoad } from './worker-view.ts';

/** What changes tables and no configuration. */
export type TableChange =
  | { do: 'flush'; what: FlushScope }
  /** An entry that configuration does not have: a learned one. */
  | { do: 'delete-entry'; bridge: string; vid: number | null; mac: string }
  | { do: 'flush-vxlan'; what: VxlanFlushScope }
  | { do: 'delete-vxlan-entry'; port: string; vni: number; mac: string }
  /** The worker ends with an error, as a defect would end it. */
  | { do: 'restart-worker'; worker: number }
  | { do: 'reset-counters' };

/** A capture under way: what it has, and its end. */
export interface RunningCapture {
  readonly feed: Feed;
  stop(): void;
}

/** Changes reject with ConfigError, ControlError or EditError, and then nothing has changed. */
export interface ApiSwitch {
  readonly version: string;
  /** Tables, counters and names, for reading. */
  readonly readable: ReadableSwitch;
  /** The configuration that stands. */
  readonly document: ConfigDocument;
  /** Seconds until the last change is taken back, or null when none waits to be confirmed. */
  readonly confirmSeconds: number | null;
  readonly events: EventHub;
  /** The clock that the FDB's times are of. */
  nowMs(): number;
  plan(to: ConfigDocument): Action[];
  apply(to: ConfigDocument, confirmSeconds: number | null): Promise<Action[]>;
  edit(change: (raw: ConfigInput) => ConfigInput): Promise<Action[]>;
  confirm(): Promise<void>;
  rollback(why: string): Promise<Action[]>;
  make(change: TableChange): Promise<void>;
  /** Resolves when the forwarding thread has answered. */
  ping(): Promise<void>;
  /** The threads that forward. */
  workers(): WorkerLoad[];
  /** Captures from now on, `most` frames or (0) without end; rejects with FilterError or ControlError. */
  capture(spec: TapSpec, most: number): Promise<RunningCapture>;
}
