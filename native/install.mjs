/**
 * Builds the addon when the package is installed, and never fails an install: without the addon everything but
 * TAP and interface ports works, so a missing compiler is a message and not an error.
 *
 * The headers are those of the running node where its prefix has them, so that nothing is fetched. The addon is
 * N-API: one build serves every Node version, and it is built again only when a source is newer.
 *
 *   node native/install.mjs            build if needed; always exit 0
 *   node native/install.mjs --force    build even if the addon looks current
 *   node native/install.mjs --strict   exit 1 when there is no working addon at the end; warnings are errors
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const addon = join(here, 'build', 'Release', 'etherloom.node');
const force = process.argv.includes('--force');
const strict = process.argv.includes('--strict');

const CONSEQUENCE =
  'TAP and interface ports will not work; everything else does. Build later: node native/install.mjs --force';

function giveUp(why, log = '') {
  if (log) process.stderr.write(`${log.trimEnd()}\n`);
  process.stderr.write(`etherloom: native addon not built: ${why}. ${CONSEQUENCE}\n`);
  process.exit(strict ? 1 : 0);
}

const mtime = (path) => statSync(path).mtimeMs;

function isCurrent() {
  if (!existsSync(addon)) return false;
  const built = mtime(addon);
  const sources = readdirSync(join(here, 'src')).map((name) => join(here, 'src', name));
  return [join(here, 'binding.gyp'), ...sources].every((path) => mtime(path) <= built) && loads();
}

/** In a process of its own: an addon built for another machine may do worse than throw. */
function loads() {
  return spawnSync(process.execPath, ['-e', 'require(process.argv[1])', addon], { stdio: 'ignore' }).status === 0;
}

const has = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

/** The prefix of the running node, or null where it came without headers. */
function headers() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? prefix : null;
}

function nodeGyp() {
  try {
    return createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  } catch {
    return null;
  }
}

/** A user without an entry in the password file has no home at all. */
function hasHome() {
  try {
    const home = homedir();
    return home !== '' && home !== '/' && existsSync(home);
  } catch {
    return false;
  }
}

if (process.platform !== 'linux') giveUp(`TAP devices are those of Linux, this is ${process.platform}`);
if (!force && isCurrent()) process.exit(0);

const gyp = nodeGyp();
if (gyp === null) giveUp('the package node-gyp is not installed');
if (!has(process.env.CC?.split(' ')[0] || 'cc') && !has('gcc') && !has('clang')) {
  giveUp('no C compiler (Debian: apt-get install gcc make python3)');
}
if (!has('make')) giveUp('no make (Debian: apt-get install make)');
if (!has(process.env.npm_config_python || process.env.PYTHON || 'python3')) {
  giveUp('no python3, which node-gyp runs on (Debian: apt-get install python3)');
}

// node-gyp keeps downloaded headers under HOME, and wants one even when it needs none.
const scratch = hasHome() ? null : mkdtempSync(join(tmpdir(), 'etherloom-gyp-'));
const prefix = headers();
const args = [gyp, force ? 'rebuild' : 'configure'];
if (!force) args.push('build');
args.push('--loglevel=error', '--directory', here, ...(prefix ? ['--nodedir', prefix] : []));
if (scratch) args.push('--devdir', scratch);
const run = spawnSync(process.execPath, args, {
  encoding: 'utf8',
  env: { ...process.env, ...(scratch ? { HOME: scratch } : {}), ...(strict ? { GYP_DEFINES: 'werror=1' } : {}) },
});
if (scratch) rmSync(scratch, { recursive: true, force: true });

if (run.status !== 0) {
  const why = prefix ? 'the build failed, see above' : 'the build failed, see above (this node came without headers)';
  giveUp(why, `${run.stdout ?? ''}${run.stderr ?? ''}`);
}
if (!loads()) giveUp('it was built, but node cannot load it');
console.log('etherloom: native addon built, TAP ports work');
