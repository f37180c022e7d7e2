/** The shape of what `etherloom bench` prints, with benchmarks that measure nothing. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { BENCHMARKS, type Benchmark, runAll } from '../../../bench/main.ts';
import { machine, type Report, result } from '../../../bench/report.ts';
import { chart } from '../../../bench/svg.ts';

const bin = fileURLToPath(new URL('../../../bin/etherloom', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'etherloom-bench-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const fake: Benchmark = async ({ rounds, progress }): Promise<Report> => {
  progress('round 1');
  return {
    scenario: 'S1',
    unit: 'Mframes/s',
    machine: machine(),
    rounds,
    results: [result('etherloom, <quick> & "dirty"', [40, 41, 42]), result('c, same', [50, 51, 52])],
    ratios: { c: 0.8 },
    missing: ['ovs-dpdk'],
    notes: ['nothing was measured'],
  };
};

async function run(names: string[], options: object, benchmarks: Record<string, Benchmark> = { S1: fake }) {
  let out = '';
  let err = '';
  const status = await runAll(
    names,
    { json: false, ...options },
    (text) => {
      out += text;
    },
    (line) => {
      err += `${line}\n`;
    },
    benchmarks,
  );
  return { status, out, err };
}

test('--json prints one object a benchmark, and progress goes elsewhere', async () => {
  const { status, out, err } = await run(['S1', 'S1'], { json: true, rounds: 3 });
  expect(status).toBe(0);
  expect(err).toBe('round 1\nround 1\n');
  const lines = out.trimEnd().split('\n');
  expect(lines).toHaveLength(2);
  const report = JSON.parse(lines[0]);
  expect(Object.keys(report)).toEqual([
    'scenario',
    'unit',
    'machine',
    'rounds',
    'results',
    'ratios',
    'missing',
    'notes',
  ]);
  expect(report).toMatchObject({ scenario: 'S1', rounds: 3, ratios: { c: 0.8 }, missing: ['ovs-dpdk'] });
  expect(Object.keys(report.results[0])).toEqual(['who', 'median', 'low', 'high']);
});

test('text names unit, ratio, what is missing and every note', async () => {
  const { out } = await run(['S1'], {});
  for (const part of ['Mframes/s', 'Etherloom / c: 0.8', 'not compared with: ovs-dpdk', '- nothing was measured']) {
    expect(out).toContain(part);
  }
});

test('an unknown name is one line with the valid ones, and nothing runs', async () => {
  const { status, out, err } = await run(['S1', 'S99'], {});
  expect(status).toBe(2);
  expect(out).toBe('');
  expect(err).toBe('etherloom: there is no benchmark "S99"; valid are S1, all\n');
});

test('a failure is one line and status 1', async () => {
  const failing: Benchmark = () => Promise.reject(new Error('bench: c does not deliver what it must'));
  const { status, err } = await run(['S1'], {}, { S1: failing });
  expect(status).toBe(1);
  expect(err).toBe('etherloom: bench: c does not deliver what it must\n');
});

test('the benchmarks that the command names are there', () => {
  const help = spawnSync(process.execPath, [bin, 'bench', '--help'], { encoding: 'utf8' }).stdout.replace(/\s+/g, ' ');
  for (const name of Object.keys(BENCHMARKS)) expect(help).toContain(name);
  expect(Object.keys(BENCHMARKS).length).toBeGreaterThan(9);
});

test('--svg writes a well-formed chart with bars, values and the ratio', async () => {
  const file = join(folder, 'chart.svg');
  await run(['S1'], { svg: file });
  const svg = readFileSync(file, 'utf8');
  expect(svg).toContain('Etherloom / c: 0.8 (target 0.8)');
  expect(svg).toContain('&lt;quick&gt; &amp; &quot;dirty&quot;');
  expect(unclosed(svg)).toEqual([]);
});

test('a chart of benchmarks without results or with zeros is well-formed too', async () => {
  const report = await fake({ rounds: 1, seconds: 1, folder, progress: () => {} });
  const empty = { ...report, results: [] };
  const zero = { ...report, results: [result('etherloom', [0, 0])] };
  const svg = chart([empty, zero]);
  expect(unclosed(svg)).toEqual([]);
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
});

/** Elements left open, or closed without having been opened; attributes must be quoted and texts escaped. */
function unclosed(xml: string): string[] {
  const open: string[] = [];
  const rest = xml.replace(
    /<(\/?)(\w+)((?:\s+[\w-]+="[^"<&]*")*)\s*(\/?)>/g,
    (_, closing, name, _attributes, empty) => {
      if (closing === '/') {
        if (open.pop() !== name) open.push(`/${name}`);
      } else if (empty !== '/') open.push(name);
      return '';
    },
  );
  if (/[<>]/.test(rest)) open.push('text with angle brackets');
  if (/&(?!(amp|lt|gt|quot);)/.test(rest)) open.push('bare ampersand');
  return open;
}

test('--out writes each as JSON and as a chart, and all as a page; one that fails does not keep the others', async () => {
  const out = join(folder, 'out');
  const benchmarks = {
    S1: fake,
    S2: async (): Promise<Report> => {
      throw new Error('bench: S2: it cannot');
    },
    S13: async (context: Parameters<Benchmark>[0]) => ({
      ...(await fake(context)),
      scenario: 'S13',
      unit: 'see each row',
    }),
  };
  const said: string[] = [];
  const options = { json: true, rounds: 1, seconds: 1, out };
  expect(
    await runAll(
      ['all'],
      options,
      () => {},
      (line) => said.push(line),
      benchmarks,
    ),
  ).toBe(1);
  expect(said).toContain('etherloom: bench: S2: it cannot');
  expect(readdirSync(out).sort()).toEqual(['results.md', 's1.json', 's1.svg', 's13.json']);
  expect(JSON.parse(readFileSync(join(out, 's1.json'), 'utf8')).ratios).toEqual({ c: 0.8 });
  const page = readFileSync(join(out, 'results.md'), 'utf8');
  expect(page).toContain('![S1](s1.svg)');
  expect(page).toContain('- Etherloom / c: **0.8**');
  expect(page).toContain('- not compared with: ovs-dpdk');
});
