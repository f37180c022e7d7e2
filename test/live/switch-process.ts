/**
 * `etherloom run` as users start it: a process of its own, from the built checkout, with its control socket in a
 * folder of its own. Everything is ended and removed by `close`, and at the end of the test process.
 */

import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ask } from '../../src/api/control-client.ts';
import type { FdbView } from '../../src/api/fdb-view.ts';
import type { Drops, LedgerView, PortView, VlanView } from '../../src/api/views.ts';
import { undoneAtEnd } from './at-end.ts';
import { type Namespace, type Result, until } from './netns.ts';

export const BIN = fileURLToPath(new URL('../../bin/etherloom', import.meta.url));

/** Set it to run the live tests of whole switches with several threads that forward. */
const WORKERS = process.env.ETHERLOOM_TEST_WORKERS;

/** Of a switch's log, when a test has failed. */
const LOG_LINES = 30;

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
  /** A folder that is gone after `close`. */
  readonly dir: string;
  /** Starts a switch from a configuration, with further arguments of `run`, and waits until its socket is there. */
  start(config: Raw, args?: readonly string[], inside?: Namespace): Promise<SwitchProcess>;
  /** Starts with these arguments, whatever comes of it. */
  spawn(...args: string[]): { child: ChildProcess; log(): string };
  /** Runs `etherloom ARGS` to its end. */
  cli(...args: string[]): Result;
  /** The same, while this thread goes on. */
  cliAsync(...args: string[]): Promise<Result>;
  /** What is known when a test has failed: the end of what all said, ports and drops of the switches. */
  witness(): Promise<string>;
  /** Ends everything and removes the folder; what is started afterwards has another one. */
  close(): Promise<void>;
}

export function createBench(): Bench {
  let folder: string | null = null;
  const children = new Set<ChildProcess>();
  /** All that were started; those that are told of have a socket. */
  const started: { child: ChildProcess; log(): string; socket?: string }[] = [];
  let files = 0;
  let killed = () => {};
  const kill = () => {
    for (const child of children) child.kill('SIGKILL');
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
    folder = null;
  };
  const dir = () => {
    if (folder === null) {
      folder = mkdtempSync(join(tmpdir(), 'etherloom-live-'));
      killed = undoneAtEnd(kill);
    }
    return folder;
  };

  const start = (args: string[], inside?: Namespace) => {
    const command = [process.execPath, BIN, ...args];
    const [program, ...rest] = inside === undefined ? command : ['ip', 'netns', 'exec', inside.name, ...command];
    const child = spawn(program!, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    dir(); // for `kill`
    children.add(child);
    child.on('exit', () => children.delete(child));
    const one = { child, log: () => said };
    started.push(one);
    return one;
  };

  const cliAsync = (...args: string[]): Promise<Result> =>
    new Promise((resolve) => {
      execFile(process.execPath, [BIN, ...args], { encoding: 'utf8', timeout: 90_000 }, (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
      });
    });

  return {
    get dir() {
      return dir();
    },
    async start(config, args = [], inside) {
      const file = join(dir(), `switch${++files}.json`);
      const socket = join(dir(), `switch${files}.sock`);
      const name = `live${process.pid}-${files}`;
      writeFileSync(
        file,
        JSON.stringify({ ...config, switch: { name, controlSocket: socket, ...(config.switch ?? {}) } }),
      );
      const workers = WORKERS === undefined || args.includes('--workers') ? [] : ['--workers', WORKERS];
      const one = start(['run', '-c', file, ...workers, ...args], inside);
      const { child, log } = one;
      const get = async <T>(topic: string, query?: Record<string, string>) =>
        (await patiently(() => ask(socket, topic, query))) as T;
      const sw: SwitchProcess = {
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
      Object.assign(one, { socket });
      await until(() => existsSync(socket) || child.exitCode !== null, 'the switch is up');
      if (child.exitCode !== null) throw new Error(`the switch ended with ${child.exitCode}: ${log()}`);
      return sw;
    },
    spawn: (...args) => start(args),
    cli(...args) {
      const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
        encoding: 'utf8',
        timeout: 90_000,
      });
      return { status: status ?? -1, stdout, stderr };
    },
    cliAsync,
    async witness() {
      const all = started.map(async ({ child, log, socket }) => {
        const lines = log().trimEnd().split('\n').slice(-LOG_LINES);
        if (child.exitCode !== null || child.signalCode !== null)
          return [...lines, `it ended with ${child.exitCode ?? child.signalCode}`];
        if (socket === undefined) return lines;
        const show = async (topic: string) => {
          const { stdout, stderr } = await cliAsync('show', topic, '--socket', socket);
          return (stdout || stderr).trimEnd().split('\n');
        };
        return [...lines, ...(await show('ports')), ...(await show('drops'))];
      });
      return (await Promise.all(all))
        .map((lines, n) => [`etherloom, start ${n + 1}:`, ...lines].join('\n  '))
        .join('\n');
    },
    async close() {
      await Promise.all([...children].map((child) => endOf(child, 'SIGTERM')));
      started.splice(0);
      killed();
    },
  };
}

/** A switch cuts off who takes five seconds to ask, which on a busy machine may be us: then we ask again. */
export async function patiently<T>(question: () => Promise<T>): Promise<T> {
  for (let left = 10; ; left--) {
    try {
      return await question();
    } catch (error) {
      if (left === 0 || !/socket hang up|ECONNRESET/.test((error as Error).message)) throw error;
    }
  }
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
