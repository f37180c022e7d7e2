/**
 * A plan on a running switch: first devices are opened, while frames go on; then tables and ports change in one go
 * between two batches; then devices that are not needed any more are closed. What cannot be opened ends the change
 * before anything has changed.
 *
 * A port that comes with the device of one that goes (another bridge, another name) takes the open device over. With
 * other options for the same device the old one has to be closed first, because a device is open once; when the new
 * one does not open, the old one is opened again.
 */

import { setImmediate as turn } from 'node:timers/promises';
import { ControlError, type PlacedPort } from '../../control/model.ts';
import type { Action } from '../../control/plan/action.ts';
import { applySteps } from '../../control/plan/change.ts';
import { same } from '../../control/plan/differences.ts';
import type { PortPlace } from '../../control/plan/inverse.ts';
import type { PortFollower } from '../../control/plan/one-go.ts';
import type { Piecemeal } from '../../control/plan/piecemeal.ts';
import type { SwitchCore } from '../core.ts';
import { inTurns } from '../in-turns.ts';
import { LIVE_ADAPTERS } from './adapters.ts';
import { deviceText, openFailure } from './open-port.ts';
import { LivePort } from './port.ts';
import type { LivePorts } from './ports.ts';

/** Ports with other settings that are told of them at once. */
const SETS = 32;

/** Throws ControlError when the change cannot be made; then everything is as before. */
export async function changeLive(core: SwitchCore, ports: LivePorts, plan: Piecemeal): Promise<void> {
  // Of what goes one by one nothing is a port.
  const change = new PortChange(ports, plan.rest);
  try {
    await change.open();
    const steps = applySteps(core.control, plan, change);
    await inTurns(core, steps, () => ports.requireOpen());
  } catch (error) {
    await change.takeBack();
    throw error;
  }
  await change.commit(plan.rest);
}

class PortChange implements PortFollower {
  readonly #ports: LivePorts;
  /** By the configuration in the plan: what comes back when a plan is taken back has another. */
  readonly #coming = new Map<PortPlace, LivePort>();
  /** Ports that go, by their devices. */
  readonly #leaving = new Map<string, LivePort>();
  /** Who has the device that a port takes over. */
  readonly #heirs = new Map<LivePort, LivePort>();
  readonly #exchanges: [LivePort, LivePort][] = [];
  readonly #released: LivePort[] = [];
  readonly #left: LivePort[] = [];

  constructor(ports: LivePorts, actions: readonly Action[]) {
    this.#ports = ports;
    for (const action of actions) {
      if (action.do !== 'remove-port') continue;
      const port = ports.get(action.port);
      this.#leaving.set(deviceText(port.config.adapter), port);
    }
    for (const action of actions) if (action.do === 'add-port') this.#expect(action.port);
  }

  #expect(config: PlacedPort): void {
    const port = new LivePort(config);
    this.#coming.set(config, port);
    if (!LIVE_ADAPTERS.includes(config.adapter.kind)) return;
    const holder = this.#leaving.get(deviceText(config.adapter));
    if (holder === undefined) return;
    if (same(holder.config.adapter, config.adapter)) this.#heirs.set(port, holder);
    else this.#exchanges.push([holder, port]);
  }

  async open(): Promise<void> {
    const exchanged = new Set(this.#exchanges.map(([, port]) => port));
    for (const port of this.#coming.values()) {
      if (!this.#heirs.has(port) && !exchanged.has(port)) await this.#openOne(port);
    }
    for (const [holder, port] of this.#exchanges) {
      holder.busy = true;
      this.#released.push(holder);
      await this.#ports.release(holder);
      await this.#openOne(port);
    }
  }

  async #openOne(port: LivePort): Promise<void> {
    try {
      await this.#ports.open(port, false);
    } catch (error) {
      throw new ControlError(openFailure(port.config, error));
    }
    await turn();
    this.#ports.requireOpen();
  }

  // As `applySteps` goes along.

  removing(name: string): void {
    const port = this.#ports.get(name);
    this.#ports.withdraw(port);
    this.#left.push(port);
  }

  added(config: PortPlace): void {
    const port = this.#coming.get(config) ?? this.#left.find(({ name }) => name === config.name)!;
    const holder = this.#heirs.get(port);
    if (holder !== undefined) port.inherit(holder);
    this.#ports.place(port);
  }

  /** Nothing has changed, or `applySteps` has turned it back. */
  async takeBack(): Promise<void> {
    for (const port of this.#coming.values()) if (!this.#heirs.has(port)) await this.#ports.discard(port);
    if (this.#ports.closed) return;
    for (const port of this.#released) await this.#ports.open(port, false).catch(() => {}); // a TAP is tried again
    this.#ports.begin([...this.#left, ...this.#released]);
  }

  async commit(actions: readonly Action[]): Promise<void> {
    const heldOn = new Set(this.#heirs.values());
    let set = 0;
    for (const action of actions) {
      if (action.do !== 'set-port') continue;
      if (++set % SETS === 0) await turn();
      if (this.#ports.closed) break;
      const port = this.#ports.get(action.port);
      const was = port.config.enabled;
      port.config = { ...port.config, ...action.settings };
      if (was !== port.config.enabled) this.#ports.turned(port);
      port.adapter?.setMtu?.(port.config.mtu);
    }
    // One that takes a device over may have another.
    for (const port of this.#heirs.keys()) port.adapter?.setMtu?.(port.config.mtu);
    this.#ports.begin(this.#coming.values());
    for (const port of this.#left) {
      if (heldOn.has(port)) continue;
      await this.#ports.shut(port);
      await turn();
    }
    // A device that was let go is gone everywhere.
    await this.#ports.sides?.settled();
  }
}
