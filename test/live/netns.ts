/**
 * Network namespaces as hosts for live tests, that are gone afterwards whatever happens.
 *
 * Every name carries this process's id and a random part, so that test runs do not meet. `lab.close()` removes
 * everything (useLab, in use.ts, calls it); so does the end of the process; and what a killed process left is swept by
 * the next lab, which sees from the name that its process is dead.
 *
 *   const lab = useLab();
 *   const a = lab.namespace('a');
 *   const tap = lab.device('t1');                    // a free name; open it, then
 *   a.adopt(tap, { address: '10.0.0.1/24' });        // move it in, give it an address, set it up
 *   a.run('ping', '-c1', '10.0.0.2');
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { nativeAvailable } from '../../src/adapters/native.ts';
import { undoneAtEnd } from './at-end.ts';

export interface Result {
  status: number;
  stdout: string;
  stderr: string;
}

/** A packet socket: whole frames, tags included. */
export interface FrameSocket {
  send(frame: Uint8Array): void;
  /** Frames received so far and not yet taken. */
  readonly frames: Buffer[];
  /** The next frame that answers to `matches`; those before it are thrown away. Rejects after `timeoutMs`. */
  next(matches?: (frame: Buffer) => boolean, timeoutMs?: number): Promise<Buffer>;
  close(): void;
}

export interface PingOptions {
  count?: number; // 3
  size?: number; // payload bytes; 56
  dontFragment?: boolean; // false
  timeoutMs?: number; // per request; PATIENCE_MS
}

export interface Adoption {
  address?: string | string[];
  mtu?: number;
  mac?: string;
  /** Where the device is, if not outside every namespace. */
  from?: Namespace;
}

export interface Namespace {
  readonly name: string;
  /** Runs a command inside; throws with its output when it fails. Returns stdout. */
  run(command: string, ...args: string[]): string;
  /** Runs a command inside and returns whatever came of it. */
  try(command: string, ...args: string[]): Result;
  /** Like `try`, while this thread goes on. */
  tryAsync(command: string, ...args: string[]): Promise<Result>;
  /** Starts a command inside that is killed when the lab closes. */
  start(command: string, ...args: string[]): ChildProcess;
  /** Moves a device of this namespace in, sets MTU and addresses, sets it up. Its neighbors are looked for until they answer. */
  adopt(device: string, settings?: Adoption): void;
  /** Sends ICMP echo requests one after the other; resolves with how many came back whole. */
  ping(address: string, options?: PingOptions): Promise<number>;
  /** Opens a packet socket on a device inside. */
  frameSocket(device: string): Promise<FrameSocket>;
}

export interface Lab {
  /** Makes a namespace with loopback up; IPv6 off unless wanted, so that the wire is silent until a test speaks. */
  namespace(label: string, options?: { ipv6?: boolean }): Namespace;
  /** A device name that is nobody else's, at most 15 characters; labels of up to 4 always fit. */
  device(label: string): string;
  /** Makes a TAP as `ip tuntap add` does, outside every namespace; its name is one of `device`. */
  makeTap(device: string): void;
  /** Makes two devices that are joined by a cable, the first set up; names of `device`. */
  makeVeth(device: string, peer: string, queues?: number): void;
  /** Runs a command outside every namespace; throws with its output when it fails. Returns stdout. */
  run(command: string, ...args: string[]): string;
  /** Deletes a device outside every namespace. */
  removeDevice(device: string): void;
  /** Deletes a namespace, and with it what is inside. */
  removeNamespace(namespace: Namespace): void;
  /** Removes everything. What is asked for afterwards is made under new names. */
  close(): void;
}

/** Why live tests cannot run here, or null when they can: `describe.skipIf(liveObstacle())`. */
export function liveObstacle(): string | null {
  if (process.getuid?.() !== 0) return 'live tests need root';
  if (!existsSync('/dev/net/tun')) return 'live tests need /dev/net/tun';
  if (spawnSync('ip', ['netns', 'list']).status !== 0) return 'live tests need ip netns (iproute2)';
  const native = nativeAvailable();
  return native.ok ? null : native.why;
}

