/**
 * The switch on one thread: data plane, control and adapters, wired.
 *
 * The forwarding worker, the library, replay and the scenario runner are all this, each with its own clock and
 * its own idea of when to poll. A turn is: receive into the batch, forward, flush every port.
 */

import type { Adapter } from '../adapters/adapter.ts';
import type { SwitchConfig } from '../config/types.ts';
import { Control } from '../control/control.ts';
import { type Action, apply, plan } from '../control/plan.ts';
import { release } from '../dataplane/arena.ts';
import { type Batch, createBatch } from '../dataplane/batch.ts';
import { createDataplane, type Dataplane, type DataplaneSize } from '../dataplane/dataplane.ts';
import { forwardBatch } from '../dataplane/pipeline.ts';
import { transmit } from '../dataplane/transmit.ts';
import { needsSweep, sweepSlice } from '../tables/fdb-sweep.ts';
import { sharedInt32 } from '../tables/shared.ts';

export interface CoreOptions extends Partial<DataplaneSize> {
  /** Milliseconds; only differences count. */
  nowMs: () => number;
  /** Microseconds since the epoch, for captures; nowMs * 1000 when left out. */
  timeUs?: () => number;
}

/** FDB slots swept per tick: about 20 µs. */
const SWEEP_SLOTS = 16_384;

export class SwitchCore {
  readonly dp: Dataplane;
  readonly control: Control;
  readonly batch: Batch;
  /** By port number. */
  readonly adapters: (Adapter | undefined)[] = [];
  /** Odd while a batch is being counted: who reads counters on another thread sees whole batches by it. */
  readonly epoch = sharedInt32(1);
  private readonly nowMs: () => number;
  private readonly timeUs: () => number;

  constructor(options: CoreOptions) {
    const { nowMs, timeUs, ...size } = options;
    this.nowMs = nowMs;
    this.timeUs = timeUs ?? (() => nowMs() * 1000);
    this.dp = createDataplane(size);
    this.control = new Control(this.dp, { nowMs: () => nowMs() | 0 });
    this.batch = createBatch(this.dp.egress.capacity);
  }

  /** Puts a port's adapter in place. The link is up when the adapter says so, or `up` does. */
  attach(port: string, adapter: Adapter, up = true): void {
    this.adapters[this.control.port(port).index] = adapter;
    if (up) this.control.setLink(port, true);
  }

  detach(port: string): Adapter | undefined {
    const { index } = this.control.port(port);
    const adapter = this.adapters[index];
    this.adapters[index] = undefined;
    return adapter;
  }

  /** Receives at most `max` frames of one port and forwards them; returns how many there were. */
  poll(port: number, max: number = this.batch.capacity): number {
    const adapter = this.adapters[port];
    if (adapter === undefined) return 0;
    const b = this.batch;
    b.count = 0;
    const received = adapter.receive(b, port, Math.min(max, b.capacity));
    if (received === 0) return 0;
    const now = this.nowMs() | 0;
    const time = this.timeUs();
    for (let i = 0; i < received; i++) {
      b.nowMs[i] = now;
      b.timeUs[i] = time;
    }
    this.forward();
    return received;
  }

  /** Forwards what is in the batch, flushes every port and frees the slots. */
  forward(): void {
    const b = this.batch;
    Atomics.add(this.epoch, 0, 1);
    forwardBatch(this.dp, b);
    this.flush();
    Atomics.add(this.epoch, 0, 1);
    for (let i = 0; i < b.count; i++) release(this.dp.arena, b.slot[i]);
    b.count = 0;
  }

  private flush(): void {
    const { count } = this.dp.egress;
    for (let p = 0; p < count.length; p++) {
      if (count[p] !== 0) transmit(this.dp, this.batch, p, this.adapters[p] ?? null);
    }
  }

  /** Ageing: call about once a second, and until it returns true. */
  tick(slots: number = SWEEP_SLOTS): boolean {
    const now = this.nowMs() | 0;
    return !needsSweep(this.dp.fdb, now) || sweepSlice(this.dp.fdb, now, slots);
  }
}

/** Tables as large as the configuration needs, with room to grow. */
export function sizeFor(config: SwitchConfig): Partial<DataplaneSize> {
  const fdbEntries = config.bridges.reduce((sum, b) => sum + b.fdb.maxEntries, config.fdbEntries.length);
  const bridges = config.bridges.length + 4;
  const vlans = config.bridges.reduce((sum, b) => sum + b.vlans.length + 1, 0);
  const tunnels = config.ports.filter((p) => p.tunnelCvids !== null).length;
  return {
    ports: Math.min(4064, Math.max(64, (config.ports.length + 63) & ~31)),
    bridges,
    fids: Math.min(65_536, Math.max(4160, vlans + 1024)),
    fdbEntries: fdbEntries + 4096,
    tunnelRows: tunnels + 8,
    ...(config.hashSeed === null ? {} : { seed: config.hashSeed }),
  };
}

/** Applies a configuration to an empty switch. Ports start with their link down. */
export function configure(core: SwitchCore, config: SwitchConfig): Action[] {
  const actions = plan(null, config);
  for (const action of actions) apply(core.control, action);
  return actions;
}
