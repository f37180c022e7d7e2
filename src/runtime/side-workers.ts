/**
 * Worker 0's end of the side workers: they are told what every port is before it counts, and what they relay is worked
 * off. The main thread makes their threads and sees them end; one that has ended is asked for again, sooner or later
 * according to how often that was.
 */

import type { MessagePort } from 'node:worker_threads';
import type { PortEvent } from '../api/events.ts';
import { createRing, type Ring } from '../capture/ring.ts';
import type { TapSpec } from '../capture/tap.ts';
import { postTables } from '../dataplane/table-memory.ts';
import { announceMove, replacements } from '../tables/gate.ts';
import { buildStamp, REPLACED } from './build-stamp.ts';
import type { SwitchCore } from './core.ts';
import type { LivePort } from './live/port.ts';
import type { PollLoop } from './poll-loop.ts';
import { RELAY_BYTES, RelayReader } from './relay.ts';
import type { FromSide, SidePort, SideStart, ToSide } from './side-messages.ts';

/** Records of one side worker that are worked off before the next has its turn. */
const AT_ONCE = 256;
/** How long one that ends again and again stays away. */
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [100, 30_000];
/** One that has lived so long begins anew. */
const HEALTHY_MS = 60_000;

export interface SideHooks {
  /** A thread is wanted; its end of the channel comes to `joined`. */
  start(start: SideStart): void;
  told(event: PortEvent): void;
  askLink(index: number): void;
  /** What adapters of side workers count has changed. */
  counted(): void;
}

interface Side {
  readonly worker: number;
  readonly relay: Ring;
  readonly reader: RelayReader;
  channel: MessagePort | null;
  /** Its ports are as they should be. */
  inPlace: boolean;
  /** It stays away, and has no queues. */
  refused: boolean;
  pauseMs: number;
  startedAt: number;
  /** By key: what its adapters lost; and what earlier ones had lost. */
  counters: ReadonlyMap<number, Readonly<Record<string, number>>>;
  readonly before: Map<number, Record<string, number>>;
  timer: NodeJS.Timeout | undefined;
}

/** It ended before it answered. */
export class SideGone extends Error {}

interface Capture {
  readonly spec: TapSpec;
  readonly rings: readonly Ring[];
}

export class SideWorkers {
  readonly #core: SwitchCore;
  readonly #hooks: SideHooks;
  readonly #ports: () => Iterable<LivePort>;
  readonly #sides: Side[] = [];
  /** By which they wake this thread. */
  readonly #poller: number;
  readonly #captures = new Map<number, Capture>();
  /** Who waits for an answer of which side worker. */
  readonly #asked = new Map<string, { done: () => void; failed: (error: Error) => void }>();
  #lastKey = 0;
  #closed = false;

  /** `count`: beside worker 0. `ports`: those that are in place or have a device. */
  constructor(core: SwitchCore, count: number, ports: () => Iterable<LivePort>, loop: PollLoop, hooks: SideHooks) {
    this.#core = core;
    this.#hooks = hooks;
    this.#ports = ports;
    this.#poller = loop.wakeable(() => this.#serve());
    for (let worker = 1; worker <= count; worker++) {
      const relay = createRing(RELAY_BYTES);
      const reader = new RelayReader(core, relay);
      const rest = { channel: null, inPlace: false, refused: false, pauseMs: 0, startedAt: 0, timer: undefined };
      this.#sides.push({ worker, relay, reader, counters: new Map(), before: new Map(), ...rest });
    }
  }

  /** A new key: what a device of a port is called among side workers. */
  newKey(): number {
    return ++this.#lastKey;
  }

