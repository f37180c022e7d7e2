/**
 * `npm run leaks [-- COUNT [KIND]]`: opens and closes every kind of adapter COUNT times (10,000) and looks for descriptors,
 * slots and memory that stay. The live tests do the same with fewer openings: a kernel may wait for all processors at
 * every closing, so that this takes an hour. Needs root.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './setup.mjs';

const [count = '10000', kind = '\\S+'] = process.argv.slice(2);
const { status } = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    ...['run', '--project', 'live', 'test/live/adapter-suite.test.ts'],
    ...['-t', `^adapter ${kind} leaks neither`],
  ],
  { cwd: root, stdio: 'inherit', env: { ...process.env, ETHERLOOM_OPENINGS: count } },
);
process.exit(status ?? 1);
