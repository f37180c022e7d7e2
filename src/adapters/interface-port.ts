/**
 * A port on an interface of the kernel, through a ring: what `af-packet` and `af-xdp` have in common.
 *
 * Every burst is one native call. A frame's length is known before it is copied out of the ring, so that only long
 * frames take large slots: a burst ends at one that does not fit, and goes on with a slot that does.
 *
 * Link: asked of all devices of a thread twice a second, and at once when a burst fails. An interface that was
 * deleted or moved to another namespace never comes back under its descriptor: `fd` becomes -1, and the port has to be
 * opened again.
 */

import { constants } from 'node:os';
import {
  type Arena,
  frameStart,
  LARGE_FRAME_BYTES,
  release,
  SMALL_FRAME_BYTES,
  takeLarge,
  takeSmall,
} from '../dataplane/arena.ts';
import type { Batch } from '../dataplane/batch.ts';
import type { AdapterContext, AdapterEvents, LinkedAdapter, MoreQueues } from './adapter.ts';
import { unwatchLink, watchLink } from './link-watch.ts';
import {
  LINK_DELETED,
  LINK_NO_CARRIER,
  LINK_UP,
  type NativeAddon,
  REPORT_ERRNO,
  REPORT_FRAMES,
  REPORT_LONG,
  REPORT_WORDS,
} from './native.ts';

/** What the addon does with a descriptor of this kind. */
export interface InterfaceCalls {
  close(fd: number): boolean;
  state(fd: number): number;
  missed(fd: number): number;
  readBurst: NativeAddon['packetReadBurst'];
  writeBurst: NativeAddon['packetWriteBurst'];
}

export interface InterfaceSettings {
  kind: string;
  device: string;
  mtu: number;
  offloads: number;
  detail: string | null;
  moreQueues: MoreQueues | null;
}

export type InterfaceCounters = {
  /** Found the ring full. */
  queueFull: number;
  /** Longer than any slot, or not all there. */
  framesTooLong: number;
};

const { ENODEV, ENETDOWN, ENXIO } = constants.errno;
/** Slots offered to a quiet device, as for a TAP. */
const QUIET_BURST = 8;
const BURST_BYTES = 512 * 1024;

const LINK_REASONS: Readonly<Record<number, string>> = {
  [LINK_UP]: 'interface up',
  [LINK_NO_CARRIER]: 'no carrier',
};

/** What the interface cannot send would be lost one frame at a time; what is not there says so here. */
export function checkInterface(addon: NativeAddon, device: string, mtu: number): void {
  const info = addon.ifInfo(device);
  if (info === null) {
    throw Object.assign(new Error('ENODEV: there is no such interface'), { code: 'ENODEV', errno: -ENODEV });
  }
  if (info.mtu >= mtu) return;
  const advice = `set mtu: ${info.mtu} here, or run: ip link set ${device} mtu ${mtu}`;
  throw Object.assign(new Error(`the interface has an MTU of ${info.mtu}, the port one of ${mtu}; ${advice}`), {
    code: 'EMSGSIZE',
  });
}

export class InterfacePort implements LinkedAdapter {
  readonly kind: string;
  readonly device: string;
  mtu: number;
  readonly offloads: number;
  readonly detail: string | null;
  readonly moreQueues: MoreQueues | null;
  readonly #counters: InterfaceCounters = { queueFull: 0, framesTooLong: 0 };
  readonly #calls: InterfaceCalls;
  readonly #arena: Arena;
  readonly #events: AdapterEvents;
  readonly #report = new Int32Array(REPORT_WORDS);
  #fd: number;
  #burst = QUIET_BURST;
  #state = -1;
  #closed = false;
  #lastError = 0;

  constructor(fd: number, calls: InterfaceCalls, settings: InterfaceSettings, context: AdapterContext) {
    this.#fd = fd;
    this.#calls = calls;
    this.kind = settings.kind;
    this.device = settings.device;
    this.mtu = settings.mtu;
    this.offloads = settings.offloads;
    this.detail = settings.detail;
    this.moreQueues = settings.moreQueues;
    this.#arena = context.arena;
    this.#events = context.events;
    watchLink(this);
    this.checkLink();
  }

