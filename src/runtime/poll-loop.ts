/**
 * When the forwarding thread reads which port.
 *
 * Idle, it sleeps in its event loop until a descriptor is readable. Busy, it goes round the readable ports, one
 * bounded burst each, so that no port waits for another to run dry. After `BUDGET_MS` it lets the event loop turn
 * once: messages, datagram sockets and timers go on under any load.
 *
 * Event-driven adapters (no descriptor) call `readable` once per turn of the event loop; they get one burst then,
 * and say so again when more is waiting.
 */

import { createPoller, type Poller } from '../adapters/poller.ts';

/** Frames of one port before the next one has its turn. */
export const BURST_FRAMES = 256;
/** Longer would be felt by datagram ports and timers; shorter would turn the event loop for nothing. */
const BUDGET_MS = 1;
/** Times that a port may be "readable" without giving a frame before it is left alone until the next `retry`. */
const EMPTY_READS = 64;

export class PollLoop {
  readonly #poll: (port: number, max: number) => number;
  readonly #fds = new Map<number, number>();
  readonly #emptyReads: number[] = [];
  readonly #parked = new Set<number>();
  #poller: Poller | undefined;
  #first = 0;
  #stopped = false;

  /** `poll` reads at most `max` frames of a port, forwards them and says how many there were. */
  constructor(poll: (port: number, max: number) => number) {
    this.#poll = poll;
  }

  /** Watches a descriptor. The poller is made for the first one, so that UDP alone needs no addon. */
  add(port: number, fd: number): void {
    if (fd < 0) return;
    if (this.#poller === undefined) {
      this.#poller = createPoller(() => this.#serve());
      this.#poller.arm();
    }
    this.#poller.add(fd, port);
    this.#fds.set(port, fd);
    this.#emptyReads[port] = 0;
  }

  /** Stops watching; a descriptor that is closed is out already. */
  remove(port: number, closed: boolean): void {
    const fd = this.#fds.get(port);
    if (fd === undefined) return;
    this.#fds.delete(port);
    if (!this.#parked.delete(port) && !closed) this.#poller?.remove(fd);
  }

  /** An event-driven port has frames waiting. */
  readable(port: number): void {
    if (!this.#stopped) this.#poll(port, BURST_FRAMES);
  }

  /** Watches again what was left alone; call about once a second. */
  retry(): void {
    for (const port of this.#parked) this.#poller?.add(this.#fds.get(port)!, port);
    this.#parked.clear();
  }

  stop(): void {
    this.#stopped = true;
    this.#poller?.close();
    this.#poller = undefined;
    this.#fds.clear();
    this.#parked.clear();
  }

  #serve(): void {
    const poller = this.#poller;
    if (poller === undefined) return;
    const end = performance.now() + BUDGET_MS;
    let frames: number;
    do {
      const n = poller.wait(0);
      frames = 0;
      // Another port begins each round.
      const first = this.#first++;
      for (let k = 0; k < n; k++) {
        const port = poller.ready[(first + k) % n];
        const received = this.#poll(port, BURST_FRAMES);
        frames += received;
        if (received > 0) this.#emptyReads[port] = 0;
        else this.#foundEmpty(port);
      }
    } while (frames > 0 && performance.now() < end);
    poller.arm();
  }

  /** A descriptor that is readable for ever and never gives a frame must not keep a core busy. */
  #foundEmpty(port: number): void {
    const fd = this.#fds.get(port);
    if (fd === undefined || ++this.#emptyReads[port] < EMPTY_READS) return;
    this.#emptyReads[port] = 0;
    this.#poller?.remove(fd);
    this.#parked.add(port);
  }
}
