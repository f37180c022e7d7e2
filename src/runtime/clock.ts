/**
 * One clock for all threads of the process: milliseconds of the system's monotonic clock, from `process.hrtime()`, which is
 * the same everywhere; the FDB's times are written by the forwarding thread and read by the main thread.
 *
 * It is asked several times for every frame that comes alone, and so must not allocate. `performance.now()` does, 16 bytes of heap
 * a call (Node 20). The array of `process.hrtime()` is never made where V8 has built the call in, which it does in code that is hot
 * and takes the array apart at once, as here.
 */

export function monotonicMs(): number {
  const [seconds, nanos] = process.hrtime();
  return seconds * 1000 + nanos / 1e6;
}

const EPOCH_MS = performance.timeOrigin + performance.now() - monotonicMs();

/** Microseconds since the epoch: what captures are stamped with. Later corrections of the system's time are not in it. */
export function wallUs(): number {
  return (EPOCH_MS + monotonicMs()) * 1000;
}
