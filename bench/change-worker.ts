/**
 * The forwarding thread of `change`: a live switch that also says how much processor time it needed at the most between two looks at its
 * ports while a change was made. That is a turn of its event loop, with the collections of the heap that fall into it.
 */

import { parentPort, workerData } from 'node:worker_threads';
import type { SwitchConfig } from '../src/config/types.ts';
import type { Change, SharedState } from '../src/runtime/messages.ts';

export interface ChangeStart {
  config: SwitchConfig;
}

export type ToChangeWorker = { change: Change } | { bareMs: number } | 'stop';

/** Of the change, or of the start. */
export interface FromChangeWorker {
  state: SharedState;
  /** Why the change was not made. */
  refused: string | null;
  longestCpuMicroseconds: number;
}

/** The program's own: the addon lies beside that. */
const program = (module: string) => import(new URL(`../../../dist/${module}`, import.meta.url).href);
const { LiveSwitch } = (await program('runtime/live/live.js')) as typeof import('../src/runtime/live/live.ts');
const { numbersOf } = (await program('runtime/directory-of.js')) as typeof import('../src/runtime/directory-of.ts');
const { collectGarbage } = (await program('runtime/collect.js')) as typeof import('../src/runtime/collect.ts');
const { inTurns } = (await program('runtime/in-turns.js')) as typeof import('../src/runtime/in-turns.ts');
const { sharedPart } = (await program('dataplane/dataplane.js')) as typeof import('../src/dataplane/dataplane.ts');

const port = parentPort!;
const live = new LiveSwitch((workerData as ChangeStart).config, {
  event: () => {},
  told: () => {},
  tablesMoved: () => {},
});
const { core } = live;

const { native } = (await program('adapters/native.js')) as typeof import('../src/adapters/native.ts');
const { clockRead } = native();
const time = new Int32Array(4);
/** Of this thread, in microseconds. */
const cpu = () => {
  clockRead(time);
  return time[2]! * 1e6 + time[3]! / 1000;
};

/** Looks at the processor time in each turn of the event loop, until it is called: then it says what the longest was. */
function watchTurns(): () => number {
  let longest = 0;
  let last = cpu();
  let watching = true;
  const look = () => {
    const now = cpu();
    longest = Math.max(longest, now - last);
    last = now;
    if (watching) setImmediate(look);
  };
  setImmediate(look);
  return () => {
    look();
    watching = false;
    return Math.round(longest);
  };
}

function tell(longestCpuMicroseconds = 0, refused: string | null = null): void {
  const state = {
    tables: sharedPart(core.dp),
    numbers: numbersOf(core.control),
    statuses: live.statuses(),
    sleep: live.sleep,
  };
  port.postMessage({ state, refused, longestCpuMicroseconds } satisfies FromChangeWorker);
}

/** In steps, and as busy as a change. */
function doNothing(ms: number): Promise<void> {
  const end = performance.now() + ms;
  const steps = function* (): Generator<'small', void> {
    while (performance.now() < end) yield 'small';
  };
  return inTurns(core, steps(), () => {});
}

port.on('message', async (message: ToChangeWorker) => {
  if (message === 'stop') {
    live.close();
    port.close();
    return;
  }
  const longest = watchTurns();
  let refused: string | null = null;
  try {
    await ('change' in message ? live.change(message.change) : doNothing(message.bareMs));
  } catch (error) {
    refused = (error as Error).message;
  }
  tell(longest(), refused);
});
collectGarbage();
await live.open();
tell();
