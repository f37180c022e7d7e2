/** The young space of a switch's main thread stays small, whatever heaps are made for other threads. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';

const module = new URL('../../../dist/cli/small-heap.js', import.meta.url);

const PROGRAM = `
  import { getHeapSpaceStatistics } from 'node:v8';
  import { Worker } from 'node:worker_threads';
  import { keepHeapSmall, keepYoungSpaceSmall } from '${module.href}';
  keepHeapSmall();
  const worker = new Worker('setInterval(() => {}, 1000)', { eval: true });
  await new Promise((begun) => worker.once('online', begun));
  keepYoungSpaceSmall();
  let kept = [];
  for (let i = 0; i < 2e6; i++) {
    kept.push({ i });
    if (kept.length > 30_000) kept = [];
  }
  process.stdout.write(String(getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size));
  process.exit();
`;

it.skipIf(!existsSync(module))('under garbage that survives', () => {
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM], { encoding: 'utf8' });
  expect(Number(stdout)).toBeGreaterThan(0);
  expect(Number(stdout)).toBeLessThan(4 << 20);
});
