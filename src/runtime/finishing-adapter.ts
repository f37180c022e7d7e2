/**
 * An adapter to which any frame can be given: what it cannot take is finished in software on the way.
 */

import type { Adapter } from '../adapters/adapter.ts';
import type { Batch } from '../dataplane/batch.ts';
import { type Finish, needsFinish, sendFinished } from '../dataplane/offload/finish.ts';
import { ALL_OFFLOADS } from '../dataplane/offload/needs.ts';

export class FinishingAdapter implements Adapter {
  readonly inner: Adapter;
  readonly #finish: Finish;
  #lastError = 0;

  constructor(inner: Adapter, finish: Finish) {
    this.inner = inner;
    this.#finish = finish;
  }

  receive(batch: Batch, port: number, max: number): number {
    return this.inner.receive(batch, port, max);
  }

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    const { inner } = this;
    const { offloads } = inner;
    if (offloads === ALL_OFFLOADS || !needsFinish(batch, list, start, count, offloads)) {
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
