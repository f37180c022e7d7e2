/**
 * Work of control in steps, a bounded time of them between two turns of the poll loop, while no other thread forwards.
 *
 * What the steps leave behind is collected after each turn, in a turn of its own. V8 would wait until there is a megabyte of it, and then copy
 * what is in use, three times as long as steps may take.
 */

import { setImmediate as turn } from 'node:timers/promises';
import type { Step } from '../control/plan/pieces.ts';
import { monotonicMs } from './clock.ts';
import { collectYoung } from './collect.ts';
import type { SwitchCore } from './core.ts';

/** Small steps are made for so long before frames have their turn. */
const MOST_MS = 0.2;

/** Resolves with what the steps return, and rejects with what they throw. `goOn` is asked before each turn, and may throw. */
export async function inTurns<T>(core: SwitchCore, steps: Iterator<Step, T, void>, goOn: () => void): Promise<T> {
  for (;;) {
    goOn();
    const result = core.exclusively(() => {
      const end = monotonicMs() + MOST_MS;
      for (;;) {
        const next = steps.next();
        if (next.done || next.value === 'turn' || monotonicMs() > end) return next;
      }
    });
    if (result.done) return result.value;
    await turn();
    collectYoung();
    await turn();
  }
}
