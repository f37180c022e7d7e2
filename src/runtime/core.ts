/**
 * The switch on one thread: data plane, control and adapters, wired.
 *
 * The forwarding worker, the library, replay and the scenario runner are all this, each with its own clock and
 * its own idea of when to poll. Handlers of punted frames (`punts`) may `inject` or `emit` frames, which leave before the
 * turn goes on.
 */

import type { Adapter } from '../adapters/adapter.ts';
import type { SwitchConfig } from '../config/types.ts';
import { Control } from '../control/control.ts';
import { asksCustomerVid } from '../control/model.ts';
import type { Action } from '../control/plan/action.ts';
import { apply } from '../control/plan/apply.ts';
import { plan } from '../control/plan/plan.ts';
import { remoteCount, tunnelCount, vniCount } from '../control/room.ts';
import { Router } from '../control/router/router.ts';
import { welcome } from '../control/vxlan/remotes.ts';
import { Suppression } from '../control/vxlan/suppression.ts';
import { TooBig } from '../control/vxlan/too-big.ts';
import { Underlay } from '../control/vxlan/underlay.ts';
import { type Batch, RX_TOLD } from '../dataplane/batch.ts';
import { createDataplane, type DataplaneSize } from '../dataplane/dataplane.ts';
import { PUNT_KINDS, PUNT_ROUTER, PUNT_SUPPRESS, PUNT_TOO_BIG, PUNT_UNDERLAY } from '../dataplane/punt.ts';
import type { Fdb } from '../tables/fdb/fdb.ts';
import { needsSweep, sweepSlice } from '../tables/fdb/sweep.ts';
import { exclusive, exclusiveBetween } from '../tables/gate.ts';
import { MAX_REMOTES } from '../tables/remote-table.ts';
import { MAX_VNI_ROWS } from '../tables/vni-table.ts';
import { MAX_VTEPS } from '../tables/vtep-table.ts';
import { Forwarding, type ForwardingOptions } from './forwarding.ts';
import { Injector, type Offload, PLAIN } from './injector.ts';

export interface CoreOptions extends Partial<DataplaneSize>, ForwardingOptions {}

/** Acts on a punted frame, row `i` of the batch, whose memory is its own until it returns. */
export type PuntHandler = (batch: Batch, i: number) => void;

/** FDB slots swept per tick: about 20 µs. */
const SWEEP_SLOTS = 16_384;

export class SwitchCore extends Forwarding {
  readonly control: Control;
  readonly router: Router;
  readonly underlay: Underlay;
  readonly suppression: Suppression;
  readonly tooBig: TooBig;
  /** By PUNT_*; a punted frame whose kind has none is consumed and that is all. */
  readonly punts: (PuntHandler | undefined)[] = new Array(PUNT_KINDS).fill(undefined);
  private readonly injector: Injector;
  /** The frame that a handler acts on: what it sends in answer has its time. */
  private cause: { batch: Batch; row: number } | null = null;

