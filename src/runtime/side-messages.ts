/**
 * What worker 0 and a side worker say to each other. A side worker takes what worker 0 says before its next batch, if
 * `announceMove` was called behind it (tables/gate.ts), so that it never forwards by what does not stand any more.
 */

import type { MessagePort } from 'node:worker_threads';
import type { QueueOptions } from '../adapters/adapter.ts';
import type { Ring } from '../capture/ring.ts';
import type { TapSpec } from '../capture/tap.ts';
import type { PollConfig } from '../config/types.ts';
import type { PlacedPort } from '../control/model.ts';
import type { PostedTables } from '../dataplane/table-memory.ts';

/** Given to a side worker at its start. */
export interface SideStart {
  /** Of worker 0, whose tables these are: build-stamp.ts. */
  stamp: string;
  worker: number;
  posted: PostedTables;
  /** How often their arrays had been replaced. */
  replaced: number;
  /** Of its arena, which is as large as worker 0's: ports keep as many for themselves. */
  smallSlots: number;
  relay: Ring;
  poll: PollConfig;
  /** Poller of worker 0 that is woken for the relay. */
  poller: number;
}

/** The same with its end of the channel to worker 0. */
export interface SideWorkerStart extends SideStart {
  channel: MessagePort;
}

/** A port that has a place in the tables and a device. */
export interface SidePort {
  index: number;
  /** The queue of the side worker's own, as it was opened; null: worker 0 has the device to itself. */
  key: number | null;
  device: string;
  mtu: number;
  coalesces: boolean;
  isUplink: boolean;
}

export type ToSide =
  /** Opens one more queue of the device; answered. */
  | { do: 'open'; key: number; config: PlacedPort; options: QueueOptions }
  | { do: 'close'; key: number }
  | { do: 'attach'; port: SidePort }
  | { do: 'detach'; index: number }
  /** MTU and coalescing may be otherwise. */
  | { do: 'settle'; port: SidePort }
  /** The port's link has come up or gone down. */
  | { do: 'link'; index: number }
  /** What was asked of the port's link (`ask-link`) has been looked at. */
  | { do: 'link-looked-at'; index: number }
  | { do: 'poll'; poll: PollConfig }
  | { do: 'tables'; posted: PostedTables }
  /** Numbers of all ports, for captures. */
  | { do: 'names'; ports: ReadonlyMap<string, number> }
  | { do: 'start-capture'; id: number; spec: TapSpec; ring: Ring }
  | { do: 'stop-capture'; id: number }
  /** Answered, when all that was said before is done. */
  | { do: 'answer'; id: number }
  /** It ends with an error: in the middle of its next batch, or soon without one. */
  | { do: 'fail' }
  | { do: 'stop' };

export type FromSide =
  /** It takes messages. */
  | { type: 'here' }
  | { type: 'opened'; key: number; error: { message: string; code?: string; errno?: number } | null }
  | { type: 'answer'; id: number }
  /** Frames from a port whose link is down as far as is known. */
  | { type: 'ask-link'; index: number }
  /** What a socket of a VTEP was told of a path. */
  | { type: 'path-mtu'; key: number; address: string; mtu: number }
  /** What its adapters lost, by key. */
  | { type: 'counters'; counters: ReadonlyMap<number, Readonly<Record<string, number>>> };
