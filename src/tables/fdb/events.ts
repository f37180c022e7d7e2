/**
 * What happened to the FDB, for whoever listens: a ring that the data plane writes and control drains.
 *
 * Writing never waits: when nobody drains, the oldest events are overwritten, and the reader learns how many it
 * missed. One writer, one reader, possibly on two threads.
 *
 *   event: kind | FID | MAC bytes 0..1 | MAC bytes 2..5 | port | old port or -1 | ms | sequence + 1
 */

import { sharedInt32 } from '../shared.ts';

export const EVENT_LEARNED = 1;
export const EVENT_MOVED = 2;
export const EVENT_AGED = 3;
export const EVENT_EVICTED = 4;
export const EVENT_STATIC_VIOLATION = 5;
export const EVENT_REFUSED = 6;
export const EVENT_NAMES = ['', 'learned', 'moved', 'aged', 'evicted', 'staticViolation', 'refused'] as const;

const WORDS = 8;

export interface FdbEvents {
  /** A power of two. */
  readonly capacity: number;
  readonly ring: Int32Array;
  /** [0] events written, modulo 2^32; [1] events drained. */
  readonly position: Int32Array;
}

export interface FdbEvent {
  kind: number;
  fid: number;
  macHigh: number;
  macLow: number;
  port: number;
  /** Port it was on before a move; -1 otherwise. */
  oldPort: number;
  nowMs: number;
}

export function createFdbEvents(capacity: number): FdbEvents {
  const size = 1 << (32 - Math.clz32(Math.max(capacity, 2) - 1));
  return { capacity: size, ring: sharedInt32(size * WORDS), position: sharedInt32(2) };
}

export function writeEvent(
  events: FdbEvents,
  kind: number,
  high: number,
  low: number,
  port: number,
  oldPort: number,
  nowMs: number,
): void {
  const n = events.position[0];
  const at = (n & (events.capacity - 1)) * WORDS;
  const ring = events.ring;
  ring[at + 7] = 0;
  ring[at] = kind;
  ring[at + 1] = high & 0xffff;
  ring[at + 2] = high >>> 16;
  ring[at + 3] = low;
  ring[at + 4] = port;
  ring[at + 5] = oldPort;
  ring[at + 6] = nowMs;
  ring[at + 7] = (n + 1) | 0;
  events.position[0] = n + 1;
}

/** Hands every undrained event to `take`; returns how many were overwritten before they could be read. */
export function drainEvents(events: FdbEvents, take: (event: FdbEvent) => void): number {
  const written = events.position[0];
  let from = events.position[1];
  let lost = 0;
  if (((written - from) | 0) > events.capacity) {
    lost = ((written - from) | 0) - events.capacity;
    from = (written - events.capacity) | 0;
  }
  for (; from !== written; from = (from + 1) | 0) {
    const at = (from & (events.capacity - 1)) * WORDS;
    const r = events.ring;
    const event = {
      kind: r[at],
      fid: r[at + 1],
      macHigh: r[at + 2],
      macLow: r[at + 3],
      port: r[at + 4],
      oldPort: r[at + 5],
      nowMs: r[at + 6],
    };
    if (r[at + 7] === ((from + 1) | 0)) take(event);
    else lost++;
  }
  events.position[1] = written;
  return lost;
}
