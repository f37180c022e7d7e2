/**
 * Hosts for the live benchmarks: network namespaces whose names carry this process's id, and load between two of them.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Round } from '../contender.ts';
import { endsWithUs, undoneAtEnd } from '../leftovers.ts';

const PORT = '5201';
let made = 0;

export function ip(...args: string[]): void {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  if (error !== undefined) throw new Error(`bench: ip: ${error.message}`);
  if (status !== 0) throw new Error(`bench: ip ${args.join(' ')}: ${stderr.trim()}`);
}

/** A name for a device that is nobody else's, and not like those that live tests sweep away. */
export function deviceName(): string {
  return `eb${process.pid.toString(36)}-${made++}`;
}

export class Host {
  readonly address: string;
  readonly #namespace: string;
  readonly #remove: () => void;

  constructor(address: string) {
    this.address = address;
    this.#namespace = `elbench-${process.pid}-${made++}`;
    ip('netns', 'add', this.#namespace);
    this.#remove = undoneAtEnd(() => spawnSync('ip', ['netns', 'del', this.#namespace]));
    ip('-n', this.#namespace, 'link', 'set', 'lo', 'up');
    // Nothing speaks on the wire but the load.
    spawnSync('ip', ['netns', 'exec', this.#namespace, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1']);
  }

  /** Takes the device as its own, under its address. */
  adopt(device: string): void {
    ip('link', 'set', device, 'netns', this.#namespace);
    ip('-n', this.#namespace, 'addr', 'add', `${this.address}/24`, 'dev', device);
    ip('-n', this.#namespace, 'link', 'set', device, 'up');
  }

  ip(...args: string[]): void {
    ip('-n', this.#namespace, ...args);
  }

  get namespace(): string {
    return this.#namespace;
  }

  start(command: string, ...args: string[]): ChildProcess {
    const inside = ['netns', 'exec', this.#namespace, command, ...args];
    return endsWithUs(spawn('ip', inside, { stdio: ['ignore', 'pipe', 'inherit'] }));
  }

  close(): void {
    this.#remove();
  }
}

/** All lines of a process, when it is over; the first one, `ready`, is told at once. */
function listen(child: ChildProcess): { ready: Promise<void>; lines: Promise<string[]> } {
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const ready = new Promise<void>((resolve, reject) => {
    reader.on('line', (line) => (line === 'ready' ? resolve() : lines.push(line)));
    reader.once('close', () => reject(new Error('bench: the load did not start')));
  });
  ready.catch(() => {});
  return { ready, lines: new Promise((resolve) => reader.once('close', () => resolve(lines))) };
}

const ended = (child: ChildProcess) => new Promise((resolve) => child.once('exit', resolve));

/** One stream from `a` to `b`, `pauseUs` between bursts of 64 datagrams: bytes (tcp) or datagrams (udp) that arrived, and in what time. Throws on a wrong byte. */
export async function stream(
  load: string,
  kind: 'tcp' | 'udp',
  a: Host,
  b: Host,
  seconds: number,
  size: number,
  pauseUs = 0,
): Promise<Round> {
  const sink = b.start(load, `${kind}-sink`, b.address, PORT);
  const { ready, lines } = listen(sink);
  await ready;
  const source = a.start(
    load,
    `${kind}-source`,
    b.address,
    PORT,
    String(seconds),
    ...(kind === 'udp' ? [`${size}`, `${pauseUs}`] : []),
  );
  await ended(source);
  const [count, ns, wrong] = ((await lines)[0] ?? '').split(' ').map(Number);
  if (!(count > 0 && ns > 0)) throw new Error('bench: nothing arrived');
  if (wrong !== 0) throw new Error(`bench: ${wrong} of what arrived was wrong`);
  return { frames: count, ns };
}

/** Round trips in nanoseconds, one at a time, `pauseUs` apart; those that were lost are left out. */
export async function roundTrips(load: string, a: Host, b: Host, count: number, pauseUs: number): Promise<number[]> {
  const echo = b.start(load, 'udp-echo', b.address, PORT);
  const { ready } = listen(echo);
  await ready;
  const ping = a.start(load, 'udp-ping', b.address, PORT, String(count), String(pauseUs));
  const { lines } = listen(ping);
  const times = (await lines).map(Number).filter((ns) => ns > 0);
  echo.kill('SIGKILL');
  await ended(echo);
  return times;
}
