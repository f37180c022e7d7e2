/** Devices outlive the thread that ends: nobody's link goes down, what is sent meanwhile arrives, and no privilege is needed. */

import { createSocket } from 'node:dgram';
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { askSwitch } from '../../src/api/control-client.ts';
import { freePort } from '../free-port.ts';
import { cabled } from './cabled.ts';
import { eventually, liveObstacle, until } from './netns.ts';
import type { SwitchProcess } from './switch-process.ts';
import { useBench, useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const descriptors = (sw: SwitchProcess) => readdirSync(`/proc/${sw.child.pid}/fd`).length;

async function restart(sw: SwitchProcess): Promise<void> {
  const again = () => sw.log().split('worker 0 forwards again').length - 1;
  const before = again();
  await askSwitch(sw.socket, { method: 'POST', path: '/v1/workers/0/restart' });
  await until(() => again() > before, 'it forwards again');
}

describe.skipIf(obstacle !== null)('a switch whose worker 0 ends', () => {
  const lab = useLab();
  const bench = useBench();

  it.each([1, 2])('goes on with its TAPs and packet sockets, without privileges: %d workers', async (workers) => {
    const label = `k${workers}`;
    const { hosts, devices, fars } = cabled(lab, label, 2, `${40 + workers}`, { ipv6: false });
    const taps = [3, 4].map((n) => lab.device(`${label}${n}`));
    const access = { mode: 'access', vlan: 10 };
    const ports = {
      p1: { adapter: 'af-packet', device: devices[0], ...access },
      p2: { adapter: 'af-packet', device: devices[1], ...access },
      p3: { adapter: 'tap', device: taps[0], ...access },
      p4: { adapter: 'tap', device: taps[1], ...access },
    };
    const sw = await bench.start({ switch: { privileges: 'drop' }, ports }, ['--workers', String(workers)]);
    for (const [i, tap] of taps.entries()) {
      const host = lab.namespace(`${label}${i + 3}`);
      host.adopt(tap, { address: `10.${40 + workers}.0.${i + 3}/24` });
      hosts.push(host);
    }
    const all = [...fars, ...taps];
    const link = (i: number) =>
      ['ifindex', 'carrier_changes', 'operstate'].map((what) =>
        hosts[i]!.run('cat', `/sys/class/net/${all[i]}/${what}`),
      );
    const talk = async () => {
      for (const to of [2, 3, 4]) {
        expect(await hosts[0]!.ping(`10.${40 + workers}.0.${to}`, { count: 2 })).toBe(2);
      }
      expect(await hosts[3]!.ping(`10.${40 + workers}.0.3`, { count: 2 })).toBe(2);
    };
    await talk();
    // What a restart opens for the first time stays open.
    await restart(sw);
    const [links, open] = [hosts.map((_, i) => link(i)), descriptors(sw)];
    await restart(sw);
    await talk();
    expect(hosts.map((_, i) => link(i))).toEqual(links);
    await eventually(async () => descriptors(sw) <= open, 'no more descriptors than before');
    await eventually(async () => (await sw.ledger()).balanced, 'the ledger balances');
    expect((await sw.ports()).get('p3')).toMatchObject({ link: 'up' });
    expect(await sw.stop()).toBe(0);
    for (const [i, tap] of taps.entries()) expect(hosts[i + 2]!.try('ip', 'link', 'show', tap).status).not.toBe(0);
  });

  it('gives a worker that ends alone its packet sockets back where nobody could open them', async () => {
    const { hosts, devices } = cabled(lab, 'ks', 2, '43', { ipv6: false });
    const ports = Object.fromEntries(devices.map((device, i) => [`p${i}`, { adapter: 'af-packet', device, vlan: 10 }]));
    const sw = await bench.start({ switch: { privileges: 'drop' }, ports }, ['--workers', '2']);
    expect(await hosts[0]!.ping('10.43.0.2', { count: 2 })).toBe(2);
    const before = descriptors(sw);
    for (let times = 1; times <= 2; times++) {
      await askSwitch(sw.socket, { method: 'POST', path: '/v1/workers/1/restart' });
      await until(() => sw.log().split('worker 1 forwards again').length - 1 === times, 'it is back');
    }
    expect(sw.log()).not.toMatch(/has no queue/);
    await eventually(async () => descriptors(sw) <= before, 'no more descriptors than before');
    expect(await hosts[0]!.ping('10.43.0.2', { count: 5 })).toBe(5);
    // While it is away a port goes, and with it the socket that waits.
    await askSwitch(sw.socket, { method: 'POST', path: '/v1/workers/1/restart' });
    await until(() => sw.log().split('worker 1 has ended').length - 1 === 3, 'it has ended');
    await askSwitch(sw.socket, { method: 'DELETE', path: '/v1/ports/p1' });
    await until(() => sw.log().split('worker 1 forwards again').length - 1 === 3, 'it is back');
    // A socket for each worker, and one beside it to send by.
    await eventually(async () => descriptors(sw) <= before - 4, 'those of the port are closed');
    await eventually(async () => (await sw.ledger()).balanced, 'the ledger balances');
  });

  const MARK = 'ffffffffffff02000000000188b5';
  const numbered = (n: number) => {
    const frame = Buffer.alloc(60);
    frame.write(MARK, 'hex');
    frame.writeUInt32BE(n, 14);
    return frame;
  };

  it.each(['tap', 'udp', 'vxlan'])('delivers what is sent while nobody forwards: %s', async (kind) => {
    const devices = [0, 1].map((n) => lab.device(`kq${kind[0]}${n}`));
    const tap = (n: number) => ({ adapter: 'tap', device: devices[n], vlan: 10 });
    const [ours, theirs] = [await freePort('127.0.0.1'), await freePort('127.0.0.1')];
    const sender = createSocket('udp4');
    await new Promise<void>((resolve) => sender.bind(theirs, kind === 'vxlan' ? '127.0.0.2' : '127.0.0.1', resolve));
    const config = {
      tap: { ports: { p0: tap(0), p1: tap(1) } },
      udp: {
        ports: {
          p0: { adapter: 'udp', local: `127.0.0.1:${ours}`, remote: `127.0.0.1:${theirs}`, vlan: 10 },
          p1: tap(1),
        },
      },
      vxlan: {
        vteps: { v: { local: '127.0.0.1', udpPort: ours } },
        ports: {
          p0: { adapter: 'vxlan', vxlan: { vtep: 'v', vnis: { 10: 10 }, remotes: ['127.0.0.2'] } },
          p1: tap(1),
        },
      },
    }[kind]!;
    const sw = await bench.start(config);
    const space = (n: number) => {
      const host = lab.namespace(`kq${kind[0]}${n}`);
      host.adopt(devices[n]!);
      return host.frameSocket(devices[n]!);
    };
    const near = kind === 'tap' ? await space(0) : null;
    const far = await space(1);
    const header = kind === 'vxlan' ? Buffer.from('0800000000000a00', 'hex') : Buffer.alloc(0);
    const send = (n: number) => {
      if (near === null) sender.send(Buffer.concat([header, numbered(n)]), ours, '127.0.0.1');
      else near.send(numbered(n));
    };
    const arrived = new Set<number>();
    const look = () => {
      for (const frame of far.frames.splice(0)) {
        if (frame.toString('hex', 0, 14) === MARK) arrived.add(frame.readUInt32BE(14));
      }
      return arrived.size;
    };
    try {
      await until(() => {
        send(0);
        return look() > 0;
      }, 'frames pass');
      await askSwitch(sw.socket, { method: 'POST', path: '/v1/workers/0/restart' });
      await until(() => sw.log().includes('worker 0 has ended'), 'it has ended');
      for (let n = 1; n <= 200; n++) send(n);
      await until(() => look() === 201, 'all are there');
      await eventually(async () => (await sw.ledger()).balanced, 'the ledger balances');
    } finally {
      sender.close();
    }
  });

  it('closes what configuration does not have any more, and what vanished meanwhile is waited for', async () => {
    const devices = [0, 1, 2].map((n) => lab.device(`kr${n}`));
    const tap = (n: number) => ({ adapter: 'tap', device: devices[n], vlan: 10 });
    const sw = await bench.start({ ports: { p0: tap(0), p1: tap(1), p2: tap(2) } });
    await askSwitch(sw.socket, { method: 'DELETE', path: '/v1/ports/p2' });
    expect(readdirSync('/sys/class/net')).not.toContain(devices[2]);
    await askSwitch(sw.socket, { method: 'POST', path: '/v1/workers/0/restart' });
    await until(() => sw.log().includes('worker 0 has ended'), 'it has ended');
    lab.run('ip', 'link', 'del', devices[1]!);
    await until(() => sw.log().includes('worker 0 forwards again'), 'it forwards again');
    expect(sw.log().split('worker 0 has ended').length).toBe(2); // at the first try
    await eventually(async () => (await sw.ports()).get('p0')?.link === 'up', 'the one is up');
    expect(readdirSync('/sys/class/net')).not.toContain(devices[2]);
    expect((await sw.ledger()).balanced).toBe(true);
    expect(await sw.stop()).toBe(0);
    expect(readdirSync('/sys/class/net')).not.toContain(devices[0]);
  });

  it.each(['keep', 'drop'])('waits for a device that was gone before: privileges %s', async (privileges) => {
    const [device, far, tap, gone] = ['a', 'b', 'c', 'd'].map((n) => lab.device(`kw${privileges[0]}${n}`)) as [
      string,
      string,
      string,
      string,
    ];
    lab.makeVeth(device, far);
    const ports = {
      p1: { adapter: 'af-packet', device, vlan: 10 },
      p2: { adapter: 'tap', device: tap, vlan: 10 },
      p3: { adapter: 'tap', device: gone, vlan: 10 },
    };
    const sw = await bench.start({ switch: { privileges }, ports });
    const link = async (port: string) => (await sw.ports()).get(port)?.link;
    for (const each of [device, gone]) lab.run('ip', 'link', 'del', each);
    await eventually(async () => (await link('p1')) === 'down' && (await link('p3')) === 'down', 'they are gone');
    await restart(sw);
    await eventually(async () => (await link('p2')) === 'up', 'it has its TAP');
    expect(await link('p1')).toBe('down');
    // Who may make a TAP makes it anew.
    expect(readdirSync('/sys/class/net').includes(gone)).toBe(privileges === 'keep');
    if (privileges === 'drop') return;
    lab.makeVeth(device, far);
    lab.run('ip', 'link', 'set', far, 'up');
    await eventually(async () => (await link('p1')) === 'up', 'it is back');
  });
});
