/**
 * The ports of a running switch with their adapters: opening, giving a place in the tables, losing, closing.
 *
 * A port has its place as long as configuration lists it, and an adapter as long as its device is there.
 */

import { setImmediate as turn } from 'node:timers/promises';
import { type AdapterContext, closeApart, isLinked } from '../../adapters/adapter.ts';
import { isVxlanSocket, type VxlanGroup, type VxlanUdpAdapter } from '../../adapters/vxlan-udp-contract.ts';
import type { PortStatus } from '../../api/directory.ts';
import type { PortEvent } from '../../api/events.ts';
import { ControlError } from '../../control/model.ts';
import { setPathMtu } from '../../control/vxlan/vtep-control.ts';
import { recordLatency, recordStop } from '../../dataplane/latency.ts';
import { createCoalesce } from '../../dataplane/offload/coalesce.ts';
import { createFinish } from '../../dataplane/offload/finish.ts';
import { PORT_UP } from '../../tables/port-table.ts';
import { CLOCK, readClock } from '../clock.ts';
import type { SwitchCore } from '../core.ts';
import { offloadsOf, whyFewOffloads } from '../offload-report.ts';
import { OffloadingAdapter, type SoftwareOffloads } from '../offloading-adapter.ts';
import { PollLoop } from '../poll-loop.ts';
import type { SideWorkers } from '../side-workers.ts';
import { LINKED_ADAPTERS, LIVE_ADAPTERS } from './adapters.ts';
import { isAbsence, openFailure, openPort } from './open-port.ts';
import { EarlyEvents, type LivePort, type PortListener } from './port.ts';

/** Ports whose statuses are looked at, and may be told, at once: some tens of microseconds. */
const NEWS = 32;

export interface PortHooks {
  event(event: PortEvent): void;
  /** What these ports say of themselves now. */
  told(statuses: readonly PortStatus[]): void;
}

