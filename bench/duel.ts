/**
 * Two or more contenders in one run: A-B-B-A, so that a machine that slows down or speeds up hits all alike.
 */

import type { Round } from './contender.ts';
import { digits } from './report.ts';
import { median, type Summary, spread, summarize } from './stats.ts';

export interface Runner {
  readonly who: string;
  round(seconds: number): Promise<Round>;
  /** Processor time of the thread that does the work, so far. */
  processorNs?(): number;
}

export interface Times {
  /** Nanoseconds a frame, round by round, per runner. */
  ns: number[][];
}

export interface Options {
  rounds: number;
  seconds: number;
  /**
   * What a round's time is: that of the clock when left out, or the processor's, where a single thread does a runner's work. Other programs
   * on the machine take the former and leave the latter nearly alone.
   */
  clock?: Clock | undefined;
  /** Told after every round. */
  progress(line: string): void;
}

export const CLOCKS = ['wall', 'processor'] as const;
export type Clock = (typeof CLOCKS)[number];

/** A peer whose rounds are further apart is reported. */
const UNSTEADY = 0.15;

async function nsOfFrame(runner: Runner, { seconds, clock }: Options): Promise<number> {
  const before = clock === 'processor' ? runner.processorNs?.() : undefined;
  const { frames, ns, timed = 1 } = await runner.round(seconds);
  // Frames that are laid anew between timed parts take the processor, too.
  return (before === undefined ? ns : (runner.processorNs!() - before) * timed) / frames;
}

export async function duel(runners: readonly Runner[], options: Options, title: string): Promise<Times> {
  const ns: number[][] = runners.map(() => []);
  // Half a round for each to warm up.
  for (const runner of runners) await runner.round(Math.max(0.3, options.seconds / 2));
  for (let r = 0; r < options.rounds; r++) {
    const order = runners.map((_, k) => k);
    if (r % 2 === 1) order.reverse();
    for (const k of order) {
      ns[k].push(await nsOfFrame(runners[k], options));
    }
    const said = runners.map(({ who }, k) => `${who} ${ns[k][r].toFixed(1)} ns`).join(', ');
    options.progress(`${title} round ${r + 1}/${options.rounds}: ${said}`);
  }
  return { ns };
}

/** Speed of one over another from times, round by round: above 1 the first is faster. */
export function speedRatio(mine: readonly number[], peers: readonly number[]): Summary {
  return summarize(mine.map((ns, r) => peers[r] / ns));
}

export function ratioNote(peer: string, ratio: Summary, target?: string): string {
  const interval = `95 % interval ${digits(ratio.low)} to ${digits(ratio.high)}`;
  return `ratio to ${peer}: ${digits(ratio.median)}, ${interval}${target === undefined ? '' : `; target ${target}`}`;
}

/** What to say of a peer that varied, or nothing; with the fastest rounds of both sides, which a busy machine hits least. */
export function unsteady(who: string, times: readonly number[], mine: readonly number[] = []): string[] {
  const apart = spread(times);
  if (apart <= UNSTEADY) return [];
  const best = (of: readonly number[]) => Math.min(...of).toFixed(1);
  const fastest =
    mine.length === 0 ? '' : `; fastest rounds: etherloom ${best(mine)} ns, ${who} ${best(times)} ns a frame`;
  return [
    `${who} varied by ${Math.round(apart * 100)} % around ${median(times).toFixed(1)} ns: a busy machine${fastest}`,
  ];
}
