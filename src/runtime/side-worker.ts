/** A side worker's entry: see side-switch.ts. */

import { parentPort, workerData } from 'node:worker_threads';
import type { SideWorkerStart } from './side-messages.ts';
import { SideSwitch } from './side-switch.ts';

const side = new SideSwitch(workerData as SideWorkerStart, () => parentPort!.close());
// How long it has waited is for the main thread to read.
parentPort!.postMessage(side.sleep);
