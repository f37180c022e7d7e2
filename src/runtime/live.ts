/**
 * A switch on real devices: the core, its adapters, the poll loop and the clock, on one thread.
 *
 * All ports open, or none stays open. After that no device can stop the switch: an interface that is deleted takes its
 * port down, which forgets what it learned there. It is not made again (who deleted it wanted it gone); as soon as
 * a device of that name exists, the port attaches to it, within a second.
 */

import { randomBytes } from 'node:crypto';
import { type AdapterContext, isLinked } from '../adapters/adapter.ts';
import type { PortStatus } from '../api/directory.ts';
import type { PortConfig, SwitchConfig } from '../config/types.ts';
import { fdbEvents } from '../control/fdb-control.ts';
import { createCoalesce } from '../dataplane/offload/coalesce.ts';
import { createFinish } from '../dataplane/offload/finish.ts';
import { PORT_UP } from '../tables/port-table.ts';
import { monotonicMs } from './clock.ts';
import { configure, SwitchCore, sizeFor } from './core.ts';
import { EarlyEvents, LivePort } from './live-port.ts';
import { coalesces, softwareOffloads, whyFewOffloads } from './offload-report.ts';
import { OffloadingAdapter, type SoftwareOffloads } from './offloading-adapter.ts';
import { isAbsence, LINKED_ADAPTERS, LIVE_ADAPTERS, openFailure, openPort } from './open-port.ts';
import { PollLoop } from './poll-loop.ts';

const TICK_MS = 1000;

export type LiveEvent =
  | { event: 'link'; port: string; up: boolean; reason: string }
  /** A device that was gone is there again and cannot be attached; told once per reason. */
  | { event: 'fault'; text: string }
  /** Frames that claimed a configured address on another port since the last tick; `first` is one of them. */
  | { event: 'static-violations'; count: number; port: string; mac: string; vid: number | null; owner: string | null };

export interface LiveHooks {
  event(event: LiveEvent): void;
  /** What `statuses` says has changed. */
  statusChanged(): void;
  /** Tables have moved to other memory. */
  tablesMoved(): void;
}

/** A port could not be opened; the message names it. */
export class OpenError extends Error {
  override readonly name = 'OpenError';
}

export class LiveSwitch {
  readonly core: SwitchCore;
  readonly #hooks: LiveHooks;
  readonly #ports: LivePort[];
  readonly #byIndex: (LivePort | undefined)[] = [];
  readonly #loop: PollLoop;
  readonly #software: SoftwareOffloads;
  /** Last fault told per port. */
  readonly #faults = new Map<LivePort, string>();
  #toldStatuses = '';
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #running = false;

  /** Makes the tables; throws ControlError when the configuration does not fit. Opens nothing. */
  constructor(config: SwitchConfig, hooks: LiveHooks) {
    this.#hooks = hooks;
    // Whoever can guess the hash can fill one bucket: another seed at every start, unless a run is to be repeated.
    const seed = config.hashSeed ?? randomBytes(4).readUInt32LE();
    this.core = new SwitchCore({ ...sizeFor(config), seed, nowMs: monotonicMs });
    configure(this.core, config);
    this.core.control.onTablesMoved = () => hooks.tablesMoved();
    this.#ports = config.ports.map((port) => new LivePort(this.core.control.port(port.name).index, port));
    for (const port of this.#ports) this.#byIndex[port.index] = port;
    const { arena } = this.core.dp;
    this.#software = { finish: createFinish(arena), coalesce: createCoalesce(arena) };
    this.#loop = new PollLoop((port, max) => this.#poll(port, max));
  }

  statuses(): PortStatus[] {
    return this.#ports.map((port) => port.status());
  }

  /** Opens every port and forwards from then on. Rejects with OpenError, and then nothing is open. */
  async open(): Promise<void> {
    for (const port of this.#ports) {
      if (!LIVE_ADAPTERS.includes(port.config.adapter.kind)) continue;
      try {
        await this.#attach(port, false);
      } catch (error) {
        this.#discard();
        throw new OpenError(openFailure(port.config, error));
      }
      if (this.#closed) {
        this.#discard();
        throw new OpenError('stopped while ports were being opened');
      }
    }
    this.#settleOffloads();
    this.#running = true;
    for (const port of this.#ports) this.#begin(port);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Stops forwarding and closes every port. TAPs that it made vanish unless they are persistent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#loop.stop();
    for (const port of this.#ports) port.adapter?.close();
  }

  #discard(): void {
    this.#closed = true;
    this.#loop.stop();
    for (const { adapter, tap } of this.#ports) {
      if (tap !== null) tap.discard();
      else adapter?.close();
    }
  }

  async #attach(port: LivePort, mustExist: boolean): Promise<void> {
    const events = new EarlyEvents(
      (up, reason) => this.#link(port, up, reason),
      () => this.#loop.readable(port.index),
    );
    const context: AdapterContext = { arena: this.core.dp.arena, events };
    const adapter = await openPort(port.config, context, mustExist);
    if (this.#closed) {
      adapter.close();
      return;
    }
    port.adapter = adapter;
    // An interface tells its link by an event; a datagram socket has none to lose.
    const hasNoLink = !isLinked(adapter);
    if (hasNoLink) port.linkReason = 'socket open';
    port.offloading = new OffloadingAdapter(adapter, this.#software);
    this.core.attach(port.name, port.offloading, hasNoLink);
    port.events = events;
    if (!this.#running) return;
    this.#settleOffloads();
    this.#begin(port);
  }

  /** Frames and events of the port count from now on. */
  #begin(port: LivePort): void {
    if (port.adapter !== null) this.#loop.add(port.index, port.adapter.fd);
    port.events?.attached();
    port.events = null;
  }

  #poll(index: number, max: number): number {
    const port = this.#byIndex[index];
    if (port === undefined) return 0;
    if ((this.core.dp.ports.flags[index] & PORT_UP) === 0 && port.linked !== null && port.linkAsked !== 'answered') {
      this.#askLink(port);
      return 0;
    }
    return this.core.poll(index, max);
  }

  /**
   * Frames from a link that was down when last looked at: it has come up since. The adapter answers in a
   * microtask, and the frames wait that long.
   */
  #askLink(port: LivePort): void {
    if (port.linkAsked !== 'no') return;
    port.linkAsked = 'waiting';
    port.linked?.checkLink();
    queueMicrotask(() => {
      if (port.linkAsked === 'waiting') port.linkAsked = 'answered';
    });
  }

