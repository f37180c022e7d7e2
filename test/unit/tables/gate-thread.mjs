/** One of several threads at a gate (gate.test.ts). Runs what was built: Node.js cannot load TypeScript in a thread. */

import { parentPort, workerData } from 'node:worker_threads';
import {
  beginAlone,
  enterBatch,
  exclusive,
  exclusiveBetween,
  leaveBatch,
  lock,
  unlock,
  workerGate,
} from '../../../dist/tables/gate.js';

/** words: 0, 1 pair that only who is alone writes; 2 written under the lock; 3 threads in a batch; 4 broken promises; 5 stop; 7 is never written. */
const { gate: shared, worker, words, rounds, act } = workerData;
const gate = workerGate(shared, worker);

let dawdles = 0;
/** Now and then long enough for any other thread to come in between, if it can. */
const dawdle = () => {
  if (++dawdles % 64 === 0) Atomics.wait(words, 7, 0, 0.5);
};
const broken = () => Atomics.add(words, 4, 1);

const alone = () => {
  if (Atomics.load(words, 3) !== 0) broken();
  const before = words[0];
  words[0] = before + 1;
  dawdle();
  if (words[1] !== before) broken();
  words[1] = before + 1;
};

const batch = (inside) => {
  enterBatch(gate);
  Atomics.add(words, 3, 1);
  if (words[0] !== words[1]) broken();
  lock(gate);
  const before = words[2];
  dawdle();
  words[2] = before + 1;
  unlock(gate);
  if (words[0] !== words[1]) broken();
  Atomics.sub(words, 3, 1);
  if (inside) exclusiveBetween(gate, alone);
  leaveBatch(gate);
};

const acts = {
  /** Batches, and now and then alone: between two of them, or from within one. */
  mixed() {
    for (let n = 1; n <= rounds; n++) {
      batch(n % 7 === 0);
      if (n % 5 === 0) exclusive(gate, alone);
    }
  },
  /** Nothing but batches, one right behind the other, until it is told to stop. */
  busy() {
    while (Atomics.load(words, 5) === 0) batch(false);
  },
  /** Ends where it is, without a word to the others. */
  'dies in a batch': () => enterBatch(gate),
  'dies with the lock': () => {
    enterBatch(gate);
    lock(gate);
  },
  'dies alone': () => beginAlone(gate),
};

acts[act]();
parentPort.postMessage('done');
process.exit(0);
