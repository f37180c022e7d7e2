/**
 * A port on an interface of the kernel, through a ring: what `af-packet` and `af-xdp` have in common.
 *
 * Link: asked of all devices of a thread twice a second, and at once when a burst fails. An interface that was
 * deleted or moved to another namespace never comes back under its descriptor: `fd` becomes -1, and the port has to be
 * opened again.
 */

import { constants } from 'node:os';
import type { Arena } from '../dataplane/arena.ts';
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
  REPORT_WORDS,
} from './native.ts';

/** What the addon does with a descriptor of this kind. */
export interface InterfaceCalls {
  close(fd: number): boolean;
  closeApart(fd: number): Promise<boolean>;
  state(fd: number): number;
  missed(fd: number): number;
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

export abstract class InterfacePort implements LinkedAdapter {
  readonly kind: string;
  readonly device: string;
  mtu: number;
  readonly offloads: number;
  readonly detail: string | null;
  readonly moreQueues: MoreQueues | null;
  protected readonly arena: Arena;
  /** What a burst call says, and what it says behind that. */
  protected readonly report: Int32Array;
  readonly #counters: InterfaceCounters = { queueFull: 0, framesTooLong: 0 };
  readonly #calls: InterfaceCalls;
  readonly #events: AdapterEvents;
  #fd: number;
  #state = -1;
  #closed = false;
  #closing: Promise<unknown> | null = null;
  #lastError = 0;

  constructor(
    fd: number,
    calls: InterfaceCalls,
    settings: InterfaceSettings,
    context: AdapterContext,
    reportWords: number = REPORT_WORDS,
  ) {
    this.#fd = fd;
    this.#calls = calls;
    this.kind = settings.kind;
    this.device = settings.device;
    this.mtu = settings.mtu;
    this.offloads = settings.offloads;
    this.detail = settings.detail;
    this.moreQueues = settings.moreQueues;
    this.arena = context.arena;
    this.report = new Int32Array(reportWords);
    this.#events = context.events;
    watchLink(this);
    this.checkLink();
  }

  abstract receive(batch: Batch, port: number, max: number): number;

  /** Sends what `send` was given, while the link is up. */
  protected abstract write(batch: Batch, list: Int32Array, start: number, count: number): number;

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

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    if (this.#fd < 0 || this.#state !== LINK_UP) {
      this.#lastError = ENETDOWN;
      return 0;
    }
    const sent = this.write(batch, list, start, count);
    const error = this.report[REPORT_ERRNO];
    this.#lastError = error;
    if (error === ENETDOWN || error === ENXIO || error === ENODEV) this.checkLink();
    return sent;
  }

  /** What the report of a burst that was received says. */
  protected burstEnded(): void {
    this.#counters.framesTooLong += this.report[REPORT_FRAMES];
    if (this.report[REPORT_ERRNO] !== 0) this.checkLink();
  }

  checkLink(): void {
    if (this.#fd < 0) return;
    const state = this.#calls.state(this.#fd);
    if (state === this.#state) return;
    this.#state = state;
    if (state === LINK_DELETED) this.#closing = this.#calls.closeApart(this.#giveUp());
    const reason = state === LINK_DELETED ? 'interface deleted' : (LINK_REASONS[state] ?? 'interface down');
    queueMicrotask(() => {
      if (!this.#closed) this.#events.link(state === LINK_UP, reason);
    });
  }

  close(): void {
    this.#closed = true;
    if (this.#fd >= 0) this.#calls.close(this.#giveUp());
  }

  async closeApart(): Promise<void> {
    this.#closed = true;
    if (this.#fd >= 0) this.#closing = this.#calls.closeApart(this.#giveUp());
    await this.#closing;
  }

  #giveUp(): number {
    const fd = this.#fd;
    unwatchLink(this);
    this.#fd = -1;
    return fd;
  }
}
