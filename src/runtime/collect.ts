/**
 * A full collection now, where nothing waits for it, instead of later, where frames do: of what a thread has made to start.
 * A JavaScript program has no other way to ask for one.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** `thoroughly`: takes several times as long, compacts, and drops code that has not run for a while; Node 20 does no more than otherwise. */
export function collectGarbage(thoroughly = false): void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options?: object) => void;
  gc();
  if (thoroughly) gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
