/**
 * A process that runs for months needs little memory for its start.
 *
 * While a program is loaded, V8 lets the space for young objects grow to tens of megabytes and optimizes functions that run for a second and
 * never again, which takes memory that is given back late or never. A switch allocates nothing for a frame and little for a question: the
 * megabyte to begin with is enough. What either brings, and what `--lite-mode` would cost, is in BENCHMARKS.md under S14.
 *
 * When little is allocated for some seconds, V8 makes three full collections to shrink the heap, the first of 10 to 50 ms, on the thread that
 * forwards; so it does not, and threads collect what their start has left before frames come (runtime/collect.ts).
 *
 * The young space of a thread is collected by itself alone. Helpers would do a part of what is a third of a millisecond, and the thread wait for them:
 * where other programs have the processors, for longer than all of it takes.
 *
 * All are flags of the process that V8 looks at whenever the question comes up, the last of them when a thread begins.
 *
 * And of node's own binary, tens of megabytes, a switch that runs needs a part.
 */

import { setFlagsFromString } from 'node:v8';
import { native, nativeAvailable } from '../adapters/native.ts';
import { collectGarbage } from '../runtime/collect.ts';

/** Call before anything large is loaded. */
export function keepHeapSmall(): void {
  keepYoungSpaceSmall();
  setFlagsFromString('--no-opt');
  keepCollectionsShort();
}

/** What V8 does by itself while frames wait. */
export function keepCollectionsShort(): void {
  setFlagsFromString('--no-memory-reducer');
  setFlagsFromString('--no-parallel-scavenge');
}

/** Call again when threads have begun: V8 puts this flag back to 2 whenever it makes a heap, for all heaps of the process. */
export function keepYoungSpaceSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** From here on code that is hot is made fast. Call before a thread that forwards is started. */
export function optimizeCode(): void {
  setFlagsFromString('--opt');
}

/** Time for what has just been loaded to be done with it. */
const SETTLE_MS = 1000;

/** Gives back, a moment later, memory that loading took and forwarding does not need. Keeps no process alive. */
export function releaseSoon(): void {
  setTimeout(() => {
    collectGarbage(true);
    if (nativeAvailable().ok) native().residentRelease();
  }, SETTLE_MS).unref();
}
