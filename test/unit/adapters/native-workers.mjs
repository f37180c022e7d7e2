/**
 * The addon in several threads at once: loads, waits, is woken from another thread, and leaves nothing open when a
 * worker is terminated in the middle. Run as a process of its own; prints a summary.
 *
 *   node native-workers.mjs ADDON WAIT_MS
 */

import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const path = isMainThread ? process.argv[2] : workerData.path;
const addon = createRequire(import.meta.url)(path);

if (!isMainThread) {
  // Sleeps in its event loop; answers to the poller's callback and to messages alike.
  const columns = () => [new Int32Array(8), new Int32Array(new SharedArrayBuffer(16))];
  const poller = addon.pollerCreate(
    () => {
      parentPort.postMessage({ kind: 'called' });
      addon.pollerArm(poller, 0);
    },
    ...columns(),
  );
  try {
    const { fd, name } = await addon.tapOpen(`elw${process.pid.toString(36)}${workerData.number}`, 0);
    // With a ring of the thread's own, where the kernel offers one.
    const column = () => new Int32Array(8);
    const rows = [column(), column(), column(), column()];
    addon.tapReadBurst(fd, new Uint8Array(4096), ...rows, 0, 8, 4096, 4096, false, true, column());
    // For whoever comes after this thread: one is taken, the other is not.
    if (workerData.number === 2) addon.deviceKeep(fd, 'taken', 'first');
    if (workerData.number === 2) addon.deviceKeep(fd, 'taken', 'second');
    if (workerData.number === 3) addon.deviceKeep(await addon.packetOpen(name, 1522, 64, -1), 'left', '');
  } catch {
    // not root: the poller alone
  }
  addon.pollerArm(poller, 50);
  parentPort.on('message', (message) => {
    if (message === 'block') {
      const begin = performance.now();
      parentPort.postMessage({ kind: 'blocking' });
      addon.pollerWait(poller, workerData.waitMs, new Int32Array(8));
      parentPort.postMessage({ kind: 'unblocked', ms: performance.now() - begin });
    } else if (message === 'throw') {
      addon.pollerClose(poller);
      const bad = addon.pollerCreate(
        () => {
          throw new Error('from the callback');
        },
        ...columns(),
      );
      addon.pollerArm(bad, 0);
      addon.pollerWake(bad);
    } else parentPort.postMessage({ kind: 'echo' });
  });
  parentPort.postMessage({ kind: 'ready', poller });
} else {
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const next = (worker, kind) =>
    new Promise((resolve, reject) => {
      const take = (message) => {
        if (message.kind !== kind) return;
        worker.off('message', take);
        resolve(message);
      };
      worker.on('message', take);
      setTimeout(() => reject(new Error(`no ${kind}`)), 8000).unref();
    });
  const start = async (number) => {
    const worker = new Worker(new URL(import.meta.url), {
      workerData: { path, number, waitMs: Number(process.argv[3]) },
    });
    const { poller } = await next(worker, 'ready');
    return { worker, poller };
  };
  const ask = (worker, message, kind) => {
    const answer = next(worker, kind);
    worker.postMessage(message);
    return answer;
  };

  const first = await Promise.all([0, 1, 2, 3].map(start)); // one round to fill what node keeps open
  for (const { worker } of first) await worker.terminate();
  await addon.devicesRelease('');
  const before = descriptors();

  const workers = await Promise.all([0, 1, 2, 3].map(start));
  const during = descriptors();
  for (const { worker, poller } of workers) {
    const called = next(worker, 'called');
    if (!addon.pollerWake(poller)) throw new Error('a poller is not found from another thread');
    await called;
    await ask(worker, 'echo', 'echo');
    let refused = false;
    try {
      addon.pollerWait(poller, 0, new Int32Array(1));
    } catch (error) {
      refused = error instanceof RangeError;
    }
    if (!refused) throw new Error("another thread's poller can be waited on");
    if (addon.pollerClose(poller)) throw new Error("another thread's poller can be closed");
  }

  const { worker, poller } = workers[0];
  const unblocked = next(worker, 'unblocked');
  await ask(worker, 'block', 'blocking');
  setTimeout(() => addon.pollerWake(poller), 50);
  const { ms } = await unblocked;

  const thrown = new Promise((resolve) => workers[1].worker.on('error', resolve));
  workers[1].worker.postMessage('throw');
  const { message } = await thrown;

  for (const each of workers) await each.worker.terminate();
  if (addon.pollerWake(poller)) throw new Error('a poller outlives its thread');
  const kept = addon.deviceTake('taken');
  const taken = kept === null ? [] : [kept.note, addon.tapState(kept.fd), addon.tapClose(kept.fd)];
  const released = [
    await addon.devicesRelease('none'),
    await addon.devicesRelease('le'),
    await addon.devicesRelease(''),
  ];
  console.log(
    JSON.stringify({
      taken,
      released,
      ms: Math.round(ms),
      message,
      opened: during - before,
      left: descriptors() - before,
    }),
  );
}
