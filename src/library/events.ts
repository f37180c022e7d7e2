/**
 * What a switch tells its program, by event name. Every listener gets one object.
 */

import type { FdbEventView } from '../control/fdb-control.ts';

/** A change of the FDB. */
export type FdbChange = Omit<FdbEventView, 'event'>;

export interface LinkChange {
  port: string;
}

/** A frame that was not delivered. */
export interface DropEvent {
  /** Where it arrived. */
  port: string;
  /** A name of the list of drop reasons, such as `INGRESS_VLAN`. */
  reason: string;
  /** Null when it was dropped before it had a VLAN, and on a VLAN-unaware bridge. */
  vid: number | null;
  /** View of the frame as it was when it was dropped; holds until the listener returns. */
  frame: Buffer;
}

export interface HookFailure {
  hook: HookPlace;
  /** Port of the frame that it was called for last. */
  port: string;
  /** What it threw, or a HookBudgetError. */
  error: unknown;
}

/** Where a hook is called. */
export type HookPlace = 'ingress' | 'egress' | 'drop';

/**
 * Called for every frame that arrives, before it is forwarded. The frame is bytes [offset, offset + length) of
 * `view` (network byte order, no FCS); it holds until the hook returns. Its bytes may be changed in place: what is
 * forwarded is what is there then. Returning 'drop' drops it as INGRESS_HOOK; whatever else is returned means nothing.
 */
export type IngressHook = (view: DataView, offset: number, length: number, port: string) => unknown;

/**
 * Called for every copy of a frame that has left by `port`, with the tag that it has there. Only to be read: copies of a
 * flood are one memory. `from` is where it arrived, or who made it.
 */
export type EgressHook = (
  view: DataView,
  offset: number,
  length: number,
  port: string,
  from: string,
  vid: number | null,
) => unknown;

/** Called for every frame that was dropped, as it was then; `port` is where it arrived. Only to be read. */
export type DropHook = (
  view: DataView,
  offset: number,
  length: number,
  port: string,
  reason: string,
  vid: number | null,
) => unknown;

export interface SwitchEvents {
  /** A source address was learned, on `port`. */
  learned: [FdbChange];
  /** A learned address moved from `oldPort` to `port`. */
  moved: [FdbChange];
  /** A learned address was idle for longer than the ageing time. */
  aged: [FdbChange];
  /** A learned address made room for another. */
  evicted: [FdbChange];
  /** A frame on `port` claimed an address that is configured elsewhere (`oldPort`). */
  staticViolation: [FdbChange];
  /** An address could not be learned: limit with `overflow: refuse`. */
  refused: [FdbChange];
  /** So many FDB events were overwritten before they could be told. */
  eventsLost: [number];
  portUp: [LinkChange];
  portDown: [LinkChange];
  drop: [DropEvent];
  /** A hook threw or was too slow; it has been removed, forwarding goes on. Without a listener it is a process warning. */
  hookFailed: [HookFailure];
}

export const FDB_EVENTS = ['learned', 'moved', 'aged', 'evicted', 'staticViolation', 'refused', 'eventsLost'] as const;
