/**
 * What happens to a running switch, as whoever listens is told.
 */

import { EVENT_NAMES as TABLE_EVENTS } from '../tables/fdb/events.ts';

/** What ports have to tell. */
export type PortEvent =
  | { event: 'link'; port: string; up: boolean; reason: string }
  /** A device that was gone is there again and cannot be attached; told once per reason. */
  | { event: 'fault'; text: string }
  /** A thread that forwards has ended, and will be started again; or it has been. Worker 0 is all of them. */
  | { event: 'worker'; worker: number; up: boolean; reason: string };

/** Learned, moved (from `oldPort`), aged; a limit was hit: evicted to make room, or refused; a static violation. */
export interface FdbEvent {
  event: 'learned' | 'moved' | 'aged' | 'evicted' | 'refused' | 'static-violation';
  bridge: string;
  vid: number | null;
  mac: string;
  port: string;
  /** Port before a move, or that holds the configured entry. */
  oldPort: string | null;
}

/** The same of the VXLAN FDB: behind which remote the address is. Its port is a tunnel port of the VTEP. */
export interface VxlanEvent {
  event: `vxlan-${FdbEvent['event']}`;
  vtep: string;
  port: string;
  vni: number;
  mac: string;
  remote: string;
  /** Remote before a move, or of the configured entry. */
  oldRemote: string | null;
}

/** A frame was dropped and sampled: in a storm not each of them. */
export interface DropEvent {
  event: 'drop';
  /** What `explain --drop` takes. */
  id: number;
  reason: string;
  /** Port that it arrived on; null when it is gone since. */
  port: string | null;
  vid: number | null;
  /** The frame, as `etherloom dissect` says it. */
  text: string;
}

/** What is done to the switch as a whole. */
export type ConfigEvent =
  | { event: 'applied'; actions: readonly string[]; confirmSeconds: number | null }
  | { event: 'confirmed' }
  | { event: 'rolled-back'; actions: readonly string[]; why: string }
  | { event: 'rollback-failed'; why: string };

export type SwitchEvent =
  | PortEvent
  | FdbEvent
  | VxlanEvent
  | DropEvent
  | ConfigEvent
  /** FDB events that came faster than they could be told. */
  | { event: 'lost'; count: number };

export type EventName = SwitchEvent['event'];

export const EVENT_NAMES = Object.keys({
  link: 0,
  fault: 0,
  worker: 0,
  learned: 0,
  moved: 0,
  aged: 0,
  evicted: 0,
  refused: 0,
  'static-violation': 0,
  'vxlan-learned': 0,
  'vxlan-moved': 0,
  'vxlan-aged': 0,
  'vxlan-evicted': 0,
  'vxlan-refused': 0,
  'vxlan-static-violation': 0,
  drop: 0,
  applied: 0,
  confirmed: 0,
  'rolled-back': 0,
  'rollback-failed': 0,
  lost: 0,
} satisfies Record<EventName, 0>) as EventName[];

/** What a table calls by number. */
export function fdbEventName(kind: number): FdbEvent['event'] {
  const text = TABLE_EVENTS[kind];
  return text === 'staticViolation' ? 'static-violation' : (text as FdbEvent['event']);
}
