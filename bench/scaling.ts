/**
 * S10: two workers beside one, in memory: the frames of S1, forwarded in turns as a running switch does, over one set of tables.
 *
 * Both are Etherloom. The ratio is of what came out by the clock on the wall, and on a machine that has something else to do two threads do
 * not get two processors. The processor time that a frame took is noted beside it: it tells what sharing costs, and is no rate.
 */

import { Contender, worker } from './contender.ts';
import { duel, type Runner, ratioNote, speedRatio, unsteady } from './duel.ts';
import { type Context, S1 } from './forwarding.ts';
import { digits, machine, type Report, result } from './report.ts';
import { expectedDigest, makeFrames, saveFrames } from './world.ts';

const TARGET = '1.8';

class Crew implements Runner {
  readonly who: string;
  readonly contender: Contender;
  /** Processor time of a frame in nanoseconds, round by round, the one to warm up first. */
  readonly cpuNs: number[] = [];

  constructor(who: string, workers: number, file: string) {
    this.who = who;
    const args = ['turns', S1.macs, S1.ports, S1.vlans, file, workers].map(String);
    this.contender = new Contender(who, process.execPath, ['--expose-gc', worker, ...args]);
  }

  async round(seconds: number) {
    const [frames, ns, cpuNs] = (await this.contender.ask(String(seconds))).split(' ').map(Number);
    if (!(frames > 0 && ns > 0)) throw new Error(`bench: ${this.who} did nothing`);
    this.cpuNs.push(cpuNs / frames);
    return { frames, ns };
  }
}

export async function s10(context: Context): Promise<Report> {
  const file = `${context.folder}/frames-s10`;
  const frames = makeFrames(S1);
  saveFrames(file, frames);
  const one = new Crew('one-worker', 1, file);
  const two = new Crew('etherloom', 2, file);
  try {
    for (const { who, contender } of [one, two]) {
      await contender.ready();
      if ((await contender.ask('check')) !== String(expectedDigest(S1, frames))) {
        throw new Error(`bench: ${who} does not deliver what it must`);
      }
    }
    const { ns } = await duel([two, one], context, 'S10');
    const ratio = speedRatio(ns[0], ns[1]);
    const shared = speedRatio(two.cpuNs.slice(1), one.cpuNs.slice(1));
    const mpps = (times: readonly number[]) => times.map((n) => 1e3 / n);
    return {
      scenario: 'S10',
      unit: 'Mframes/s',
      machine: machine(),
      rounds: context.rounds,
      results: [result('etherloom, two workers', mpps(ns[0])), result('one-worker', mpps(ns[1]))],
      ratios: { 'one-worker': digits(ratio.median) },
      notes: [
        'the frames of S1 in turns, each worker with 1,024 frames of its own; one set of tables',
        ratioNote('one-worker', ratio, TARGET),
        `processor time of a frame, one worker over two: ${digits(shared.median)}, 95 % interval ${digits(shared.low)} to ${digits(shared.high)}; below 1 sharing costs something, above 1 other programs had a part in it`,
        ...unsteady('one-worker', ns[1], ns[0]),
      ],
    };
  } finally {
    one.contender.stop();
    two.contender.stop();
  }
}
