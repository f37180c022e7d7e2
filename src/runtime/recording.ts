/**
 * A recording: what a capture of the running switch would show, of a replay. Frames, their direction and what became
 * of them, as pcapng; in the order of the frames, one after the other.
 */

import { Feed } from '../capture/feed.ts';
import { CAPTURE_IN, CAPTURE_OUT } from '../capture/record.ts';
import { createRing } from '../capture/ring.ts';
import { LARGE_FRAME_BYTES } from '../dataplane/arena.ts';
import type { ByteSink } from '../pcap/source.ts';
import { vniOf } from '../tables/vni-table.ts';
import type { SwitchCore } from './core.ts';

export interface RecordingOptions {
  /** In libpcap's syntax; empty takes every frame. */
  filter: string;
  sink: ByteSink;
}

const PIECE_BYTES = 64 * 1024;
const ID = 0;

export class Recording {
  readonly #feed: Feed;
  readonly #sink: ByteSink;

  /** Throws FilterError. */
  constructor({ capturing, control, dp }: SwitchCore, { filter, sink }: RecordingOptions) {
    // One frame is under way at a time: itself, a copy for each port, and what the switch sends in answer.
    const most = (dp.ports.capacity + 16) * LARGE_FRAME_BYTES;
    const ring = createRing(2 ** Math.ceil(Math.log2(most)));
    const directions = CAPTURE_IN | CAPTURE_OUT;
    capturing.start(ID, { ports: [], directions, filter, snapLen: LARGE_FRAME_BYTES }, ring);
    const names = {
      nameOf: (port: number) => control.portByIndex[port]?.name ?? `port ${port}`,
      vniOf: (port: number, vid: number) => vniOf(dp.vxlan.vnis, port, vid),
    };
    this.#feed = new Feed({ rings: [ring], application: 'etherloom replay', names, most: 0 });
    this.#sink = sink;
  }

  /** Writes what the last frame brought. Throws what the sink throws. */
  drain(): void {
    for (;;) {
      const piece = this.#feed.take(PIECE_BYTES);
      if (piece.length === 0) return;
      this.#sink.write(piece, 0, piece.length);
    }
  }
}
