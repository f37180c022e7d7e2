/**
 * Adapters whose device takes nothing any more, each in the way that its kind knows: a slow queue behind it, a reader that
 * has stopped, a process that stands still. `go` ends that.
 */

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { Adapter, AdapterContext } from '../../src/adapters/adapter.ts';
import { openPacket } from '../../src/adapters/af-packet.ts';
import { openXdp } from '../../src/adapters/af-xdp.ts';
import { openCap } from '../../src/adapters/cap.ts';
import { openTap } from '../../src/adapters/tap.ts';
import { openUdp } from '../../src/adapters/udp.ts';
import { type Arena, release } from '../../src/dataplane/arena.ts';
import { createBatch } from '../../src/dataplane/batch.ts';
import type { Far } from './adapter-kinds.ts';
import { type Lab, python } from './netns.ts';

export interface Jammed {
  adapter: Adapter;
  far: Far;
  /** What waited arrives, and there is room again. */
  go(): void;
}

export type Jam = (lab: Lab, arena: Arena, label: string) => Promise<Jammed>;

const MTU = 1500;
const quiet = (arena: Arena): AdapterContext => ({ arena, events: { link: () => {}, readable: () => {} } });

/** 8 kbit/s, and room for 20 KB. */
const SLOW = ['root', 'tbf', 'rate', '8kbit', 'burst', '1540', 'limit', '20000'];
const FAST = ['root', 'tbf', 'rate', '1gbit', 'burst', '100kb', 'limit', '20000'];

/** A cable whose near end, outside every namespace, has a slow queue. */
async function slowCable(lab: Lab, label: string, near: string[] = []) {
  const [device, end] = [lab.device(label), lab.device(`${label}f`)];
  lab.makeVeth(device, end);
  for (const address of near) lab.run('ip', 'addr', 'add', address, 'dev', device);
  const host = lab.namespace(label);
  host.adopt(end, { mtu: MTU });
  const far = await host.frameSocket(end);
  lab.run('tc', 'qdisc', 'add', 'dev', device, ...SLOW);
  return { device, far, go: () => void lab.run('tc', 'qdisc', 'change', 'dev', device, ...FAST) };
}

export const jamPacket: Jam = async (lab, arena, label) => {
  const { device, far, go } = await slowCable(lab, label);
  return { adapter: await openPacket({ device, mtu: MTU, offloads: 'auto', fanout: null }, quiet(arena)), far, go };
};

export const jamUdp: Jam = async (lab, arena, label) => {
  // Nobody is there: what leaves is seen on the cable.
  const net = `169.254.${process.pid % 254}`;
  const { device, far, go } = await slowCable(lab, label, [`${net}.1/30`]);
  lab.run('ip', 'neigh', 'add', `${net}.2`, 'lladdr', '02:00:00:00:00:02', 'dev', device, 'nud', 'permanent');
  const adapter = await openUdp({ local: `${net}.1:0`, remote: `${net}.2:9`, mtu: MTU }, quiet(arena), 'native');
  const payloads: Buffer[] = [];
  const datagrams: Far = {
    send: (frame) => far.send(frame),
    get frames() {
      for (const frame of far.frames.splice(0))
        if (frame.readUInt16BE(12) === 0x0800) payloads.push(frame.subarray(42));
      return payloads;
    },
  };
  return { adapter, far: datagrams, go };
};

/** TUNSETSNDBUF of a TAP that this process has open, which it gives to another for that. */
const SET_SNDBUF = 'import fcntl,struct; fcntl.ioctl(3, 0x400454d4, struct.pack("i", 20000))';

/** What the host has not passed on is charged to who wrote it: it stands in the slow queue of the device behind a bridge. */
export const jamTap: Jam = async (lab, arena, label) => {
  const device = lab.device(label);
  const options = { device, mtu: MTU, offloads: 'off', queues: 1, persistent: false } as const;
  const adapter = await openTap(options, quiet(arena));
  const [interpreter, ...flags] = python();
  const { status, stderr } = spawnSync(interpreter, [...flags, '-c', SET_SNDBUF], {
    stdio: ['ignore', 'ignore', 'pipe', adapter.fd],
  });
  if (status !== 0) throw new Error(`TUNSETSNDBUF: ${stderr}`);
  const host = lab.namespace(label);
  host.adopt(device, { mtu: MTU });
  host.run('ip', 'link', 'add', 'out', 'type', 'veth', 'peer', 'name', 'end');
  host.run('ip', 'link', 'add', 'between', 'type', 'bridge', 'mcast_snooping', '0');
  for (const each of [device, 'out']) host.run('ip', 'link', 'set', each, 'master', 'between');
  for (const each of ['between', 'out', 'end']) host.run('ip', 'link', 'set', each, 'up');
  const far = await host.frameSocket('end');
  host.run('tc', 'qdisc', 'add', 'dev', 'out', ...SLOW);
  return { adapter, far, go: () => void host.run('tc', 'qdisc', 'change', 'dev', 'out', ...FAST) };
};

/** On a TAP with room for 20 frames that nobody reads. */
export const jamXdp: Jam = async (lab, arena, label) => {
  const device = lab.device(label);
  const reader = await openTap({ device, mtu: MTU, offloads: 'off', queues: 1, persistent: false }, quiet(arena));
  lab.run('sysctl', '-qw', `net.ipv6.conf.${device}.disable_ipv6=1`);
  lab.run('ip', 'link', 'set', device, 'txqueuelen', '20');
  const port = await openXdp({ device, mtu: MTU, queue: 0 }, quiet(arena));
  const close = () => {
    port.close();
    reader.close();
  };
  let reads = false;
  const batch = createBatch();
  const arrived: Buffer[] = [];
  const far: Far = {
    send: () => {},
    get frames() {
      batch.count = 0;
      for (let i = 0, got = reads ? reader.receive(batch, 0, 64) : 0; i < got; i++) {
        arrived.push(Buffer.from(arena.bytes.subarray(batch.off[i]!, batch.off[i]! + batch.len[i]!)));
        release(arena, batch.slot[i]!);
      }
      return arrived;
    },
  };
  const adapter = new Proxy(port, { get: (at, key) => (key === 'close' ? close : bound(at, key)) });
  const go = () => {
    reads = true;
  };
  return { adapter, far, go };
};

function bound(of: object, key: string | symbol): unknown {
  const value = Reflect.get(of, key, of) as unknown;
  return typeof value === 'function' ? value.bind(of) : value;
}

/** Its process stands still. */
export const jamCap =
  (program: URL): Jam =>
  async (lab, arena, label) => {
    const [device, end] = [lab.device(label), lab.device(`${label}f`)];
    lab.makeVeth(device, end);
    const host = lab.namespace(label);
    host.adopt(end, { mtu: MTU });
    const far = await host.frameSocket(end);
    const adapter = await openCap({ device, mtu: MTU }, quiet(arena), program);
    const child = childWith(device);
    process.kill(child, 'SIGSTOP');
    return { adapter, far, go: () => void process.kill(child, 'SIGCONT') };
  };

/** The process of ours that was started with this argument. */
function childWith(argument: string): number {
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(argument)) continue;
      if (new RegExp(`^PPid:\\s${process.pid}$`, 'm').test(readFileSync(`/proc/${pid}/status`, 'utf8')))
        return Number(pid);
    } catch {
      // It has ended.
    }
  }
  throw new Error(`no process with ${argument}`);
}
