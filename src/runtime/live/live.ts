/**
 * A switch on real devices: the core, its ports, the poll loop and the clock, on one thread.
 *
 * All ports open, or none stays open. After that no device can stop the switch: an interface that is deleted takes its
 * port down, which forgets what it learned there. It is not made again (who deleted it wanted it gone); as soon as
 * a device of that name exists, the port attaches to it, within a second.
 */

import { randomBytes } from 'node:crypto';
import type { MessagePort } from 'node:worker_threads';
import { xdpQueues } from '../../adapters/af-xdp.ts';
import { native, nativeAvailable } from '../../adapters/native.ts';
import { xdpSlots } from '../../adapters/xdp-socket.ts';
import type { PortStatus } from '../../api/directory.ts';
import type { SwitchConfig } from '../../config/types.ts';
import { deleteEntry, flush } from '../../control/fdb-control.ts';
import { applySteps } from '../../control/plan/change.ts';
import type { EntryAction } from '../../control/plan/entries.ts';
import type { PortFollower } from '../../control/plan/one-go.ts';
import { deleteVxlanEntry, flushVxlan } from '../../control/vxlan/fdb.ts';
import { resetCounters } from '../../dataplane/counters.ts';
import { SMALL_SLOTS } from '../../dataplane/dataplane.ts';
import { countReplacement, replacements } from '../../tables/gate.ts';
import { useClock, wallUs, wholeMs } from '../clock.ts';
import { configure, SwitchCore, sizeFor } from '../core.ts';
import { inTurns } from '../in-turns.ts';
import type { Change } from '../messages.ts';
import { planOf } from '../plan-pieces.ts';
import { relearnRows } from '../relearn.ts';
import type { SideStart } from '../side-messages.ts';
import { ON_REQUEST } from '../side-switch.ts';
import { SideGone, SideWorkers } from '../side-workers.ts';
import { LINKED_ADAPTERS } from './adapters.ts';
import { changeLive } from './change.ts';
import { isAbsence, openFailure, xdpQueuesOf } from './open-port.ts';
import { LivePort } from './port.ts';
import { LivePorts, type PortHooks } from './ports.ts';

const TICK_MS = 1000;
const NO_PORTS: PortFollower = { removing: () => {}, added: () => {} };

export interface LiveHooks extends PortHooks {
  /** Tables have moved to other memory, for the `replaced`th time; side workers have the old one still. */
  tablesMoved(replaced: number): void;
  /** A side worker is wanted: its channel comes to `joined`, its end to `ended`. */
  startSide?(start: SideStart): void;
}

/** A port could not be opened; the message names it. */
export class OpenError extends Error {
  override readonly name = 'OpenError';
}

export class LiveSwitch {
  readonly core: SwitchCore;
  /** It has the privileges to make devices. */
  readonly #mayMake: boolean;
  readonly #hooks: LiveHooks;
  readonly #ports: LivePorts;
  #sides: SideWorkers | null = null;
  #timer: NodeJS.Timeout | undefined;
  /** Changes are made one after the other. */
  #changes: Promise<unknown> = Promise.resolve();

  /** Makes the tables; throws ControlError when the configuration does not fit. Opens nothing. */
  constructor(config: SwitchConfig, hooks: LiveHooks) {
    if (nativeAvailable().ok) useClock(native().clockRead);
    this.#mayMake = config.privileges === 'keep';
    this.#hooks = hooks;
    // Whoever can guess the hash can fill one bucket: another seed at every start, unless a run is to be repeated.
    const seed = config.hashSeed ?? randomBytes(4).readUInt32LE();
    const { workers } = config;
    const smallSlots = smallSlotsFor(config);
    this.core = new SwitchCore({ ...sizeFor(config), smallSlots, workers, seed, nowMs: wholeMs, timeUs: wallUs });
    configure(this.core, config);
    this.core.control.onTablesMoved = () => {
      const { gate } = this.core.dp;
      hooks.tablesMoved(replacements(gate) + 1);
      countReplacement(gate);
      this.#sides?.tablesMoved();
    };
    const { onPortsChanged } = this.core.control;
    this.core.control.onPortsChanged = () => {
      onPortsChanged();
      this.#sides?.portsChanged();
    };
    this.core.router.tell = (text) => hooks.event({ event: 'fault', text });
    this.#ports = new LivePorts(this.core, hooks);
    for (const port of config.ports) this.#ports.place(new LivePort(port));
  }

  /** How long the poll loop has waited, for other threads. */
  get sleep(): BigInt64Array {
    return this.#ports.loop.sleep;
  }

