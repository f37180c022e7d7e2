/**
 * Drops as they happen: what of the sampled drops is new since the last look. It reads the samples only when there are
 * more than before, and when they are told to somebody.
 */

import type { DropEvent } from './events.ts';
import type { ReadableSwitch } from './reader.ts';
import { sampleViews } from './sample-view.ts';

export class DropFeed {
  #last = 0;

  /** `listened` false: nobody will be told of what is there already. */
  look(readable: ReadableSwitch, listened: boolean): DropEvent[] {
    const after = this.#last;
    this.#last = readable.tables.samples.taken[0];
    if (!listened || this.#last === after) return [];
    return sampleViews(readable, 0)
      .filter(({ id }) => id > after)
      .map(({ id, reason, port, vid, text }) => ({ event: 'drop', id, reason, port, vid, text }));
  }
}
