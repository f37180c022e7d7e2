/**
 * `npm test`: makes the checkout ready and runs the tests.
 *
 * Unit tests run anywhere. Live tests need root, /dev/net/tun, network namespaces and the addon; where one of
 * these is missing they are left out and the reason is printed, unless CI or ETHERLOOM_LIVE=require says that
 * they must run. Arguments go to vitest.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
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
const report = join(out, 'report.json');
const projects = why === null ? ['--project', 'unit', '--project', 'live'] : ['--project', 'unit'];
const { status } = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    ...projects,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
);
if (existsSync(report)) {
  const r = JSON.parse(readFileSync(report, 'utf8'));
  const skipped = [];
  for (const file of r.testResults) {
    for (const t of file.assertionResults)
      if (t.status === 'pending' || t.status === 'skipped') skipped.push(t.fullName);
  }
  for (const name of skipped) console.log(`skipped: ${name}`);
  if (why !== null) console.log(`skipped: all live tests (${why})`);
  console.log(`tests: ${r.numPassedTests} passed, ${r.numFailedTests} failed, ${skipped.length} skipped`);
}
rmSync(out, { recursive: true, force: true });
process.exit(status ?? 1);
