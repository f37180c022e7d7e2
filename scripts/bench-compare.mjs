/**
 * `npm run bench:compare -- BASE [NAME...] [--rounds N] [--seconds N]`: the benchmarks of a revision and of this checkout as
 * it stands, in turn on this machine: base, change, base again, round by round. S1, when none is named. By processor time, where both
 * revisions can and a single thread does the work.
 *
 * The base is built in a worktree of its own, which is removed. Ends with 1 when something is slower by more than the base
 * differs from itself, with 2 when it cannot be told.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, setup } from './setup.mjs';

const USAGE = 'usage: npm run bench:compare -- BASE [NAME...] [--rounds N] [--seconds N]';

function fail(message) {
  console.error(`bench:compare: ${message}`);
  process.exit(2);
}

function git(...args) {
  const { status, stdout, stderr } = spawnSync('git', ['-C', root, ...args], { encoding: 'utf8' });
  return { ok: status === 0, text: (status === 0 ? stdout : stderr).trim() };
}

function read() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { rounds: { type: 'string', default: '9' }, seconds: { type: 'string', default: '1' } },
    });
    for (const name of ['rounds', 'seconds']) {
      if (!/^[1-9]\d{0,2}$/.test(values[name])) throw new Error(`--${name}: ${values[name]} is not one of 1 to 999`);
    }
    if (positionals.length === 0) throw new Error(USAGE);
    const [base, ...names] = positionals;
    return { base, names: names.length === 0 ? ['S1'] : names, rounds: Number(values.rounds), seconds: values.seconds };
  } catch (error) {
    return fail(error.message);
  }
}

/** Builds the revision in a folder that goes when this process does. */
function build(revision) {
  const folder = mkdtempSync(join(tmpdir(), 'etherloom-base-'));
  process.on('exit', () => {
    git('worktree', 'remove', '--force', folder);
    rmSync(folder, { recursive: true, force: true });
  });
  const added = git('worktree', 'add', '--detach', '--force', folder, revision);
  if (!added.ok) fail(added.text);
  const lock = (of) => readFileSync(join(of, 'package-lock.json'), 'utf8');
  if (lock(folder) === lock(root)) symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const { status } = spawnSync(process.execPath, ['scripts/setup.mjs'], { cwd: folder, stdio: 'inherit' });
  if (status !== 0) fail('the base does not build');
  return folder;
}

function bench(folder, name, seconds, clock) {
  const args = [
    join(folder, 'bin', 'etherloom'),
    'bench',
    name,
    '--rounds',
    '1',
    '--seconds',
    seconds,
    '--json',
    ...clock,
  ];
  return spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
}

const PROCESSOR = ['--clock', 'processor'];

/** What to ask both for: an older base knows no other clock. */
function clockOf(base, name) {
  const { status, stdout } = bench(base, name, '1', PROCESSOR);
  return status === 0 && JSON.parse(stdout).clock === 'processor' ? PROCESSOR : [];
}

/** One round of one benchmark, as its report. */
function run(folder, name, seconds, clock) {
  const { status, stdout, stderr } = bench(folder, name, seconds, clock);
  if (status !== 0)
    fail(`${name} in ${folder === root ? 'this checkout' : 'the base'}: ${stderr.trim().split('\n').at(-1)}`);
  return JSON.parse(stdout);
}

const { base, names, rounds, seconds } = read();
const found = git('rev-parse', '--verify', '--quiet', '--end-of-options', `${base}^{commit}`);
if (!found.ok) fail(`no revision ${JSON.stringify(base)}`);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(2));
setup();
const { compareReports, comparisonText } = await import(new URL('../out/bench/bench/compare.js', import.meta.url).href);
const { BENCHMARKS } = await import(new URL('../out/bench/bench/main.js', import.meta.url).href);
const unknown = names.find((name) => !Object.hasOwn(BENCHMARKS, name));
if (unknown !== undefined)
  fail(`no benchmark ${JSON.stringify(unknown)}; there are ${Object.keys(BENCHMARKS).join(', ')}`);
const folder = build(found.text);
if (!existsSync(join(folder, 'out', 'bench', 'bench', 'main.js'))) fail('the base has no benchmarks');

const all = [];
for (const name of names) {
  const reports = [];
  const clock = clockOf(folder, name);
  console.error(`${name}: ${clock === PROCESSOR ? 'processor time' : 'time of the clock'}`);
  for (let r = 0; r < rounds; r++) {
    const one = run(folder, name, seconds, clock);
    const change = run(root, name, seconds, clock);
    const two = run(folder, name, seconds, clock);
    // Which of its two runs is the first changes, so that a machine that gets slower or faster has no side.
    reports.push(r % 2 === 0 ? [one, change, two] : [two, change, one]);
    console.error(`${name} round ${r + 1}/${rounds}`);
  }
  all.push(...compareReports(reports));
}
if (all.length === 0) fail('base and change have no rows in common');
process.stdout.write(`${comparisonText(all)}\n`);
console.log(
  `base ${found.text.slice(0, 10)}, ${rounds} rounds of ${seconds} s; speed: change over base, above 1 it is faster`,
);
console.log(
  'noise: what the base, measured twice a round, differs from itself (95 % interval of the median), at least 2 %',
);
process.exit(all.some(({ verdict }) => verdict === 'slower') ? 1 : 0);
