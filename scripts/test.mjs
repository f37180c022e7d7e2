/**
 * `npm test`: makes the checkout ready and runs the tests.
 *
 * Unit tests run anywhere. Live tests need root, /dev/net/tun, network namespaces and the addon; where one of
 * these is missing they are left out and the reason is printed, unless CI or ETHERLOOM_LIVE=require says that
 * they must run. Arguments go to vitest, for one run of both kinds.
 *
 * Without arguments there are two lanes side by side: live tests, two files at a time, wait more than they work, and
 * unit tests work meanwhile. A live file or two that alone failed run once more, alone, and are told as unsteady where they pass then. Some live tests come twice, the second time with two threads that forward (vitest.config.ts).
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, setup } from './setup.mjs';
import { again, summary } from './test-summary.mjs';

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

const REPORTERS = ['--reporter=default', `--reporter=${join(root, 'scripts', 'test-reporter.mjs')}`];

let runs = isLive ? [LIVE, [...UNIT, `--maxWorkers=${Math.max(1, availableParallelism() - 1)}`]] : [UNIT];
if (args.length > 0) runs = [[...UNIT, ...(isLive ? LIVE : []), ...args]];

/** One run; its output in one piece where another lane is under way. */
function vitest(args, n, inPieces) {
  const outputFile = join(out, `report${n}.json`);
  const child = spawn(
    process.execPath,
    [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...args, ...REPORTERS],
    {
      cwd: root,
      stdio: ['ignore', inPieces ? 'inherit' : 'pipe', inPieces ? 'inherit' : 'pipe'],
      env: { ...process.env, ETHERLOOM_TEST_REPORT: outputFile },
    },
  );
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (piece) => said.push(piece));
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      process.stdout.write(Buffer.concat(said));
      const report = existsSync(outputFile) ? JSON.parse(readFileSync(outputFile, 'utf8')) : null;
      resolve({ run: args.join(' '), status: code ?? signal, report });
    });
  });
}

const reports = await Promise.all(runs.map((run, n) => vitest(run, n, n === 0)));

// Arguments are a developer's, who looks at the failure itself.
const second = [];
for (const { project, file } of args.length > 0 ? [] : again(reports)) {
  console.log(`\nonce more, alone: ${project} ${file}`);
  second.push(await vitest(['--project', project, file], runs.length + second.length, true));
}
rmSync(out, { recursive: true, force: true });

if (!isLive) console.log(`skipped: all live tests (${why})`);
const { lines, ok } = summary(reports, second);
for (const line of lines) console.log(line);
process.exitCode = ok ? 0 : 1;
