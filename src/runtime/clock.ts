/**
 * One clock for all threads of the process: milliseconds of the system's monotonic clock.
 *
 * `performance.now()` is quick, but counts from the start of each thread; the FDB's times are written by the
 * forwarding thread and read by the main thread. `process.hrtime()` is the same everywhere, but allocates. So the
 * distance between the two is taken once per thread.
 */

const [seconds, nanos] = process.hrtime();
const OFFSET_MS = seconds * 1000 + nanos / 1e6 - performance.now();

export function monotonicMs(): number {
  return OFFSET_MS + performance.now();
}

/** Microseconds since the epoch: what captures are stamped with. Later corrections of the system's time are not in it. */
export function wallUs(): number {
  return (performance.timeOrigin + performance.now()) * 1000;
}
