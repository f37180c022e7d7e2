/**
 * The captures of a replay, as one stream in the order of their timestamps.
 *
 * A heap of cursors, each standing on its next Ethernet frame: memory is one window per capture, whatever its
 * length. A capture is what its port saw, in the order in which it saw it: where its timestamps go backward,
 * its frames keep their order and only the order between captures is a question of time. Equal times go by the
 * order in which the inputs were named.
 */

import { LINKTYPE_ETHERNET } from '../../pcap/link-type.ts';
import { CaptureError, CaptureReader } from '../../pcap/reader.ts';
import type { ByteSource } from '../../pcap/source.ts';

/** Records that were passed over because they are not Ethernet; null is a record without a packet. */
export interface Skipped {
  linkType: number | null;
  /** Name of the interface in a pcapng, or its number; null in a pcap. */
  interface: string | null;
  records: number;
}

export class ReplayCursor {
  readonly index: number;
  readonly port: number;
  readonly portName: string;
  readonly name: string;
  readonly reader: CaptureReader;
  seconds = 0;
  nanos = 0;
  /** Whether the current frame has a time of its own; others have that of the frame before. */
  timed = false;
  frames = 0;
  bytes = 0;
  truncated = 0;
  oversized = 0;
  /** Why the capture ended early, null when it did not. */
  damage: string | null = null;
  readonly skipped: Skipped[] = [];

  /** Reads the header of the capture; throws CaptureError, or what the source throws. */
  constructor(index: number, portName: string, port: number, name: string, source: ByteSource) {
    this.index = index;
    this.port = port;
    this.portName = portName;
    this.name = name;
    this.reader = new CaptureReader(source, { file: name });
  }

  /** Moves to the next Ethernet frame; false at the end, and where the capture is damaged. */
  next(): boolean {
    const { reader } = this;
    try {
      while (reader.next()) {
        if (reader.linkType !== LINKTYPE_ETHERNET || reader.kind !== 'packet') {
          this.#skip();
          continue;
        }
        this.timed = reader.timed;
        if (reader.timed) {
          this.seconds = reader.seconds;
          this.nanos = reader.nanos;
        }
        return true;
      }
    } catch (error) {
      this.damage = error instanceof CaptureError ? error.message : failureOf(this.name, error);
    }
    return false;
  }

  #skip(): void {
    const { reader, skipped } = this;
    const linkType = reader.kind === 'packet' ? reader.linkType : null;
    const pcapng = linkType !== null && reader.format === 'pcapng';
    const number = String(reader.interfaceId);
    const iface = pcapng ? reader.interfaces[reader.interfaceId]?.name || number : null;
    const row = skipped.find((s) => s.linkType === linkType && s.interface === iface);
    if (row !== undefined) row.records++;
    else if (skipped.length < MAX_SKIPPED_ROWS) skipped.push({ linkType, interface: iface, records: 1 });
    else skipped[MAX_SKIPPED_ROWS - 1].records++;
  }
}

/** A capture with thousands of interfaces does not make a report of thousands of lines. */
const MAX_SKIPPED_ROWS = 64;

/** A source that failed: one line that names the capture. */
function failureOf(name: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.startsWith(`${name}: `) ? message : `${name}: ${message}`;
}

function before(a: ReplayCursor, b: ReplayCursor): boolean {
  if (a.seconds !== b.seconds) return a.seconds < b.seconds;
  if (a.nanos !== b.nanos) return a.nanos < b.nanos;
  return a.index < b.index;
}

export class Merge {
  readonly #heap: ReplayCursor[] = [];

  /** Takes a cursor that stands on a frame. */
  add(cursor: ReplayCursor): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(cursor);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(cursor, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = cursor;
  }

  /** The cursor whose frame is next; undefined when all captures have ended. */
  get first(): ReplayCursor | undefined {
    return this.#heap[0];
  }

  /** The frame of `first` is taken: its cursor moves on. */
  advance(): void {
    const heap = this.#heap;
    let cursor = heap[0];
    if (!cursor.next()) {
      const last = heap.pop()!;
      if (heap.length === 0) return;
      cursor = last;
    }
    const n = heap.length;
    let at = 0;
    for (let child = 1; child < n; child = 2 * at + 1) {
      if (child + 1 < n && before(heap[child + 1], heap[child])) child++;
      if (!before(heap[child], cursor)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = cursor;
  }
}
