/**
 * A feed: the reading end of a capture. Turns the records of a ring into pcapng, as far as somebody takes it.
 *
 * One interface per port, made when its first frame comes; the direction in epb_flags, the fate as comment. Losses are
 * told in interface statistics blocks (isb_ifdrop of interface 0) whenever there are new ones.
 */

import { MAX_PACKET_BYTES } from '../pcap/link-type.ts';
import { PcapngWriter } from '../pcap/pcapng-writer.ts';
import { commentOf, type Names } from './comment.ts';
import { CAPTURE_OUT, DIRECTION_AT, FRAME_AT, KEPT_AT, LENGTH_AT, PORT_AT, TIME_AT } from './record.ts';
import { lostRecords, type Ring, RingReader } from './ring.ts';
import { statisticsBlock } from './statistics.ts';

export interface FeedOptions {
  /** One of each thread that forwards. */
  readonly rings: readonly Ring[];
  /** The switch's name, for the section. */
  readonly application: string;
  readonly names: Names;
  /** Frames after which the capture is over; 0 = none. */
  readonly most: number;
}

export class Feed {
  readonly #options: FeedOptions;
  readonly #readers: RingReader[];
  /** The record that each has next, -1 for none; only while frames are taken. */
  readonly #next: number[];
  readonly #writer: PcapngWriter;
  readonly #interfaces = new Map<string, number>();
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #lostTold = 0;
  #lastUs = 0;
  frames = 0;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#readers = options.rings.map((ring) => new RingReader(ring));
    this.#next = options.rings.map(() => -1);
    this.#writer = new PcapngWriter(
      {
        write: (bytes, offset, length) => {
          this.#pieces.push(bytes.slice(offset, offset + length));
          this.#bytes += length;
        },
      },
      { application: options.application },
    );
  }

  get lost(): number {
    return this.#options.rings.reduce((sum, ring) => sum + lostRecords(ring), 0);
  }

  /** All that was wanted is there. */
  get isComplete(): boolean {
    return this.#options.most > 0 && this.frames >= this.#options.most;
  }

  /** What has come since the last call, about `mostBytes` of it; empty when there is nothing. */
  take(mostBytes: number): Uint8Array {
    while (this.#bytes < mostBytes && !this.isComplete) {
      const first = this.#earliest();
      if (first < 0) break;
      this.#write(this.#readers[first].view, this.#next[first]);
      this.#next[first] = -1;
    }
    if (this.lost > this.#lostTold && this.#interfaces.size > 0) {
      this.#lostTold = this.lost;
      this.#writer.block(...statisticsBlock(0, this.#lastUs, this.frames, this.#lostTold));
    }
    this.#writer.flush();
    const taken = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    return taken;
  }

  /** The thread whose next frame is the earliest of those that there are; -1 when there are none. */
  #earliest(): number {
    let earliest = -1;
    let time = 0;
    for (const [k, reader] of this.#readers.entries()) {
      if (this.#next[k] < 0) this.#next[k] = reader.next();
      if (this.#next[k] < 0) continue;
      const its = reader.view.getFloat64(this.#next[k] + TIME_AT);
      if (earliest >= 0 && its >= time) continue;
      earliest = k;
      time = its;
    }
    return earliest;
  }

  #write(view: DataView, at: number): void {
    const { names } = this.#options;
    const frame = at + FRAME_AT;
    const kept = view.getInt32(at + KEPT_AT);
    const us = view.getFloat64(at + TIME_AT);
    const comment = commentOf(view, at, frame, kept, names);
    const isOut = view.getInt32(at + DIRECTION_AT) === CAPTURE_OUT;
    const seconds = Math.floor(us / 1e6);
    const nanos = Math.floor(us - seconds * 1e6) * 1000;
    const bytes = new Uint8Array(view.buffer, frame, kept);
    const id = this.#interfaceOf(names.nameOf(view.getInt32(at + PORT_AT)));
    const length = view.getInt32(at + LENGTH_AT);
    this.#writer.write(id, bytes, 0, kept, length, seconds, nanos, isOut ? 'outbound' : 'inbound', comment);
    this.#lastUs = us;
    this.frames++;
  }

  #interfaceOf(name: string): number {
    let id = this.#interfaces.get(name);
    if (id === undefined) {
      id = this.#writer.addInterface({ name, tsresol: 6, snapLen: MAX_PACKET_BYTES });
      this.#interfaces.set(name, id);
    }
    return id;
  }
}