  constructor(options: CoreOptions) {
    const { nowMs, timeUs, senderOf, ...size } = options;
    super(createDataplane(size), options);
    this.control = new Control(this.dp, { nowMs: () => nowMs() | 0 });
    this.dp.newPeer = (vtep, a, b, c, d) => this.exclusively(() => welcome(this.control, vtep, a, b, c, d));
    this.router = new Router(this.control, (port, frame, offload) => this.inject(port, frame, offload));
    this.punts[PUNT_ROUTER] = (batch, i) => this.router.packets.punted(this.dp.arena.bytes, batch, i);
    this.underlay = new Underlay(this.control, (port, frame) => this.emit(port, frame));
    this.punts[PUNT_UNDERLAY] = (batch, i) => this.underlay.punted(this.dp.arena.bytes, batch, i);
    this.suppression = new Suppression({
      control: this.control,
      inject: (port, frame) => this.inject(port, frame),
      isOwn: (fid, address) => this.router.hasAddress(fid, address),
    });
    this.punts[PUNT_SUPPRESS] = (batch, i) => this.suppression.punted(this.dp.arena.bytes, batch, i);
    this.tooBig = new TooBig(this.dp, (port, frame) => this.inject(port, frame));
    this.punts[PUNT_TOO_BIG] = (batch, i) => this.tooBig.punted(batch, i);
    this.capturing.names = (name) => this.control.ports.get(name)?.index;
    this.control.onPortsChanged = () => this.capturing.aim();
    this.injector = new Injector({
      dp: this.dp,
      senderOf: (port) => this.senderOf(port),
      emitting: (batch, port, list) => {
        if (this.dp.mirrors.inForce[0] !== 0) this.mirroring.sentBy(batch, port, list, 0, batch.count);
      },
      flush: (batch) => this.flush(batch, 0, batch.count),
      punted: (batch) => this.punted(batch),
    });
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

  /**
   * Gives the pipeline a frame of the switch's own as if it had arrived on `port`: it is classified and looked up, and
   * not learned. At once, or behind what is under way. False when there is no room for it.
   */
  inject(port: number, frame: Uint8Array, offload: Offload = PLAIN): boolean {
    return this.generate(port, frame, false, offload);
  }

  /** Sends a frame of the switch's own out of `port`, past the bridge. */
  emit(port: number, frame: Uint8Array): boolean {
    return this.generate(port, frame, true, PLAIN);
  }

  private generate(port: number, frame: Uint8Array, direct: boolean, offload: Offload): boolean {
    const { cause } = this;
    const nowMs = cause === null ? this.nowMs() | 0 : cause.batch.nowMs[cause.row];
    const timeUs = cause === null ? this.timeUs() : cause.batch.timeUs[cause.row];
    if (!this.injector.add(port, frame, direct, offload, nowMs, timeUs)) return false;
    if (this.inTurn) return true;
    this.enter();
    this.injector.settle();
    this.leave();
    return true;
  }

  /** Writes counters otherwise than by forwarding: who reads them sees all of it or nothing. */
  count(write: () => void): void {
    this.exclusively(() => {
      this.enter();
      write();
      this.leave();
    });
  }

  /** The same for counters of this thread's own. */
  account(write: () => void): void {
    this.enter();
    write();
    this.leave();
  }

  /** Does something to tables while no other thread forwards. */
  exclusively<T>(change: () => T): T {
    return this.inTurn ? exclusiveBetween(this.dp.gate, change) : exclusive(this.dp.gate, change);
  }

  /** Control acts on the punted frame of a batch that another thread has met it in. */
  handle(batch: Batch): void {
    this.enter();
    this.punted(batch);
    this.settle();
    this.leave();
  }

  protected punted(batch: Batch): void {
    const row = batch.punted;
    this.cause = { batch, row };
    // It may write any table.
    exclusiveBetween(this.dp.gate, () => {
      if ((batch.rxFlags[row] & RX_TOLD) !== 0) this.suppression.heard(this.dp.arena.bytes, batch, row);
      this.punts[batch.puntKind]?.(batch, row);
    });
    this.cause = null;
  }

  protected override settle(): void {
    if (!this.injector.isEmpty) this.injector.settle();
  }

  /** What the router and the hosts of underlays do by themselves, and the ageing of neighbors: call about once a second, between turns. */
  protocolTick(nowMs: number): void {
    this.router.tick(nowMs);
    this.underlay.tick(nowMs);
    this.suppression.tick(nowMs);
  }

  /** Ageing, and what the router does by itself: call about once a second, and until it returns true. */
  tick(slots: number = SWEEP_SLOTS): boolean {
    const now = this.nowMs() | 0;
    return this.exclusively(() => {
      this.protocolTick(now);
      const bridges = sweep(this.dp.fdb, now, slots);
      return sweep(this.dp.vxlan.fdb, now, slots) && bridges;
    });
  }
}

function sweep(fdb: Fdb, now: number, slots: number): boolean {
  return !needsSweep(fdb, now) || sweepSlice(fdb, now, slots);
}

/** Tables as large as the configuration needs, with room to grow. */
export function sizeFor(config: SwitchConfig): Partial<DataplaneSize> {
  const fdbEntries = config.bridges.reduce((sum, b) => sum + b.fdb.maxEntries, config.fdbEntries.length);
  const bridges = config.bridges.length + 4;
  const vlans = config.bridges.reduce((sum, b) => sum + b.vlans.length + 1, 0);
  const tunnels = config.ports.filter(asksCustomerVid).length;
  const learned = config.vteps.reduce((sum, { fdb }) => sum + fdb.maxEntries, 0);
  return {
    ports: Math.min(4064, Math.max(64, (config.ports.length + config.interfaces.length + 63) & ~31)),
    bridges,
    fids: Math.min(65_536, Math.max(4160, vlans + 1024)),
    fdbEntries: fdbEntries + 4096,
    tunnelRows: tunnels + 8,
    interfaces: config.interfaces.length + 64,
    vxlan: {
      vteps: Math.min(MAX_VTEPS, config.vteps.length + 8),
      vnis: Math.min(MAX_VNI_ROWS - 1, vniCount(config) + 1024),
      tunnels: tunnelCount(config) + 8,
      remotes: Math.min(MAX_REMOTES, remoteCount(config) + 256),
      fdbEntries: learned + config.vxlanEntries.length + 1024,
    },
    ...(config.hashSeed === null ? {} : { seed: config.hashSeed }),
  };
}

/** Applies a configuration to an empty switch. Ports start with their link down. */
export function configure(core: SwitchCore, config: SwitchConfig): Action[] {
  const actions = plan(null, config);
  for (const action of actions) apply(core.control, action);
  return actions;
}
