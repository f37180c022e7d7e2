/**
 * What a benchmark says, as one object, and as text.
 */

import { readFileSync } from 'node:fs';
import { arch, cpus } from 'node:os';
import { type Summary, summarize } from './stats.ts';

export interface Result extends Summary {
  who: string;
}

export interface Report {
  scenario: string;
  unit: string;
  machine: string;
  rounds: number;
  results: Result[];
  /** Etherloom over the peer: higher is better. */
  ratios: Record<string, number>;
  missing?: string[];
  notes?: string[];
}

export function machine(): string {
  const all = cpus();
  let model = all[0]?.model.trim() ?? arch();
  try {
    model = /^model name\s*:\s*(.+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? model;
  } catch {
    // no /proc: what Node says will do
  }
  return `${model}, ${all.length} cores, Node ${process.versions.node}`;
}

export function result(who: string, values: readonly number[]): Result {
  return { who, ...rounded(summarize(values)) };
}

function rounded({ median, low, high }: Summary): Summary {
  return { median: digits(median), low: digits(low), high: digits(high) };
}

/** Four digits: no figure here is surer than that. */
export function digits(value: number): number {
  return Number(value.toPrecision(4));
}

export function text(report: Report, table: (head: string[], rows: (string | number)[][]) => string): string {
  const { scenario, unit, results, ratios, missing, notes } = report;
  const lines = [`${scenario}  ${unit}  (${report.rounds} rounds; ${report.machine})`, ''];
  lines.push(
    table(
      ['', 'median', 'low', 'high'],
      results.map((r) => [r.who, r.median, r.low, r.high]),
    ),
  );
  for (const [peer, ratio] of Object.entries(ratios)) lines.push(`Etherloom / ${peer}: ${ratio}`);
  if (missing !== undefined) lines.push(`not compared with: ${missing.join(', ')}`);
  for (const note of notes ?? []) lines.push(`- ${note}`);
  return `${lines.join('\n')}\n`;
}
