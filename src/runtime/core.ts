/**
 * The switch on one thread: data plane, control and adapters, wired.
 *
 * The forwarding worker, the library, replay and the scenario runner are all this, each with its own clock and
 * its own idea of when to poll. A turn is: receive into the batch, forward, flush every port.
 *
 * A frame for control ends a turn early: what came before it leaves, the handler of its kind (`punts`) acts and may
 * `inject` or `emit` frames, which leave, and the turn goes on behind it.
 */

import type { Adapter } from '../adapters/adapter.ts';
import type { SwitchConfig } from '../config/types.ts';
import type { Action } from '../control/action.ts';
import { apply } from '../control/apply.ts';
import { Control } from '../control/control.ts';
import { plan } from '../control/plan.ts';
import { remoteCount, tunnelCount, vniCount } from '../control/room.ts';
import { Router } from '../control/router.ts';
import { Suppression } from '../control/suppression.ts';
import { TooBig } from '../control/too-big.ts';
import { Underlay } from '../control/underlay.ts';
import { welcome } from '../control/vxlan-remotes.ts';
import { release } from '../dataplane/arena.ts';
import { type Batch, createBatch, RX_TOLD } from '../dataplane/batch.ts';
import { createDataplane, type Dataplane, type DataplaneSize, LIMIT_VTEPS } from '../dataplane/dataplane.ts';
import { forwardBatch } from '../dataplane/pipeline.ts';
import { PUNT_KINDS, PUNT_ROUTER, PUNT_SUPPRESS, PUNT_TOO_BIG, PUNT_UNDERLAY } from '../dataplane/punt.ts';
import { type Sender, transmit } from '../dataplane/transmit.ts';
import { decapBatch } from '../dataplane/vxlan/decap.ts';
import { serveTunnels } from '../dataplane/vxlan/tunnels.ts';
import type { Fdb } from '../tables/fdb.ts';
import { needsSweep, sweepSlice } from '../tables/fdb-sweep.ts';
import { MAX_REMOTES } from '../tables/remote-table.ts';
import { sharedInt32 } from '../tables/shared.ts';
import { MAX_VNI_ROWS } from '../tables/vni-table.ts';
import { MAX_VTEPS } from '../tables/vtep-table.ts';
import { Capturing } from './capturing.ts';
import { Injector, type Offload, PLAIN } from './injector.ts';
import { Mirroring } from './mirroring.ts';
import { TranslatingSender } from './translating.ts';

export interface CoreOptions extends Partial<DataplaneSize> {
  /** Milliseconds; only differences count. */
  nowMs: () => number;
  /** Microseconds since the epoch, for captures; nowMs * 1000 when left out. */
  timeUs?: () => number;
  /** What sends for a port; its adapter when left out. */
  senderOf?: (port: number) => Sender | null;
}

/** Acts on a punted frame, row `i` of the batch, whose memory is its own until it returns. */
export type PuntHandler = (batch: Batch, i: number) => void;

/** Time spent in the data plane alone. */
export interface Stopwatch {
  forwardMs: number;
}

/** FDB slots swept per tick: about 20 µs. */
const SWEEP_SLOTS = 16_384;

export class SwitchCore {
  readonly dp: Dataplane;
  readonly control: Control;
  readonly router: Router;
  readonly underlay: Underlay;
  readonly suppression: Suppression;
  readonly tooBig: TooBig;
  readonly batch: Batch;
  /** By port number. */
  readonly adapters: (Adapter | undefined)[] = [];
  /** Odd while a batch is being counted: who reads counters on another thread sees whole batches by it. */
  readonly epoch = sharedInt32(1);
  /** By PUNT_*; a punted frame whose kind has none is consumed and that is all. */
  readonly punts: (PuntHandler | undefined)[] = new Array(PUNT_KINDS).fill(undefined);
  readonly senderOf: (port: number) => Sender | null;
  /** Who captures. */
  readonly capturing: Capturing;
  private readonly nowMs: () => number;
  private readonly timeUs: () => number;
  private readonly injector: Injector;
  private readonly mirroring: Mirroring;
  private readonly translators: (TranslatingSender | undefined)[] = [];
  /** A turn is under way: injected frames wait for it. */
  private inTurn = false;
  /** The frame that a handler acts on: what it sends in answer has its time. */
  private cause: { batch: Batch; row: number } | null = null;

