/**
 * The benchmarks by name. src/cli/bench.ts loads this file, compiled.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ALL_BENCHMARKS, type BENCHMARKS as NAMES } from '../src/cli/bench-names.ts';
import { table } from '../src/cli/text/table.ts';
import { change } from './change.ts';
import type { Clock } from './duel.ts';
import { type Context, s1, s2, s3, s5, s12 } from './forwarding.ts';
import { undoneAtEnd, undoOnSignals } from './leftovers.ts';
import { api } from './live/api.ts';
import { s14 } from './live/idle.ts';
import { s6, s6n, s7, s8, s9 } from './live/wires.ts';
import { s13 } from './memory.ts';
import { micro } from './micro.ts';
import { MIXED_UNITS, markdown, type Report, text } from './report.ts';
import { routing } from './routing.ts';
import { s10 } from './scaling.ts';
import { s11 } from './table.ts';
import { s4 } from './tunnels.ts';

export type Benchmark = (context: Context) => Promise<Report>;

export interface BenchOptions {
  json: boolean;
  rounds?: number | undefined;
  seconds?: number | undefined;
  /** Of benchmarks in memory. */
  clock?: Clock | undefined;
  svg?: string | undefined;
  /** Folder for each report as JSON and as a chart, and for all as results.md. */
  out?: string | undefined;
}

const ROUNDS = 7;
const SECONDS = 3;

export const BENCHMARKS: Readonly<Record<(typeof NAMES)[number], Benchmark>> = {
  S1: s1,
  S2: s2,
  S3: s3,
  S4: s4,
  S5: s5,
  S6: s6,
  S6n: s6n,
  S7: s7,
  S8: s8,
  S9: s9,
  S10: s10,
  S11: s11,
  S12: s12,
  S13: s13,
  S14: s14,
  api,
  routing,
  change,
  micro,
};

/** Where a single thread does the work of a round, so that its processor time says what the work costs. */
const ON_ONE_THREAD: ReadonlySet<string> = new Set(['S1', 'S2', 'S3', 'S4', 'S5', 'S12', 'routing']);

/**
 * Runs benchmarks one after the other; `print` takes what goes to stdout, `progress` what a person may read meanwhile.
 * One that fails does not keep the others from running; the status is then 1.
 */
export async function runAll(
  names: readonly string[],
  options: BenchOptions,
  print: (text: string) => void,
  progress: (line: string) => void,
  benchmarks: Readonly<Record<string, Benchmark>> = BENCHMARKS,
): Promise<number> {
  const valid = Object.keys(benchmarks);
  const wanted = names.flatMap((name) => (name === ALL_BENCHMARKS ? valid.filter((each) => each !== 'micro') : [name]));
  const unknown = wanted.find((name) => !valid.includes(name));
  if (unknown !== undefined) {
    progress(
      `etherloom: there is no benchmark ${JSON.stringify(unknown)}; valid are ${valid.join(', ')}, ${ALL_BENCHMARKS}`,
    );
    return 2;
  }
  const reports: Report[] = [];
  let status = 0;
  const ignoreSignals = undoOnSignals();
  for (const name of wanted) {
    const folder = mkdtempSync(join(tmpdir(), 'etherloom-bench-'));
    const remove = undoneAtEnd(() => rmSync(folder, { recursive: true, force: true }));
    try {
      const { rounds = ROUNDS, seconds = SECONDS } = options;
      const clock = ON_ONE_THREAD.has(name) ? options.clock : undefined;
      const report = await benchmarks[name]({ folder, progress, rounds, seconds, clock });
      if (clock === 'processor') {
        report.clock = clock;
        report.notes = [...(report.notes ?? []), 'by processor time of the thread that does the work'];
      }
      reports.push(report);
      print(options.json ? `${JSON.stringify(report)}\n` : text(report, table));
    } catch (error) {
      progress(`etherloom: ${(error as Error).message}`);
      status = 1;
    } finally {
      remove();
    }
  }
  ignoreSignals();
  try {
    await save(reports, options);
  } catch (error) {
    progress(`etherloom: ${(error as Error).message}`);
    return 1;
  }
  return status;
}

async function save(reports: readonly Report[], { svg, out }: BenchOptions): Promise<void> {
  if (svg === undefined && out === undefined) return;
  const { chart } = await import('./svg.ts');
  if (svg !== undefined) writeFileSync(svg, chart(reports));
  if (out === undefined) return;
  mkdirSync(out, { recursive: true });
  for (const report of reports) {
    const name = report.scenario.toLowerCase();
    writeFileSync(join(out, `${name}.json`), `${JSON.stringify(report, null, 2)}\n`);
    if (report.unit !== MIXED_UNITS) writeFileSync(join(out, `${name}.svg`), chart([report]));
  }
  writeFileSync(join(out, 'results.md'), markdown(reports, new Date()));
}
