/**
 * A full collection now, where nothing waits for it, instead of later, where frames do: of what a thread has made to start.
 * A JavaScript program has no other way to ask for one.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  gc();
}