  constructor(options: CoreOptions) {
    const { nowMs, timeUs, senderOf, ...size } = options;
    this.nowMs = nowMs;
    this.timeUs = timeUs ?? (() => nowMs() * 1000);
    this.dp = createDataplane(size);
    this.control = new Control(this.dp, { nowMs: () => nowMs() | 0 });
    this.dp.newPeer = (vtep, a, b, c, d) => welcome(this.control, vtep, a, b, c, d);
    this.batch = createBatch(this.dp.egress.capacity);
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
    this.capturing = new Capturing(this.dp.arena, this.control, this.batch.capacity);
    this.control.onPortsChanged = () => this.capturing.aim();
    const own = senderOf ?? ((port: number) => this.adapters[port] ?? null);
    this.senderOf = (port) => {
      const plain = own(port);
      if (plain === null) return null;
      // Captures show what is on the wire: tags as the port's neighbor knows them.
      const sender = this.capturing.isIdle ? plain : this.capturing.watched(port, plain);
      return this.dp.translate.rowOf[port] === 0 ? sender : this.translating(port, sender);
    };
    this.mirroring = new Mirroring(this.dp, (port) => this.senderOf(port));
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
  forward(stopwatch: Stopwatch | null = null): void {
    const b = this.batch;
    const capturing = this.capturing.isIdle ? null : this.capturing;
    Atomics.add(this.epoch, 0, 1);
    this.inTurn = true;
    capturing?.received(b);
    if (this.dp.mirrors.inForce[0] !== 0) this.mirroring.received(b);
    decapBatch(this.dp, b);
    if (this.dp.limits[LIMIT_VTEPS] !== 0) {
      capturing?.decapsulated(b);
      if (this.dp.mirrors.inForce[0] !== 0) this.mirroring.decapsulated(b);
    }
    for (let next = 0; next < b.count; ) {
      const first = next;
      const started = stopwatch === null ? 0 : performance.now();
      next = forwardBatch(this.dp, b, next);
      if (stopwatch !== null) stopwatch.forwardMs += performance.now() - started;
      this.flush(b, first, next);
      capturing?.settled(b, first, next);
      if (b.punted >= 0) this.punted(b);
      if (!this.injector.isEmpty) this.injector.settle();
    }
    this.inTurn = false;
    capturing?.publish();
    Atomics.add(this.epoch, 0, 1);
    for (let i = 0; i < b.count; i++) release(this.dp.arena, b.slot[i]);
    b.count = 0;
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
    Atomics.add(this.epoch, 0, 1);
    this.inTurn = true;
    this.injector.settle();
    this.inTurn = false;
    if (!this.capturing.isIdle) this.capturing.publish();
    Atomics.add(this.epoch, 0, 1);
    return true;
  }

  /** Writes counters otherwise than by forwarding: who reads them sees all of it or nothing. */
  count(write: () => void): void {
    Atomics.add(this.epoch, 0, 1);
    write();
    Atomics.add(this.epoch, 0, 1);
  }

  /** What sends for a port with VLAN translation. */
  private translating(port: number, sender: Sender): Sender {
    const known = this.translators[port];
    if (known?.inner === sender) return known;
    const made = new TranslatingSender(this.dp, port, sender);
    this.translators[port] = made;
    return made;
  }

  private punted(batch: Batch): void {
    const row = batch.punted;
    this.cause = { batch, row };
    if ((batch.rxFlags[row] & RX_TOLD) !== 0) this.suppression.heard(this.dp.arena.bytes, batch, row);
    this.punts[batch.puntKind]?.(batch, row);
    this.cause = null;
  }

  /** Sends what the lists hold of rows [first, end): devices first, then tunnels, which write in front of frames. */
  private flush(batch: Batch, first: number, end: number): void {
    const { list, stride, count } = this.dp.egress;
    if (this.dp.mirrors.inForce[0] !== 0) this.mirroring.sent(batch);
    const { tunnelOf } = this.dp.vxlan.vnis;
    for (let p = 0; p < count.length; p++) {
      if (count[p] === 0) continue;
      if (tunnelOf[p] < 0) transmit(this.dp, batch, p, this.senderOf(p));
      else if (!this.capturing.isIdle) this.capturing.sent(batch, p, list, p * stride, count[p]);
    }
    serveTunnels(this.dp, batch, first, end, this.senderOf);
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
    this.protocolTick(now);
    const bridges = sweep(this.dp.fdb, now, slots);
    return sweep(this.dp.vxlan.fdb, now, slots) && bridges;
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
  const tunnels = config.ports.filter((p) => p.tunnelCvids !== null).length;
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
