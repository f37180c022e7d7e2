/**
 * A plan carried out whole or not at all, in one go between two batches.
 *
 * What can stop a plan half-way is want of room in the tables. Then it is planned back from where it got to; only
 * what was learned on a port that went and came again is gone.
 */

import type { PortConfig, SwitchConfig } from '../config/types.ts';
import type { Action } from './action.ts';
import { apply } from './apply.ts';
import type { Control } from './control.ts';
import { plan } from './plan.ts';

/** What goes along with a port's place in the tables: its adapter. Also told while a plan is taken back. */
export interface PortFollower {
  /** The port is about to go. */
  removing(port: string): void;
  /** The port has its place. */
  added(port: PortConfig): void;
}

/** `now` reads back what stands; `before` is what stood, and is asked for only when the plan has to be taken back. */
export function applyWhole(
  control: Control,
  actions: readonly Action[],
  now: () => SwitchConfig,
  before: () => SwitchConfig,
  ports: PortFollower,
): void {
  try {
    carryOut(control, actions, ports);
  } catch (error) {
    // A single action that throws has changed nothing.
    if (actions.length > 1) carryOut(control, plan(now(), before()), ports);
    throw error;
  }
}

function carryOut(control: Control, actions: readonly Action[], ports: PortFollower): void {
  control.together(() => {
    for (const action of actions) {
      if (action.do === 'remove-port') ports.removing(action.port);
      apply(control, action);
      if (action.do === 'add-port') ports.added(action.port);
    }
  });
}
