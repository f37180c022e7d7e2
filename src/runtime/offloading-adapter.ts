/**
 * An adapter with offloads in software around it: what the device cannot take is finished on the way out, and TCP
 * segments that arrive together are put together on the way in, where `coalesces` says so.
 */

import type { Adapter } from '../adapters/adapter.ts';
import type { Batch } from '../dataplane/batch.ts';
import { type Coalesce, coalesce } from '../dataplane/offload/coalesce.ts';
import { type Finish, needsFinish, sendFinished } from '../dataplane/offload/finish.ts';

/** Scratch memory that all ports of a thread share. */
export interface SoftwareOffloads {
  readonly finish: Finish;
  readonly coalesce: Coalesce;
}

export class OffloadingAdapter implements Adapter {
  readonly inner: Adapter;
  coalesces = false;
  readonly #finish: Finish;
  readonly #coalesce: Coalesce;
  #lastError = 0;

  constructor(inner: Adapter, offloads: SoftwareOffloads) {
    this.inner = inner;
    this.#finish = offloads.finish;
    this.#coalesce = offloads.coalesce;
  }

  receive(batch: Batch, port: number, max: number): number {
    const begin = batch.count;
    const received = this.inner.receive(batch, port, max);
    if (!this.coalesces || received < 2) return received;
    coalesce(this.#coalesce, batch, begin);
    return batch.count - begin;
  }

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    const { inner } = this;
    const { offloads } = inner;
    if (!needsFinish(batch, list, start, count, offloads)) {
      const sent = inner.send(batch, list, start, count);
      this.#lastError = inner.lastError;
      return sent;
    }
    const sent = sendFinished(this.#finish, inner, batch, list, start, count, offloads);
    this.#lastError = this.#finish.error;
    return sent;
  }

  get lastError(): number {
    return this.#lastError;
  }

  get kind(): string {
    return this.inner.kind;
  }

  get device(): string {
    return this.inner.device;
  }

  get mtu(): number {
    return this.inner.mtu;
  }

  get fd(): number {
    return this.inner.fd;
  }

  get offloads(): number {
    return this.inner.offloads;
  }

  close(): void {
    this.inner.close();
  }
}
