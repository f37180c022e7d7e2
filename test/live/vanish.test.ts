/** Devices that go away and come back: the port goes down and up, the switch stays. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { liveObstacle, type Namespace, until } from './netns.ts';
import { useBench, useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

describe.skipIf(obstacle !== null)('a TAP', () => {
  const lab = useLab();
  const bench = useBench();

  async function three(label: string) {
    const devices = ['a', 'b', 'c'].map((n) => lab.device(`${label}${n}`));
    const ports = Object.fromEntries(devices.map((device, i) => [`p${i + 1}`, { adapter: 'tap', device, vlan: 10 }]));
    const sw = await bench.start({ ports });
    const hosts = devices.map((device, i) => {
      const host = lab.namespace(`${label}${i}`);
      host.adopt(device, { address: `10.7.0.${i + 1}/24` });
      return host;
    }) as [Namespace, Namespace, Namespace];
    return { sw, hosts, devices: devices as [string, string, string] };
  }

  it('that is deleted takes its port down and is attached again when it is back', async () => {
    const { sw, hosts, devices } = await three('v');
    expect(await hosts[0].ping('10.7.0.2', { count: 1 })).toBe(1);
    hosts[1].run('ip', 'link', 'del', devices[1]);
    await until(() => sw.log().includes('port p2: link down (interface deleted)'), 'the loss is told');
    const gone = (await sw.ports()).get('p2')!;
    expect(gone).toMatchObject({ link: 'down', linkReason: 'interface deleted', learned: 0 });
    expect((await sw.fdb({ port: 'p2' })).entries).toEqual([]);
    expect(await hosts[0].ping('10.7.0.3', { count: 1 })).toBe(1); // the others go on
    expect(await hosts[0].ping('10.7.0.2', { count: 1, timeoutMs: 300 })).toBe(0);

    // It is not made again by itself; as soon as there is one, the port attaches to it.
    const ups = () => sw.log().match(/port p2: link up/g)?.length ?? 0;
    const before = ups();
    lab.makeTap(devices[1]);
    await until(() => ups() > before, 'the port is back');
    hosts[1].adopt(devices[1], { address: '10.7.0.2/24' });
    hosts[0].run('ip', 'neigh', 'flush', 'all'); // the new device has another address
    expect(await hosts[0].ping('10.7.0.2', { count: 2 })).toBe(2);
    expect((await sw.ledger()).balanced).toBe(true);
    expect(await sw.stop()).toBe(0);
  });

  it('that is set down and up again takes its port along', async () => {
    const { sw, hosts, devices } = await three('d');
    expect(await hosts[0].ping('10.7.0.2', { count: 1 })).toBe(1);
    // It may have been seen down once already, while it was moved to its namespace.
    const downs = () => sw.log().split('port p2: link down (interface down)').length;
    const before = downs();
    hosts[1].run('ip', 'link', 'set', devices[1], 'down');
    await until(() => downs() > before, 'the link is down');
    expect((await sw.fdb({ port: 'p2' })).entries).toEqual([]);
    hosts[1].run('ip', 'link', 'set', devices[1], 'up');
    // Its first frame is not lost though the switch looks only twice a second.
    expect(await hosts[1].ping('10.7.0.1', { count: 1 })).toBe(1);
    expect((await sw.ports()).get('p2')!.drops).not.toHaveProperty('INGRESS_PORT_DOWN');
    expect((await sw.ledger()).balanced).toBe(true);
  });

  it('that goes with its namespace stops nothing, not even all of them', async () => {
    const { sw, hosts } = await three('n');
    for (const host of hosts) lab.removeNamespace(host);
    await until(() => sw.log().match(/interface deleted/g)?.length === 3, 'all are gone');
    expect([...(await sw.ports()).values()].map((port) => port.link)).toEqual(['down', 'down', 'down']);
    expect(await sw.stop()).toBe(0);
  });
});

describe.skipIf(obstacle !== null)('the interface of multicast groups', () => {
  const lab = useLab('test');
  const bench = useBench();

  it('that is deleted ends no switch when its groups are left', async () => {
    const host = lab.namespace('g');
    host.run('ip', 'link', 'add', 'g0', 'type', 'veth', 'peer', 'name', 'g1');
    host.run('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'g0');
    for (const device of ['g0', 'g1']) host.run('ip', 'link', 'set', device, 'up');
    const config = (group: string) => ({
      ports: { t: { adapter: 'vxlan', vlan: 10, vxlan: { vtep: 'v', vni: 9, flood: 'multicast', group } } },
      vteps: { v: { local: '192.0.2.1', interface: 'g0' } },
    });
    const sw = await bench.start(config('239.1.1.1'), [], host);
    host.run('ip', 'link', 'del', 'g0');
    const next = join(bench.dir, 'next.json');
    const { ports } = config('239.1.1.2');
    const said = bench.cli('show', 'config', '--json', '--socket', sw.socket).stdout;
    writeFileSync(next, JSON.stringify({ ...JSON.parse(said).config, ports }));
    expect(bench.cli('apply', '-c', next, '--socket', sw.socket)).toMatchObject({ status: 0 });
    await until(() => sw.log().includes('group 239.1.1.2 cannot be joined'), 'it goes on, and says what it lacks');
    expect(await sw.stop()).toBe(0);
  });

  it.each([
    ['named', { interface: 'g0' }],
    ['found by the local address', {}],
  ])('%s, that is deleted and made again has its groups again', async (_how, where) => {
    const host = lab.namespace('r');
    const plug = () => {
      host.run('ip', 'link', 'add', 'g0', 'type', 'veth', 'peer', 'name', 'g1');
      host.run('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'g0');
      for (const device of ['g0', 'g1']) host.run('ip', 'link', 'set', device, 'up');
      host.run('ip', 'route', 'add', '224.0.0.0/4', 'dev', 'g0');
    };
    const isMember = () => host.run('ip', 'maddr', 'show', 'dev', 'g0').includes('239.1.1.1');
    plug();
    const vxlan = { vtep: 'v', vni: 9, flood: 'multicast', group: '239.1.1.1' };
    const ports = { t: { adapter: 'vxlan', vlan: 10, vxlan } };
    const sw = await bench.start({ ports, vteps: { v: { local: '192.0.2.1', ...where } } }, [], host);
    await until(isMember, 'the group is joined');
    host.run('ip', 'link', 'del', 'g0');
    plug();
    await until(isMember, 'the group is joined on the new interface');
    expect(await sw.stop()).toBe(0);
  });
});
