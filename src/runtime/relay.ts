/**
 * From a side worker to worker 0: frames for control, and frames that leave by ports which worker 0 alone has.
 *
 * A ring in shared memory for each side worker. What finds it full is lost: a frame on its way out as any other that its
 * device does not take, a frame for control like one that came too fast for its meter.
 *
 *   kind | port or PUNT_* | length | 0 | the frame's columns ... | time | frame ...
 */

import type { Adapter } from '../adapters/adapter.ts';
import { lostRecords, type Ring, RingReader, RingWriter } from '../capture/ring.ts';
import { frameStart, releaseAll, takeFor } from '../dataplane/arena.ts';
import { type Batch, createBatch, INDEX_MASK, SHAPE_ALT } from '../dataplane/batch.ts';
import type { Dataplane } from '../dataplane/dataplane.ts';
import { ALL_OFFLOADS, OFFLOAD_TUNNEL } from '../dataplane/offload/needs.ts';
import { TX_ERROR, TX_RING_FULL } from '../dataplane/reasons.ts';
import { unsend } from '../dataplane/transmit.ts';
import type { SwitchCore } from './core.ts';

/** Of one side worker: some 30 super-frames, or 1,000 ordinary frames. */
export const RELAY_BYTES = 2 << 20;

const SEND = 1;
const PUNT = 2;
const PEER = 3;

/** What a row is beside its bytes; offsets are made anew. */
const COLUMNS = [
  'port',
  'rxFlags',
  'nowMs',
  'gso',
  'csum',
  'fid',
  'vid',
  'to',
  'reason',
  'copies',
  'tagLen',
  'tci',
  'dstHigh',
  'dstLow',
  'srcHigh',
  'srcLow',
  'remote',
  'vni',
  'sourceHash',
] as const satisfies readonly (keyof Batch)[];

const KIND_AT = 0;
const WHICH_AT = 4;
const LENGTH_AT = 8;
const COLUMNS_AT = 16;
const TIME_AT = COLUMNS_AT + COLUMNS.length * 4;
const FRAME_AT = TIME_AT + 8;
const PEER_WORDS = 4;
const PORT_COLUMN = COLUMNS_AT + COLUMNS.indexOf('port') * 4;
const CSUM_COLUMN = COLUMNS_AT + COLUMNS.indexOf('csum') * 4;
const FID_COLUMN = COLUMNS_AT + COLUMNS.indexOf('fid') * 4;
const COPIES_COLUMN = COLUMNS_AT + COLUMNS.indexOf('copies') * 4;

/** The side worker's end. */
export class RelayWriter {
  readonly #dp: Dataplane;
  readonly #ring: RingWriter;
  readonly #wake: () => void;
  #wrote = false;

  /** `wake`: worker 0 looks into the ring. */
  constructor(dp: Dataplane, ring: Ring, wake: () => void) {
    this.#dp = dp;
    this.#ring = new RingWriter(ring);
    this.#wake = wake;
  }

  /** Row i is for control. */
  punt(b: Batch, i: number, kind: number): void {
    const length = b.len[i];
    const at = this.#reserve(PUNT, kind, length);
    if (at < 0) return;
    this.#columns(b, i, at);
    this.#ring.copy(this.#dp.arena, b.off[i], at + FRAME_AT, length);
  }

  /** Somebody sends from an address that no remote has. */
  peer(vtep: number, ...words: readonly number[]): void {
    const at = this.#reserve(PEER, vtep, PEER_WORDS * 4);
    for (let n = 0; at >= 0 && n < PEER_WORDS; n++) this.#ring.view.setInt32(at + FRAME_AT + n * 4, words[n]);
  }

  /** One word of an egress list. `isOwn`: what leaves by the port is counted as made by it. */
  send(b: Batch, word: number, port: number, isOwn: boolean): boolean {
    const i = word & INDEX_MASK;
    const head = word < SHAPE_ALT ? 0 : b.altHeadLen[i];
    const body = word < SHAPE_ALT ? b.len[i] : b.altLen[i];
    const at = this.#reserve(SEND, port, head + body);
    if (at < 0) return false;
    const { view } = this.#ring;
    this.#columns(b, i, at);
    // A checksum's place counts from the first byte of the shape that the batch describes.
    if (b.csum[i] !== 0) view.setInt32(at + CSUM_COLUMN, b.csum[i] + head + body - b.len[i]);
    if (isOwn) {
      view.setInt32(at + PORT_COLUMN, port);
      view.setInt32(at + FID_COLUMN, 0);
      view.setInt32(at + COPIES_COLUMN, 1);
    }
    this.#ring.copy(this.#dp.arena, b.altHeadOff[i], at + FRAME_AT, head);
    this.#ring.copy(this.#dp.arena, word < SHAPE_ALT ? b.off[i] : b.altOff[i], at + FRAME_AT + head, body);
    return true;
  }

  /** The turn is over: worker 0 gets to see what it brought. */
  publish(): void {
    if (!this.#wrote) return;
    this.#wrote = false;
    this.#ring.publish();
    this.#wake();
  }

  #reserve(kind: number, which: number, length: number): number {
    const at = this.#ring.reserve(FRAME_AT + length);
    if (at < 0) return -1;
    this.#wrote = true;
    const { view } = this.#ring;
    view.setInt32(at + KIND_AT, kind);
    view.setInt32(at + WHICH_AT, which);
    view.setInt32(at + LENGTH_AT, length);
    return at;
  }

