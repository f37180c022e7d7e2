/**
 * `npm test`: makes the checkout ready and runs the tests.
 *
 * Unit tests run anywhere. Live tests need root, /dev/net/tun, network namespaces and the addon; where one of
 * these is missing they are left out and the reason is printed, unless CI or ETHERLOOM_LIVE=require says that
 * they must run. Arguments go to vitest, for one run of both kinds.
 *
 * Without arguments there are two lanes side by side: live tests, two files at a time, wait more than they work, and
 * unit tests work meanwhile. Some live tests come twice, the second time with two threads that forward (vitest.config.ts).
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, setup } from './setup.mjs';

setup();

function obstacle() {
  if (process.env.ETHERLOOM_LIVE === 'no') return 'ETHERLOOM_LIVE=no';
  if (process.getuid?.() !== 0) return 'not root';
  if (!existsSync('/dev/net/tun')) return 'no /dev/net/tun';
  if (!existsSync(join(root, 'native', 'build', 'Release', 'etherloom.node'))) return 'the native addon is not built';
  const probe = `elprobe${process.pid}`;
  const added = spawnSync('ip', ['netns', 'add', probe], { encoding: 'utf8' });
  if (added.error) return 'no ip command (iproute2)';
  if (added.status !== 0) return `no network namespaces: ${added.stderr.trim()}`;
  spawnSync('ip', ['netns', 'del', probe]);
  return null;
}

const why = obstacle();
const required = process.env.CI === 'true' || process.env.ETHERLOOM_LIVE === 'require';
if (why !== null && required) {
  console.error(`etherloom: the live tests must run here and cannot: ${why}`);
  process.exit(1);
}

const out = mkdtempSync(join(tmpdir(), 'etherloom-test-'));
const isLive = why === null;
const args = process.argv.slice(2);

/** Runs of vitest, by what they are told. */
const UNIT = ['--project', 'unit'];
const LIVE = ['--project', 'live', '--project', 'live-two-workers'];

let runs = isLive ? [LIVE, [...UNIT, `--maxWorkers=${Math.max(1, availableParallelism() - 1)}`]] : [UNIT];
if (args.length > 0) runs = [[...UNIT, ...(isLive ? LIVE : []), ...args]];

const reports = [];
let status = 0;

/** One run; its output in one piece where another lane is under way. */
function vitest(args, inPieces) {
  const report = join(out, `report${reports.length}.json`);
  reports.push(report);
  const child = spawn(
    process.execPath,
    [
      join(root, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      ...args,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
    {
      cwd: root,
      stdio: ['ignore', inPieces ? 'inherit' : 'pipe', inPieces ? 'inherit' : 'pipe'],
    },
  );
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (piece) => said.push(piece));
  return new Promise((resolve) => {
    child.on('close', (code) => {
      process.stdout.write(Buffer.concat(said));
      if (code !== 0) status = code ?? 1;
      resolve();
    });
  });
}

await Promise.all(runs.map((run, n) => vitest(run, n === 0)));

const total = { passed: 0, failed: 0 };
/** By what they belong to: a folder that is missing is one line, not one for each test that wants it. */
const skipped = new Map();
for (const report of reports) {
  if (!existsSync(report)) continue;
  const r = JSON.parse(readFileSync(report, 'utf8'));
  for (const file of r.testResults) {
    for (const t of file.assertionResults)
      if (t.status === 'pending' || t.status === 'skipped') {
        const whole = t.ancestorTitles[0] ?? t.fullName;
        skipped.set(whole, [...(skipped.get(whole) ?? []), t.fullName]);
      }
  }
  total.passed += r.numPassedTests;
  total.failed += r.numFailedTests;
}
for (const [whole, names] of skipped)
  console.log(`skipped: ${names.length === 1 ? names[0] : `${whole}: ${names.length} tests`}`);
const skips = [...skipped.values()].flat().length;
if (!isLive) console.log(`skipped: all live tests (${why})`);
console.log(`tests: ${total.passed} passed, ${total.failed} failed, ${skips} skipped`);
rmSync(out, { recursive: true, force: true });
process.exit(status);
