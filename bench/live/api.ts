/**
 * api: how long the answer to one question takes while the switch forwards what two hosts send, beside the tools that ask
 * the others: `ovs-vsctl` and `ovs-appctl`, and `bridge fdb show`.
 *
 * Etherloom is asked over one connection that stays open, as a controller does it, once by a client that costs little and once by node's own; the tools
 * are processes, started for every question, since that is how they are used. One that asks Etherloom the same way, a process for each question, is
 * beside them.
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../contender.ts';
import type { Context } from '../forwarding.ts';
import { digits, machine, type Report, result } from '../report.ts';
import { median } from '../stats.ts';
import { type Client, NodeClient, PlainClient } from './clients.ts';
import { Host, stream } from './hosts.ts';
import { hasOvs, liveObstacle } from './obstacle.ts';
import { Etherloom, LinuxBridge, type LiveSwitch, Ovs } from './switches.ts';
import { compilePrograms } from './wires.ts';

/** Ethernet 14, IPv4 20, UDP 8: 64 bytes with the FCS that nobody sees. */
const SMALL_PAYLOAD = 18;
/** Between bursts of 64: about half of what the cores could forward, so that whoever answers has time to. */
const PAUSE_US = 250;
/** Of the time under load, so that the load is there from the first question to the last. */
const LEAD_MS = 300;
const TAIL_MS = 200;
const MIN_SECONDS = 2;
const MAC = '02:00:00:00:aa:01';

interface Question {
  who: string;
  ask(): Promise<void> | void;
}

interface Asked {
  switch: LiveSwitch;
  a: Host;
  b: Host;
  questions: Question[];
  /** Thousands of frames a second, a round each. */
  rates: number[];
}

/** Milliseconds. */
async function firstAnswer(socket: string): Promise<number> {
  const client = new PlainClient(socket);
  const begin = performance.now();
  await client.ask('GET', '/v1/switch');
  client.close();
  return performance.now() - begin;
}

function command(who: string, name: string, args: readonly string[]): Question {
  return {
    who,
    ask() {
      const { status, error } = spawnSync(name, args, { stdio: 'ignore' });
      if (status !== 0) throw new Error(`bench: ${name}: ${error?.message ?? `it ended with ${status}`}`);
    },
  };
}

/** Microseconds of every answer while the load runs; each question has its share of the time. */
async function under(load: string, { a, b, questions }: Asked, seconds: number, rates: number[]): Promise<number[][]> {
  const times: number[][] = questions.map(() => []);
  const running = stream(load, 'udp', a, b, seconds, SMALL_PAYLOAD, PAUSE_US);
  running.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, LEAD_MS));
  const share = (seconds * 1e3 - LEAD_MS - TAIL_MS) / questions.length;
  for (const [k, { ask }] of questions.entries()) {
    const end = performance.now() + share;
    do {
      const begin = performance.now();
      await ask();
      times[k].push((performance.now() - begin) * 1e3);
    } while (performance.now() < end);
  }
  const { frames, ns } = await running;
  rates.push((frames / ns) * 1e6);
  return times;
}

