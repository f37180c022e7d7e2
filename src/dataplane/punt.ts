/**
 * Punt: hand a frame to control.
 *
 * `forwardBatch` returns behind a punted frame. Its owner sends what waits in the egress lists, lets control act on the
 * frame (answer, learn a neighbour, inject frames), and goes on with the next one: so the result does not depend on
 * how frames fall into batches. A punted frame that was given to no port counts as consumed.
 */

import type { Batch } from './batch.ts';
import { DROP_NONE } from './reasons.ts';

/** From the underlay, for a VTEP itself: ARP, ND, ICMP. */
export const PUNT_UNDERLAY = 1;
/** For an interface of a VLAN: packets for itself, next hops to be found, errors to be sent, questions heard. */
export const PUNT_ROUTER = 2;
/** A packet too long for the tunnel that it would enter: its sender is told. It is a drop as well. */
export const PUNT_TOO_BIG = 3;
/** A question to a VLAN that a tunnel is to be spared, or what a host tells it of itself. */
export const PUNT_SUPPRESS = 4;
/** Nothing but what every frame with RX_TOLD is for: control hears it. */
export const PUNT_TOLD = 5;
/** Rows of a table of handlers: kinds are below this. */
export const PUNT_KINDS = 8;

/** To be returned by a stage: the frame ends there without a drop. */
export function punt(b: Batch, i: number, kind: number): number {
  b.punted = i;
  b.puntKind = kind;
  return DROP_NONE;
}
