/**
 * Events to whoever listens. Nobody listening costs nothing.
 */

import type { SwitchEvent } from './events.ts';

export type Listener = (events: readonly SwitchEvent[]) => void;

export class EventHub {
  readonly #listeners = new Set<Listener>();
  /** Told when the first listener comes. */
  onFirst: () => void = () => {};

  get listened(): boolean {
    return this.#listeners.size > 0;
  }

  /** Until the returned function is called. */
  listen(listener: Listener): () => void {
    if (this.#listeners.size === 0) this.onFirst();
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(...events: readonly SwitchEvent[]): void {
    if (events.length === 0) return;
    for (const listener of this.#listeners) listener(events);
  }
}
