/**
 * Sleeping until any descriptor is readable, without leaving the event loop: messages, datagram sockets and timers of
 * the same thread go on.
 *
 * The loop of a forwarding thread: `arm`; in the callback serve the tags in `ready`, and `arm` again. What
 * was not read is told again (readiness is a level), so a bounded burst per turn loses nothing. Arming inside the
 * callback costs no system call.
 */

import { native } from './native.ts';

/** Descriptors told by one wait; others are told by the next. */
const READY_TAGS = 256;

export interface Poller {
  /** For `wakePoller` in another thread. */
  readonly id: number;
  /** Tags of the readable descriptors in the callback, and after `wait`. */
  readonly ready: Int32Array;
  /** `fd` is an adapter's, `tag` the small integer that stands for it in `ready`. */
  add(fd: number, tag: number): void;
  /** Whether it was in. A closed descriptor is out already. */
  remove(fd: number): boolean;
  /**
   * Calls back once, as soon as something is readable or `wakePoller` was called. Keeps the thread alive. For
   * `spinMicroseconds` (0 to 10,000) it looks again and again before it sleeps.
   */
  arm(spinMicroseconds?: number): void;
  /** Fills `ready` and returns how many; blocks for at most `timeoutMs` (0 to 10,000). */
  wait(timeoutMs: number): number;
  close(): void;
}

/** Memory for `createPoller` that other threads may read by `waitedNs`. */
export function createSleep(): BigInt64Array {
  return new BigInt64Array(new SharedArrayBuffer(16));
}

/** Nanoseconds that a poller has waited so far, asleep or looking; from any thread. */
export function waitedNs(sleep: BigInt64Array): bigint {
  const since = Atomics.load(sleep, 1);
  const waited = Atomics.load(sleep, 0);
  return since === 0n ? waited : waited + (process.hrtime.bigint() - since);
}

/**
 * `onReadable` is told how many tags are in `ready`, how long the thread has waited since it was last called, and the longest
 * time in between that its event loop has taken for other things in one piece.
 */
export function createPoller(
  onReadable: (count: number, waitedUs: number, stoppedUs: number) => void,
  sleep: BigInt64Array = createSleep(),
): Poller {
  const addon = native();
  const ready = new Int32Array(READY_TAGS);
  const id = addon.pollerCreate(onReadable, ready, new Int32Array(sleep.buffer));
  return {
    id,
    ready,
    add: (fd, tag) => addon.pollerAdd(id, fd, tag),
    remove: (fd) => addon.pollerRemove(id, fd),
    arm: (spinMicroseconds = 0) => addon.pollerArm(id, spinMicroseconds),
    wait: (timeoutMs) => addon.pollerWait(id, timeoutMs, ready),
    close: () => void addon.pollerClose(id),
  };
}

/** Ends another thread's wait, or runs its armed callback; false when that poller is closed. */
export function wakePoller(id: number): boolean {
  return native().pollerWake(id);
}
