/**
 * One port of a running switch: its adapter while it has one, and what the world is told about it.
 */

import { type Adapter, type AdapterEvents, isLinked, type LinkedAdapter } from '../adapters/adapter.ts';
import { offloadNames } from '../adapters/offload-names.ts';
import type { TapAdapter } from '../adapters/tap.ts';
import type { PortStatus } from '../api/directory.ts';
import type { PortConfig } from '../config/types.ts';
import type { OffloadPort } from './offload-report.ts';
import type { OffloadingAdapter } from './offloading-adapter.ts';

export class LivePort {
  readonly index: number;
  readonly config: PortConfig;
  adapter: Adapter | null = null;
  /** What stands between the adapter and the switch. */
  offloading: OffloadingAdapter | null = null;
  events: EarlyEvents | null = null;
  linkReason = 'no device';
  offloadsWhy: string | null = null;
  software = 'none';
  /** Whether the adapter of a port that is down was asked if it is up again. */
  linkAsked: 'no' | 'waiting' | 'answered' = 'no';

  constructor(index: number, config: PortConfig) {
    this.index = index;
    this.config = config;
  }

  get name(): string {
    return this.config.name;
  }

  get tap(): TapAdapter | null {
    return this.adapter?.kind === 'tap' ? (this.adapter as TapAdapter) : null;
  }

  /** The adapter, where its device has a link of its own. */
  get linked(): LinkedAdapter | null {
    return this.adapter !== null && isLinked(this.adapter) ? this.adapter : null;
  }

  status(): PortStatus {
    const { options } = this.config.adapter;
    return {
      name: this.name,
      device: this.adapter?.device ?? String(options.device ?? options.local ?? ''),
      detail: this.adapter?.detail ?? null,
      linkReason: this.linkReason,
      created: this.tap?.created ?? false,
      offloads: offloadNames(this.adapter?.offloads ?? 0),
      offloadsWhy: this.offloadsWhy,
      software: this.offloading === null ? 'none' : this.software,
      adapterCounters: { ...this.adapter?.counters },
    };
  }

  /** What the report on offloads wants to know. */
  offloadPort(): OffloadPort {
    const { bridge, adapter } = this.config;
    return {
      bridge,
      kind: adapter.kind,
      declined: adapter.options.offloads === 'off',
      offloads: this.adapter?.offloads ?? 0,
      gro: (adapter.options.gro ?? 'auto') as OffloadPort['gro'],
    };
  }
}

/**
 * The events of an adapter that may speak before the port knows it, or before all ports are open: the last word is
 * kept, and told at `attached`.
 */
export class EarlyEvents implements AdapterEvents {
  readonly #link: (up: boolean, reason: string) => void;
  readonly #readable: () => void;
  #early: { up: boolean; reason: string } | null = null;
  #waiting = false;
  #attached = false;

  constructor(link: (up: boolean, reason: string) => void, readable: () => void) {
    this.#link = link;
    this.#readable = readable;
  }

  link(up: boolean, reason: string): void {
    if (this.#attached) this.#link(up, reason);
    else this.#early = { up, reason };
  }

  readable(): void {
    if (this.#attached) this.#readable();
    else this.#waiting = true;
  }

  attached(): void {
    this.#attached = true;
    if (this.#early !== null) this.#link(this.#early.up, this.#early.reason);
    if (this.#waiting) this.#readable();
  }
}
