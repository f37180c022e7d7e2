/**
 * Switches that two hosts are joined by, each in a folder and on devices of its own: Etherloom and its peers on live
 * devices. `open` gives the hosts their devices; `close` leaves nothing behind.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PollMode } from '../../src/config/types.ts';
import { root } from '../contender.ts';
import { endsWithUs, undoneAtEnd } from '../leftovers.ts';
import { deviceName, Host, ip } from './hosts.ts';

export interface Wiring {
  /** Checksum and segmentation offload on the devices. */
  offloads: boolean;
}

export interface LiveSwitch {
  readonly who: string;
  /** Joins the hosts. Throws with the reason where it cannot. */
  open(a: Host, b: Host, wiring: Wiring): Promise<void>;
  close(): void;
}

const START_MS = 20_000;

export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = Date.now() + START_MS;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`bench: ${what} did not start`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const hasDevice = (name: string) => existsSync(`/sys/class/net/${name}`);

export interface Running {
  child: ChildProcess;
  /** Its control socket. */
  socket: string;
}

/**
 * Runs a switch of this configuration, in a namespace if one is named; resolves when its control socket is there. With `flags` for
 * node, what it prints can be read.
 */
export async function runEtherloom(
  folder: string,
  config: object,
  namespace?: string,
  flags: readonly string[] = [],
): Promise<Running> {
  const name = `bench${process.pid}-${deviceName()}`;
  const file = join(folder, `${name}.json`);
  const socket = join(folder, `${name}.sock`);
  const { switch: settings, ...rest } = config as { switch?: object };
  writeFileSync(file, JSON.stringify({ switch: { ...settings, name, controlSocket: socket }, ...rest }));
  const command = [process.execPath, ...flags, join(root, 'bin', 'etherloom'), 'run', '-c', file];
  const inside = namespace === undefined ? command : ['ip', 'netns', 'exec', namespace, ...command];
  const child = endsWithUs(
    spawn(inside[0], inside.slice(1), { stdio: ['ignore', flags.length > 0 ? 'pipe' : 'ignore', 'pipe'] }),
  );
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said = text.trim();
  });
  await until(() => existsSync(socket) || child.exitCode !== null, 'etherloom');
  if (child.exitCode !== null) throw new Error(`bench: ${said}`);
  return { child, socket };
}

export class Etherloom implements LiveSwitch {
  readonly who: string;
  readonly #folder: string;
  readonly #poll: PollMode;
  #running: Running | undefined;

  constructor(folder: string, poll: PollMode = 'throughput') {
    this.who = poll === 'throughput' ? 'etherloom' : `etherloom, poll ${poll}`;
    this.#folder = folder;
    this.#poll = poll;
  }

  async open(a: Host, b: Host, { offloads }: Wiring): Promise<void> {
    const devices = [deviceName(), deviceName()];
    await this.start(devices, offloads);
    a.adopt(devices[0]);
    b.adopt(devices[1]);
  }

  /** Runs with one access port a device; resolves with the process id. */
  async start(devices: readonly string[], offloads: boolean): Promise<number> {
    const port = (device: string) => ({ adapter: 'tap', device, vlan: 10, offloads: offloads ? 'auto' : 'off' });
    const ports = Object.fromEntries(devices.map((device, i) => [`p${i + 1}`, port(device)]));
    this.#running = await runEtherloom(this.#folder, { switch: { poll: { mode: this.#poll } }, ports });
    return this.#running.child.pid!;
  }

  get socket(): string {
    return this.#running!.socket;
  }

  close(): void {
    this.#running?.child.kill('SIGKILL');
  }
}

/** Two veth pairs into a bridge of the kernel, in a namespace of its own. */
export class LinuxBridge implements LiveSwitch {
  readonly who = 'linux-bridge';
  #middle: Host | undefined;