/** Whether a program is installed, for tests that skip visibly without it. */
export function installed(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

let interpreter: string | undefined;

/** The Python interpreter itself, as `python3` may be a script that looks for it each time, and without its packages: half of its start. */
export function python(): [command: string, ...flags: string[]] {
  interpreter ??= runSync('python3', ['-c', 'import sys; print(sys.executable)']).stdout.trim() || 'python3';
  return [interpreter, '-I', '-S'];
}

/** How long a test waits for what has to come: a machine with other work may stand still for seconds, several times. */
export const PATIENCE_MS = 60_000;

/** Resolves when `condition` holds; rejects after `timeoutMs`. */
export async function until(condition: () => boolean, what: string, timeoutMs = PATIENCE_MS): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`timed out waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The same of what has to be asked for. */
export async function eventually(holds: () => Promise<boolean>, what: string, timeoutMs = PATIENCE_MS): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`timed out waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Where `ip netns` has its names. */
export const NETNS = '/var/run/netns';
const DEVICES = '/sys/class/net';
const NAMESPACE = /^elns-(\d+)-/;
const DEVICE = /^el([0-9a-z]+)-/;

function ip(...args: string[]): Result {
  return runSync('ip', args);
}

function runSync(command: string, args: string[], input?: string): Result {
  const { status, stdout, stderr, error } = spawnSync(command, args, { input, encoding: 'utf8', timeout: 60_000 });
  return { status: status ?? -1, stdout: stdout ?? '', stderr: error ? String(error) : (stderr ?? '') };
}

function must(result: Result, what: string): string {
  if (result.status === 0) return result.stdout;
  throw new Error(`${what} failed (${result.status}): ${result.stderr || result.stdout}`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Removes what test processes left that were killed. */
function sweep(): void {
  for (const name of existsSync(NETNS) ? readdirSync(NETNS) : []) {
    const pid = NAMESPACE.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) ip('netns', 'del', name);
  }
  for (const name of readdirSync(DEVICES)) {
    const pid = DEVICE.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number.parseInt(pid, 36))) ip('link', 'del', name);
  }
}

export function createLab(): Lab {
  let random: string | null = null;
  const namespaces: string[] = [];
  const devices: string[] = [];
  const children = new Set<ChildProcess>();
  let close = () => {};

  /** Of the names; with the first of them there is something to clean up. */
  const mark = () => {
    if (random === null) {
      sweep();
      random = Math.floor(Math.random() * 36 ** 3).toString(36);
      close = undoneAtEnd(clear);
    }
    return random;
  };
  const clear = () => {
    random = null;
    for (const child of children) child.kill('SIGKILL');
    for (const name of namespaces.splice(0)) ip('netns', 'del', name);
    // Most went with the namespace that they were in, or with their switch.
    for (const name of devices.splice(0)) if (existsSync(join(DEVICES, name))) ip('link', 'del', name);
  };

  const track = (child: ChildProcess): ChildProcess => {
    children.add(child);
    child.on('exit', () => children.delete(child));
    return child;
  };

  return {
    namespace(label, { ipv6 = false } = {}) {
      const name = `elns-${process.pid}-${mark()}-${label}`;
      must(ip('netns', 'add', name), `ip netns add ${name}`);
      namespaces.push(name);
      const inside = (args: string[]) => ['netns', 'exec', name, ...args];
      const namespace: Namespace = {
        name,
        run: (command, ...args) => must(ip(...inside([command, ...args])), `${command} ${args.join(' ')} in ${label}`),
        try: (command, ...args) => ip(...inside([command, ...args])),
        tryAsync: (command, ...args) => runAsync(track, inside([command, ...args])),
        start: (command, ...args) => track(spawn('ip', inside([command, ...args]), { stdio: 'ignore' })),
        adopt(device, { address = [], mtu, mac, from } = {}) {
          const move = ['link', 'set', device, 'netns', name];
          must(from === undefined ? ip(...move) : from.try('ip', ...move), `moving ${device}`);
          const addresses = [address].flat();
          // After three requests without an answer, a second apart, the kernel would throw away what waits for it.
          const caches = ['arp_cache', ...(ipv6 || addresses.some(isV6) ? ['ndisc_cache'] : [])];
          const steps = [
            ...(mac === undefined ? [] : [`link set dev ${device} address ${mac}`]),
            ...(mtu === undefined ? [] : [`link set dev ${device} mtu ${mtu}`]),
            ...addresses.map((each) => ['addr add', each, 'dev', device, ...nodad(each)].join(' ')),
            `link set dev ${device} up`,
            ...caches.map((cache) => `ntable change name ${cache} dev ${device} mcast_probes 60`),
          ];
          must(runSync('ip', ['-n', name, '-batch', '-'], steps.join('\n')), `adopting ${device} in ${label}`);
        },
        async ping(address, { count = 3, size = 56, dontFragment = false, timeoutMs = PATIENCE_MS } = {}) {
          const script = fileURLToPath(new URL('./ping.py', import.meta.url));
          const numbers = [count, size, dontFragment ? 1 : 0, timeoutMs].map(String);
          const { stdout, stderr } = await namespace.tryAsync(...python(), script, address, ...numbers);
          const received = /received (\d+) of/.exec(stdout)?.[1];
          if (received === undefined) throw new Error(`ping in ${label}: ${stderr}`);
          return Number(received);
        },
        frameSocket: (device) => openFrameSocket(track, inside, device),
      };
      if (!ipv6)
        namespace.try('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1');
      namespace.run('ip', 'link', 'set', 'lo', 'up');
      return namespace;
    },
    device(label) {
      const name = `el${process.pid.toString(36)}-${mark()}${label}`.slice(0, 15);
      if (devices.includes(name)) throw new Error(`two devices would be called ${name}; shorten "${label}"`);
      devices.push(name);
      return name;
    },
    makeTap(device) {
      must(ip('tuntap', 'add', 'dev', device, 'mode', 'tap'), `making ${device}`);
    },
    makeVeth(device, peer, queues = 1) {
      const both = ['numrxqueues', String(queues), 'numtxqueues', String(queues)];
      must(ip('link', 'add', device, ...both, 'type', 'veth', 'peer', 'name', peer, ...both), `making ${device}`);
      // Without this the device would speak by itself (MLD, router solicitation).
      const disable = `/proc/sys/net/ipv6/conf/${device}/disable_ipv6`;
      if (existsSync(disable)) writeFileSync(disable, '1');
      must(ip('link', 'set', device, 'up'), `setting ${device} up`);
    },
    run: (command, ...args) => must(runSync(command, args), `${command} ${args.join(' ')}`),
    removeDevice(device) {
      must(ip('link', 'del', device), `deleting ${device}`);
    },
    removeNamespace({ name }) {
      must(ip('netns', 'del', name), `deleting ${name}`);
    },
    close: () => close(),
  };
}