export async function api(context: Context): Promise<Report> {
  const obstacle = liveObstacle();
  if (obstacle !== null) throw new Error(`bench: api: ${obstacle}`);
  const { load } = compilePrograms(context.folder);
  const notes = [
    `microseconds from a question to the whole answer, while two hosts send 64-byte UDP through the switch, 64 frames every ${PAUSE_US} µs and what sending takes`,
    "etherloom: over one connection that stays open, by a client that writes a request and reads to the answer's end; the tools, and etherloom show: a process for each question",
    'the target, 150 µs, is for etherloom over its connection; ratios are those of the tools to it, reading to reading',
  ];
  const missing = hasOvs() ? [] : ['ovs'];
  const closers: (() => void)[] = [];
  const hosts = () => {
    const pair = [new Host('10.9.0.1'), new Host('10.9.0.2')] as const;
    for (const host of pair) closers.push(() => host.close());
    return pair;
  };
  const open = async (one: LiveSwitch, questions: () => Question[]): Promise<Asked> => {
    const [a, b] = hosts();
    closers.push(() => one.close());
    await one.open(a, b, { offloads: false });
    return { switch: one, a, b, questions: questions(), rates: [] };
  };
  try {
    const own = new Etherloom(context.folder);
    const asked = [
      await open(own, () => {
        const plain = new PlainClient(own.socket);
        const node = new NodeClient(own.socket);
        closers.push(
          () => plain.close(),
          () => node.close(),
        );
        const entry = { mac: MAC, vlan: 10, replace: true };
        let moves = 0;
        const next = () => (moves++ % 2 === 0 ? 'p1' : 'p2');
        const reading = (name: string, client: Client, by = '') => ({
          who: `etherloom, ${name}${by}`,
          ask: () => client.ask('GET', `/v1/${name}`),
        });
        return [
          reading('switch', plain),
          reading('ports', plain),
          reading('fdb', plain),
          // To and fro, so that there is a change every time.
          { who: 'etherloom, entry moved', ask: () => plain.ask('POST', '/v1/fdb', { ...entry, port: next() }) },
          reading('fdb', node, " by node's client"),
          command('etherloom show fdb', process.execPath, [
            join(root, 'bin', 'etherloom'),
            'show',
            'fdb',
            '--json',
            '--socket',
            own.socket,
          ]),
        ];
      }),
    ];
    const first = await firstAnswer(own.socket);
    notes.push(`the very first question, which loads the API, took ${digits(first)} ms before there was any load`);
    const bridge = new LinuxBridge();
    asked.push(
      await open(bridge, () => [
        command('bridge fdb show', 'ip', ['netns', 'exec', bridge.namespace, 'bridge', '-json', 'fdb', 'show']),
      ]),
    );
    if (missing.length === 0) {
      const ovs = new Ovs(context.folder);
      asked.push(
        await open(ovs, () => [
          command('ovs-vsctl list-ports', 'ovs-vsctl', ovs.vsctlArgs('list-ports', ovs.bridge)),
          command('ovs-appctl fdb/show', 'ovs-appctl', ovs.appctlArgs('fdb/show', ovs.bridge)),
        ]),
      );
    }
    const all = asked.flatMap(({ questions }) => questions);
    const p50 = all.map((): number[] => []);
    const p99 = all.map((): number[] => []);
    for (let r = 0; r < context.rounds; r++) {
      const order = r % 2 === 0 ? asked : asked.toReversed();
      for (const each of order) {
        const times = await under(load, each, Math.max(MIN_SECONDS, context.seconds), each.rates);
        for (const [k, list] of times.entries()) {
          const at = all.indexOf(each.questions[k]);
          list.sort((x, y) => x - y);
          p50[at].push(median(list));
          p99[at].push(list[Math.floor(list.length * 0.99)]);
        }
      }
      context.progress(
        `api round ${r + 1}/${context.rounds}: ${all.map(({ who }, k) => `${who} ${p50[k][r].toFixed(0)} µs`).join(', ')}`,
      );
    }
    for (const { switch: one, rates } of asked) {
      notes.push(`${one.who} forwarded ${digits(median(rates))} thousand frames a second meanwhile`);
    }
    const results = [
      ...all.map(({ who }, k) => result(`${who}, p50`, p50[k])),
      ...all.map(({ who }, k) => result(`${who}, p99`, p99[k])),
    ];
    const of = (who: string) => results.find((each) => each.who === `${who}, p50`)?.median;
    const ratio = (peer: string, mine: string) => digits(of(peer)! / of(mine)!);
    const ratios: Record<string, number> = { 'linux-bridge': ratio('bridge fdb show', 'etherloom, fdb') };
    if (missing.length === 0) ratios.ovs = ratio('ovs-appctl fdb/show', 'etherloom, fdb');
    const report: Report = {
      scenario: 'api',
      unit: 'µs',
      machine: machine(),
      rounds: context.rounds,
      results,
      ratios,
      notes,
    };
    return missing.length === 0 ? report : { ...report, missing };
  } finally {
    for (const close of closers.reverse()) close();
  }
}