  statuses(): PortStatus[] {
    return [...this.#ports].map((port) => port.status());
  }

  /**
   * Opens every port and forwards from then on. Rejects with OpenError, and then nothing is open.
   *
   * `again`: in the place of a thread that has ended. What is not there is waited for, as that one would; and what is open when it
   * rejects waits for the next thread.
   */
  async open(again = false): Promise<void> {
    this.#makeSides();
    for (const port of this.#ports) {
      try {
        await this.#ports.open(port, again && !this.#mayMake);
      } catch (error) {
        if (again && isAbsence(error) && LINKED_ADAPTERS.includes(port.config.adapter.kind)) continue;
        if (!again) await this.#ports.discardAll();
        throw new OpenError(openFailure(port.config, error));
      }
      if (this.#ports.closed) {
        await this.#ports.discardAll();
        throw new OpenError('stopped while ports were being opened');
      }
    }
    await this.#beginSides(again);
    this.#ports.begin(this.#ports);
    this.#ports.settleGroups();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  #makeSides(): void {
    const { workers } = this.core.dp.gate;
    if (workers === 1) return;
    try {
      this.#sides = new SideWorkers(this.core, workers - 1, () => this.#ports, this.#ports.loop, {
        start: (start) => this.#hooks.startSide?.(start),
        told: (event) => this.#hooks.event(event),
        askLink: (index) => this.#ports.askLink(index),
        counted: () => void this.#ports.tellNews(),
      });
    } catch (error) {
      throw new OpenError(`switch.workers: ${(error as Error).message}`);
    }
    this.#ports.sides = this.#sides;
  }

  async #beginSides(again: boolean): Promise<void> {
    try {
      await this.#sides?.begin();
    } catch (error) {
      if (!again) this.close();
      throw error instanceof SideGone ? new OpenError(error.message) : error;
    }
  }

  /** A side worker is there. */
  joined(worker: number, channel: MessagePort): void {
    this.#sides?.joined(worker, channel);
  }

  /** A side worker has ended, and holds nothing any more. */
  ended(worker: number, why: string): void {
    this.#sides?.ended(worker, why);
  }

  /** Makes a change between two batches, whole or not at all; rejects with ControlError when it is refused. */
  change(change: Change): Promise<void> {
    // Also while devices are being opened.
    if (change.do === 'nothing') return Promise.resolve();
    const made = this.#changes.then(() => this.#make(change));
    this.#changes = made.catch(() => {});
    return made;
  }

  async #make(change: Exclude<Change, { do: 'nothing' }>): Promise<void> {
    this.#ports.requireOpen();
    const { control, dp } = this.core;
    switch (change.do) {
      case 'apply': {
        const plan = await inTurns(this.core, planOf(change.plan), () => this.#ports.requireOpen());
        await changeLive(this.core, this.#ports, plan);
        return change.plan.numbers ? this.#ports.tellNews() : undefined;
      }
      case 'set-entries':
        return this.#setEntries(change.actions);
      case 'flush':
        return this.core.exclusively(() => flush(control, change.what));
      case 'delete-entry':
        return this.core.exclusively(() => deleteEntry(control, change.bridge, change.vid, change.mac));
      case 'flush-vxlan':
        return this.core.exclusively(() => flushVxlan(control, change.what));
      case 'delete-vxlan-entry':
        return this.core.exclusively(() => deleteVxlanEntry(control, change.port, change.vni, change.mac));
      case 'relearn':
        return relearnRows(this.core, change.rows);
      case 'reset-counters':
        return this.core.count(() => {
          resetCounters(dp.countersOf);
          for (const { countersOf } of [dp.mirrors, dp.vxlan.vnis, dp.vxlan.remotes]) {
            for (const counters of countersOf) counters.fill(0);
          }
        });
      case 'start-capture':
        this.core.capturing.start(change.id, change.spec, change.rings[0]);
        return this.#sides?.startCapture(change.id, change.spec, change.rings);
      case 'stop-capture':
        this.core.capturing.stop(change.id);
        return this.#sides?.stopCapture(change.id);
      case 'restart-worker':
        return this.#fail(change.worker);
    }
  }

  #setEntries(actions: readonly EntryAction[]): Promise<void> {
    return inTurns(this.core, applySteps(this.core.control, actions, NO_PORTS), () => this.#ports.requireOpen());
  }

  #fail(worker: number): void {
    if (worker > 0) {
      this.#sides?.fail(worker);
    } else {
      setImmediate(() => {
        throw new Error(ON_REQUEST);
      });
    }
  }

  /** Stops forwarding and closes every port. TAPs that it made vanish unless they are persistent. */
  close(): void {
    if (this.#ports.closed) return;
    clearInterval(this.#timer);
    this.#sides?.stop();
    this.#ports.close();
  }

  #tick(): void {
    this.#ports.tick();
    this.#ports.settleGroups();
    this.#age();
    void this.#ports.tellNews();
  }

  /** A slice at a time: frames go on between the slices of a large table. */
  #age(): void {
    if (!this.#ports.closed && !this.core.tick()) setImmediate(() => this.#age());
  }
}

/**
 * Slots for af-xdp ports beside those for everybody, in the memory of each worker: memory that no port uses is none. One more can be
 * added with as many slots as one queue wants; further ones share what is left.
 */
function smallSlotsFor({ ports, workers }: SwitchConfig): number {
  const one = xdpSlots(1);
  return ports
    .filter(({ adapter }) => adapter.kind === 'af-xdp')
    .reduce(
      (sum, { adapter }) => sum + xdpSlots(Math.ceil(xdpQueues(xdpQueuesOf(adapter)) / workers)),
      SMALL_SLOTS + one,
    );
}
