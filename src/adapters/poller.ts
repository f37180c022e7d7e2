/**
 * Sleeping until any TAP is readable, without leaving the event loop: messages, datagram sockets and timers of the
 * same thread go on.
 *
 * The loop of a forwarding thread: `arm`; on the callback `wait(0)`, serve the tags in `ready`, and `arm` again. What
 * was not read is told again (readiness is a level), so a bounded burst per turn loses nothing. Arming inside the
 * callback costs no system call.
 */

import { native } from './native.ts';

/** Descriptors told by one wait; others are told by the next. */
const READY_TAGS = 256;

export interface Poller {
  /** For `wakePoller` in another thread. */
  readonly id: number;
  /** Tags of the readable descriptors after `wait`. */
  readonly ready: Int32Array;
  /** `fd` is an adapter's, `tag` the small integer that stands for it in `ready`. */
  add(fd: number, tag: number): void;
  /** Whether it was in. A closed descriptor is out already. */
  remove(fd: number): boolean;
  /** Calls back once, as soon as something is readable or `wakePoller` was called. Keeps the thread alive. */
  arm(): void;
  /** Fills `ready` and returns how many; blocks for at most `timeoutMs` (0 to 10,000). */
  wait(timeoutMs: number): number;
  close(): void;
}

export function createPoller(onReadable: () => void): Poller {
  const addon = native();
  const id = addon.pollerCreate(onReadable);
  const ready = new Int32Array(READY_TAGS);
  return {
    id,
    ready,
    add: (fd, tag) => addon.pollerAdd(id, fd, tag),
    remove: (fd) => addon.pollerRemove(id, fd),
    arm: () => addon.pollerArm(id),
    wait: (timeoutMs) => addon.pollerWait(id, timeoutMs, ready),
    close: () => void addon.pollerClose(id),
  };
}

/** Ends another thread's wait, or runs its armed callback; false when that poller is closed. */
export function wakePoller(id: number): boolean {
  return native().pollerWake(id);
}
