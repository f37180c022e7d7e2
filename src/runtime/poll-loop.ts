/**
 * When the forwarding thread reads which port, and when it sleeps.
 *
 * Idle, it sleeps until a descriptor is readable, and its event loop goes on meanwhile. Busy, it goes round the
 * readable ports, one bounded burst each, so that no port waits for another to run dry; the event loop has its turn as soon as
 * it has something to do.
 *
 * Where the policy allows it, the thread goes on looking for a while before it sleeps: to be woken takes longer than
 * anything else on a frame's way. How long is learned from the gaps between frames: twice the last gap that was within
 * the budget; half as long after a gap that was not, so that what comes now and then costs no processor time.
 *
 * A frame that comes alone is read alone: the read that would find no second one is left out. Whether frames of a port
 * come alone is guessed from its last time.
 *
 * Event-driven adapters (no descriptor) call `readable` once per turn of the event loop; they get one burst then,
 * and say so again when more is waiting.
 */

import { createPoller, createSleep, type Poller, wakePoller } from '../adapters/poller.ts';
import type { PollConfig } from '../config/types.ts';

/** Times that a port may be "readable" without giving a frame before it is left alone until the next `retry`. */
const EMPTY_READS = 64;
/** Shorter is a look or two, which finds nothing. */
const MIN_SPIN_US = 8;
/** A wait as short as this was none: frames were there already. */
const AT_ONCE_US = 2;

export class PollLoop {
  readonly #poll: (port: number, max: number) => number;
  readonly #tellStopped: (us: number) => void;
  readonly #fds = new Map<number, readonly number[]>();
  readonly #emptyReads: number[] = [];
  readonly #parked = new Set<number>();
  /** Per port: its frames came alone when last it had some after a wait. */
  readonly #alone: boolean[] = [];
  /** Per port: the round in which it was last served. */
  readonly #served: number[] = [];
  /** How long it has waited (`waitedNs`), for other threads. */
  readonly sleep = createSleep();
  #poller: Poller | undefined;
  /** What other threads have left. */
  #serveOthers: (() => boolean) | undefined;
  #policy: PollConfig;
  #round = 0;
  #spinUs = 0;
  #stopped = false;

  /**
   * `poll` reads at most `max` frames of a port, forwards them and says how many there were. `stopped` is told how long no port
   * was looked at for other work of the thread, at the most since it was last told.
   */
  constructor(poll: (port: number, max: number) => number, policy: PollConfig, stopped: (us: number) => void) {
    this.#poll = poll;
    this.#policy = policy;
    this.#tellStopped = stopped;
  }

  /** From the next round on. */
  setPolicy(policy: PollConfig): void {
    this.#policy = policy;
    this.#spinUs = 0;
  }

  /**
   * Returns the poller by which other threads wake this one. `serve` works off some of what they have left for it, and says
   * whether there may be more. By a second poller the thread would never sleep (native/src/poller.h).
   */
  wakeable(serve: () => boolean): number {
    this.#serveOthers = serve;
    this.#poller ??= this.#open();
    return this.#poller.id;
  }

  /** Watches the descriptors of a port. The poller is made when it is wanted, so that UDP alone needs no addon. */
  add(port: number, fd: number, more: readonly number[] = []): void {
    if (fd < 0) return;
    this.#poller ??= this.#open();
    this.#fds.set(port, [fd, ...more]);
    this.#watch(port);
    this.#emptyReads[port] = 0;
    this.#alone[port] = false;
    this.#served[port] = 0;
  }

  #open(): Poller {
    const poller = createPoller((count, waitedUs, stoppedUs) => {
      this.#tellStopped(stoppedUs);
      this.#serve(poller, count, waitedUs);
    }, this.sleep);
    poller.arm();
    return poller;
  }

  #watch(port: number): void {
    for (const fd of this.#fds.get(port)!) this.#poller?.add(fd, port);
  }

  /** Stops watching; a descriptor that is closed is out already. */
  remove(port: number, closed: boolean): void {
    const fds = this.#fds.get(port);
    if (fds === undefined) return;
    this.#fds.delete(port);
    if (this.#parked.delete(port) || closed) return;
    for (const fd of fds) this.#poller?.remove(fd);
  }

  /** An event-driven port has frames waiting. */
  readable(port: number): void {
    if (!this.#stopped) this.#poll(port, this.#policy.burst);
  }

  /** Watches again what was left alone; call about once a second. */
  retry(): void {
    for (const port of this.#parked) this.#watch(port);
    this.#parked.clear();
  }

  stop(): void {
    this.#stopped = true;
    this.#poller?.close();
    this.#poller = undefined;
    this.#fds.clear();
    this.#parked.clear();
  }

  #serve(poller: Poller, count: number, waitedUs: number): void {
    const budgetUs = this.#policy.spinMicroseconds;
    if (budgetUs > 0) this.#learnGap(waitedUs, budgetUs);
    const frames = this.#serveOnce(poller, count, waitedUs);
    // A handler may have stopped the loop.
    if (this.#poller !== poller) return;
    if (this.#serveOthers?.()) wakePoller(poller.id);
    poller.arm(frames === 0 || this.#spinUs < MIN_SPIN_US ? 0 : this.#spinUs);
  }

  #learnGap(gapUs: number, budgetUs: number): void {
    if (gapUs > budgetUs) this.#spinUs >>>= 1;
    else if (2 * gapUs > this.#spinUs) this.#spinUs = Math.min(budgetUs, 2 * gapUs);
  }

  /** One burst of every readable port. */
  #serveOnce(poller: Poller, count: number, waitedUs: number): number {
    let frames = 0;
    // Another port begins each round.
    const round = ++this.#round;
    for (let k = 0; k < count; k++) {
      const port = poller.ready[(round + k) % count];
      // One that has several descriptors was served by all of them.
      if (this.#served[port] === round) continue;
      const again = waitedUs < AT_ONCE_US && this.#served[port] === round - 1;
      const received = this.#poll(port, !again && this.#alone[port] ? 1 : this.#policy.burst);
      frames += received;
      if (received === 0) {
        this.#foundEmpty(port);
        continue;
      }
      this.#emptyReads[port] = 0;
      this.#served[port] = round;
      this.#alone[port] = !again && received === 1;
    }
    return frames;
  }

  /** A descriptor that is readable for ever and never gives a frame must not keep a core busy. */
  #foundEmpty(port: number): void {
    const fds = this.#fds.get(port);
    if (fds === undefined || ++this.#emptyReads[port] < EMPTY_READS) return;
    this.#emptyReads[port] = 0;
    for (const fd of fds) this.#poller?.remove(fd);
    this.#parked.add(port);
  }
}