  /** Starts all of them; resolves when every port is in place at each. Rejects when one cannot open its queue. */
  async begin(): Promise<void> {
    await Promise.all(
      this.#sides.map(async (side) => {
        const here = this.#wait(side, 'here');
        this.#start(side);
        await here;
        await this.#equip(side);
      }),
    );
  }

  #start(side: Side): void {
    side.startedAt = performance.now();
    this.#hooks.start({
      stamp: buildStamp,
      worker: side.worker,
      posted: postTables(this.#core.dp),
      replaced: replacements(this.#core.dp.gate),
      smallSlots: this.#core.dp.arena.smallSlots,
      relay: side.relay,
      poll: this.#core.control.poll,
      poller: this.#poller,
    });
  }

  /** Its thread is there. */
  joined(worker: number, channel: MessagePort): void {
    const side = this.#sides[worker - 1];
    side.channel = channel;
    channel.on('message', (message: FromSide) => this.#take(side, message));
  }

  /** Opens a queue of every device and puts every port in place. */
  async #equip(side: Side): Promise<void> {
    side.inPlace = true;
    // Tables may have moved since the start was asked for.
    this.#post(side, { do: 'tables', posted: postTables(this.#core.dp) });
    this.#post(side, { do: 'names', ports: this.#names() });
    for (const [id, { spec, rings }] of this.#captures) {
      this.#post(side, { do: 'start-capture', id, spec, ring: rings[side.worker] });
    }
    for (const port of this.#ports()) {
      if (port.adapter === null) continue;
      await this.#openAt(side, port);
      if (port.index >= 0) this.#post(side, { do: 'attach', port: sidePort(port, side) });
    }
  }

  /** Opens one more queue of the port's device at each; rejects when one cannot, and then none is open. */
  async open(port: LivePort): Promise<void> {
    const sides = this.#sides.filter(({ inPlace }) => inPlace);
    const results = await Promise.allSettled(sides.map((side) => this.#openAt(side, port)));
    // Nobody would take what comes by it.
    if (port.queueKey !== null) for (const { worker } of this.#refused()) port.adapter?.moreQueues?.close(worker);
    const failed = results.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
    // One that has ended opens all it needs when it is there again.
    if (failed === undefined || failed.reason instanceof SideGone) return;
    this.close(port);
    throw failed.reason;
  }

  #refused(): Side[] {
    return this.#sides.filter(({ refused }) => refused);
  }

  async #openAt(side: Side, { queueKey: key, config, adapter }: LivePort): Promise<void> {
    const options = adapter!.moreQueues?.optionsOf(side.worker) ?? null;
    if (key === null || options === null) return;
    const opened = this.#wait(side, `open ${key}`);
    this.#post(side, { do: 'open', key, config, options });
    return opened;
  }

  /** The port's queues are closed, soon. */
  close({ queueKey, adapter }: LivePort): void {
    if (queueKey === null) return;
    for (const side of this.#sides) {
      side.before.delete(queueKey);
      if (side.inPlace) this.#post(side, { do: 'close', key: queueKey });
      else if (!side.refused) adapter?.moreQueues?.close(side.worker);
    }
  }

  attach(port: LivePort): void {
    this.#postEach((side) => ({ do: 'attach', port: sidePort(port, side) }));
  }

  detach(index: number): void {
    this.#postAll({ do: 'detach', index });
  }

  settle(port: LivePort): void {
    this.#postEach((side) => ({ do: 'settle', port: sidePort(port, side) }));
  }

  link(index: number): void {
    this.#postAll({ do: 'link', index });
  }

  linkLookedAt(index: number): void {
    this.#postAll({ do: 'link-looked-at', index });
  }

  tablesMoved(): void {
    this.#postAll({ do: 'tables', posted: postTables(this.#core.dp) });
  }

  pollChanged(): void {
    this.#postAll({ do: 'poll', poll: this.#core.control.poll });
  }

  portsChanged(): void {
    this.#postAll({ do: 'names', ports: this.#names() });
  }

  startCapture(id: number, spec: TapSpec, rings: readonly Ring[]): void {
    this.#captures.set(id, { spec, rings });
    for (const side of this.#sides) this.#post(side, { do: 'start-capture', id, spec, ring: rings[side.worker] });
  }

  stopCapture(id: number): void {
    this.#captures.delete(id);
    this.#postAll({ do: 'stop-capture', id });
  }

  /** Side worker `worker` ends with an error. */
  fail(worker: number): void {
    const side = this.#sides[worker - 1];
    if (side !== undefined) this.#post(side, { do: 'fail' });
  }

  /** Resolves when all that was said is done, or whoever has not done it is gone. */
  async settled(): Promise<void> {
    const id = this.newKey();
    await Promise.allSettled(
      this.#sides
        .filter(({ inPlace }) => inPlace)
        .map((side) => {
          const answered = this.#wait(side, `answer ${id}`);
          this.#post(side, { do: 'answer', id });
          return answered;
        }),
    );
  }

  /** What the adapters of a device have counted, with those of side workers. */
  counters({ queueKey, adapter }: LivePort): Record<string, number> {
    const sum: Record<string, number> = { ...adapter?.counters };
    if (queueKey === null) return sum;
    for (const { counters, before } of this.#sides) addTo(addTo(sum, before.get(queueKey)), counters.get(queueKey));
    return sum;
  }

  /** Frames for control that found the relay full, of all. */
  get lost(): number {
    return this.#sides.reduce((sum, { reader }) => sum + reader.lost, 0);
  }

  /** A thread has ended, and holds nothing any more. */
  ended(worker: number, why: string): void {
    const side = this.#sides[worker - 1];
    if (side.channel === null) return;
    side.channel.close();
    side.channel = null;
    side.inPlace = false;
    for (const [key, counters] of side.counters) side.before.set(key, addTo({ ...side.before.get(key) }, counters));
    side.counters = new Map();
    for (const [what, { failed }] of this.#asked) {
      if (!what.startsWith(`${worker} `)) continue;
      this.#asked.delete(what);
      failed(new SideGone(`worker ${worker} has ended`));
    }
    if (this.#closed) return;
    if (why.startsWith(REPLACED)) {
      this.#refuse(side);
      return;
    }
    this.#hooks.told({ event: 'worker', worker, up: false, reason: why });
    const healthy = performance.now() - side.startedAt >= HEALTHY_MS;
    side.pauseMs = healthy || side.pauseMs === 0 ? FIRST_PAUSE_MS : Math.min(side.pauseMs * 2, LONGEST_PAUSE_MS);
    side.timer = setTimeout(() => void this.#restart(side), side.pauseMs);
  }

  /** Trying again would not help: its flows are the others' until the switch is started anew. */
  #refuse(side: Side): void {
    side.refused = true;
    for (const port of this.#ports()) if (port.queueKey !== null) port.adapter?.moreQueues?.close(side.worker);
    const reason = `${REPLACED}; it stays down until the switch is restarted`;
    this.#hooks.told({ event: 'worker', worker: side.worker, up: false, reason });
  }

  async #restart(side: Side): Promise<void> {
    if (this.#closed) return;
    try {
      const here = this.#wait(side, 'here');
      this.#start(side);
      await here;
      await this.#equip(side);
      this.#hooks.told({ event: 'worker', worker: side.worker, up: true, reason: '' });
    } catch (error) {
      // Ended again: `ended` has seen to it.
      if (error instanceof SideGone) return;
      const text = `worker ${side.worker} has no queue of a device: ${(error as Error).message}`;
      this.#hooks.told({ event: 'fault', text });
    }
  }

  stop(): void {
    this.#closed = true;
    for (const side of this.#sides) clearTimeout(side.timer);
    for (const port of this.#ports()) this.close(port);
    this.#postAll({ do: 'stop' });
  }

  #names(): Map<string, number> {
    return new Map([...this.#core.control.ports].map(([name, { index }]) => [name, index]));
  }

  #postAll(message: ToSide): void {
    this.#postEach(() => message);
  }

  #postEach(messageTo: (side: Side) => ToSide): void {
    for (const side of this.#sides) if (side.inPlace) this.#post(side, messageTo(side));
  }

  #post({ channel }: Side, message: ToSide): void {
    channel?.postMessage(message);
    announceMove(this.#core.dp.gate);
  }

  #wait({ worker }: Side, what: string): Promise<void> {
    return new Promise((done, failed) => this.#asked.set(`${worker} ${what}`, { done, failed }));
  }

  #answered({ worker }: Side, what: string, error: Error | null = null): void {
    const asked = this.#asked.get(`${worker} ${what}`);
    this.#asked.delete(`${worker} ${what}`);
    if (error === null) asked?.done();
    else asked?.failed(error);
  }

  #take(side: Side, message: FromSide): void {
    switch (message.type) {
      case 'here':
        this.#answered(side, 'here');
        return;
      case 'opened': {
        const { error, key } = message;
        this.#answered(side, `open ${key}`, error === null ? null : Object.assign(new Error(), error));
        return;
      }
      case 'answer':
        this.#answered(side, `answer ${message.id}`);
        return;
      case 'ask-link':
        this.#hooks.askLink(message.index);
        return;
      case 'path-mtu':
        for (const port of this.#ports())
          if (port.queueKey === message.key) port.events?.pathMtu(message.address, message.mtu);
        return;
      case 'counters':
        side.counters = message.counters;
        this.#hooks.counted();
    }
  }

  /** Looks into every relay; whether there may be more. */
  #serve(): boolean {
    if (this.#closed) return false;
    let more = false;
    for (const { reader } of this.#sides) more = reader.serve(AT_ONCE) || more;
    return more;
  }
}

function sidePort(port: LivePort, { worker }: Side): SidePort {
  const { index, queueKey, adapter, offloading, config } = port;
  const hasQueue = (adapter?.moreQueues?.optionsOf(worker) ?? null) !== null;
  return {
    index,
    key: hasQueue ? queueKey : null,
    device: adapter?.device ?? '',
    mtu: config.mtu,
    coalesces: offloading?.coalesces ?? false,
    isUplink: config.bridge === null,
  };
}

function addTo(
  sum: Record<string, number>,
  more: Readonly<Record<string, number>> | undefined,
): Record<string, number> {
  for (const [name, n] of Object.entries(more ?? {})) sum[name] = (sum[name] ?? 0) + n;
  return sum;
}
