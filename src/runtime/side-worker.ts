/** A side worker's entry: see side-switch.ts. */

import { parentPort, workerData } from 'node:worker_threads';
import { requireSameBuild } from './build-stamp.ts';
import type { SideWorkerStart } from './side-messages.ts';
import { SideSwitch } from './side-switch.ts';

const start = workerData as SideWorkerStart;
requireSameBuild(start.stamp);
const side = new SideSwitch(start, () => parentPort!.close());
// How long it has waited is for the main thread to read.
parentPort!.postMessage(side.sleep);
