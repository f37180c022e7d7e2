/**
 * Frames that leave by a port with VLAN translation, or with priorities of its own: its sender gets copies with the port's own tags.
 *
 * A flooded frame is shared by all ports that take it, so it cannot be rewritten for one of them; the port's copy is
 * made here. Ports without rules keep their sender as it is.
 */

import { frameStart, releaseAll, takeFor } from '../dataplane/arena.ts';
import { type Batch, createBatch, INDEX_MASK, SHAPE_ALT } from '../dataplane/batch.ts';
import type { Dataplane } from '../dataplane/dataplane.ts';
import { mapLeaving } from '../dataplane/priority.ts';
import { applyEntry, findEntry, growth } from '../dataplane/translate.ts';
import type { Sender } from '../dataplane/transmit.ts';
import { PORT_MAPS_PRIORITY, PORT_TRANSLATES, type PortTable } from '../tables/port-table.ts';

/** Frames that are copied before they are sent. */
const AT_ONCE = 32;

/** Frames that leave by the port are other frames than those inside. */
export function leavesOtherwise({ flags }: PortTable, port: number): boolean {
  return (flags[port] & (PORT_TRANSLATES | PORT_MAPS_PRIORITY)) !== 0;
}

export class TranslatingSender implements Sender {
  lastError = 0;
  readonly #dp: Dataplane;
  readonly #port: number;
  readonly #inner: Sender;
  readonly #copies = createBatch(AT_ONCE);
  readonly #list = new Int32Array(AT_ONCE);
  readonly #words = new Int32Array(AT_ONCE);

  constructor(dp: Dataplane, port: number, inner: Sender) {
    this.#dp = dp;
    this.#port = port;
    this.#inner = inner;
  }

  get inner(): Sender {
    return this.#inner;
  }

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    let sent = 0;
    while (sent < count) {
      const made = this.#copy(batch, list, start + sent, Math.min(AT_ONCE, count - sent));
      const taken = made === 0 ? 0 : this.#inner.send(this.#copies, this.#list, 0, made);
      releaseAll(this.#dp.arena, this.#copies.slot, made);
      this.lastError = this.#inner.lastError;
      if (taken < made) this.#reorder(list, start + sent, made);
      sent += Math.max(0, taken);
      if (made === 0 || taken < made) break;
    }
    return sent;
  }

  /** The sender may have moved copies that were lost behind those that were not: so are the frames. */
  #reorder(list: Int32Array, start: number, count: number): void {
    for (let n = 0; n < count; n++) this.#words[n] = list[start + n];
    for (let n = 0; n < count; n++) list[start + n] = this.#words[this.#list[n]];
  }

  /** Makes copies of list[start .. start+count); how many there was memory for. */
  #copy(b: Batch, list: Int32Array, start: number, count: number): number {
    const { arena, translate, ports } = this.#dp;
    const maps = (ports.flags[this.#port] & PORT_MAPS_PRIORITY) !== 0;
    const { bytes, view } = arena;
    const c = this.#copies;
    const row = translate.rowOf[this.#port];
    for (let n = 0; n < count; n++) {
      this.#list[n] = n;
      const word = list[start + n];
      const i = word & INDEX_MASK;
      const head = word < SHAPE_ALT ? 0 : b.altHeadLen[i];
      const body = word < SHAPE_ALT ? b.len[i] : b.altLen[i];
      const slot = takeFor(arena, head + body);
      if (slot < 0) return n;
      const off = frameStart(arena, slot);
      if (head !== 0) bytes.copyWithin(off, b.altHeadOff[i], b.altHeadOff[i] + head);
      const from = word < SHAPE_ALT ? b.off[i] : b.altOff[i];
      bytes.copyWithin(off + head, from, from + body);
      const entry = row === 0 ? 0 : findEntry(translate, translate.leaving, row, view, off, head + body);
      const more = entry === 0 ? 0 : growth(translate, entry);
      if (entry !== 0) applyEntry(translate, entry, view, off);
      if (maps) mapLeaving(ports, this.#port, view, off - more, head + body + more);
      // The checksum's place counts from the first byte of the shape that the batch describes.
      const shift = head + body - b.len[i] + more;
      c.slot[n] = slot;
      c.off[n] = off - more;
      c.len[n] = head + body + more;
      c.port[n] = b.port[i];
      c.fid[n] = b.fid[i];
      c.vid[n] = b.vid[i];
      c.rxFlags[n] = b.rxFlags[i];
      c.nowMs[n] = b.nowMs[i];
      c.timeUs[n] = b.timeUs[i];
      c.gso[n] = b.gso[i];
      c.csum[n] = b.csum[i] === 0 ? 0 : b.csum[i] + shift;
    }
    c.count = count;
    return count;
  }
}
