/** A running switch is changed: by the commands, by its file; ports that are not named lose nothing. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { askSwitch } from '../../src/api/control-client.ts';
import { liveObstacle, until } from './netns.ts';
import { stream } from './stream.ts';
import type { Raw } from './switch-process.ts';
import { useBench, useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const tap = (device: string, more: object = {}) => ({ adapter: 'tap', device, mode: 'access', vlan: 10, ...more });
const exists = (device: string) => existsSync(`/sys/class/net/${device}`);

describe.skipIf(obstacle !== null)('a running switch', () => {
  const lab = useLab();
  const bench = useBench();

  /** p1 and p2 with a host each, and a third device for what changes. */
  async function two(label: string) {
    const devices = ['a', 'b', 'c'].map((n) => lab.device(`${label}${n}`)) as [string, string, string];
    const ports = { p1: tap(devices[0]), p2: tap(devices[1]) };
    const sw = await bench.start({ ports });
    const raw = JSON.parse(readFileSync(sw.socket.replace(/sock$/, 'json'), 'utf8')) as Raw & { ports: object };
    const hosts = [0, 1].map((i) => lab.namespace(`${label}${i}`));
    for (const [i, host] of hosts.entries()) host.adopt(devices[i]!, { address: `10.8.0.${i + 1}/24` });
    const file = (config: Raw) => {
      const path = join(bench.dir, 'new.json');
      writeFileSync(path, JSON.stringify(config));
      return path;
    };
    const cli = (...args: string[]) => bench.cli(...args, '--socket', sw.socket);
    return { sw, raw, devices, hosts: hosts as [(typeof hosts)[0], (typeof hosts)[0]], file, cli };
  }

  it('loses no frame of ports that are not named, while others come and go', async () => {
    const { sw, raw, devices, hosts } = await two('m');
    const a = await hosts[0].frameSocket(devices[0]);
    const b = await hosts[1].frameSocket(devices[1]);
    const wanted = 3000;
    const numbered = (n: number) => {
      const frame = Buffer.alloc(60);
      frame.write('ffffffffffff02000000000a88b5', 'hex');
      frame.writeUInt32BE(n, 14);
      return frame;
    };
    const flow = stream(a, b, numbered, (f) => (f.readUInt16BE(12) === 0x88b5 ? f.readUInt32BE(14) : -1));
    const ports = { ...raw.ports, p3: tap(devices[2]) };
    const more = { ...raw, bridges: { br1: {} }, vlans: { '100-199': {} }, ports };
    let changes = 0;
    while (flow.sent < wanted || changes < 4) {
      const body = { config: changes++ % 2 === 0 ? more : raw };
      await askSwitch(sw.socket, { method: 'POST', path: '/v1/apply', body });
      expect(exists(devices[2])).toBe(changes % 2 === 1);
    }
    await flow.end();
    expect((await sw.ledger()).balanced).toBe(true);
    a.close();
    b.close();
  });

  it('does what plan said, and takes back what is not confirmed', async () => {
    const { sw, raw, hosts, devices, file, cli } = await two('c');
    expect(await hosts[0].ping('10.8.0.2', { count: 1 })).toBe(1);
    const blue = file({ ...raw, ports: { ...raw.ports, p2: tap(devices[1], { vlan: 20 }) } });
    const plan = cli('plan', '-c', blue);
    expect(plan.status).toBe(0);
    expect(plan.stdout).toMatch(/memberships:\n {2}- p2 vlan 10 untagged\n {2}\+ p2 vlan 20 untagged/);
    expect(plan.stdout).toMatch(/addresses that are forgotten: 1\n {2}- [0-9a-f:]+ vlan 10 on p2 \(dynamic\)/);

    // What it is like is seen as long as it is not taken back, which on a slow machine may be too short.
    for (let tries = 1; ; tries++) {
      const apply = cli('apply', '-c', blue, '--confirm', '2s');
      expect(apply.stdout).toMatch(/set-pvid p2 20\nto be kept, say within 2 s: etherloom confirm\n$/);
      const reached = await hosts[0].ping('10.8.0.2', { count: 1, timeoutMs: 200 });
      if ((await sw.ports()).get('p2')!.pvid === 10 && tries < 10) continue;
      expect(reached).toBe(0);
      break;
    }
    await until(() => sw.log().includes('rolled back, it was not confirmed in time'), 'it is taken back');
    expect(await hosts[0].ping('10.8.0.2', { count: 1 })).toBe(1);

    expect(cli('apply', '-c', blue, '--confirm', '60s').status).toBe(0);
    expect(cli('vlan', 'add', '30')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/waits to be confirmed/),
    });
    expect(cli('confirm').stdout).toBe('confirmed\n');
    expect(cli('plan', '-c', blue).stdout).toBe('nothing to change\n');
    expect(cli('plan', '-c', file({ ports: { p1: { adapter: 'tap' } } }))).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/new\.json:1: ports\.p1\.device: is missing/),
    });
  });

  it('reads its file again at SIGHUP, or says why not', async () => {
    const { sw, raw, devices } = await two('h');
    const path = sw.socket.replace(/sock$/, 'json');
    writeFileSync(path, JSON.stringify({ ...raw, ports: { p1: tap(devices[0]) } }));
    sw.child.kill('SIGHUP');
    await until(() => sw.log().includes('applied: remove-port p2'), 'applied');
    expect((await sw.ports()).size).toBe(1);
    writeFileSync(path, '{ ports: { p1: { adapter: tap } } }');
    sw.child.kill('SIGHUP');
    await until(() => /SIGHUP: nothing has changed: .*json:1: ports\.p1\.device/.test(sw.log()), 'refused');
    expect((await sw.ports()).size).toBe(1);
  });

  it('is changed part by part', async () => {
    const { sw, hosts, devices, cli } = await two('k');
    expect(await hosts[0].ping('10.8.0.2', { count: 1 })).toBe(1);
    expect(cli('port', 'down', 'p2').stdout).toBe('set-port p2 (not enabled)\n');
    expect(await hosts[0].ping('10.8.0.2', { count: 1, timeoutMs: 200 })).toBe(0);
    expect((await sw.ports()).get('p2')).toMatchObject({ link: 'down', linkReason: 'turned off' });
    expect(cli('port', 'up', 'p2').status).toBe(0);
    expect(await hosts[0].ping('10.8.0.2', { count: 1 })).toBe(1);

    expect(cli('port', 'add', `p3=tap:${devices[2]},access=10`).status).toBe(0);
    expect(exists(devices[2])).toBe(true);
    expect(cli('port', 'add', `p3=tap:${devices[2]},access=20`)).toMatchObject({
      status: 1,
      stderr: 'etherloom: there is a port p3 already; change it, or delete it first\n',
    });
    // It is the same device after every change.
    const index = () => readFileSync(`/sys/class/net/${devices[2]}/ifindex`, 'utf8');
    const before = index();
    expect(cli('port', 'set', 'p3', 'access=30', 'isolated').status).toBe(0);
    expect(index()).toBe(before);
    expect((await sw.ports()).get('p3')).toMatchObject({ pvid: 30, link: 'up' });
    expect(cli('port', 'set', 'p3', 'mtu=9000').status).toBe(0);
    expect(readFileSync(`/sys/class/net/${devices[2]}/mtu`, 'utf8')).toBe('9000\n');
    expect(cli('port', 'del', 'p3').status).toBe(0);
    expect(exists(devices[2])).toBe(false);

    expect(cli('fdb', 'add', '02:00:00:00:00:01', '--vlan', '10', '--port', 'p1').stdout).toBe(
      'add-entry 02:00:00:00:00:01 vlan 10 static on p1\n',
    );
    expect((await sw.fdb({ mac: '02:00:00:00:00:01' })).entries).toMatchObject([{ kind: 'static', port: 'p1' }]);
    expect(cli('fdb', 'del', '02:00:00:00:00:01', '--vlan', '10').status).toBe(0);
    expect(cli('fdb', 'flush', '--port', 'p1').stdout).toBe('flushed\n');
    expect((await sw.fdb({ port: 'p1' })).entries).toEqual([]);
    expect(cli('show', 'config').stdout).toMatch(/^ports:\n {2}p1:\n(.*\n)*switch:\n {2}name: live/);
    expect(cli('counters', 'reset').status).toBe(0);
    expect((await sw.ledger()).balanced).toBe(true);
  });
});