  #link(port: LivePort, up: boolean, reason: string): void {
    if (this.#closed) return;
    this.core.control.setLink(port.name, up);
    port.linkAsked = 'no';
    port.linkReason = reason;
    this.#hooks.event({ event: 'link', port: port.name, up, reason });
    if (port.linked !== null && port.linked.fd < 0) this.#lose(port);
    this.#hooks.statusChanged();
  }

  /** The device is gone for good: its descriptor never comes back. */
  #lose(port: LivePort): void {
    this.#loop.remove(port.index, true);
    this.core.detach(port.name);
    port.adapter?.close();
    port.adapter = null;
    port.offloadsWhy = null;
    port.offloading = null;
    this.#settleOffloads();
  }

  #settleOffloads(): void {
    const open = this.#ports.filter((port) => port.adapter !== null);
    const all = open.map((port) => port.offloadPort());
    open.forEach((port, i) => {
      port.offloadsWhy = whyFewOffloads(all[i]!);
      port.offloading!.coalesces = coalesces(all[i]!, all);
      port.software = softwareOffloads(all[i]!, all);
    });
  }

  #tick(): void {
    this.#loop.retry();
    this.#age();
    this.#drainFdbEvents();
    for (const port of this.#ports) {
      port.linkAsked = 'no';
      if (port.adapter === null && LINKED_ADAPTERS.includes(port.config.adapter.kind)) void this.#reattach(port);
    }
    this.#tellStatuses();
  }

  /** Adapters count without saying so. */
  #tellStatuses(): void {
    const statuses = JSON.stringify(this.statuses());
    if (statuses === this.#toldStatuses) return;
    this.#toldStatuses = statuses;
    this.#hooks.statusChanged();
  }

  /** A slice at a time: frames go on between the slices of a large table. */
  #age(): void {
    if (!this.#closed && !this.core.tick()) setImmediate(() => this.#age());
  }

  #drainFdbEvents(): void {
    let count = 0;
    let first: { port: string; mac: string; vid: number | null; owner: string | null } | null = null;
    fdbEvents(this.core.control, ({ event, port, mac, vid, oldPort }) => {
      if (event !== 'staticViolation') return;
      count++;
      first ??= { port, mac, vid, owner: oldPort };
    });
    if (first !== null) this.#hooks.event({ event: 'static-violations', count, ...(first as Violation) });
  }

  async #reattach(port: LivePort): Promise<void> {
    try {
      await this.#attach(port, true);
      this.#faults.delete(port);
      this.#hooks.statusChanged();
    } catch (error) {
      if (isAbsence(error)) {
        this.#faults.delete(port);
        return;
      }
      const text = openFailure(port.config, error);
      if (this.#faults.get(port) === text) return;
      this.#faults.set(port, text);
      this.#hooks.event({ event: 'fault', text });
    }
  }
}

type Violation = { port: string; mac: string; vid: number | null; owner: string | null };

/** Adapters that no running switch can serve, as a line, or null. */
export function unsuited(ports: readonly PortConfig[]): string | null {
  const port = ports.find(({ adapter }) => adapter.kind !== 'memory' && !LIVE_ADAPTERS.includes(adapter.kind));
  return port === undefined
    ? null
    : `ports.${port.name}.adapter: "${port.adapter.kind}" is not for a running switch; valid are ${[...LIVE_ADAPTERS, 'memory'].join(', ')} (captures go through etherloom replay)`;
}