export class LivePorts {
  readonly loop: PollLoop;
  /** Threads that have a queue of each device beside this one's; null: there are none. */
  sides: SideWorkers | null = null;
  readonly #core: SwitchCore;
  readonly #hooks: PortHooks;
  readonly #software: SoftwareOffloads;
  readonly #byName = new Map<string, LivePort>();
  readonly #byIndex: (LivePort | undefined)[] = [];
  /** Last fault told per port. */
  readonly #faults = new Map<LivePort, string>();
  readonly #listener: PortListener = {
    link: (port, up, reason) => this.#link(port, up, reason),
    readable: (port) => this.loop.readable(port.index),
    pathMtu: (port, address, mtu) => this.#pathMtu(port, address, mtu),
  };
  closed = false;

  constructor(core: SwitchCore, hooks: PortHooks) {
    this.#core = core;
    this.#hooks = hooks;
    const { arena } = core.dp;
    this.#software = { finish: createFinish(arena), coalesce: createCoalesce(arena) };
    this.loop = new PollLoop(
      (port, max) => this.#poll(port, max),
      core.control.poll,
      (us) => recordStop(core.dp.counters.latency, us),
    );
    core.control.onPollChanged = () => {
      this.loop.setPolicy(core.control.poll);
      this.sides?.pollChanged();
    };
  }

  [Symbol.iterator](): Iterator<LivePort> {
    return this.#byName.values();
  }

  /** Throws ControlError when they have been closed. */
  requireOpen(): void {
    if (this.closed) throw new ControlError('the switch is stopping');
  }

  get(name: string): LivePort {
    return this.#byName.get(name)!;
  }

  /** Gives the port the place that control has made for it, with the adapter that it has. */
  place(port: LivePort): void {
    port.index = this.#core.control.port(port.name).index;
    this.#byName.set(port.name, port);
    this.#byIndex[port.index] = port;
    if (port.adapter !== null) this.#attach(port);
    if (port.config.tunnel === null) return;
    port.linkReason = `tunnel of ${port.config.tunnel.vtep}`;
    this.#core.control.setLink(port.name, true);
  }

  /** The port loses its place; its adapter stays open. */
  withdraw(port: LivePort): void {
    this.loop.remove(port.index, false);
    this.#detach(port);
    this.#byName.delete(port.name);
    this.#byIndex[port.index] = undefined;
    this.#faults.delete(port);
    port.index = -1;
  }

  /** Opens the device of a port; rejects with the system's error. `mustExist`: attach to a device, never make one. */
  async open(port: LivePort, mustExist: boolean): Promise<void> {
    if (!LIVE_ADAPTERS.includes(port.config.adapter.kind)) return;
    const events = new EarlyEvents(port, this.#listener);
    const context: AdapterContext = { arena: this.#core.dp.arena, events, worker: 0 };
    port.busy = true;
    try {
      const adapter = await openPort(port.config, context, { mustExist, workers: this.#core.dp.gate.workers });
      port.adapter = adapter;
      port.events = events;
      await this.#openMore(port);
      // An interface tells its link by an event; a datagram socket has none to lose.
      port.up = !isLinked(adapter);
      if (port.up) port.linkReason = 'socket open';
    } finally {
      port.busy = false;
    }
    if (this.closed) await this.discard(port);
    else if (port.index >= 0) this.#attach(port);
  }

  /** One more queue of the device for each side worker; without them the device is closed. */
  async #openMore(port: LivePort): Promise<void> {
    const { sides } = this;
    if (sides === null) return;
    port.counters = () => sides.counters(port);
    port.queueKey = (port.adapter!.moreQueues ?? null) === null ? null : sides.newKey();
    if (port.queueKey === null) return;
    try {
      await sides.open(port);
    } catch (error) {
      await this.discard(port);
      throw error;
    }
  }

  #attach(port: LivePort): void {
    port.events!.port = port;
    port.offloading = new OffloadingAdapter(port.adapter!, this.#software);
    this.#core.attach(port.name, port.offloading, port.up);
    this.sides?.attach(port);
  }

  #detach(port: LivePort): void {
    this.#core.detach(port.name);
    this.sides?.detach(port.index);
  }

  /** Closes the device, everywhere: the kernel takes its time, in which this thread forwards. */
  async shut(port: LivePort): Promise<void> {
    const { adapter } = port;
    this.sides?.close(port);
    port.adapter = null;
    if (adapter !== null) await closeApart(adapter);
  }

  /** Frames and events of these ports count from now on. */
  begin(ports: Iterable<LivePort>): void {
    this.#settleOffloads();
    for (const port of ports) {
      if (port.adapter === null || port.index < 0) continue;
      this.loop.add(port.index, port.adapter.fd, port.adapter.moreFds);
      port.events?.attached();
    }
  }

  /** Closes the port's device, everywhere by the end, while the port keeps its place. */
  async release(port: LivePort): Promise<void> {
    this.loop.remove(port.index, false);
    this.#detach(port);
    this.#setLink(port, false);
    port.offloading = null;
    port.up = false;
    await this.shut(port);
    await this.sides?.settled();
  }

  /** Closes a device that was opened in vain: one that was made for it vanishes. */
  async discard(port: LivePort): Promise<void> {
    const { tap } = port;
    if (tap === null) return this.shut(port);
    this.sides?.close(port);
    port.adapter = null;
    await tap.discard();
  }

  close(): void {
    this.#stop();
    for (const port of this) port.adapter?.close();
  }

  /** Closes what a start that failed has opened. */
  async discardAll(): Promise<void> {
    this.#stop();
    await Promise.all([...this].map((port) => this.discard(port)));
  }

  #stop(): void {
    this.closed = true;
    this.loop.stop();
  }

  /** Once a second: looks after ports that wait for their device. */
  tick(): void {
    this.loop.retry();
    for (const port of this) {
      port.linkAsked = 'no';
      if (port.adapter === null && !port.busy && LINKED_ADAPTERS.includes(port.config.adapter.kind))
        void this.#reattach(port);
    }
  }

  /**
   * Tells what ports say of themselves where it has changed: adapters count without saying so, and what one port can do is a matter of the others.
   * Some at a time, between which frames go on.
   */
  async tellNews(): Promise<void> {
    const ports = [...this];
    for (let n = 0; n < ports.length && !this.closed; n += NEWS) {
      if (n > 0) await turn();
      const news = ports.slice(n, n + NEWS).filter((port) => port.index >= 0 && port.hasNews);
      if (news.length > 0) this.#hooks.told(news.map((port) => port.status()));
    }
  }

  #poll(index: number, max: number): number {
    const port = this.#byIndex[index];
    if (port === undefined) return 0;
    if ((this.#core.dp.ports.flags[index] & PORT_UP) === 0 && port.linked !== null && port.linkAsked !== 'answered') {
      this.#askLink(port);
      return 0;
    }
    readClock();
    const begin = CLOCK[0];
    const received = this.#core.poll(index, max);
    if (received === 0) return 0;
    readClock();
    recordLatency(this.#core.dp.counters.latency, (CLOCK[0] - begin) * 1000, received);
    return received;
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

  #pathMtu(port: LivePort, address: string, mtu: number): void {
    const { control } = this.#core;
    for (const { name, settings } of control.vxlan.vteps.values()) {
      if (settings.uplink !== port.name) continue;
      this.#core.exclusively(() => setPathMtu(control, name, address, mtu));
    }
  }

  /** Sockets of VTEPs receive the groups that their tunnels flood to, and no others. */
  settleGroups(): void {
    for (const { settings, remotes } of this.#core.control.vxlan.vteps.values()) {
      const port = this.#byName.get(settings.uplink);
      const socket = port?.adapter;
      if (port === undefined || socket === null || socket === undefined || !isVxlanSocket(socket)) continue;
      const where = settings.groupInterface === null ? {} : { interface: settings.groupInterface };
      const wanted = new Set([...remotes.values()].filter((r) => r.isGroup && r.uses !== 0).map((r) => r.address));
      for (const address of port.groups) {
        if (wanted.has(address)) continue;
        port.groups.delete(address);
        this.#leave(socket, { address, ...where });
      }
      // Those that it has as well: their interface may be another one by now.
      for (const address of wanted) this.#join(port, socket, { address, ...where });
    }
  }

  #leave(socket: VxlanUdpAdapter, group: VxlanGroup): void {
    try {
      socket.leave(group);
    } catch {
      // Its interface is gone, and with it the membership.
    }
  }

  #join(port: LivePort, socket: VxlanUdpAdapter, group: VxlanGroup): void {
    try {
      if (!socket.join(group)) return;
      port.groups.add(group.address);
      this.#faults.delete(port);
    } catch (error) {
      const text = `port ${port.name}: group ${group.address} cannot be joined: ${(error as Error).message}`;
      if (this.#faults.get(port) === text) return;
      this.#faults.set(port, text);
      this.#hooks.event({ event: 'fault', text });
    }
  }

  /** A port has been turned on or off. */
  turned(port: LivePort): void {
    const { name, config, up, linkReason } = port;
    if (config.enabled) this.#hooks.event({ event: 'link', port: name, up, reason: linkReason });
    else this.#hooks.event({ event: 'link', port: name, up: false, reason: 'turned off' });
    this.#hooks.told([port.status()]);
  }

  #link(port: LivePort, up: boolean, reason: string): void {
    if (this.closed || this.#byIndex[port.index] !== port) return;
    port.up = up;
    this.#setLink(port, up);
    port.linkAsked = 'no';
    port.linkReason = reason;
    this.#hooks.event({ event: 'link', port: port.name, up, reason });
    if (port.linked?.gone) this.#lose(port);
    this.#hooks.told([port.status()]);
  }

  #setLink(port: LivePort, up: boolean): void {
    this.#core.exclusively(() => {
      this.#core.control.setLink(port.name, up);
      if (up && port.config.bridge === null) this.#core.protocolTick(this.#core.control.nowMs());
    });
    this.sides?.link(port.index);
  }

  /** Frames have come to a side worker from a port that is down; it is told what comes of that. */
  askLink(index: number): void {
    const port = this.#byIndex[index];
    port?.linked?.checkLink();
    queueMicrotask(() => this.sides?.linkLookedAt(index));
  }

  /** The device is gone for good: its descriptor never comes back. */
  #lose(port: LivePort): void {
    this.loop.remove(port.index, true);
    this.#detach(port);
    void this.shut(port);
    port.offloadsWhy = null;
    port.offloading = null;
    this.#settleOffloads();
  }

  #settleOffloads(): void {
    const open = [...this].filter((port) => port.adapter !== null);
    const all = open.map((port) => port.offloadPort());
    const settled = offloadsOf(all);
    const underlays: number[] = [];
    open.forEach((port, i) => {
      const { coalesces: together, software } = settled[i];
      const isUnderlay = all[i].bridge === null;
      port.offloadsWhy = whyFewOffloads(all[i]);
      port.offloading!.coalesces = together && !isUnderlay;
      if (together && isUnderlay) underlays.push(port.index);
      port.software = software;
      if (port.index >= 0) this.sides?.settle(port);
    });
    this.#core.coalesceInside(this.#software.coalesce, underlays);
  }

  async #reattach(port: LivePort): Promise<void> {
    try {
      await this.open(port, true);
      if (port.index < 0) await this.discard(port);
      if (port.adapter === null) return;
      this.begin([port]);
      this.#faults.delete(port);
      this.#hooks.told([port.status()]);
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
