/** The configuration of `run` comes out of the process that reads it as if it had been read here. */

import { type ChildProcess, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { askSwitch } from '../../../src/api/control-client.ts';
import { ReaderLost, readConfigApart } from '../../../src/cli/read-config-apart.ts';
import { run } from '../../../src/cli/run.ts';
import { readRunConfig } from '../../../src/cli/run-config.ts';
import { UsageError } from '../../../src/cli/usage-error.ts';
import { ConfigError } from '../../../src/config/error.ts';
import { canLimitFiles } from '../../file-limit.ts';
import { useBench } from '../../live/use.ts';
import { until } from '../api/world.ts';

const CHILD = new URL('../../../dist/cli/config-child.js', import.meta.url);
const built = existsSync(CHILD);
let dir: string;
const bench = useBench();
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'etherloom-apart-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function file(text: string): { config: string; ports: [] } {
  const config = join(dir, 'sw.yaml');
  writeFileSync(config, text);
  return { config, ports: [] };
}

it.skipIf(!built)('is the same, and holds no key that nobody wrote', async () => {
  const options = file(
    'vlans: { 10: { name: red } }\nports:\n  p1: { adapter: tap, device: t1, mode: access, vlan: 10 }\n',
  );
  const there = await readConfigApart(options, CHILD);
  const here = readRunConfig(options);
  expect(there.config).toEqual(here.config);
  expect(there.raw).toEqual(here.raw);
  expect((there.raw.ports as Record<string, unknown>).toString).toBeUndefined();
});

it.skipIf(!built)('is refused as it is here, with its place', async () => {
  const wrong = file('ports:\n  p1: { adapter: tap, device: t1, mode: access, vlan: 4095 }\n');
  const refused = await readConfigApart(wrong, CHILD).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ConfigError);
  expect(refused).toMatchObject({ line: 2, path: 'ports.p1.vlan' });
  expect(() => readRunConfig(wrong)).toThrow((refused as Error).message);
  await expect(readConfigApart({ ports: [] }, CHILD)).rejects.toThrow(UsageError);
});

it('ends with one line when the process that reads is lost', async () => {
  const entry = join(dir, 'lost.mjs');
  writeFileSync(entry, "process.once('message', () => process.kill(process.pid, 'SIGKILL'));\n");
  const readConfig = () => readConfigApart({ ports: [] }, pathToFileURL(entry));
  await expect(readConfig()).rejects.toThrow(ReaderLost);
  let said = '';
  const err = new Writable({
    write(text, _encoding, done) {
      said += text;
      done();
    },
  });
  expect(await run({ ports: [] }, { err, readConfig })).toBe(1);
  expect(said).toBe('etherloom: what reads the configuration ended with SIGKILL\n');
});

const configText = (socket: string, vlans: object) =>
  JSON.stringify({
    switch: { name: `apart${process.pid}`, controlSocket: socket },
    ...{ vlans, ports: { m: { adapter: 'memory' } } },
  });

/** Starts a switch that reads its file from a pipe; `before` is called while it waits for what is in there. */
async function startFromPipe(before: (pipe: string, child: ChildProcess, socket: string) => void) {
  const socket = join(bench.dir, 'sw.sock');
  const pipe = join(bench.dir, 'pipe');
  expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
  const { child, log } = bench.spawn('run', '-c', pipe);
  const file = await open(pipe, 'w'); // waits until somebody reads
  before(pipe, child, socket);
  await file.writeFile(configText(socket, {}));
  await file.close();
  await until(() => existsSync(socket) || child.exitCode !== null || child.signalCode !== null, 'the switch is up');
  expect([child.exitCode, child.signalCode], log()).toEqual([null, null]);
  return { child, log, socket };
}

it.skipIf(!built)('is read again at the end of the start when SIGHUP came before', async () => {
  const { log } = await startFromPipe((pipe, child, socket) => {
    child.kill('SIGHUP');
    writeFileSync(`${pipe}.new`, configText(socket, { 30: {} }));
    renameSync(`${pipe}.new`, pipe);
  });
  await until(() => /applied: .*30/.test(log()), 'applied');
});

it.skipIf(!built || !canLimitFiles)('is refused where nothing can be opened, and the switch goes on', async () => {
  const { child, log } = await startFromPipe((pipe) => {
    rmSync(pipe);
    writeFileSync(pipe, '{}');
  });
  spawnSync('prlimit', ['--pid', String(child.pid), '--nofile=3:']);
  child.kill('SIGHUP');
  await until(
    () => /SIGHUP: nothing has changed: .*(EMFILE|too many)/.test(log()) || child.exitCode !== null,
    'refused',
  );
  expect(child.exitCode, log()).toBeNull();
});

it.skipIf(!built)(
  'is not read again where it was a pipe: nobody would be heard until somebody writes there',
  async () => {
    const { child, log, socket } = await startFromPipe(() => {});
    child.kill('SIGHUP');
    await until(() => /SIGHUP: nothing has changed: .*pipe is no file that could be read again/.test(log()), 'refused');
    expect(await askSwitch(socket, { path: '/v1/config' })).toBeDefined();
  },
);

it.skipIf(!built)('ends with the switch that is stopped while it waits for a pipe', async () => {
  const pipe = join(bench.dir, 'pipe');
  expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
  const { child } = bench.spawn('run', '-c', pipe);
  const file = await open(pipe, 'w');
  child.kill('SIGTERM');
  await until(() => child.signalCode === 'SIGTERM', 'the switch ends');
  const isRead = () =>
    file.write('x').then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== 'EPIPE',
    );
  await until(async () => !(await isRead()), 'nobody reads the pipe any more');
  await file.close();
});
