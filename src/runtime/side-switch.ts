/**
 * A side worker: it forwards what comes by its own queue of each port, and does nothing else. Tables, and who has which
 * number, are worker 0's; so are frames for control.
 */

import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { type Adapter, closeApart } from '../adapters/adapter.ts';
import { native } from '../adapters/native.ts';
import { wakePoller } from '../adapters/poller.ts';
import { releaseAll } from '../dataplane/arena.ts';
import type { Batch } from '../dataplane/batch.ts';
import { joinDataplane } from '../dataplane/dataplane.ts';
import { recordLatency, recordStop } from '../dataplane/latency.ts';
import { createCoalesce } from '../dataplane/offload/coalesce.ts';
import { createFinish } from '../dataplane/offload/finish.ts';
import { AdoptedTables } from '../dataplane/table-memory.ts';
import { PORT_UP } from '../tables/port-table.ts';
import { CLOCK, readClock, useClock, wallUs, wholeMs } from './clock.ts';
import { Forwarding } from './forwarding.ts';
import { openPort } from './live/open-port.ts';
import { OffloadingAdapter } from './offloading-adapter.ts';
import { PollLoop } from './poll-loop.ts';
import { RelayAdapter, RelayWriter } from './relay.ts';
import type { FromSide, SidePort, SideWorkerStart, ToSide } from './side-messages.ts';

const COUNTERS_MS = 1000;
/** What ends a worker that was told to end. */
export const ON_REQUEST = 'ended on request';
/** Without a batch. */
const FAIL_MS = 200;

export class SideSwitch extends Forwarding {
  readonly #worker: number;
  readonly #channel: MessagePort;
  readonly #relay: RelayWriter;
  readonly #tables: AdoptedTables;
  readonly #loop: PollLoop;
  readonly #software;
  /** Queues that are open, by key. */
  readonly #queues = new Map<number, Adapter>();
  /** Queues that the kernel still takes apart. */
  readonly #closing = new Set<Promise<unknown>>();
  /** Ports in place, by number. */
  readonly #ports = new Map<number, SidePort>();
  /** Asked whether their links are up: not yet answered, or answered. */
  readonly #asked = new Map<number, 'waiting' | 'answered'>();
  #names: ReadonlyMap<string, number> = new Map();
  /** How often worker 0 had announced something when its messages were last taken. */
  #heard = 0;
  /** The port that is being polled, and its adapter then. */
  #polled = -1;
  #source: Adapter | undefined;
  #toldCounters = '';
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #failing = false;
  readonly #onStop: () => void;