  get fd(): number {
    return this.#fd;
  }

  get gone(): boolean {
    return this.#fd < 0;
  }

  get lastError(): number {
    return this.#lastError;
  }

  get counters(): InterfaceCounters {
    if (this.#fd >= 0) this.#counters.queueFull += this.#calls.missed(this.#fd);
    return { ...this.#counters };
  }

  /** The ring stays as it is: what is longer than its slots comes beside it, or in several. */
  setMtu(mtu: number): void {
    this.mtu = mtu;
  }

  receive(batch: Batch, port: number, max: number): number {
    if (this.#fd < 0) return 0;
    const begin = batch.count;
    let room = Math.min(max, batch.capacity - begin);
    let large = false;
    while (room > 0) {
      const offered = large ? this.#takeLargeSlot(batch) : this.#takeSmallSlots(batch, Math.min(room, this.#burst));
      if (offered === 0) break; // the frames wait in the ring
      const got = this.#readBurst(batch, port, offered, large ? LARGE_FRAME_BYTES : SMALL_FRAME_BYTES);
      room -= got;
      if (this.#report[REPORT_ERRNO] !== 0) this.checkLink();
      large = this.#report[REPORT_LONG] !== 0;
      if (got === offered) {
        this.#burst = Math.min(this.#burst * 2, batch.capacity);
      } else if (!large) {
        this.#burst = Math.max(QUIET_BURST, got * 2);
        break;
      }
    }
    return batch.count - begin;
  }

  /** Puts up to `wanted` free slots behind the batch's last frame. */
  #takeSmallSlots(batch: Batch, wanted: number): number {
    for (let n = 0; n < wanted; n++) {
      const slot = takeSmall(this.#arena);
      if (slot < 0) return n;
      batch.slot[batch.count + n] = slot;
      batch.off[batch.count + n] = frameStart(this.#arena, slot);
    }
    return wanted;
  }

  #takeLargeSlot(batch: Batch): number {
    const slot = takeLarge(this.#arena);
    if (slot < 0) return 0;
    batch.slot[batch.count] = slot;
    batch.off[batch.count] = frameStart(this.#arena, slot);
    return 1;
  }

  #readBurst(batch: Batch, port: number, offered: number, capacity: number): number {
    const first = batch.count;
    const got = this.#calls.readBurst(
      this.#fd,
      this.#arena.bytes,
      batch.off,
      batch.len,
      batch.gso,
      batch.csum,
      first,
      offered,
      capacity,
      BURST_BYTES,
      this.#report,
    );
    const end = first + got;
    // Last taken, first given back: the free stack is as it was.
    for (let i = first + offered - 1; i >= end; i--) release(this.#arena, batch.slot[i]);
    for (let i = first; i < end; i++) {
      batch.port[i] = port;
      batch.rxFlags[i] = 0;
    }
    batch.count = end;
    this.#counters.framesTooLong += this.#report[REPORT_FRAMES];
    return got;
  }

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    if (this.#fd < 0 || this.#state !== LINK_UP) {
      this.#lastError = ENETDOWN;
      return 0;
    }
    const sent = this.#calls.writeBurst(
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
      this.#report,
    );
    const error = this.#report[REPORT_ERRNO];
    this.#lastError = error;
    if (error === ENETDOWN || error === ENXIO || error === ENODEV) this.checkLink();
    return sent;
  }

  checkLink(): void {
    if (this.#fd < 0) return;
    const state = this.#calls.state(this.#fd);
    if (state === this.#state) return;
    this.#state = state;
    if (state === LINK_DELETED) this.#detach();
    const reason = state === LINK_DELETED ? 'interface deleted' : (LINK_REASONS[state] ?? 'interface down');
    queueMicrotask(() => {
      if (!this.#closed) this.#events.link(state === LINK_UP, reason);
    });
  }

  close(): void {
    this.#closed = true;
    this.#detach();
  }

  #detach(): void {
    if (this.#fd < 0) return;
    unwatchLink(this);
    this.#calls.close(this.#fd);
    this.#fd = -1;
  }
}
