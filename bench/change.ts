/**
 * change: how long forwarding stands still while the VLAN memberships of 64 trunk ports change at once. That is the longest time
 * for which the forwarding thread did not look at its ports (`show latency`), from handing it the change until it is made.
 *
 * Every trunk has learned addresses in its VLANs, which go with the memberships. On a machine with other things to do a stop has their time in
 * it; so the processor time of the longest piece of a change stands beside it.
 */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { documentOf } from '../src/config/load.ts';
import { PORT_COUNTERS, RX_FRAMES } from '../src/dataplane/counters.ts';
import { latencyView, sumLatency } from '../src/dataplane/latency.ts';
import type { Change, SharedState } from '../src/runtime/messages.ts';
import type { Known } from '../src/runtime/relearn.ts';
import { type Changer, Standing } from '../src/runtime/standing.ts';
import type { ChangeStart, FromChangeWorker, ToChangeWorker } from './change-worker.ts';
import type { Context } from './forwarding.ts';
import { machine, type Report, result } from './report.ts';

const TRUNKS = 64;
const ADDRESSES = 100;
/** The system gives none of these to others by itself. */
const UDP_PORT = 21_987;

const CASES: [memberships: number, vlans: string][] = [
  [6400, '2-101'],
  [258_048, '2-4033'],
];

type Raw = Record<string, unknown>;

/** `listed` exist without members, too; `vlans` are those of every trunk. */
function configuration(listed: string | null, vlans: string | null): Raw {
  const ports: Raw = {
    u: { adapter: 'udp', local: `127.0.0.1:${UDP_PORT}`, remote: `127.0.0.1:${UDP_PORT + 1}`, mode: 'access', vlan: 1 },
  };
  for (let n = 0; n < TRUNKS; n++) {
    ports[`t${n}`] = { adapter: 'memory', mode: 'trunk', vlans: vlans === null ? '1' : `1,${vlans}` };
  }
  return { switch: { name: 'bench' }, ports, ...(listed === null ? {} : { vlans: { [listed]: {} } }) };
}

function* addresses(first: number): Generator<Known> {
  for (let n = 0; n < TRUNKS * ADDRESSES; n++) {
    const tail = [n >> 8, n & 0xff].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
    const vid = first + (n % ADDRESSES);
    yield { bridge: 'bench', vid, mac: `02:00:00:00:${tail}`, port: `t${n % TRUNKS}`, ageSeconds: 1 };
  }
}

class Running implements Changer {
  readonly #worker: Worker;
  readonly #socket = createSocket('udp4');
  #standing: Standing | undefined;
  #told: FromChangeWorker | undefined;

  constructor(raw: Raw) {
    const workerData: ChangeStart = { config: documentOf(raw, 'bench').config };
    this.#worker = new Worker(new URL('./change-worker.js', import.meta.url), { workerData });
  }

  get state(): SharedState {
    return this.#told!.state;
  }

  workers() {
    return [];
  }

  async change(change: Change): Promise<void> {
    this.#worker.postMessage({ change } satisfies ToChangeWorker);
    await this.#answer();
  }

  async #answer(): Promise<void> {
    [this.#told] = (await once(this.#worker, 'message')) as [FromChangeWorker];
  }

  async begin(raw: Raw): Promise<void> {
    await this.#answer();
    await new Promise<void>((bound) => this.#socket.bind(UDP_PORT + 1, '127.0.0.1', bound));
    this.#standing = new Standing(this, documentOf(raw, 'bench'), () => {});
  }

  async learn(known: Iterable<Known>): Promise<void> {
    await this.#standing!.relearn([...known], 0);
  }

  /** Microseconds of the longest stop, and of processor time. */
  async measure(to: Raw): Promise<[stop: number, cpu: number]> {
    const document = documentOf(to, 'bench');
    await this.#standing!.make({ do: 'reset-counters' });
    await this.#standing!.apply(document);
    const { longestCpuMicroseconds } = this.#told!;
    const { tables, numbers } = this.state;
    const at = numbers.ports.get('u')! * PORT_COUNTERS + RX_FRAMES;
    const received = () => tables.counters.port[at];
    // What stopped it is told with the next frame.
    for (const before = received(); received() === before; ) {
      this.#socket.send(Buffer.alloc(60, 2), UDP_PORT, '127.0.0.1');
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return [latencyView(sumLatency(tables.countersOf)).longestStopMicroseconds, longestCpuMicroseconds];
  }

  async close(): Promise<void> {
    this.#socket.close();
    this.#standing?.close();
    const exited = once(this.#worker, 'exit');
    this.#worker.postMessage('stop' satisfies ToChangeWorker);
    await exited;
  }
}

export async function change(context: Context): Promise<Report> {
  const report: Report = {
    scenario: 'change',
    unit: 'longest stop, µs',
    machine: machine(),
    rounds: context.rounds,
    results: [],
    ratios: {},
    notes: [
      `${TRUNKS} trunk ports, with ${(TRUNKS * ADDRESSES).toLocaleString('en')} learned addresses in the VLANs that go`,
      'target: at most 1,000 µs',
      'a stop has what other programs take of the processor meanwhile in it; CPU is the processor time of its longest piece',
    ],
  };
  for (const [memberships, vlans] of CASES) {
    const what = `${memberships.toLocaleString('en')} memberships`;
    for (const [listed, where] of [
      [vlans, ''],
      [null, ' with their VLANs'],
    ] as const) {
      const without = configuration(listed, null);
      const coming: [number, number][] = [];
      const going: [number, number][] = [];
      const sw = new Running(without);
      try {
        await sw.begin(without);
        // The first round compiles.
        for (let r = -1; r < context.rounds; r++) {
          const came = await sw.measure(configuration(listed, vlans));
          await sw.learn(addresses(2));
          const went = await sw.measure(without);
          if (r < 0) continue;
          coming.push(came);
          going.push(went);
          const said = [came, went].map(([stop, cpu]) => `${stop} µs (CPU ${cpu})`).join(' and ');
          context.progress(`change ${what}${where}, round ${r + 1}/${context.rounds}: ${said}`);
        }
      } finally {
        await sw.close();
      }
      for (const [verb, rounds] of [
        ['come', coming],
        ['go', going],
      ] as const) {
        const who = `${what} that ${verb}${where}`;
        report.results.push(
          result(
            who,
            rounds.map(([stop]) => stop),
          ),
        );
        report.results.push(
          result(
            `${who}, CPU`,
            rounds.map(([, cpu]) => cpu),
          ),
        );
      }
    }
  }
  return report;
}
