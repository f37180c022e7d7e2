/**
 * Frames on one thread: data plane and adapters. A turn is: receive into the batch, forward, flush every port.
 *
 * A frame for control ends a turn early: what came before it leaves, `punted` acts, and the turn goes on behind it. The
 * switch's own thread has control to act (core.ts); other threads that forward hand such frames to it.
 */

import type { Adapter } from '../adapters/adapter.ts';
import { releaseAll } from '../dataplane/arena.ts';
import { type Batch, createBatch } from '../dataplane/batch.ts';
import { type Dataplane, LIMIT_VTEPS } from '../dataplane/dataplane.ts';
import { usedPorts } from '../dataplane/egress-ports.ts';
import { type Coalesce, coalesce } from '../dataplane/offload/coalesce.ts';
import { forwardBatch } from '../dataplane/pipeline.ts';
import { type Sender, transmit } from '../dataplane/transmit.ts';
import { beginTurn, endTurn } from '../dataplane/turn.ts';
import { putDown, takeUp } from '../dataplane/under-way.ts';
import { decapBatch } from '../dataplane/vxlan/decap.ts';
import { serveTunnels } from '../dataplane/vxlan/tunnels.ts';
import { Capturing } from './capturing.ts';
import { Mirroring } from './mirroring.ts';
import { leavesOtherwise, TranslatingSender } from './translating.ts';

export interface ForwardingOptions {
  /** Milliseconds; only differences count. */
  nowMs: () => number;
  /** Microseconds since the epoch, for captures; nowMs * 1000 when left out. */
  timeUs?: () => number;
  /** What sends for a port; its adapter when left out. */
  senderOf?: (port: number) => Sender | null;
}

/** Time spent in the data plane alone. */
export interface Stopwatch {
  forwardMs: number;
}

export abstract class Forwarding {
  readonly dp: Dataplane;
  readonly batch: Batch;
  /** By port number. */
  readonly adapters: (Adapter | undefined)[] = [];
  readonly senderOf: (port: number) => Sender | null;
  /** Who captures. */
  readonly capturing: Capturing;
  protected readonly nowMs: () => number;
  protected readonly timeUs: () => number;
  protected readonly mirroring: Mirroring;
  private readonly translators: (TranslatingSender | undefined)[] = [];
  /** A turn is under way: injected frames wait for it. */
  protected inTurn = false;
  private scratch: Coalesce | null = null;
  private readonly underlays = new Set<number>();
  /** For the batch under way: what comes out of tunnels is put together. */
  private inside: Coalesce | null = null;

  constructor(dp: Dataplane, options: ForwardingOptions) {
    const { nowMs, timeUs, senderOf } = options;
    this.dp = dp;
    this.nowMs = nowMs;
    this.timeUs = timeUs ?? (() => nowMs() * 1000);
    this.batch = createBatch(dp.egress.capacity);
    this.capturing = new Capturing(dp, this.batch.capacity);
    const own = senderOf ?? ((port: number) => this.adapters[port] ?? null);
    this.senderOf = (port) => {
      const plain = own(port);
      if (plain === null) return null;
      // Captures show what is on the wire: tags as the port's neighbor knows them.
      const sender = this.capturing.isIdle ? plain : this.capturing.watched(port, plain);
      return leavesOtherwise(dp.ports, port) ? this.translating(port, sender) : sender;
    };
    this.mirroring = new Mirroring(dp, (port) => this.senderOf(port));
  }

  /** What control does about row `batch.punted`. */
  protected abstract punted(batch: Batch): void;

  /** Behind every run of frames, when what they caused has left. */
  protected settle(): void {}

  /** A turn begins: nobody else changes tables from here to `leave`. Returns how often they have moved. */
  protected enter(): number {
    const { dp, batch } = this;
    this.inTurn = true;
    const announced = beginTurn(dp);
    if (batch.count > 0) takeUp(dp.counters, batch.port[0], batch.count);
    return announced;
  }

  protected leave(): void {
    this.inTurn = false;
    if (!this.capturing.isIdle) this.capturing.publish();
    endTurn(this.dp);
  }

  /** TCP segments that come out of tunnels over these underlay ports are put together. */
  coalesceInside(scratch: Coalesce, underlays: Iterable<number>): void {
    this.scratch = scratch;
    this.underlays.clear();
    for (const port of underlays) this.underlays.add(port);
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
    this.inside = this.underlays.has(port) ? this.scratch : null;
    this.forward();
    this.inside = null;
    return received;
  }

  /** Forwards what is in the batch, flushes every port and frees the slots. */
  forward(stopwatch: Stopwatch | null = null): void {
    const b = this.batch;
    this.enter();
    const capturing = this.capturing.isIdle ? null : this.capturing;
    capturing?.received(b);
    if (this.dp.mirrors.inForce[0] !== 0) this.mirroring.received(b);
    decapBatch(this.dp, b);
    // Captures and mirrors have noted the rows as they came.
    if (this.inside !== null && b.decapped > 1 && capturing === null && this.dp.mirrors.inForce[0] === 0) {
      coalesce(this.inside, b, 0, this.dp.vxlan.vnis.tunnelOf);
    }
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
      this.settle();
    }
    putDown(this.dp.counters);
    this.leave();
    releaseAll(this.dp.arena, b.slot, b.count);
    b.count = 0;
  }

  /** What sends for a port with VLAN translation. */
  private translating(port: number, sender: Sender): Sender {
    const known = this.translators[port];
    if (known?.inner === sender) return known;
    const made = new TranslatingSender(this.dp, port, sender);
    this.translators[port] = made;
    return made;
  }

  /** Sends what the lists hold of rows [first, end): devices first, then tunnels, which write in front of frames. */
  protected flush(batch: Batch, first: number, end: number): void {
    const { list, stride, count, used } = this.dp.egress;
    if (this.dp.mirrors.inForce[0] !== 0) this.mirroring.sent(batch, first, end);
    const { tunnelOf } = this.dp.vxlan.vnis;
    const ports = usedPorts(this.dp.egress, batch, first, end);
    for (let k = 0; k < ports; k++) {
      const p = used[k];
      if (tunnelOf[p] < 0) transmit(this.dp, batch, p, this.senderOf(p));
      else if (!this.capturing.isIdle) this.capturing.sent(batch, p, list, p * stride, count[p]);
    }
    serveTunnels(this.dp, batch, first, end, this.senderOf);
  }
}