  #columns(b: Batch, i: number, at: number): void {
    const { view } = this.#ring;
    for (let n = 0; n < COLUMNS.length; n++) view.setInt32(at + COLUMNS_AT + n * 4, b[COLUMNS[n]][i]);
    view.setFloat64(at + TIME_AT, b.timeUs[i]);
  }
}

/** What a side worker has in the place of an adapter where worker 0 alone has the device. */
export class RelayAdapter implements Adapter {
  readonly kind = 'relay';
  readonly device: string;
  readonly mtu: number;
  readonly fd = -1;
  /** Worker 0 finishes frames as the device needs it. */
  readonly offloads = ALL_OFFLOADS | OFFLOAD_TUNNEL;
  readonly lastError = 0;
  readonly #relay: RelayWriter;
  readonly #port: number;
  readonly #isUplink: boolean;

  constructor(relay: RelayWriter, port: number, device: string, mtu: number, isUplink: boolean) {
    this.#relay = relay;
    this.#port = port;
    this.device = device;
    this.mtu = mtu;
    this.#isUplink = isUplink;
  }

  receive(): number {
    return 0;
  }

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    let sent = 0;
    while (sent < count && this.#relay.send(batch, list[start + sent], this.#port, this.#isUplink)) sent++;
    return sent;
  }

  close(): void {}
}

/** Frames that leave by one port in one call. */
const AT_ONCE = 32;

/** Worker 0's end. */
export class RelayReader {
  readonly #core: SwitchCore;
  readonly #ring: RingReader;
  readonly #shared: Ring;
  readonly #batch = createBatch(AT_ONCE);
  readonly #list = new Int32Array(AT_ONCE);
  #port = -1;

  constructor(core: SwitchCore, ring: Ring) {
    this.#core = core;
    this.#ring = new RingReader(ring);
    this.#shared = ring;
  }

  /** What found no room. */
  get lost(): number {
    return lostRecords(this.#shared);
  }

  /** Works off at most `most` records, in order; whether there may be more. */
  serve(most: number): boolean {
    const { view } = this.#ring;
    let left = most;
    for (; left > 0; left--) {
      const at = this.#ring.next();
      if (at < 0) break;
      const kind = view.getInt32(at + KIND_AT);
      const which = view.getInt32(at + WHICH_AT);
      if (kind === SEND) this.#line(at, which);
      else {
        this.#flush();
        if (kind === PUNT) this.#punt(at, which);
        else this.#core.dp.newPeer(which, ...this.#words(at + FRAME_AT));
      }
    }
    this.#flush();
    return left === 0;
  }

  #words(at: number): [number, number, number, number] {
    const { view } = this.#ring;
    return [view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12)];
  }

  #punt(at: number, kind: number): void {
    const b = this.#batch;
    if (!this.#row(at)) return;
    b.punted = 0;
    b.puntKind = kind;
    this.#core.handle(b);
    this.#clear();
  }

  #line(at: number, port: number): void {
    const b = this.#batch;
    if (port !== this.#port || b.count === AT_ONCE) this.#flush();
    this.#port = port;
    if (this.#row(at)) return;
    this.#flush();
    if (this.#row(at)) return;
    this.#core.account(() => unsend(this.#core.dp, b, b.count, port, TX_RING_FULL));
  }

  /** The record as the next row of the batch; false when there is no memory for it, which is not a frame's fault. */
  #row(at: number): boolean {
    const { arena } = this.#core.dp;
    const { view, bytes } = this.#ring;
    const b = this.#batch;
    const length = view.getInt32(at + LENGTH_AT);
    const slot = takeFor(arena, length);
    const i = b.count;
    for (let n = 0; n < COLUMNS.length; n++) b[COLUMNS[n]][i] = view.getInt32(at + COLUMNS_AT + n * 4);
    b.timeUs[i] = view.getFloat64(at + TIME_AT);
    b.slot[i] = slot;
    b.off[i] = slot < 0 ? 0 : frameStart(arena, slot);
    b.len[i] = length;
    b.altHeadLen[i] = 0;
    b.altLen[i] = 0;
    b.mirrored[i] = 0;
    if (slot < 0) return false;
    arena.bytes.set(bytes.subarray(at + FRAME_AT, at + FRAME_AT + length), b.off[i]);
    this.#list[i] = i;
    b.count++;
    return true;
  }

  #flush(): void {
    const b = this.#batch;
    const { count } = b;
    if (count === 0) return;
    const sender = this.#core.adapters[this.#port];
    const sent = sender === undefined ? 0 : Math.max(0, sender.send(b, this.#list, 0, count));
    if (sent < count) {
      const reason = sender !== undefined && sender.lastError === 0 ? TX_RING_FULL : TX_ERROR;
      this.#core.account(() => {
        for (let n = sent; n < count; n++) unsend(this.#core.dp, b, this.#list[n], this.#port, reason);
      });
    }
    this.#clear();
  }

  #clear(): void {
    const b = this.#batch;
    releaseAll(this.#core.dp.arena, b.slot, b.count);
    b.count = 0;
  }
}
