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
  /** Its times are of the processor, not of the clock. */
  clock?: 'processor';
}

/** The unit of a report whose rows have one each. */
export const MIXED_UNITS = 'see each row';

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

/** All reports as a page: what was measured, when, on what, a table and the notes of each. */
export function markdown(reports: readonly Report[], date: Date): string {
  const lines = [
    '# Benchmark results',
    '',
    `${date.toISOString().slice(0, 10)}, ${machine()}. Written by \`etherloom bench\`.`,
  ];
  for (const { scenario, unit, rounds, results, ratios, missing, notes } of reports) {
    lines.push('', `## ${scenario}`, '', `${rounds} rounds; unit: ${unit}.`, '');
    if (unit !== MIXED_UNITS) lines.push(`![${scenario}](${scenario.toLowerCase()}.svg)`, '');
    lines.push('| | median | 95 % interval |', '|---|---:|---:|');
    for (const { who, median, low, high } of results) lines.push(`| ${who} | ${median} | ${low} to ${high} |`);
    const said = Object.entries(ratios).map(([peer, ratio]) => `- Etherloom / ${peer}: **${ratio}**`);
    if (missing !== undefined) said.push(`- not compared with: ${missing.join(', ')}`);
    lines.push('', ...said, ...(notes ?? []).map((note) => `- ${note}`));
  }
  return `${lines.join('\n')}\n`;
}
