/**
 * Open vSwitch with DPDK as a peer of S1: each port replays its frames from memory for ever (`net_pcap`, infinite_rx),
 * one polling thread forwards them, and what leaves is thrown away.
 *
 * Debian's openvswitch-switch-dpdk, started in the benchmark's folder, without huge pages, and stopped again. Its
 * polling thread never sleeps, so that the whole process stands still (SIGSTOP) while it is somebody else's turn. It is
 * given all addresses beforehand; the frames of a port come in the same order as Etherloom's, a burst being what
 * OVS makes of it. The replay itself (a copy of 64 bytes into a packet buffer) is in its time and not in ours.
 */

import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Round } from './contender.ts';
import type { Runner } from './duel.ts';
import { undoneAtEnd } from './leftovers.ts';
import { FRAME_BYTES, type Frames, portOf, RECORD_BYTES, type WorldSpec } from './world.ts';

const VSWITCHD = '/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk';
const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';
const BRIDGE = 'bench';
const START_SECONDS = '30';
/** Its replay holds all frames of a port in one ring. */
const ENOUGH_PACKETS = 10_000;
/** Share of frames that may leave by another port than planned: those on their way when the counters are read. */
const TOLERANCE = 0.05;

export function hasOvsDpdk(): boolean {
  return existsSync(VSWITCHD) && existsSync(SCHEMA);
}

export class OvsDpdk implements Runner {
  readonly who = 'ovs-dpdk';
  readonly #folder: string;
  readonly #end = undoneAtEnd(() => this.#kill());
  #control: Control | undefined;
  #pid = 0;

  /** Throws with the reason when it cannot be started; call `stop` then too. */
  constructor(folder: string) {
    this.#folder = join(folder, 'ovs-dpdk');
  }

