/**
 * `npm run sanitize`: the addon under AddressSanitizer and UndefinedBehaviorSanitizer.
 *
 * It is built in a folder of its own, and what tests it hardest runs with that build: hostile arguments, threads that
 * come and go, and with root the suite that every adapter passes, on a copy of the sources beside the build. Needs
 * gcc with its sanitizers (Debian: gcc). Leaks are not looked for: node keeps what it has until its end.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root, setup } from './setup.mjs';

const FLAGS = '-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g';
const CALLS = '20000';
const ADDON = join('native', 'build', 'Release', 'etherloom.node');

setup();
const copy = mkdtempSync(join(tmpdir(), 'etherloom-sanitize-'));
process.on('exit', () => rmSync(copy, { recursive: true, force: true }));

function library(name) {
  const { stdout, error } = spawnSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' });
  const path = stdout?.trim() ?? '';
  if (error || !existsSync(path)) fail(`no ${name}: the sanitizers come with gcc (Debian: apt-get install gcc)`);
  return path;
}

function fail(why) {
  console.error(`etherloom: sanitize: ${why}`);
  process.exit(1);
}

function build() {
  mkdirSync(join(copy, 'native'));
  for (const part of ['src', 'binding.gyp'])
    cpSync(join(root, 'native', part), join(copy, 'native', part), { recursive: true });
  const prefix = dirname(dirname(process.execPath));
  const headers = existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? ['--nodedir', prefix] : [];
  const gyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  const { status, stderr } = spawnSync(
    process.execPath,
    [gyp, 'rebuild', '--loglevel=error', '--directory', join(copy, 'native'), ...headers],
    { encoding: 'utf8', env: { ...process.env, CC: 'gcc', CFLAGS: FLAGS, LDFLAGS: FLAGS } },
  );
  if (status !== 0) fail(`the build failed\n${stderr}`);
}

const preload = [library('libasan.so'), library('libubsan.so')].join(':');

/** Runs node with the sanitizers in front; what they find ends the process with a report on stderr. */
function run(what, args) {
  console.log(`sanitize: ${what}`);
  const { status, signal } = spawnSync(process.execPath, args, {
    cwd: copy,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      LD_PRELOAD: preload,
      // Memory that was freed is kept a while to find late uses of it; tests that watch the size of the process do not want more.
      ASAN_OPTIONS: 'detect_leaks=0:quarantine_size_mb=16',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    },
  });
  if (status !== 0) fail(`${what}: ${signal ?? `exit ${status}`}`);
}

build();
const script = (name) => join(root, 'test', 'unit', 'adapters', name);
for (const seed of ['11', '12'])
  run(`hostile arguments, seed ${seed}`, [script('native-hostile.mjs'), join(copy, ADDON), seed, CALLS]);
run('threads', [script('native-workers.mjs'), join(copy, ADDON), '10000']);
for (const part of ['src', 'test', 'bench', 'package.json', 'vitest.config.ts']) {
  cpSync(join(root, part), join(copy, part), { recursive: true });
}
for (const part of ['node_modules', 'dist']) symlinkSync(join(root, part), join(copy, part));
const vitest = [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--project'];
run('UDP underlays', [...vitest, 'unit', 'test/unit/adapters/vxlan-udp']);
if (process.getuid?.() === 0 && existsSync('/dev/net/tun')) {
  const tests = 'adapter (tap|af-packet|af-xdp) (moves|sends|survives|is closed|leaks)';
  run('adapters on their devices', [...vitest, 'live', 'test/live/adapter-suite.test.ts', '-t', tests]);
} else {
  console.log('sanitize: adapters on their devices left out: needs root and /dev/net/tun');
}
