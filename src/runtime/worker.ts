/**
 * The forwarding thread's entry: a `LiveSwitch`, and messages. Nothing that serves people runs here, so that
 * nobody who asks a question can hold up a frame.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { ControlError } from '../control/model.ts';
import { sharedPart } from '../dataplane/dataplane.ts';
import { requireSameBuild } from './build-stamp.ts';
import { collectGarbage } from './collect.ts';
import { numbersOf } from './directory-of.ts';
import { LiveSwitch, OpenError } from './live/live.ts';
import type { Change, FromWorker, ToWorker, WorkerStart } from './messages.ts';

const { config, stamp, again } = workerData as WorkerStart;
requireSameBuild(stamp);
const port = parentPort!;
const post = (message: FromWorker): void => port.postMessage(message);
let live: LiveSwitch | undefined;
let ready = false;

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
  const isOther = change.do === 'apply' && change.plan.numbers;
  post({ type: 'changed', id, numbers: isOther ? numbersOf(live!.core.control) : null });
}

port.on('message', (message: ToWorker) => {
  if (message.type === 'stop') stop();
  else if (message.type === 'change') void change(message.id, message.change);
  else if (message.type === 'side-joined') live?.joined(message.worker, message.channel);
  else live?.ended(message.worker, message.why);
});

try {
  live = new LiveSwitch(config, {
    event: (event) => post({ type: 'event', event }),
    told: (statuses) => {
      if (ready) post({ type: 'statuses', statuses });
    },
    startSide: (start) => post({ type: 'start-side', start }),
    tablesMoved: (replaced) => {
      if (live !== undefined) post({ type: 'tables', tables: sharedPart(live.core.dp), replaced });
    },
  });
  collectGarbage();
  await live.open(again);
  const { dp, control } = live.core;
  const numbers = numbersOf(control);
  post({ type: 'ready', state: { tables: sharedPart(dp), numbers, statuses: live.statuses(), sleep: live.sleep } });
  ready = true;
} catch (error) {
  if (!(error instanceof OpenError || error instanceof ControlError)) throw error;
  post({ type: 'failed', message: error.message, status: error instanceof ControlError ? 2 : 1 });
  port.close();
}
