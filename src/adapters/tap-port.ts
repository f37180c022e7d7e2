/**
 * A port on a TAP device: frames of a VM, a network namespace or the host itself.
 *
 * Every burst is one native call that reads straight into arena slots or writes straight from them. With offloads
 * the kernel hands over TCP super-frames of up to 64 KB, unsegmented and without checksum; every read then needs a
 * large slot, since a frame's size is known only afterwards.
 *
 * Link: the kernel's word for "up" is that the device can be written to, asked of all devices of a thread twice a
 * second and at once when a write says it is down. A device that was deleted (EBADFD) never comes back under its
 * descriptor: the adapter closes it, `fd` becomes -1, and the port has to be opened again. Link events come in a
 * microtask, never from inside `receive` or `send`; the first tells the state at opening.
 */

import { constants } from 'node:os';
import { type Arena, LARGE_FRAME_BYTES, SMALL_FRAME_BYTES } from '../dataplane/arena.ts';
import type { Batch } from '../dataplane/batch.ts';
import { type AdapterContext, type AdapterEvents, type MoreQueues, OFFLOAD_CSUM } from './adapter.ts';
import { keepFrames, QUIET_BURST, takeSlots } from './bursts.ts';
import { unwatchTap, watchTap } from './link-watch.ts';
import {
  LINK_DELETED,
  LINK_DOWN,
  LINK_UP,
  type NativeAddon,
  REPORT_ERRNO,
  REPORT_FRAMES,
  REPORT_WORDS,
} from './native.ts';
import type { TapAdapter, TapOptions } from './tap-contract.ts';

const { EIO } = constants.errno;
/** Not among the constants of node:os. Linux numbers it so everywhere but on Alpha, MIPS and SPARC. */
const EBADFD = 77;
/** Ethernet header, two tags, and the byte by which a read that fills its slot is told from one that fits. */
const FRAME_OVERHEAD = 14 + 8 + 1;
/**
 * From here on frames share a system call (io_uring): 64-byte UDP takes 2.3 µs of processor time a frame instead of 3.3, TCP
 * super-frames a sixth less. Reads that find nothing cost more than they save, so that a quiet device is read one call at a
 * time, and plain frames are while bursts are not full: with half of them in vain a frame took a third to a half more.
 */
const TOGETHER_FRAMES = 4;
/**
 * Sixteen super-frames: a burst is written out while most of it is still in the second-level cache. Half of it takes a tenth
 * more processor time a byte (more calls), twice of it as well (more misses).
 */
const BURST_BYTES = 1024 * 1024;

export interface OpenedQueues {
  readonly created: boolean;
  /** Descriptors of the queues for further threads. */
  readonly more: readonly number[];
  readonly options: TapOptions;
  readonly offloads: number;
}

export class Tap implements TapAdapter {
  readonly kind = 'tap';
  readonly device: string;
  mtu: number;
  readonly created: boolean;
  readonly moreQueues: MoreQueues | null;
  readonly offloads: number;
  readonly #addon: NativeAddon;
  readonly #arena: Arena;
  readonly #events: AdapterEvents;
  readonly #vnetHdr: boolean;
  readonly #report = new Int32Array(REPORT_WORDS);
  #fd: number;
  #large: boolean;
  #burst = QUIET_BURST;
  /** The last read found a frame for every slot offered. */
  #full = false;
  #up: boolean | undefined;
  #closed = false;
  #closing: Promise<unknown> | null = null;
  #lastError = 0;
  #framesTooLong = 0;

  constructor(addon: NativeAddon, fd: number, device: string, opened: OpenedQueues, context: AdapterContext) {
    const { created, more, options, offloads } = opened;
    this.#addon = addon;
    this.#fd = fd;
    this.device = device;
    this.mtu = options.mtu;
    this.created = created;
    const closeMore = (worker: number) => void addon.closeApart(more[worker - 1]);
    this.moreQueues =
      more.length === 0 ? null : { optionsOf: (worker) => ({ queueFd: more[worker - 1] }), close: closeMore };
    this.offloads = offloads;
    this.#vnetHdr = options.offloads !== 'off';
    this.#arena = context.arena;
    this.#events = context.events;
    this.#large = this.#needsLargeSlots();
    watchTap(this, addon);
    this.checkLink();
  }

  get fd(): number {
    return this.#fd;
  }

  /** LINK_UP or LINK_DOWN, when last looked at. */
  get linkState(): number {
    return this.#up === true ? LINK_UP : LINK_DOWN;
  }

