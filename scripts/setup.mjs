/**
 * Makes a checkout ready: dependencies, addon, build; each only when needed. `npm start`, `npm test` and the CI
 * script call this, so that a clean clone needs nothing else.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs a command in the checkout; ends this process with its status when it fails. */
export function must(command, args, what) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (error) console.error(`etherloom: ${what}: ${error.message}`);
  if (status !== 0) {
    console.error(`etherloom: ${what} failed`);
    process.exit(status || 1);
  }
}

/** The name says the lock file that node_modules was made from, so that a pulled change installs again. */
function installed() {
  const stamp = join(root, 'node_modules', '.etherloom-lock');
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  return { stamp, hash, current: existsSync(stamp) && readFileSync(stamp, 'utf8') === hash };
}

function newest(dir) {
  let time = 0;
  for (const entry of readdirSync(dir, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) time = Math.max(time, statSync(join(entry.parentPath, entry.name)).mtimeMs);
  }
  return time;
}

/** Missing, or older than a source of it: a pulled change builds again. */
function addonIsStale() {
  const addon = join(root, 'native', 'build', 'Release', 'etherloom.node');
  return !existsSync(addon) || newest(join(root, 'native', 'src')) > statSync(addon).mtimeMs;
}

function built() {
  const stamp = join(root, 'dist', '.built');
  if (!existsSync(stamp)) return false;
  const time = statSync(stamp).mtimeMs;
  const sources = ['tsconfig.json', 'tsconfig.bench.json', 'tsconfig.page.json', 'package.json'].filter((f) =>
    existsSync(join(root, f)),
  );
  return (
    Math.max(newest(join(root, 'src')), newest(join(root, 'bench'))) <= time &&
    sources.every((f) => statSync(join(root, f)).mtimeMs <= time)
  );
}

export function setup() {
  const { stamp, hash, current } = installed();
  if (!current) {
    console.error('etherloom: installing dependencies and building the addon');
    must('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], 'npm ci');
    writeFileSync(stamp, hash);
  } else if (addonIsStale()) {
    must(process.execPath, ['native/install.mjs'], 'building the addon');
  }
  if (!built()) {
    console.error('etherloom: building');
    must(process.execPath, ['scripts/build.mjs'], 'the build');
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setup();
