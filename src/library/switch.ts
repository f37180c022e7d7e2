/**
 * A switch inside a program, on the caller's thread and the caller's clock.
 *
 * The one idea: `send` is a whole turn. It copies the frame in, forwards it, hands every copy to the listeners of
 * its ports, and only then returns, so that a test needs no waiting and two equal runs are equal.
 *
 * Errors are thrown at the caller: `ConfigError` for a wrong configuration (with its path), `ControlError` for a
 * change that cannot be made (nothing is changed then), `RangeError` for a frame no switch could hold. What
 * listeners throw is thrown by the call that caused the frame, after everything has been forwarded.
 */

import { EventEmitter } from 'node:events';
import { MemoryAdapter } from '../adapters/memory.ts';
import { NAME_PATTERN, VALID_NAME } from '../config/schema/leaf.ts';
import { addEntry, deleteEntry, type FdbEntryView, fdbEntries, flush } from '../control/fdb-control.ts';
import { ControlError, isUp, portSettings } from '../control/model.ts';
import { describe } from '../control/plan/action.ts';
import { applyWhole } from '../control/plan/change.ts';
import { currentConfig } from '../control/plan/current.ts';
import type { PortPlace } from '../control/plan/inverse.ts';
import { plan } from '../control/plan/plan.ts';
import { requireNoVtep } from '../control/vxlan/model.ts';
import { type PortCounters, portCounters } from '../dataplane/counters.ts';
import { configure, SwitchCore, sizeFor } from '../runtime/core.ts';
import { needsSweep } from '../tables/fdb/sweep.ts';
import { type Clock, realClock } from './clock.ts';
import {
  type ConfigInput,
  type FdbEntryInput,
  type PortInput,
  type PortPatch,
  readEntry,
  readMemoryConfig,
  readPatch,
  readPort,
} from './config-input.ts';
import { type Ledger, readLedger } from './counters.ts';
import type { DropHook, EgressHook, HookPlace, IngressHook, SwitchEvents } from './events.ts';
import { Forwarder } from './forwarder.ts';
import { onlyKeys, whole } from './given.ts';
import { type HookOptions, Hooks } from './hooks.ts';
import { type PortHost, SwitchPort } from './port.ts';
import { type FrameInput, vidOf } from './result.ts';
import { Teller } from './teller.ts';
import { Vxlan } from './vxlan.ts';

export interface SwitchOptions {
  /** Drives ageing and stamps frames; the machine's when left out. */
  clock?: Clock;
  /** Sweeps expired addresses once a second, without keeping the process alive. Default: only on the real clock. */
  autoTick?: boolean;
  /** Seed of the tables' keyed hash, 0..2^32-1; before `switch.hashSeed`, random without either. */
  seed?: number;
  /** Frames forwarded together by `sendBatch`, 1..4096; 256 when left out. What is forwarded does not depend on it. */
  batch?: number;
  /** Copies that a port without a listener keeps for `receive()`; 1,024 when left out. */
  queueFrames?: number;
  /** Frames that listeners and hooks may send in answer to one batch, and to each other; 100,000 when left out. */
  maxAnswers?: number;
}

const OPTIONS = [
  'clock',
  'autoTick',
  'seed',
  'batch',
  'queueFrames',
  'maxAnswers',
] as const satisfies (keyof SwitchOptions)[];
const BATCH = 256;
const MAX_BATCH = 4096;
const QUEUE_FRAMES = 1024;
const MAX_ANSWERS = 100_000;
const TICK_MS = 1000;
/** Slots swept between two readings of the event ring, which holds 4,096 events: one slot makes at most one. */
const SWEEP_SLOTS = 4096;
const LARGE_SLOTS = 16;
const VLAN_NAME = new RegExp(NAME_PATTERN);
const NO_EVENTS = { link: () => {}, readable: () => {} };

/** `vid` is needed on a bridge with VLANs; `bridge` is the default bridge when left out. */
export interface VlanAddress {
  vid?: number | null;
  bridge?: string;
}

export class Switch extends EventEmitter<SwitchEvents> {
  /** The switch's name. */
  readonly name: string;
  readonly #core: SwitchCore;
  readonly #clock: Clock;
  readonly #forwarder: Forwarder;
  readonly #teller: Teller;
  readonly #hooks: Hooks;
  readonly #ports = new Map<string, SwitchPort>();
  /** Tunnels: peers, entries and floods at run time. */
  readonly vxlan: Vxlan;
  readonly #queueFrames: number;
  readonly #timer: NodeJS.Timeout | null;
  readonly #host: PortHost;
  #closed = false;

