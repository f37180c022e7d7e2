/**
 * `etherloom run` as users start it: a process of its own, from the built checkout, with its control socket in a
 * folder of its own. Everything is ended and removed by `close`, and at the end of the test process.
 */

import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ask } from '../../src/api/control-client.ts';
import type { FdbView } from '../../src/api/fdb-view.ts';
import type { Drops, LedgerView, PortView, VlanView } from '../../src/api/views.ts';
import { type Namespace, type Result, until } from './netns.ts';

export const BIN = fileURLToPath(new URL('../../bin/etherloom', import.meta.url));

/** Set it to run the live tests of whole switches with several threads that forward. */
const WORKERS = process.env.ETHERLOOM_TEST_WORKERS;

/** A configuration file's content. */
export type Raw = Record<string, unknown>;

export interface SwitchProcess {
  readonly socket: string;
  readonly child: ChildProcess;
  /** What it said on stderr so far. */
  log(): string;
  ports(): Promise<Map<string, PortView>>;
  fdb(query?: Record<string, string>): Promise<FdbView>;
  vlans(): Promise<VlanView[]>;
  drops(): Promise<Drops>;
  ledger(): Promise<LedgerView>;
  /** Sends the signal; resolves with the exit status (or the signal's name). */
  stop(signal?: NodeJS.Signals): Promise<number | string>;
}

export interface Bench {
  readonly dir: string;
  /** Starts a switch from a configuration, with further arguments of `run`, and waits until its socket is there. */
  start(config: Raw, args?: readonly string[], inside?: Namespace): Promise<SwitchProcess>;
  /** Starts with these arguments, whatever comes of it. */
  spawn(...args: string[]): { child: ChildProcess; log(): string };
  /** Runs `etherloom ARGS` to its end. */
  cli(...args: string[]): Result;
  /** The same, while this thread goes on. */
  cliAsync(...args: string[]): Promise<Result>;
  close(): Promise<void>;
}

export function createBench(): Bench {
  const dir = mkdtempSync(join(tmpdir(), 'etherloom-live-'));
  const children = new Set<ChildProcess>();
  let files = 0;
  const kill = () => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  };
  process.on('exit', kill);

  const start = (args: string[], inside?: Namespace) => {
    const command = [process.execPath, BIN, ...args];
    const [program, ...rest] = inside === undefined ? command : ['ip', 'netns', 'exec', inside.name, ...command];
    const child = spawn(program!, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    children.add(child);
    child.on('exit', () => children.delete(child));
    return { child, log: () => said };
  };

  return {
    dir,
    async start(config, args = [], inside) {
      const file = join(dir, `switch${++files}.json`);
      const socket = join(dir, `switch${files}.sock`);
      const name = `live${process.pid}-${files}`;
      writeFileSync(
        file,
        JSON.stringify({ ...config, switch: { name, controlSocket: socket, ...(config.switch ?? {}) } }),
      );
      const workers = WORKERS === undefined || args.includes('--workers') ? [] : ['--workers', WORKERS];
      const { child, log } = start(['run', '-c', file, ...workers, ...args], inside);
      await until(() => existsSync(socket) || child.exitCode !== null, 'the switch is up', 60_000);
      if (child.exitCode !== null) throw new Error(`the switch ended with ${child.exitCode}: ${log()}`);
      const get = async <T>(topic: string, query?: Record<string, string>) => (await ask(socket, topic, query)) as T;
      return {
        socket,
        child,
        log,
        ports: async () => {
          const { ports } = await get<{ ports: PortView[] }>('ports');
          return new Map(ports.map((port) => [port.name, port]));
        },
        fdb: (query) => get<FdbView>('fdb', query),
        vlans: async () => (await get<{ vlans: VlanView[] }>('vlans')).vlans,
        drops: () => get<Drops>('drops'),
        ledger: () => get<LedgerView>('ledger'),
        stop: (signal = 'SIGTERM') => endOf(child, signal),
      };
    },
    spawn: (...args) => start(args),
    cli(...args) {
      const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
        encoding: 'utf8',
        timeout: 90_000,
      });
      return { status: status ?? -1, stdout, stderr };
    },
    cliAsync(...args) {
      return new Promise((resolve) => {
        execFile(process.execPath, [BIN, ...args], { encoding: 'utf8', timeout: 90_000 }, (error, stdout, stderr) => {
          resolve({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
        });
      });
    },
    async close() {
      process.removeListener('exit', kill);
      await Promise.all([...children].map((child) => endOf(child, 'SIGTERM')));
      kill();
    },
  };
}

/** Resolves when the process is gone; one that ignores the signal is killed. */
export async function endOf(child: ChildProcess, signal?: NodeJS.Signals): Promise<number | string> {
  const ended = () => child.exitCode ?? child.signalCode;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const now = ended();
  if (now !== null) return now;
  if (signal !== undefined) child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  await exited;
  clearTimeout(timer);
  return ended() ?? 'unknown';
}

/** A UDP port that the system does not use right now. */
export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
  const { port } = socket.address();
  await new Promise<void>((done) => socket.close(done));
  return port;
}
