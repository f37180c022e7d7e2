/**
 * Datagrams that node:dgram has handed over and the switch has not yet received: a bounded ring that says `readable`
 * once per turn of the event loop, for all that came in it. Who finds it full drops the newcomer and counts it.
 */

import type { AdapterEvents } from './adapter.ts';
import { readableSoon } from './bursts.ts';

export class DatagramQueue<T> {
  /** `#waiting` datagrams from `#head` on. */
  readonly #ring: (T | undefined)[];
  /** Says so again in the next turn; of what is empty by then nothing is said. */
  readonly tell: () => void;
  #head = 0;
  #waiting = 0;

  constructor(capacity: number, events: AdapterEvents) {
    this.#ring = new Array(capacity).fill(undefined);
    this.tell = readableSoon(events, () => this.#waiting > 0);
  }

  get length(): number {
    return this.#waiting;
  }

  /** False when it is full. */
  push(datagram: T): boolean {
    if (this.#waiting === this.#ring.length) return false;
    this.#ring[(this.#head + this.#waiting++) % this.#ring.length] = datagram;
    this.tell();
    return true;
  }

  /** The oldest, of which there must be one; it stays until `shift`. */
  first(): T {
    return this.#ring[this.#head]!;
  }

  shift(): void {
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#ring.length;
    this.#waiting--;
  }

  clear(): void {
    this.#ring.fill(undefined);
    this.#waiting = 0;
  }
}