  async open(a: Host, b: Host, { offloads }: Wiring): Promise<void> {
    const middle = new Host('0.0.0.0');
    this.#middle = middle;
    middle.ip('link', 'add', 'br0', 'type', 'bridge');
    middle.ip('link', 'set', 'br0', 'up');
    for (const host of [a, b]) {
      const [outer, inner] = [deviceName(), deviceName()];
      ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner);
      ip('link', 'set', inner, 'netns', middle.namespace);
      middle.ip('link', 'set', inner, 'master', 'br0', 'up');
      host.adopt(outer);
      if (!offloads) {
        const off = ['netns', 'exec', host.namespace, 'ethtool', '-K', outer, 'tso', 'off', 'gso', 'off', 'tx', 'off'];
        spawnSync('ip', off, { stdio: 'ignore' });
      }
    }
  }

  get namespace(): string {
    return this.#middle!.namespace;
  }

  close(): void {
    this.#middle?.close();
  }
}

/** bench/c/forwarder.c. */
export class CForwarder implements LiveSwitch {
  readonly who = 'c-forwarder';
  readonly #program: string;
  #child: ChildProcess | undefined;

  constructor(program: string) {
    this.#program = program;
  }

  async open(a: Host, b: Host, { offloads }: Wiring): Promise<void> {
    const devices = [deviceName(), deviceName()];
    const mode = offloads ? 'offloads' : 'plain';
    this.#child = endsWithUs(spawn(this.#program, [...devices, mode], { stdio: ['ignore', 'ignore', 'inherit'] }));
    await until(() => devices.every(hasDevice), 'the C forwarder');
    a.adopt(devices[0]);
    b.adopt(devices[1]);
  }

  close(): void {
    this.#child?.kill('SIGKILL');
  }
}

export class Vde implements LiveSwitch {
  readonly who = 'vde';
  readonly #folder: string;
  #pid = 0;
  #end: () => void = () => {};

  constructor(folder: string) {
    this.#folder = join(folder, `vde-${deviceName()}`);
  }

  async open(a: Host, b: Host): Promise<void> {
    const devices = [deviceName(), deviceName()];
    await this.start(devices);
    a.adopt(devices[0]);
    b.adopt(devices[1]);
  }