/** Duplicate address detection would keep a fresh IPv6 address unusable for a second. */
const nodad = (address: string): string[] => (isV6(address) ? ['nodad'] : []);
const isV6 = (address: string): boolean => address.includes(':');

function runAsync(track: (child: ChildProcess) => ChildProcess, args: string[]): Promise<Result> {
  return new Promise((resolve) => {
    const child = track(spawn('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] }));
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('error', (error) => resolve({ status: -1, stdout, stderr: String(error) }));
    child.on('close', (status) => resolve({ status: status ?? -1, stdout, stderr }));
  });
}

async function openFrameSocket(
  track: (child: ChildProcess) => ChildProcess,
  inside: (args: string[]) => string[],
  device: string,
): Promise<FrameSocket> {
  const script = fileURLToPath(new URL('./frame-socket.py', import.meta.url));
  const child = track(spawn('ip', inside([...python(), script, device]), { stdio: ['pipe', 'pipe', 'pipe'] }));
  const frames: Buffer[] = [];
  let ready = false;
  let trouble = '';
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    trouble += text;
  });
  child.stdin?.on('error', () => {}); // closed while a send was under way
  createInterface({ input: child.stdout! }).on('line', (line) => {
    if (ready) frames.push(Buffer.from(line, 'hex'));
    else ready = line === 'ready';
  });
  await until(() => ready || child.exitCode !== null, `the packet socket on ${device} listens`);
  if (!ready) throw new Error(`packet socket on ${device}: ${trouble}`);
  return {
    frames,
    send: (frame) => void child.stdin?.write(`${Buffer.from(frame).toString('hex')}\n`),
    async next(matches = () => true, timeoutMs = PATIENCE_MS) {
      let found: Buffer | undefined;
      await until(
        () => {
          while (found === undefined && frames.length > 0) {
            const frame = frames.shift()!;
            if (matches(frame)) found = frame;
          }
          return found !== undefined;
        },
        `a frame arrives on ${device}`,
        timeoutMs,
      );
      return found!;
    },
    close: () => void child.kill('SIGKILL'),
  };
}
