/**
 * The forwarding thread of `change`: a live switch that also says how much processor time the longest piece of a change took. It is
 * the time of the whole process, whose main thread waits meanwhile, so that what the collector's helpers do is in it.
 */

import { parentPort, workerData } from 'node:worker_threads';
import type { SwitchConfig } from '../src/config/types.ts';
import type { Change, SharedState } from '../src/runtime/messages.ts';

export interface ChangeStart {
  config: SwitchConfig;
}

export type ToChangeWorker = { change: Change } | 'stop';

/** Of the change, or of the start. */
export interface FromChangeWorker {
  state: SharedState;
  longestCpuMicroseconds: number;
}

/** The program's own: the addon lies beside that. */
const program = (module: string) => import(new URL(`../../../dist/${module}`, import.meta.url).href);
const { LiveSwitch } = (await program('runtime/live.js')) as typeof import('../src/runtime/live.ts');
const { numbersOf } = (await program('runtime/directory-of.js')) as typeof import('../src/runtime/directory-of.ts');
const { sharedPart } = (await program('dataplane/dataplane.js')) as typeof import('../src/dataplane/dataplane.ts');

const port = parentPort!;
const live = new LiveSwitch((workerData as ChangeStart).config, {
  event: () => {},
  statusChanged: () => {},
  tablesMoved: () => {},
});
const { core } = live;
let longest = 0;
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return user + system;
};
const exclusively = core.exclusively.bind(core);
core.exclusively = (change) => {
  const before = cpu();
  const result = exclusively(change);
  longest = Math.max(longest, cpu() - before);
  return result;
};

function tell(): void {
  const state = {
    tables: sharedPart(core.dp),
    numbers: numbersOf(core.control),
    statuses: live.statuses(),
    sleep: live.sleep,
  };
  port.postMessage({ state, longestCpuMicroseconds: longest } satisfies FromChangeWorker);
}

port.on('message', async (message: ToChangeWorker) => {
  if (message === 'stop') {
    live.close();
    port.close();
    return;
  }
  longest = 0;
  await live.change(message.change);
  tell();
});
await live.open();
tell();
