/**
 * Several threads that forward, between Linux hosts: every byte arrives, flows keep their order, counters add up, changes
 * lose nothing, and a thread that ends comes back.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { askSwitch } from '../../src/api/control-client.ts';
import { eventually, liveObstacle, type Namespace, python, until } from './netns.ts';
import { stream } from './stream.ts';
import type { Raw, SwitchProcess } from './switch-process.ts';
import { useBench, useLab } from './use.ts';
import { cable, kernelVtep, reaches, site } from './vxlan-lab.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const FLOWS = 24;
const FLOW_BYTES = 400_000;

const [TCP, UDP] = ['flows-tcp.py', 'flows-udp.py'].map((file) => fileURLToPath(new URL(file, import.meta.url))) as [
  string,
  string,
];

describe.skipIf(obstacle !== null)('two workers', () => {
  const lab = useLab();
  const bench = useBench();
  const programs = new Set<ChildProcess>();
  afterEach(() => {
    for (const program of programs) program.kill('SIGKILL');
    programs.clear();
  });

  const start = (ports: object, more: Raw = {}): Promise<SwitchProcess> =>
    bench.start({ ...more, ports } as Raw, ['--workers', '2']);

  /** Hosts on TAPs of one switch, in one subnet. */
  async function hosts(
    label: string,
    count: number,
    more: (i: number) => object = () => ({ mode: 'access', vlan: 10 }),
  ) {
    const devices = Array.from({ length: count }, (_, i) => lab.device(`${label}${i}`));
    const ports = Object.fromEntries(devices.map((device, i) => [`p${i}`, { adapter: 'tap', device, ...more(i) }]));
    const sw = await start(ports);
    const spaces = devices.map((device, i) => {
      const space = lab.namespace(`${label}${i}`);
      space.adopt(device, { address: `10.9.0.${i + 1}/24` });
      return space;
    });
    return { sw, spaces, devices, ports };
  }

  /** Lines that a program says. */
  function talk(space: Namespace, program: string, ...args: (string | number)[]) {
    const command = ['netns', 'exec', space.name, ...python(), program, ...args.map(String)];
    const child = spawn('ip', command, { stdio: ['ignore', 'pipe', 'inherit'] });
    programs.add(child);
    let said = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    return {
      child,
      said: () => said,
      line: async (pattern: RegExp, timeoutMs = 240_000) => {
        await until(() => pattern.test(said), `${pattern} in ${JSON.stringify(said)}`, timeoutMs);
        return pattern.exec(said)!;
      },
    };
  }

  /** Flows in both directions at once; how many were true. */
  async function transfer(a: Namespace, b: Namespace, addresses: [string, string], flows = FLOWS, bytes = FLOW_BYTES) {
    const servers = [
      talk(a, TCP, 'serve', addresses[0], 7000, 0, bytes),
      talk(b, TCP, 'serve', addresses[1], 7000, 0, bytes),
    ];
    await Promise.all(servers.map((server) => server.line(/listening\n/)));
    const clients = [
      talk(a, TCP, 'send', addresses[1], 7000, flows, bytes),
      talk(b, TCP, 'send', addresses[0], 7000, flows, bytes),
    ];
    const answers = await Promise.all(clients.map((client) => client.line(/^(\d+)\n/)));
    for (const { child } of servers) child.kill('SIGKILL');
    return answers.map(([, n]) => Number(n));
  }

  const descriptors = (sw: SwitchProcess) => readdirSync(`/proc/${sw.child.pid}/fd`).length;

  /** Frames received by each worker so far. */
  async function shares(sw: SwitchProcess): Promise<number[]> {
    const { workers } = (await askSwitch(sw.socket, { path: '/v1/workers' })) as { workers: { rxFrames: number }[] };
    return workers.map(({ rxFrames }) => rxFrames);
  }

  /** Every frame is in the ledger, and each worker had some. */
  async function account(sw: SwitchProcess): Promise<void> {
    // Asked one after the other, while a host may say something of its own.
    await eventually(async () => {
      const { balanced, total } = await sw.ledger();
      const ports = [...(await sw.ports()).values()].reduce((sum, { rxFrames }) => sum + rxFrames, 0);
      const each = (await shares(sw)).reduce((sum, n) => sum + n, 0);
      return balanced && ports === total.received && each === total.received;
    }, 'every frame is in the ledger');
    const each = await shares(sw);
    for (const n of each) expect(n).toBeGreaterThan(0);
  }

  it('carry TCP flows between TAPs whole, and their counters add up', async () => {
    const { sw, spaces } = await hosts('t', 2);
    expect(await spaces[0]!.ping('10.9.0.2', { count: 1 })).toBe(1);
    // While the devices were moved to their hosts, one could speak when the other was not there.
    const before = await sw.ports();
    expect(await transfer(spaces[0]!, spaces[1]!, ['10.9.0.1', '10.9.0.2'])).toEqual([FLOWS, FLOWS]);
    const { entries } = await sw.fdb();
    expect(entries.map(({ port }) => port).sort()).toEqual(['p0', 'p1']);
    await account(sw);
    const ports = await sw.ports();
    for (const [name, { drops }] of ports) expect(drops).toEqual(before.get(name)!.drops);
    const shown = bench.cli('show', 'workers', '--socket', sw.socket).stdout;
    expect(shown).toMatch(/^WORKER +STATE +BUSY .*\n *0 +up .*\n *1 +up /);
    expect(await sw.stop()).toBe(0);
  });

  it('sleep while there is nothing to do', async () => {
    const { sw } = await hosts('s', 2);
    const used = () => {
      const [, fields] = readFileSync(`/proc/${sw.child.pid}/stat`, 'utf8').split(') ') as [string, string];
      return fields
        .split(' ')
        .slice(11, 13)
        .reduce((sum, ticks) => sum + Number(ticks) * 10, 0);
    };
    // What the hosts say when their links come up is over by and by.
    await eventually(async () => {
      const before = used();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      return used() - before < 60;
    }, 'it sleeps');
  });

  /** Two hosts behind interfaces that exist already. */
  async function cabled(label: string, adapter = 'af-packet', queues = [1, 1]) {
    const names = queues.map((_, n) => [lab.device(`${label}${n}`), lab.device(`${label}${n}x`)] as const);
    for (const [i, [device, peer]] of names.entries()) lab.makeVeth(device, peer, queues[i]);
    const ports = Object.fromEntries(names.map(([device], i) => [`p${i}`, { adapter, device, vlan: 10 }]));
    const sw = await start(ports);
    const spaces = names.map(([, peer], i) => {
      const space = lab.namespace(`${label}${i}`);
      space.adopt(peer, { address: `10.9.0.${i + 1}/24` });
      return space;
    });
    return { sw, spaces, devices: names.map(([device]) => device) };
  }

  it('share the frames of an interface that exists, and see nothing of what they send', async () => {
    const { sw, spaces } = await cabled('v');
    expect(await transfer(spaces[0]!, spaces[1]!, ['10.9.0.1', '10.9.0.2'])).toEqual([FLOWS, FLOWS]);
    await account(sw);
    const { entries } = await sw.fdb();
    // A frame that came back to its sender's port would move the address.
    expect(entries.map(({ port }) => port).sort()).toEqual(['p0', 'p1']);
    expect(await sw.stop()).toBe(0);
  });

  it('start again all together when worker 0 ends, with what they knew, and not for ever', async () => {
    const { sw, spaces } = await cabled('z');
    const restart = () => askSwitch(sw.socket, { method: 'POST', path: '/v1/workers/0/restart' });
    expect(await transfer(spaces[0]!, spaces[1]!, ['10.9.0.1', '10.9.0.2'], 8, 100_000)).toEqual([8, 8]);
    const known = async () => (await sw.fdb()).entries.map(({ mac, port }) => `${mac} ${port}`).sort();
    const before = await known();
    for (let times = 1; times <= 3; times++) {
      await restart();
      const again = () => sw.log().split('worker 0 forwards again').length - 1;
      await until(() => again() === times, 'they are back');
      expect(await known()).toEqual(before);
      expect(await transfer(spaces[0]!, spaces[1]!, ['10.9.0.1', '10.9.0.2'], 8, 100_000)).toEqual([8, 8]);
      await account(sw);
    }
    // Three within a minute; on a slow machine those above may be longer ago.
    for (let more = 0; sw.child.exitCode === null && more < 4; more++) {
      const again = () => sw.log().split('worker 0 forwards again').length - 1;
      const before = again();
      await restart().catch(() => {}); // it may end before it answers
      await until(() => sw.child.exitCode !== null || again() > before, 'it is over, or back');
    }
    expect(sw.child.exitCode).toBe(1);
    expect(sw.log()).toMatch(/the forwarding thread failed: ended on request/);
  });

  /** Datagrams of many flows, none of which overtakes another of its flow. */
  async function keepOrder(sw: SwitchProcess, spaces: readonly Namespace[]): Promise<void> {
    expect(await spaces[0]!.ping('10.9.0.2', { count: 1 })).toBe(1);
    const [flows, count] = [16, 1500];
    const receiver = talk(spaces[1]!, UDP, 'receive', '10.9.0.2', 7001, flows, count);
    await receiver.line(/listening\n/);
    // It says that it is done until somebody has heard it.
    const sender = talk(spaces[0]!, UDP, 'send', '10.9.0.2', 7001, flows, count);
    const [, got, late, seen] = await receiver.line(/\n(\d+) (\d+) (\d+)\n/);
    sender.child.kill('SIGKILL');
    expect(Number(late)).toBe(0);
    expect(Number(seen)).toBe(flows);
    const lost = flows * count - Number(got);
    const missed = [...(await sw.ports()).values()].reduce((sum, port) => sum + port.txDropped + port.rxMissed, 0);
    // What the machine was too slow for is no fault of order.
    if (missed === 0) expect(lost).toBeLessThan(flows * count * 0.05);
    await account(sw);
  }

  it('keep the order within a flow', async () => {
    const { sw, spaces } = await hosts('o', 2);
    await keepOrder(sw, spaces);
  });

  it('have a queue each of an af-xdp port, and one that ends comes back to its own', async () => {
    const { sw, spaces, devices } = await cabled('x', 'af-xdp', [2, 2, 1]);
    const ports = await sw.ports();
    expect(ports.get('p0')!.detail).toBe('queues 0-1 of workers 0-1, copy, driver XDP');
    expect(ports.get('p2')!.detail).toBe('queue 0 of worker 0, copy, driver XDP');
    expect(await transfer(spaces[0]!, spaces[1]!, ['10.9.0.1', '10.9.0.2'])).toEqual([FLOWS, FLOWS]);
    await account(sw);
    await keepOrder(sw, spaces);
    // What another worker sends to the port of one queue goes through worker 0.
    expect(await transfer(spaces[0]!, spaces[2]!, ['10.9.0.1', '10.9.0.3'], 8, 100_000)).toEqual([8, 8]);
    const before = descriptors(sw);
    const had = await shares(sw);
    const during = transfer(spaces[0]!, spaces[1]!, ['10.9.0.1', '10.9.0.2']);
    await askSwitch(sw.socket, { method: 'POST', path: '/v1/workers/1/restart' });
    expect(await during).toEqual([FLOWS, FLOWS]);
    await until(() => sw.log().includes('worker 1 forwards again'), 'it is back');
    expect(await transfer(spaces[0]!, spaces[1]!, ['10.9.0.1', '10.9.0.2'], 8, 100_000)).toEqual([8, 8]);
    expect((await shares(sw))[1]).toBeGreaterThan(had[1]!);
    await eventually(async () => descriptors(sw) === before, 'no descriptor is left open');
    expect((await sw.ledger()).balanced).toBe(true);
    await sw.stop('SIGKILL');
    const program = () => devices.some((device) => lab.run('ip', '-d', 'link', 'show', device).includes('prog/xdp'));
    await until(() => !program(), 'the programs are off the interfaces');
  });

  it('have a socket each of a VTEP, which share the flows that come out of the tunnel', async () => {
    const [a, b] = cable(lab);
    const { sw, hosts } = await site(lab, bench, a, {
      vtep: { peers: [b.address] },
      tunnels: { t1: { adapter: 'vxlan', vlan: 10, vxlan: { vtep: 'v0', vni: 10, remotes: [b.address] } } },
      hosts: [{ name: 'h', vlan: 10, address: '10.9.0.2/24' }],
      args: ['--workers', '2'],
    });
    kernelVtep(b, { vni: 10, address: '10.9.0.1/24', remote: a.address, mtu: 1450 });
    const spaces = [b.namespace, hosts[0]!];
    await reaches(spaces[0]!, '10.9.0.2');
    const had = await shares(sw);
    await keepOrder(sw, spaces);
    const has = await shares(sw);
    // Nobody answers: what there is has come by the sockets.
    for (const worker of [0, 1]) expect(has[worker]! - had[worker]!).toBeGreaterThan(1500);
    expect(await transfer(spaces[0]!, spaces[1]!, ['10.9.0.1', '10.9.0.2'], 8, 400_000)).toEqual([8, 8]);
    expect((await sw.ledger()).balanced).toBe(true);
  });

  it('keep VLANs apart on trunks and access ports', async () => {
    const modes = [
      { mode: 'access', vlan: 10 },
      { mode: 'access', vlan: 10 },
      { mode: 'access', vlan: 20 },
      { mode: 'trunk', vlans: '10,20' },
    ];
    const { sw, spaces, devices } = await hosts('l', 4, (i) => modes[i]!);
    expect(await transfer(spaces[0]!, spaces[1]!, ['10.9.0.1', '10.9.0.2'], 8)).toEqual([8, 8]);
    expect(await spaces[0]!.ping('10.9.0.3', { count: 1, timeoutMs: 300 })).toBe(0);
    const trunk = await spaces[3]!.frameSocket(devices[3]!);
    const frame = Buffer.alloc(64);
    for (const vid of [10, 20]) {
      for (let n = 0; n < 32; n++) {
        frame.write(
          `ffffffffffff0200000000${n.toString(16).padStart(2, '0')}8100${vid.toString(16).padStart(4, '0')}88b5`,
          'hex',
        );
        trunk.send(frame);
      }
    }
    const learned = async (vid: string) => (await sw.fdb({ vlan: vid, port: 'p3' })).entries.length;
    await eventually(async () => (await learned('10')) === 32 && (await learned('20')) === 32, 'all are learned');
    trunk.close();
    expect((await sw.ledger()).balanced).toBe(true);
  });

  it('follow a host that moves', async () => {
    const { sw, spaces, devices } = await hosts('m', 3);
    const sockets = await Promise.all(spaces.map((space, i) => space.frameSocket(devices[i]!)));
    const mac = '02000000aa01';
    for (let turn = 0; turn < 20; turn++) {
      const at = turn % 2;
      const frame = Buffer.alloc(60);
      frame.write(`ffffffffffff${mac}88b5`, 'hex');
      sockets[at]!.send(frame);
      await eventually(async () => {
        const { entries } = await sw.fdb({ mac: mac.replace(/..(?=.)/g, '$&:') });
        return entries.length === 1 && entries[0]!.port === `p${at}`;
      }, 'it has moved');
    }
    for (const socket of sockets) socket.close();
  });

  /** UDP from many ports: both workers have some. */
  function datagram(n: number): Buffer {
    const frame = Buffer.alloc(64);
    frame.write('ffffffffffff02000000000a0800450000320000000040110000', 'hex');
    frame.write('0a0900010a0900ff', 26, 'hex');
    frame.writeUInt16BE(1024 + (n % 64), 34);
    frame.writeUInt16BE(9, 36);
    frame.writeUInt16BE(30, 38);
    frame.writeUInt32BE(n, 42);
    return frame;
  }

  it('lose no frame of ports that a change does not name', async () => {
    const { sw, spaces, devices } = await hosts('c', 2);
    const raw = ((await askSwitch(sw.socket, { path: '/v1/config' })) as { config: Raw & { ports: object } }).config;
    const third = lab.device('c9');
    const more = { ...raw, ports: { ...raw.ports, p9: { adapter: 'tap', device: third, mode: 'access', vlan: 10 } } };
    const [a, b] = await Promise.all([0, 1].map((i) => spaces[i]!.frameSocket(devices[i]!)));
    const wanted = 4000;
    const isOurs = (f: Buffer) => f[23] === 17 && f[33] === 255;
    const flow = stream(a!, b!, datagram, (f) => (isOurs(f) ? f.readUInt32BE(42) : -1));
    let changes = 0;
    while (flow.sent < wanted || changes < 4) {
      const body = { config: changes++ % 2 === 0 ? more : raw };
      await askSwitch(sw.socket, { method: 'POST', path: '/v1/apply', body });
      expect(readdirSync('/sys/class/net').includes(third)).toBe(changes % 2 === 1);
    }
    await flow.end();
    await account(sw);
    a!.close();
    b!.close();
  });

  it('come back when they end, with their queues, and leave nothing open', async () => {
    const { sw, spaces, devices } = await hosts('k', 2);
    expect(await transfer(spaces[0]!, spaces[1]!, ['10.9.0.1', '10.9.0.2'], 8, 100_000)).toEqual([8, 8]);
    const before = descriptors(sw);
    const socket = await spaces[0]!.frameSocket(devices[0]!);
    let sent = 0;
    const timer = setInterval(() => {
      for (let i = 0; i < 8; i++) socket.send(datagram(sent++));
    }, 10);
    const lost = async () => (await sw.ledger()).total.drops.WORKER_LOST ?? 0;
    // At some time one of them has a batch in its hands.
    for (let times = 1; times <= 3 || (times <= 30 && (await lost()) === 0); times++) {
      const during = transfer(spaces[0]!, spaces[1]!, ['10.9.0.1', '10.9.0.2']);
      await askSwitch(sw.socket, { method: 'POST', path: '/v1/workers/1/restart' });
      expect(await during).toEqual([FLOWS, FLOWS]);
      const again = () => sw.log().split('worker 1 forwards again').length - 1;
      await until(() => again() === times, 'it is back');
    }
    expect(sw.log()).toMatch(/worker 1 has ended: ended on request \(/);
    clearInterval(timer);
    socket.close();
    expect(await lost()).toBeGreaterThan(0);
    const had = await shares(sw);
    expect(await transfer(spaces[0]!, spaces[1]!, ['10.9.0.1', '10.9.0.2'], 8, 100_000)).toEqual([8, 8]);
    const has = await shares(sw);
    expect(has[1]).toBeGreaterThan(had[1]!);
    await eventually(async () => descriptors(sw) === before, 'no descriptor is left open');
    expect((await sw.ledger()).balanced).toBe(true);
    expect(await sw.stop()).toBe(0);
  });
});
