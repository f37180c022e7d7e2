/**
 * Base against change: what rounds of both, in turn, say about a change, and how sure that is.
 *
 * A round is base, change, base again. The two runs of the base show what the machine does to a figure by itself: their
 * ratio is 1 but for noise. A change counts when it is beyond that, and beyond what nobody would act on.
 */

import { table } from '../src/cli/text/table.ts';
import { digits, MIXED_UNITS, type Report } from './report.ts';
import { median, type Summary, summarize } from './stats.ts';

/** The same row, in the three runs of each round. */
export interface Rounds {
  base: number[];
  change: number[];
  again: number[];
}

export interface Comparison {
  base: number;
  change: number;
  /** Speed of the change over that of the base: above 1 it is faster. */
  ratio: Summary;
  /** How far a ratio may be from 1 and mean nothing. */
  threshold: number;
  verdict: 'same' | 'faster' | 'slower';
}

/** Less than this is no reason to do anything, however quiet the machine. */
const LEAST = 0.02;

export function compareRounds({ base, change, again }: Rounds, higherIsBetter: boolean): Comparison {
  const speedOf = (value: number, peer: number) => {
    if (value === peer) return 1;
    return higherIsBetter ? value / peer : peer / value;
  };
  const noise = summarize(base.map((value, r) => speedOf(again[r], value)));
  const threshold = Math.max(LEAST, 1 - noise.low, noise.high - 1);
  const ratio = summarize(change.map((value, r) => speedOf(value, (base[r] + again[r]) / 2)));
  let verdict: Comparison['verdict'] = 'same';
  if (ratio.median < 1 - threshold && ratio.high < 1) verdict = 'slower';
  else if (ratio.median > 1 + threshold && ratio.low > 1) verdict = 'faster';
  return { base: median([...base, ...again]), change: median(change), ratio, threshold, verdict };
}

/** Etherloom's own rows of a report; the others are peers. */
export function ownRows({ results, scenario }: Report): Map<string, number> {
  const own = results.filter(({ who }) => scenario === 'micro' || /^etherloom(,|$)/.test(who));
  return new Map(own.map(({ who, median: value }) => [who, value]));
}

/** Rates are better when they are higher; times, bytes and counts when they are lower. */
export function isRate(report: Report): boolean {
  return report.unit.endsWith('/s');
}

export interface Compared extends Comparison {
  scenario: string;
  who: string;
  unit: string;
}

/** Reports of one benchmark, three a round: base, change, base again. Rows that not all have are left out. */
export function compareReports(rounds: readonly (readonly [Report, Report, Report])[]): Compared[] {
  const [, report] = rounds[0];
  const compared: Compared[] = [];
  for (const who of ownRows(report).keys()) {
    const columns = [0, 1, 2].map((side) => rounds.map((round) => ownRows(round[side]).get(who)));
    if (columns.some((column) => column.includes(undefined))) continue;
    const [base, change, again] = columns as number[][];
    const comparison = compareRounds({ base, change, again }, isRate(report));
    compared.push({ scenario: report.scenario, who, unit: report.unit, ...comparison });
  }
  return compared;
}

/** As a table for a terminal. */
export function comparisonText(all: readonly Compared[]): string {
  const head = ['', 'row', 'base', 'change', 'speed', '95 % interval', 'noise', ''];
  const rows = all.map(({ scenario, who, unit, base, change, ratio, threshold, verdict }) => [
    scenario,
    `${who.replace(/^etherloom(, )?/, '')} ${unit === MIXED_UNITS ? '' : unit}`.trim(),
    digits(base),
    digits(change),
    ratio.median.toFixed(3),
    `${ratio.low.toFixed(3)} to ${ratio.high.toFixed(3)}`,
    `${(threshold * 100).toFixed(1)} %`,
    verdict,
  ]);
  return table(head, rows);
}
