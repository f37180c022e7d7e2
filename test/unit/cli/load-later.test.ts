/** Parts of a running switch that cannot be loaded for want of descriptors are loaded when there are some again. */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { askSwitch } from '../../../src/api/control-client.ts';
import { canLimitFiles } from '../../file-limit.ts';
import { useBench } from '../../live/use.ts';
import { until } from '../api/world.ts';

const built = existsSync(new URL('../../../dist/cli/main.js', import.meta.url));
const bench = useBench();

it.skipIf(!built || !canLimitFiles)('the API, and what checks a change', async () => {
  const socket = join(bench.dir, 'sw.sock');
  const config = { switch: { name: `few${process.pid}`, controlSocket: socket }, ports: { m: { adapter: 'memory' } } };
  const file = join(bench.dir, 'few.json');
  writeFileSync(file, JSON.stringify(config));
  const { child, log } = bench.spawn('run', '-c', file);
  await until(() => existsSync(socket) || child.exitCode !== null, 'the switch is up');
  const { pid } = child;
  const limit = (files: number) => spawnSync('prlimit', ['--pid', String(pid), `--nofile=${files}:`]);
  const few = () => limit(readdirSync(`/proc/${pid}/fd`).length + 20);
  few();
  await expect(askSwitch(socket, { path: '/v1/ports' })).rejects.toThrow();
  await until(() => /the API cannot be loaded: .*too many open files/.test(log()), 'it is told');
  limit(1024);
  expect(await askSwitch(socket, { path: '/v1/ports' })).toBeDefined();

  const off = { method: 'PATCH' as const, path: '/v1/ports/m', body: { enabled: false } };
  few();
  await expect(askSwitch(socket, off)).rejects.toThrow(/too many open files/);
  limit(1024);
  expect(await askSwitch(socket, off)).toBeDefined();
});
