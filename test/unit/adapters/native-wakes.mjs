/**
 * A thread that is woken again and again while it wakes up: no wake-up may be lost, or all after it are. Run as a process
 * of its own; prints how many rounds it was woken in.
 *
 *   node native-wakes.mjs ADDON ROUNDS
 */

import { createRequire } from 'node:module';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

const path = isMainThread ? process.argv[2] : workerData.path;
const addon = createRequire(import.meta.url)(path);
const [DONE, SEEN] = [0, 1];
const LOST_MS = 2000;

if (!isMainThread) {
  const { words, poller, rounds } = workerData;
  for (let round = 1; round <= rounds; round++) {
    Atomics.store(words, DONE, round);
    while (Atomics.load(words, SEEN) < round) addon.pollerWake(poller);
  }
} else {
  const rounds = Number(process.argv[3]);
  const words = new Int32Array(new SharedArrayBuffer(8));
  const poller = addon.pollerCreate(() => {}, new Int32Array(8), new Int32Array(new SharedArrayBuffer(16)));
  const worker = new Worker(new URL(import.meta.url), { workerData: { path, words, poller, rounds } });
  // The thread starts with this one's event loop.
  await new Promise((resolve) => worker.once('online', resolve));
  let seen = 0;
  while (seen < rounds) {
    const before = Atomics.load(words, DONE);
    const begin = performance.now();
    addon.pollerWait(poller, LOST_MS, new Int32Array(8));
    // Something had been done and was told of, and nothing woke this thread.
    if (performance.now() - begin >= LOST_MS && before > seen) break;
    seen = Atomics.load(words, DONE);
    Atomics.store(words, SEEN, seen);
  }
  // Ends the other thread, however far it is.
  Atomics.store(words, SEEN, rounds);
  console.log(JSON.stringify({ woken: seen }));
}
