/**
 * The forwarding thread's entry: a `LiveSwitch`, and messages. Nothing that serves people runs here, so that
 * nobody who asks a question can hold up a frame.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { ControlError } from '../control/model.ts';
import type { DataplaneShared } from '../dataplane/dataplane.ts';
import { numbersOf } from './directory-of.ts';
import { LiveSwitch, OpenError } from './live.ts';
import type { Change, FromWorker, ToWorker, WorkerStart } from './messages.ts';

const { config } = workerData as WorkerStart;
const port = parentPort!;
const post = (message: FromWorker): void => port.postMessage(message);
let live: LiveSwitch | undefined;
let ready = false;

/** The shared part of the data plane: not the arena, not the egress lists. */
function tables(): DataplaneShared {
  const { ports, vlans, fdb, mirrors, router, translate, classify, counters, vxlan, limits, samples } = live!.core.dp;
  return { ports, vlans, fdb, mirrors, router, translate, classify, counters, vxlan, limits, samples };
}

function stop(): void {
  live?.close();
  post({ type: 'stopped' });
  port.close();
}

/** What is thrown beside a refusal is a defect, and ends the thread. */
async function change(id: number, change: Change): Promise<void> {
  try {
    await live!.change(change);
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    post({ type: 'refused', id, message: error.message });
    return;
  }
  post({ type: 'changed', id, numbers: numbersOf(live!.core.control), statuses: live!.statuses() });
}

port.on('message', (message: ToWorker) => {
  if (message.type === 'stop') stop();
  else void change(message.id, message.change);
});

try {
  live = new LiveSwitch(config, {
    event: (event) => post({ type: 'event', event }),
    statusChanged: () => {
      if (ready) post({ type: 'statuses', statuses: live!.statuses() });
    },
    tablesMoved: () => {
      if (ready) post({ type: 'tables', tables: tables() });
    },
  });
  await live.open();
  const { epoch, control } = live.core;
  const numbers = numbersOf(control);
  post({ type: 'ready', state: { tables: tables(), epoch, numbers, statuses: live.statuses(), sleep: live.sleep } });
  ready = true;
} catch (error) {
  if (!(error instanceof OpenError || error instanceof ControlError)) throw error;
  post({ type: 'failed', message: error.message, status: error instanceof ControlError ? 2 : 1 });
  port.close();
}
