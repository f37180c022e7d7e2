/**
 * One port of a running switch: its adapter while it has one, and what the world is told about it.
 */

import { type Adapter, type AdapterEvents, isLinked, type LinkedAdapter } from '../../adapters/adapter.ts';
import { offloadNames } from '../../adapters/offload-names.ts';
import type { TapAdapter } from '../../adapters/tap.ts';
import type { PortStatus } from '../../api/directory.ts';
import type { PlacedPort } from '../../control/model.ts';
import type { OffloadPort } from '../offload-report.ts';
import type { OffloadingAdapter } from '../offloading-adapter.ts';

export class LivePort {
  /** Its number in the tables; -1 while it has no place there. */
  index = -1;
  /** Adapter, bridge, MTU and settings; its VLANs are the tables' alone. */
  config: PlacedPort;
  adapter: Adapter | null = null;
  /** What stands between the adapter and the switch. */
  offloading: OffloadingAdapter | null = null;
  events: EarlyEvents | null = null;
  up = false;
  linkReason = 'no device';
  offloadsWhy: string | null = null;
  software = 'none';
  /** Whether the adapter of a port that is down was asked if it is up again. */
  linkAsked: 'no' | 'waiting' | 'answered' = 'no';

  /** What side workers call its device, where that has a queue for each; else null. */
  queueKey: number | null = null;
  /** What side workers' queues count as well. */
  counters: () => Record<string, number> = () => ({ ...this.adapter?.counters });

  /** Parts of its status, when it was last told. */
  #told: readonly unknown[] = [];

  /** Its device is being opened or let go: nobody else may try. */
  busy = false;
  /** Multicast groups that its socket has joined. */
  readonly groups = new Set<string>();

  constructor(config: PlacedPort) {
    this.config = config;
  }

  /** Goes on where another port with the same device was. */
  inherit(from: LivePort): void {
    this.adapter = from.adapter;
    this.queueKey = from.queueKey;
    this.counters = from.counters;
    this.events = from.events;
    this.up = from.up;
    this.linkReason = from.linkReason;
    this.offloadsWhy = from.offloadsWhy;
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

  /** It is told to others. */
  status(): PortStatus {
    this.#told = this.#parts();
    const { options } = this.config.adapter;
    return {
      name: this.name,
      device: this.adapter?.device ?? String(options.device ?? options.local ?? ''),
      detail: this.adapter?.detail ?? null,
      linkReason: this.config.enabled ? this.linkReason : 'turned off',
      created: this.tap?.created ?? false,
      offloads: offloadNames(this.adapter?.offloads ?? 0),
      offloadsWhy: this.offloadsWhy,
      software: this.offloading === null ? 'none' : this.software,
      adapterCounters: this.counters(),
    };
  }

  /** Whether `status` would say something else than when it was last told: a look at each part costs a tenth of what to write them all does. */
  get hasNews(): boolean {
    const parts = this.#parts();
    const told = this.#told;
    return parts.length !== told.length || parts.some((part, i) => part !== told[i]);
  }

  #parts(): readonly unknown[] {
    const { adapter, config, linkReason, offloadsWhy, offloading, software } = this;
    const { device, detail, offloads } = adapter ?? {};
    const losses = Object.values(this.counters());
    return [
      ...[adapter, device, detail, offloads, config.adapter, config.enabled],
      ...[linkReason, offloadsWhy, offloading, software, ...losses],
    ];
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

/** Who hears what the adapter of a port says. */
export interface PortListener {
  link(port: LivePort, up: boolean, reason: string): void;
  readable(port: LivePort): void;
  pathMtu(port: LivePort, address: string, mtu: number): void;
}

/**
 * The events of an adapter that may speak before its port is in place, or before all ports are open: the last word is
 * kept, and told at `attached`.
 */
export class EarlyEvents implements AdapterEvents {
  /** The port that has the adapter now. */
  port: LivePort;
  readonly #listener: PortListener;
  #early: { up: boolean; reason: string } | null = null;
  #waiting = false;
  #attached = false;

  constructor(port: LivePort, listener: PortListener) {
    this.port = port;
    this.#listener = listener;
  }

  link(up: boolean, reason: string): void {
    if (this.#attached) this.#listener.link(this.port, up, reason);
    else this.#early = { up, reason };
  }

  readable(): void {
    if (this.#attached) this.#listener.readable(this.port);
    else this.#waiting = true;
  }

  pathMtu(address: string, mtu: number): void {
    if (this.#attached) this.#listener.pathMtu(this.port, address, mtu);
  }

  attached(): void {
    if (this.#attached) return;
    this.#attached = true;
    if (this.#early !== null) this.#listener.link(this.port, this.#early.up, this.#early.reason);
    if (this.#waiting) this.#listener.readable(this.port);
  }
}