  /** Use `createSwitch`. */
  constructor(config: ConfigInput | string, options: SwitchOptions) {
    super();
    onlyKeys(options, OPTIONS);
    const loaded = readMemoryConfig(config);
    const batch = whole('batch', options.batch ?? BATCH, 1, MAX_BATCH);
    const maxAnswers = whole('maxAnswers', options.maxAnswers ?? MAX_ANSWERS, 0, 2 ** 31);
    const seed = whole('seed', options.seed ?? loaded.hashSeed ?? randomSeed(), 0, 2 ** 32 - 1);
    this.#queueFrames = whole('queueFrames', options.queueFrames ?? QUEUE_FRAMES, 0, 1 << 20);
    const clock = options.clock ?? realClock();
    this.name = loaded.name;
    this.#clock = clock;
    this.#hooks = new Hooks(
      () => this.#core,
      (port) => this.#teller.nameOf(port),
      (place, port, error) => this.#teller.hookFailed(place, port, error),
    );
    this.#core = new SwitchCore({
      ...sizeFor(loaded),
      seed,
      batch,
      smallSlots: batch * 2 + 64,
      largeSlots: LARGE_SLOTS,
      nowMs: () => clock.nowMs(),
      senderOf: (port) => {
        const adapter = this.#core.adapters[port] ?? null;
        return adapter === null || !this.#hooks.has('egress') ? adapter : this.#hooks.behind(port, adapter);
      },
    });
    this.#teller = new Teller(this.#core, this, this.#hooks, (call) => this.#forwarder.guard(call));
    this.#forwarder = new Forwarder(this.#core, clock, maxAnswers, this.#teller, this.#hooks);
    this.#host = this.#makeHost();
    configure(this.#core, loaded);
    for (const port of loaded.ports) this.#place(port);
    this.vxlan = new Vxlan(this.#core.control);
    const autoTick = options.autoTick ?? options.clock === undefined;
    this.#timer = autoTick ? setInterval(() => this.tick(), TICK_MS).unref() : null;
  }

  // ---- ports

  /** The ports, in the order in which they came. */
  get ports(): SwitchPort[] {
    return [...this.#ports.values()];
  }

  /** Throws ControlError when there is none of that name. */
  port(name: string): SwitchPort {
    const port = this.#ports.get(name);
    if (port !== undefined) return port;
    const isInterface = this.#core.control.router?.hasInterface(name) === true;
    throw new ControlError(isInterface ? `${name} is an interface and no port; apply changes it` : `no port ${name}`);
  }

  /** Frames that arrive on several ports, forwarded in this order, in batches. */
  send(arrivals: Iterable<{ port: string; frame: FrameInput }>): void {
    this.#forwarder.sendAll(named(this, arrivals));
  }

  /** Adds a port, with the keys that it has in a file; its link is up. */
  addPort(name: string, input: PortInput = {}): SwitchPort {
    this.#mayRestructure();
    const { control } = this.#core;
    const config = readPort(control, name, input);
    control.addPort(name, config.bridge, portSettings(config));
    try {
      for (const { vid, untagged } of config.members) control.setMember(name, vid, untagged);
      if (config.pvid !== null) control.setPvid(name, config.pvid);
    } catch (error) {
      control.removePort(name);
      throw error;
    }
    return this.#open(config);
  }

  /** Removes a port with everything learned and configured on it. Its counters go with it. */
  removePort(name: string): void {
    this.#mayRestructure();
    requireNoVtep(this.#core.control.vxlan, name);
    this.#remove(this.port(name));
    this.#core.control.removePort(name);
  }

  /** Changes settings of a port: state, flags, limits, mtu, acceptFrames, ingressFiltering. */
  setPort(name: string, patch: PortPatch): void {
    this.port(name);
    this.#core.control.setPort(name, readPatch(this.#core.control, name, patch));
  }

  // ---- VLANs

  /** Adds a VLAN to a bridge, or renames and limits one, which keeps what is not said of it. A VLAN that a port joins needs no adding. */
  addVlan(vid: number, options: { name?: string; fdbMaxEntries?: number; bridge?: string } = {}): void {
    onlyKeys(options, ['name', 'fdbMaxEntries', 'bridge']);
    const { bridge = this.#defaultBridge() } = options;
    const { vlans } = this.#core.control.bridge(bridge);
    const before = vlans.get(vid);
    const { name = before?.name ?? `vlan${vid}`, fdbMaxEntries = before?.fdbMaxEntries ?? 0 } = options;
    if (!VLAN_NAME.test(name)) throw new ControlError(`${JSON.stringify(name)} is not a VLAN name; ${VALID_NAME}`);
    const other = [...vlans.values()].find((vlan) => vlan.name === name && vlan.vid !== vid);
    if (other !== undefined) throw new ControlError(`${JSON.stringify(name)} is the name of VLAN ${other.vid}`);
    const limit = whole('fdbMaxEntries', fdbMaxEntries, 0, 2 ** 20);
    const secondary = before?.secondary;
    this.#core.control.addVlan(bridge, vid, { name, fdbMaxEntries: limit, ...(secondary && { secondary }) });
  }

  /** Removes a VLAN with its members and addresses; a PVID of that VLAN becomes none. */
  removeVlan(vid: number, bridge: string = this.#defaultBridge()): void {
    this.#mayRestructure();
    this.#core.control.removeVlan(bridge, vid);
  }

  /** Makes the port a member of the VLAN, whose frames leave it with the tag or without. */
  setMember(port: string, vid: number, shape: 'tagged' | 'untagged'): void {
    if (shape !== 'tagged' && shape !== 'untagged') throw new TypeError(`${shape} is neither tagged nor untagged`);
    this.#core.control.setMember(this.port(port).name, vid, shape === 'untagged');
  }

  removeMember(port: string, vid: number): void {
    this.#mayRestructure();
    this.#core.control.removeMember(this.port(port).name, vid);
  }

  /** The VID of the port's untagged and priority-tagged frames; null drops them. */
  setPvid(port: string, pvid: number | null): void {
    // The VLAN it had may go with it.
    this.#mayRestructure();
    this.#core.control.setPvid(this.port(port).name, pvid);
  }

  // ---- the FDB

  /** Every entry that counts now, by bridge, VLAN and address. */
  fdb(bridge?: string): FdbEntryView[] {
    if (bridge !== undefined) this.#core.control.bridge(bridge); // refuses one that is not there
    return fdbEntries(this.#core.control, bridge);
  }

  /** Adds a configured entry, `static` unless told; a learned one makes way, a configured one refuses. */
  addFdbEntry(entry: FdbEntryInput): void {
    addEntry(this.#core.control, readEntry(this.#core.control, entry, this.#defaultBridge()));
  }

  /** Removes the entry of an address, learned or configured; throws ControlError when there is none. */
  deleteFdbEntry(entry: VlanAddress & { mac: string }): void {
    deleteEntry(this.#core.control, entry.bridge ?? this.#defaultBridge(), entry.vid ?? null, entry.mac);
  }

  /** Forgets what was learned: on a port, in a VLAN, in a bridge, or everywhere. */
  flushFdb(what: VlanAddress & { port?: string } = {}): void {
    onlyKeys(what, ['port', 'vid', 'bridge']);
    const { port, vid } = what;
    const bridge = what.bridge ?? (vid === undefined || vid === null ? undefined : this.#defaultBridge());
    flush(this.#core.control, {
      ...(port === undefined ? {} : { port }),
      ...(vid === undefined ? {} : { vid }),
      ...(bridge === undefined || port !== undefined ? {} : { bridge }),
    });
  }

  // ---- the whole configuration

  /** What `apply` would do, one line per action. */
  plan(config: ConfigInput | string): string[] {
    return plan(currentConfig(this.#core.control, this.name), readMemoryConfig(config)).map(describe);
  }

  /**
   * Changes the switch into what `config` describes, keeping what is in both: links, learned addresses, counters.
   * Returns the actions taken. The name and the hash seed stay those of the beginning. When the tables have no room
   * for it, what was there is put back (what was learned on a port that went is gone) and the error is thrown.
   */
  apply(config: ConfigInput | string): string[] {
    this.#mayRestructure();
    const { control } = this.#core;
    const actions = plan(currentConfig(control, this.name), readMemoryConfig(config));
    applyWhole(control, actions, {
      removing: (name) => {
        const port = this.#ports.get(name);
        if (port !== undefined) this.#remove(port);
      },
      added: (port) => this.#place(port),
    });
    return actions.map(describe);
  }

  // ---- counters

  /** Counters of every port. */
  counters(): Record<string, PortCounters> {
    const all: Record<string, PortCounters> = {};
    for (const port of this.#ports.values()) all[port.name] = port.counters();
    return all;
  }

  /** Dropped frames of all ports, by reason. */
  drops(): Record<string, number> {
    return this.ledger().total.drops;
  }

  /** Where every frame went. */
  ledger(): Ledger {
    return readLedger(this.#core.control);
  }

  // ---- hooks and time

  /**
   * Calls `hook` for every frame that arrives (`ingress`, before it is forwarded), leaves (`egress`) or is dropped
   * (`drop`), until the returned function is called. A hook that throws or is slower than its budget is removed and
   * reported as `hookFailed`. Without hooks a frame pays nothing for them.
   */
  hook(place: 'ingress', hook: IngressHook, options?: HookOptions): () => void;
  hook(place: 'egress', hook: EgressHook, options?: HookOptions): () => void;
  hook(place: 'drop', hook: DropHook, options?: HookOptions): () => void;
  hook(place: HookPlace, hook: IngressHook | EgressHook | DropHook, options: HookOptions = {}): () => void {
    onlyKeys(options, ['budgetUs']);
    return this.#hooks.add(place, hook, options);
  }

  /**
   * Takes out every address that has expired by the clock, which makes the `aged` events, and lets the router do what is
   * due: announce addresses, repeat questions. Forwarding never believes an expired address, swept or not.
   */
  tick(): void {
    if (this.#closed || this.#forwarder.inTurn) return;
    this.#forwarder.during(() => this.#core.protocolTick(this.#clock.nowMs() | 0));
    const { fdb } = this.#core.dp;
    while (needsSweep(fdb, this.#clock.nowMs() | 0)) {
      const done = this.#core.tick(SWEEP_SLOTS);
      this.#teller.fdbEvents();
      if (done) break;
    }
    this.#forwarder.throwFailures();
  }

  /** Ends the switch: no timer, no more frames. Tables and counters can still be read. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#forwarder.close();
    for (const adapter of this.#core.adapters) adapter?.close();
  }

  // ---- opening and closing ports

  #makeHost(): PortHost {
    const { control, dp } = this.#core;
    const forwarder = this.#forwarder;
    return {
      send: (port, frame, options) => forwarder.sendOne(port, frame, options.truncated ?? false),
      sendBatch: (port, frames) => forwarder.sendAll(onPort(port, frames)),
      isUp: (port) => isUp(control.port(port.name)),
      counters: (port) => portCounters(dp.counters, control.port(port.name).index),
      setLink: (port, up) => {
        if (control.port(port.name).up === up) return;
        control.setLink(port.name, up);
        this.emit(up ? 'portUp' : 'portDown', { port: port.name });
      },
      leaves: (port) => forwarder.leaves(port),
      describe: (batch, index, info) => {
        info.from = this.#teller.nameOf(batch.port[index]);
        info.vid = vidOf(batch, index);
        info.timeUs = batch.timeUs[index];
      },
      failed: (error) => forwarder.failed(error),
    };
  }

  /** A tunnel has no device. */
  #place(config: PortPlace): void {
    if (config.tunnel === null) this.#open(config);
    else this.#core.control.setLink(config.name, true);
  }

  #open(config: PortPlace): SwitchPort {
    const options = { device: config.name, mtu: config.mtu, queueFrames: this.#queueFrames };
    const adapter = new MemoryAdapter(options, { arena: this.#core.dp.arena, events: NO_EVENTS });
    const port = new SwitchPort(config.name, this.#host, adapter);
    this.#ports.set(config.name, port);
    this.#core.attach(config.name, adapter);
    return port;
  }

  #remove(port: SwitchPort): void {
    this.#core.detach(port.name)?.close();
    port.isRemoved = true;
    this.#ports.delete(port.name);
  }

  #mayRestructure(): void {
    if (!this.#forwarder.inTurn) return;
    throw new ControlError('ports and VLANs cannot go while a frame is being delivered; do it after send() returns');
  }

  #defaultBridge(): string {
    for (const name of this.#core.control.bridges.keys()) return name;
    throw new ControlError('the switch has no bridge');
  }
}

function* named(sw: Switch, arrivals: Iterable<{ port: string; frame: FrameInput }>) {
  for (const { port, frame } of arrivals) yield { port: sw.port(port), frame };
}

function* onPort(port: SwitchPort, frames: Iterable<FrameInput>) {
  for (const frame of frames) yield { port, frame };
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}