  constructor(start: SideWorkerStart, onStop: () => void) {
    super(joinDataplane(start.posted.tables, start.worker, { smallSlots: start.smallSlots }), {
      nowMs: wholeMs,
      timeUs: wallUs,
    });
    useClock(native().clockRead);
    this.#onStop = onStop;
    this.#worker = start.worker;
    this.#tables = new AdoptedTables(this.dp, start.posted);
    this.#channel = start.channel;
    this.#relay = new RelayWriter(this.dp, start.relay, () => void wakePoller(start.poller));
    this.dp.newPeer = (vtep, a, b, c, d) => {
      this.#relay.peer(vtep, a, b, c, d);
      return -1;
    };
    this.capturing.names = (name) => this.#names.get(name);
    this.#software = { finish: createFinish(this.dp.arena), coalesce: createCoalesce(this.dp.arena) };
    this.#loop = new PollLoop(
      (port, max) => this.#poll(port, max),
      start.poll,
      (us) => recordStop(this.dp.counters.latency, us),
    );
    this.#channel.on('message', (message: ToSide) => this.#take(message));
    this.#timer = setInterval(() => this.#tick(), COUNTERS_MS);
    this.#say({ type: 'here' });
  }

  get sleep(): BigInt64Array {
    return this.#loop.sleep;
  }

  #say(message: FromSide): void {
    this.#channel.postMessage(message);
  }

  protected punted(batch: Batch): void {
    this.#relay.punt(batch, batch.punted, batch.puntKind);
  }

  /** What worker 0 has said since the last batch comes first; frames of a port that has gone with it are nobody's. */
  protected override enter(): number {
    const announced = super.enter();
    this.#failIfTold();
    if (announced === this.#heard) return announced;
    this.#heard = announced;
    for (
      let next = receiveMessageOnPort(this.#channel);
      next !== undefined;
      next = receiveMessageOnPort(this.#channel)
    ) {
      this.#take(next.message as ToSide);
    }
    if (this.adapters[this.#polled] !== this.#source) {
      const b = this.batch;
      releaseAll(this.dp.arena, b.slot, b.count);
      b.count = 0;
    }
    return announced;
  }

  protected override leave(): void {
    super.leave();
    this.#relay.publish();
  }

  #failIfTold(): void {
    if (this.#failing) throw new Error(ON_REQUEST);
  }

  #poll(port: number, max: number): number {
    if ((this.dp.ports.flags[port] & PORT_UP) === 0 && this.#asked.get(port) !== 'answered') {
      if (!this.#asked.has(port)) {
        this.#asked.set(port, 'waiting');
        this.#say({ type: 'ask-link', index: port });
      }
      return 0;
    }
    this.#polled = port;
    this.#source = this.adapters[port];
    readClock();
    const begin = CLOCK[0];
    const received = this.poll(port, max);
    if (received === 0) return 0;
    readClock();
    recordLatency(this.dp.counters.latency, (CLOCK[0] - begin) * 1000, received);
    return received;
  }

  #take(message: ToSide): void {
    if (this.#stopped) return;
    switch (message.do) {
      case 'open':
        void this.#open(message);
        return;
      case 'close':
        this.#shut(message.key);
        return;
      case 'attach':
        this.#attach(message.port);
        return;
      case 'detach':
        this.#detach(message.index);
        return;
      case 'settle':
        this.#settle(message.port);
        return;
      case 'link':
        this.#asked.delete(message.index);
        this.#loop.retry();
        return;
      case 'link-looked-at':
        // Still down, and frames all the same: the data plane drops them.
        if ((this.dp.ports.flags[message.index] & PORT_UP) === 0) this.#asked.set(message.index, 'answered');
        this.#loop.retry();
        return;
      case 'poll':
        this.#loop.setPolicy(message.poll);
        return;
      case 'tables':
        this.#tables.adopt(message.posted);
        return;
      case 'names':
        this.#names = message.ports;
        this.capturing.aim();
        return;
      case 'start-capture':
        this.capturing.start(message.id, message.spec, message.ring);
        return;
      case 'stop-capture':
        this.capturing.stop(message.id);
        return;
      case 'answer':
        void Promise.allSettled(this.#closing).then(() => this.#say({ type: 'answer', id: message.id }));
        return;
      case 'fail':
        this.#failing = true;
        setTimeout(() => this.#failIfTold(), FAIL_MS);
        return;
      case 'stop':
        this.#close();
    }
  }

  async #open({ key, config, options }: Extract<ToSide, { do: 'open' }>): Promise<void> {
    const { adapter } = config;
    const queue = { ...config, adapter: { ...adapter, options: { ...adapter.options, ...options } } };
    // Link and loss of the device are worker 0's to notice.
    const events = {
      link: () => {},
      readable: () => this.#readable(key),
      pathMtu: (address: string, mtu: number) => this.#say({ type: 'path-mtu', key, address, mtu }),
    };
    try {
      const opened = await openPort(queue, { arena: this.dp.arena, events, worker: this.#worker }, { mustExist: true });
      if (this.#stopped) return opened.close();
      this.#queues.set(key, opened);
      this.#say({ type: 'opened', key, error: null });
    } catch (error) {
      const { message, code, errno } = error as NodeJS.ErrnoException;
      const known = { ...(code === undefined ? {} : { code }), ...(errno === undefined ? {} : { errno }) };
      this.#say({ type: 'opened', key, error: { message, ...known } });
    }
  }

  /** Frames wait in the adapter; no poll shows them. */
  #readable(key: number): void {
    for (const port of this.#ports.values()) if (port.key === key) this.#loop.readable(port.index);
  }

  #attach(port: SidePort): void {
    const { index, key, device, mtu, isUplink } = port;
    this.#ports.set(index, port);
    this.#asked.delete(index);
    if (key === null) {
      this.adapters[index] = new RelayAdapter(this.#relay, index, device, mtu, isUplink);
      return;
    }
    const queue = this.#queues.get(key);
    if (queue === undefined) return;
    const adapter = new OffloadingAdapter(queue, this.#software);
    adapter.coalesces = port.coalesces;
    this.adapters[index] = adapter;
    this.#loop.add(index, queue.fd, queue.moreFds);
  }

  #detach(index: number): void {
    const port = this.#ports.get(index);
    this.adapters[index] = undefined;
    this.#ports.delete(index);
    if (port === undefined || port.key === null) return;
    this.#loop.remove(index, (this.#queues.get(port.key)?.fd ?? -1) < 0);
  }

  #shut(key: number): void {
    const queue = this.#queues.get(key);
    this.#queues.delete(key);
    if (queue === undefined) return;
    const closing = closeApart(queue).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #settle(port: SidePort): void {
    const adapter = this.adapters[port.index];
    if (port.key === null || !(adapter instanceof OffloadingAdapter)) return;
    adapter.coalesces = port.coalesces;
    if (adapter.mtu !== port.mtu) adapter.inner.setMtu?.(port.mtu);
  }

  #tick(): void {
    this.#loop.retry();
    const counters = new Map([...this.#queues].map(([key, queue]) => [key, { ...queue.counters }]));
    const text = JSON.stringify([...counters]);
    if (text === this.#toldCounters) return;
    this.#toldCounters = text;
    this.#say({ type: 'counters', counters });
  }

  #close(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#loop.stop();
    for (const queue of this.#queues.values()) queue.close();
    this.#queues.clear();
    this.#channel.close();
    this.#onStop();
  }
}
