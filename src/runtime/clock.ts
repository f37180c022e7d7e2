/**
 * One clock for all threads of the process: milliseconds of the system's monotonic clock, which is the same everywhere; the
 * FDB's times are written by the forwarding thread and read by the main thread.
 *
 * It is asked several times for every frame that comes alone, and so must not allocate. `performance.now()` does, 16 bytes of heap
 * a call (Node 20), and `process.hrtime()` 64 wherever V8 does not build it in, which is a matter of luck; so a thread that forwards
 * has the addon's clock (`useClock`). A result that is no small integer is 16 bytes as well where a call is one: `readClock` has
 * none, that of `wholeMs` is small.
 */

/** Puts [seconds, nanoseconds] of the monotonic clock into its argument. */
export type ReadTime = (time: Int32Array) => void;

let readTime: ReadTime = (time) => {
  const [seconds, nanos] = process.hrtime();
  time[0] = seconds;
  time[1] = nanos;
};
const time = new Int32Array(2);

/** From now on, on this thread. It must be the clock of `process.hrtime()`. */
export function useClock(read: ReadTime): void {
  readTime = read;
}

/** `[0]`: milliseconds, as `readClock` has read them last on this thread. */
export const CLOCK = new Float64Array(1);

export function readClock(): void {
  readTime(time);
  CLOCK[0] = time[0] * 1000 + time[1] / 1e6;
}

export function monotonicMs(): number {
  readClock();
  return CLOCK[0];
}

/** Whole milliseconds in 32 bits, as tables keep times. */
export function wholeMs(): number {
  readClock();
  return CLOCK[0] | 0;
}

const EPOCH_MS = performance.timeOrigin + performance.now() - monotonicMs();

/** Microseconds since the epoch: what captures are stamped with. Later corrections of the system's time are not in it. */
export function wallUs(): number {
  return (EPOCH_MS + monotonicMs()) * 1000;
}
