/**
 * The benchmarks by name. src/cli/bench.ts loads this file, compiled.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { table } from '../src/cli/table.ts';
import { type Context, s1, s2, s3, s5, s12 } from './forwarding.ts';
import { s14 } from './live/idle.ts';
import { s6, s6n, s7, s8, s9 } from './live/wires.ts';
import { s13 } from './memory.ts';
import { micro } from './micro.ts';
import { type Report, text } from './report.ts';
import { s11 } from './table.ts';
import { s4 } from './tunnels.ts';

export type Benchmark = (context: Context) => Promise<Report>;

export interface BenchOptions {
  json: boolean;
  rounds?: number | undefined;
  seconds?: number | undefined;
  svg?: string | undefined;
}

const ROUNDS = 7;
const SECONDS = 3;

export const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
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
  S11: s11,
  S12: s12,
  S13: s13,
  S14: s14,
  micro,
};

/** Runs benchmarks one after the other; `print` takes what goes to stdout, `progress` what a person may read meanwhile. */
export async function runAll(
  names: readonly string[],
  options: BenchOptions,
  print: (text: string) => void,
  progress: (line: string) => void,
  benchmarks: Readonly<Record<string, Benchmark>> = BENCHMARKS,
): Promise<number> {
  const valid = Object.keys(benchmarks);
  const unknown = names.find((name) => !valid.includes(name));
  if (unknown !== undefined) {
    progress(`etherloom bench: no benchmark ${JSON.stringify(unknown)}; there are ${valid.join(', ')}`);
    return 2;
  }
  const folder = mkdtempSync(join(tmpdir(), 'etherloom-bench-'));
  const reports: Report[] = [];
  try {
    const context: Context = {
      folder,
      progress,
      rounds: options.rounds ?? ROUNDS,
      seconds: options.seconds ?? SECONDS,
    };
    for (const name of names) {
      const report = await benchmarks[name](context);
      reports.push(report);
      print(options.json ? `${JSON.stringify(report)}\n` : text(report, table));
    }
    if (options.svg !== undefined) {
      const { chart } = await import('./svg.ts');
      writeFileSync(options.svg, chart(reports));
    }
    return 0;
  } catch (error) {
    progress(`etherloom ${(error as Error).message}`);
    return 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