  async start(spec: WorldSpec, frames: Frames): Promise<this> {
    mkdirSync(this.#folder);
    const at = (name: string) => join(this.#folder, name);
    run('ovsdb-tool', ['create', at('conf.db'), SCHEMA], this.#folder);
    run(
      'ovsdb-server',
      [at('conf.db'), `--remote=punix:${at('db.sock')}`, `--unixctl=${at('db.ctl')}`, ...daemon(this.#folder, 'db')],
      this.#folder,
    );
    const vsctl = (...args: string[]) =>
      run('ovs-vsctl', [`--db=unix:${at('db.sock')}`, `--timeout=${START_SECONDS}`, ...args], this.#folder);
    vsctl('--no-wait', 'init');
    // Polling on the last core, everything else on the first.
    vsctl(
      '--no-wait',
      'set',
      'Open_vSwitch',
      '.',
      'other_config:dpdk-init=true',
      'other_config:dpdk-extra=--no-huge --legacy-mem --no-pci --no-telemetry -m 1024',
      'other_config:pmd-cpu-mask=0x2',
      'other_config:dpdk-lcore-mask=0x1',
    );
    run(VSWITCHD, [`unix:${at('db.sock')}`, `--unixctl=${at('vs.ctl')}`, ...daemon(this.#folder, 'vs')], this.#folder);
    this.#pid = Number(readFileSync(at('vs.pid'), 'utf8'));
    this.#control = await Control.open(at('vs.ctl'));
    const size = String(Math.max(8192, spec.macs * 2));
    const bridge = ['add-br', BRIDGE, '--', 'set', 'bridge', BRIDGE, 'datapath_type=netdev', 'fail-mode=standalone'];
    vsctl(...bridge, `other_config:mac-table-size=${size}`);
    for (let p = 0; p < spec.ports; p++) {
      writePort(at(`p${p}.pcap`), frames, p);
      const device = `net_pcap${p},rx_pcap=${at(`p${p}.pcap`)},infinite_rx=1`;
      vsctl(
        'add-port',
        BRIDGE,
        `p${p}`,
        '--',
        'set',
        'Interface',
        `p${p}`,
        'type=dpdk',
        `options:dpdk-devargs=${device}`,
      );
    }
    for (let m = 0; m < spec.macs; m++) {
      await this.#control.ask('fdb/add', BRIDGE, `p${portOf(spec, m)}`, '0', macText(m));
    }
    await this.#check(spec, frames);
    this.#pause();
    return this;
  }

  async round(seconds: number): Promise<Round> {
    process.kill(this.#pid, 'SIGCONT');
    const before = await this.#received();
    const begin = performance.now();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1e3));
    const after = await this.#received();
    const ns = Math.round((performance.now() - begin) * 1e6);
    this.#pause();
    return { frames: after - before, ns };
  }

  stop(): void {
    this.#control?.close();
    this.#end();
  }

  #kill(): void {
    for (const name of ['vs', 'db']) {
      const file = join(this.#folder, `${name}.pid`);
      if (!existsSync(file)) continue;
      const pid = Number(readFileSync(file, 'utf8'));
      try {
        process.kill(pid, 'SIGCONT');
        process.kill(pid, 'SIGKILL');
      } catch {
        // it ended by itself
      }
    }
  }

  #pause(): void {
    process.kill(this.#pid, 'SIGSTOP');
  }

  /** Frames that the polling thread has taken since the start. */
  async #received(): Promise<number> {
    const text = await this.#control!.ask('dpif-netdev/pmd-stats-show');
    return Number(/packets received: (\d+)/.exec(text)?.[1]);
  }

  /** Frames leave by the ports that they have to leave by, in the shares of the plan. */
  async #check(spec: WorldSpec, frames: Frames): Promise<void> {
    while ((await this.#received()) < ENOUGH_PACKETS) await new Promise((resolve) => setTimeout(resolve, 50));
    const { sent: before } = await this.#ports(spec.ports);
    const fromBefore = (await this.#ports(spec.ports)).received;
    await new Promise((resolve) => setTimeout(resolve, 500));
    const { received, sent } = await this.#ports(spec.ports);
    for (let to = 0; to < spec.ports; to++) {
      let planned = 0;
      for (let from = 0; from < spec.ports; from++) {
        planned += (received[from] - fromBefore[from]) * shareOf(frames, from, to);
      }
      const off = Math.abs(sent[to] - before[to] - planned);
      if (off > planned * TOLERANCE + 1000) {
        throw new Error(
          `bench: ovs-dpdk does not deliver what it must (port ${to}: ${sent[to] - before[to]}, planned ${planned})`,
        );
      }
    }
  }

  async #ports(count: number): Promise<{ received: number[]; sent: number[] }> {
    const text = await this.#control!.ask('dpctl/show', '-s', 'netdev@ovs-netdev');
    const received: number[] = [];
    const sent: number[] = [];
    for (let p = 0; p < count; p++) {
      const section = text.slice(text.indexOf(`: p${p} (`));
      received.push(Number(/RX packets:(\d+)/.exec(section)?.[1]));
      sent.push(Number(/TX packets:(\d+)/.exec(section)?.[1]));
    }
    return { received, sent };
  }
}

/** Of the frames of one port, the share that goes to another. */
function shareOf({ file, to }: Frames, from: number, port: number): number {
  let all = 0;
  let there = 0;
  for (let i = 0; i < to.length; i++) {
    if (file.readInt32LE(4 + i * RECORD_BYTES) !== from) continue;
    all++;
    if (to[i] === port) there++;
  }
  return all === 0 ? 0 : there / all;
}

function macText(address: number): string {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(0x0200, 0);
  bytes.writeUInt32BE(address, 2);
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** The frames that arrive on one port, as a capture. */
function writePort(path: string, { file, to }: Frames, port: number): void {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20);
  const fd = openSync(path, 'w');
  writeSync(fd, header);
  const record = Buffer.alloc(16);
  record.writeUInt32LE(FRAME_BYTES, 8);
  record.writeUInt32LE(FRAME_BYTES, 12);
  for (let i = 0; i < to.length; i++) {
    const at = 4 + i * RECORD_BYTES;
    if (file.readInt32LE(at) !== port) continue;
    writeSync(fd, record);
    writeSync(fd, file, at + 8, FRAME_BYTES);
  }
  closeSync(fd);
}

function daemon(folder: string, name: string): string[] {
  return [
    `--pidfile=${join(folder, `${name}.pid`)}`,
    `--log-file=${join(folder, `${name}.log`)}`,
    '--detach',
    '-vconsole:off',
  ];
}

function run(command: string, args: string[], folder: string): void {
  const env = { ...process.env, OVS_RUNDIR: folder, OVS_LOGDIR: folder, OVS_DBDIR: folder, OVS_SYSCONFDIR: folder };
  // Its output is not read through a pipe: a daemon would hold that open.
  const { status, error } = spawnSync(command, args, { env, stdio: 'ignore' });
  if (status !== 0) throw new Error(`bench: ${command} failed (${error?.message ?? `status ${status}`})`);
}

/** The control socket of a daemon of Open vSwitch: JSON-RPC 1.0, one answer after the other. */
class Control {
  readonly #socket: Socket;
  #text = '';
  #waiting: ((answer: { result: string | null; error: string | null }) => void) | undefined;

  static open(path: string): Promise<Control> {
    return new Promise((resolve, reject) => {
      const socket = connect({ path }, () => resolve(new Control(socket)));
      socket.once('error', reject);
    });
  }

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text;
      try {
        const answer = JSON.parse(this.#text) as { result: string | null; error: string | null };
        this.#text = '';
        this.#waiting?.(answer);
      } catch {
        // not all of it yet
      }
    });
  }

  ask(method: string, ...params: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting = ({ result, error }) =>
        error === null ? resolve(result ?? '') : reject(new Error(`bench: ovs-dpdk: ${method}: ${error}`));
      this.#socket.write(JSON.stringify({ method, params, id: 0 }));
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