  get gone(): boolean {
    return this.#fd < 0;
  }

  get lastError(): number {
    return this.#lastError;
  }

  get framesTooLong(): number {
    return this.#framesTooLong;
  }

  get counters(): { framesTooLong: number } {
    return { framesTooLong: this.#framesTooLong };
  }

  #needsLargeSlots(): boolean {
    return (this.offloads & ~OFFLOAD_CSUM) !== 0 || this.mtu + FRAME_OVERHEAD > SMALL_FRAME_BYTES;
  }

  setMtu(mtu: number): void {
    if (mtu === this.mtu || this.#fd < 0) return;
    this.mtu = mtu;
    this.#large = this.#needsLargeSlots();
    try {
      const info = this.#addon.ifInfo(this.device);
      if (info !== null && info.mtu !== mtu) this.#addon.ifSetMtu(this.device, mtu);
    } catch {
      // A device that is not ours to configure, or that refuses: its owner's matter; longer frames are drops.
    }
  }

  receive(batch: Batch, port: number, max: number): number {
    if (this.#fd < 0) return 0;
    const begin = batch.count;
    let room = Math.min(max, batch.capacity - begin);
    while (room > 0) {
      const offered = takeSlots(this.#arena, batch, Math.min(room, this.#burst), this.#large);
      if (offered === 0) break; // the frames wait in the kernel
      const got = this.#readBurst(batch, port, offered);
      room -= got;
      if (this.#report[REPORT_ERRNO] !== 0) {
        this.checkLink();
        break;
      }
      this.#full = got === offered;
      if (!this.#full) {
        this.#burst = Math.max(QUIET_BURST, got * 2);
        break;
      }
      this.#burst = Math.min(this.#burst * 2, batch.capacity);
    }
    return batch.count - begin;
  }

  #readBurst(batch: Batch, port: number, offered: number): number {
    const got = this.#addon.tapReadBurst(
      this.#fd,
      this.#arena.bytes,
      batch.off,
      batch.len,
      batch.gso,
      batch.csum,
      batch.count,
      offered,
      this.#large ? LARGE_FRAME_BYTES : SMALL_FRAME_BYTES,
      BURST_BYTES,
      this.#vnetHdr,
      offered > QUIET_BURST && (this.#large || this.#full),
      this.#report,
    );
    keepFrames(this.#arena, batch, port, offered, got);
    this.#framesTooLong += this.#report[REPORT_FRAMES];
    return got;
  }

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    if (this.#fd < 0) {
      this.#lastError = EBADFD;
      return 0;
    }
    const sent = this.#addon.tapWriteBurst(
      this.#fd,
      this.#arena.bytes,
      list,
      start,
      count,
      batch.off,
      batch.len,
      batch.altHeadOff,
      batch.altHeadLen,
      batch.altOff,
      batch.altLen,
      batch.gso,
      batch.csum,
      this.#vnetHdr,
      count >= TOGETHER_FRAMES,
      this.#report,
    );
    this.#lastError = this.#report[REPORT_ERRNO];
    if (this.#lastError === EIO || this.#lastError === EBADFD) this.checkLink();
    return sent;
  }

  checkLink(): void {
    if (this.#fd < 0) return;
    const state = this.#addon.tapState(this.#fd);
    if (state === LINK_DELETED) {
      this.#closing = this.#addon.closeApart(this.#giveUp());
      this.#tell(false, 'interface deleted');
    } else if ((state === LINK_UP) !== this.#up) {
      this.#up = state === LINK_UP;
      this.#tell(this.#up, this.#up ? 'interface up' : 'interface down');
    }
  }

  #tell(up: boolean, reason: string): void {
    queueMicrotask(() => {
      if (!this.#closed) this.#events.link(up, reason);
    });
  }

  close(): void {
    this.#closed = true;
    if (this.#fd >= 0) this.#addon.tapClose(this.#giveUp());
  }

  discard(): Promise<unknown> {
    if (this.created && this.#fd >= 0) this.#addon.tapSetPersist(this.#fd, false);
    return this.closeApart();
  }

  async closeApart(): Promise<void> {
    this.#closed = true;
    if (this.#fd >= 0) this.#closing = this.#addon.closeApart(this.#giveUp());
    await this.#closing;
  }

  #giveUp(): number {
    const fd = this.#fd;
    unwatchTap(this);
    this.#fd = -1;
    return fd;
  }
}