  async start(devices: readonly string[]): Promise<number> {
    mkdirSync(this.#folder);
    const pidFile = join(this.#folder, 'pid');
    const taps = devices.flatMap((device) => ['-t', device]);
    const args = ['-d', '-p', pidFile, '-n', String(devices.length + 8), '-s', join(this.#folder, 'ctl'), ...taps];
    const { status } = spawnSync('vde_switch', args, { stdio: 'ignore' });
    if (status !== 0) throw new Error(`vde_switch ended with ${status}`);
    await until(() => existsSync(pidFile) && devices.every(hasDevice), 'vde_switch');
    this.#pid = Number(readFileSync(pidFile, 'utf8'));
    this.#end = undoneAtEnd(() => void process.kill(this.#pid, 'SIGKILL'));
    return this.#pid;
  }

  close(): void {
    this.#end();
  }
}

/** For Open vSwitch to take away what it made. */
const EXIT_MS = 5000;
const NOBODY = new Int32Array(new SharedArrayBuffer(4));

/** Open vSwitch's userspace datapath, with database and daemon of its own, in a namespace if one is named. */
export class OvsDaemon {
  readonly #folder: string;
  readonly #namespace: string | undefined;
  readonly #end = undoneAtEnd(() => this.#kill());

  constructor(folder: string, namespace?: string) {
    this.#folder = join(folder, `ovs-${deviceName()}`);
    this.#namespace = namespace;
  }

  start(): void {
    const daemon = (name: string) => [
      `--pidfile=${this.#at(`${name}.pid`)}`,
      `--unixctl=${this.#at(`${name}.ctl`)}`,
      '--detach',
    ];
    mkdirSync(this.#folder);
    this.#must('ovsdb-tool', 'create', this.#at('conf.db'), '/usr/share/openvswitch/vswitch.ovsschema');
    this.#must('ovsdb-server', this.#at('conf.db'), `--remote=punix:${this.#at('db.sock')}`, ...daemon('db'));
    this.vsctl('--no-wait', 'init');
    const inside = this.#namespace === undefined ? [] : ['ip', 'netns', 'exec', this.#namespace];
    const [command, ...args] = [...inside, 'ovs-vswitchd', `unix:${this.#at('db.sock')}`, ...daemon('vs')];
    this.#must(command, ...args);
  }

  vsctl(...args: string[]): void {
    this.#must('ovs-vsctl', ...this.vsctlArgs(...args));
  }

  vsctlArgs(...args: string[]): string[] {
    return [`--db=unix:${this.#at('db.sock')}`, '--timeout=30', ...args];
  }

  appctlArgs(...args: string[]): string[] {
    return [`--target=${this.#at('vs.ctl')}`, ...args];
  }

  get pid(): number {
    return Number(readFileSync(this.#at('vs.pid'), 'utf8'));
  }

  #at(name: string): string {
    return join(this.#folder, name);
  }

  #must(command: string, ...args: string[]): void {
    const env = { ...process.env, OVS_RUNDIR: this.#folder, OVS_LOGDIR: this.#folder, OVS_DBDIR: this.#folder };
    // Its output is not read through a pipe: a daemon would hold that open.
    const { status, error } = spawnSync(command, args, { env, stdio: 'ignore' });
    if (status !== 0) throw new Error(`bench: ${command} failed (${error?.message ?? `status ${status}`})`);
  }

  close(): void {
    this.#end();
  }

  #kill(): void {
    // Its TAPs are persistent: it takes them away itself, when it is asked to and not when it is killed.
    if (existsSync(this.#at('vs.ctl'))) {
      spawnSync('ovs-appctl', this.appctlArgs('--timeout=5', 'exit', '--cleanup'), { stdio: 'ignore' });
      const until = performance.now() + EXIT_MS;
      while (existsSync(this.#at('vs.pid')) && performance.now() < until) Atomics.wait(NOBODY, 0, 0, 20);
    }
    for (const name of ['vs', 'db']) {
      const file = this.#at(`${name}.pid`);
      if (!existsSync(file)) continue;
      try {
        process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL');
      } catch {
        // it ended by itself
      }
    }
  }
}

/** Arguments of ovs-vsctl that make a bridge. */
export function ovsBridge(name: string): string[] {
  return ['add-br', name, '--', 'set', 'bridge', name, 'datapath_type=netdev', 'fail-mode=standalone'];
}

/** Open vSwitch on TAPs. */
export class Ovs implements LiveSwitch {
  readonly who = 'ovs';
  readonly bridge = deviceName();
  readonly #daemon: OvsDaemon;

  constructor(folder: string) {
    this.#daemon = new OvsDaemon(folder);
  }

  async open(a: Host, b: Host): Promise<void> {
    const devices = [deviceName(), deviceName()];
    await this.start(devices);
    a.adopt(devices[0]);
    b.adopt(devices[1]);
  }

  async start(devices: readonly string[]): Promise<number> {
    const { bridge } = this;
    this.#daemon.start();
    const ports = devices.map((device) => [
      '--',
      'add-port',
      bridge,
      device,
      '--',
      'set',
      'Interface',
      device,
      'type=tap',
    ]);
    this.#daemon.vsctl(...ovsBridge(bridge), ...ports.flat());
    await until(() => devices.every(hasDevice), 'Open vSwitch');
    return this.#daemon.pid;
  }

  vsctlArgs(...args: string[]): string[] {
    return this.#daemon.vsctlArgs(...args);
  }

  appctlArgs(...args: string[]): string[] {
    return this.#daemon.appctlArgs(...args);
  }

  close(): void {
    this.#daemon.close();
  }
}
