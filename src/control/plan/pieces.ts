/**
 * Actions in pieces, each read when it is wanted, and the steps in which they are done.
 */

import type { FdbEntryConfig } from '../../config/types/fdb.ts';
import type { RouteConfig } from '../../config/types/routing.ts';
import type { VxlanEntryConfig } from '../../config/types/vxlan.ts';
import type { Action } from './action.ts';

/** Several may be done in one go, or frames must have their turn first: what has gone before took its time, or what comes will. */
export type Step = 'small' | 'turn';

/** In the place of the route of its prefix, or of the entry of its address. */
export type Replacement =
  | { do: 'replace-route'; route: RouteConfig; was: RouteConfig }
  | { do: 'replace-entry'; entry: FdbEntryConfig; was: FdbEntryConfig }
  | { do: 'replace-vxlan-entry'; entry: VxlanEntryConfig; was: VxlanEntryConfig };

export interface Pieces {
  readonly count: number;
  read(piece: number): readonly (Action | Replacement)[];
}

export function inOnePiece(actions: readonly (Action | Replacement)[]): Pieces {
  return { count: actions.length === 0 ? 0 : 1, read: () => actions };
}

/** All steps without a pause. */
export function atOnce<T>(steps: Generator<Step, T, void>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
