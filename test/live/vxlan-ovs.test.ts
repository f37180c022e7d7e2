/** VXLAN beside Open vSwitch: an access VLAN for a VNI, a trunk inside a VNI, both directions; and what doctor says of it. */

import { afterEach, describe, expect, it } from 'vitest';
import type { Report } from '../../src/cli/doctor/checks.ts';
import { liveObstacle } from './netns.ts';
import { type Ovs, ovsObstacle, startOvs } from './ovs.ts';
import { BIN } from './switch-process.ts';
import { transfer } from './tcp-transfer.ts';
import { useBench, useLab } from './use.ts';
import { cable, reaches, site } from './vxlan-lab.ts';

const obstacle = liveObstacle() ?? ovsObstacle();
if (obstacle !== null) console.warn(`skipped: Open vSwitch: ${obstacle}`);

const MIB = 1 << 20;

describe.skipIf(obstacle !== null)('VXLAN beside Open vSwitch', () => {
  const lab = useLab('test');
  let ovs: Ovs | undefined;
  afterEach(() => ovs?.close());
  const bench = useBench();

  it('carries an access VLAN and a trunk, both ways', async () => {
    const [a, b] = cable(lab);
    const switched = await startOvs(b, a);
    ovs = switched;
    const port = (name: string, vlan: string, ...settings: string[]) =>
      switched.vsctl('add-port', 'br0', name, vlan, '--', 'set', 'interface', name, ...settings);
    const vxlan = (vni: number) => ['type=vxlan', `options:remote_ip=${a.address}`, `options:key=${vni}`];
    port('vx10', 'tag=10', ...vxlan(10));
    port('vx30', 'trunks=30,31', ...vxlan(30));
    for (const vlan of [10, 30, 31]) {
      port(`in${vlan}`, `tag=${vlan}`, 'type=internal');
      b.namespace.run('ip', 'addr', 'add', `10.${vlan}.0.2/24`, 'dev', `in${vlan}`);
      b.namespace.run('ip', 'link', 'set', `in${vlan}`, 'mtu', '1440', 'up');
    }

    const asked = await a.namespace.tryAsync(
      process.execPath,
      ...[BIN, 'doctor', 'vxlan', b.address, '--vni', '10', '--target', '10.10.0.2', '--json'],
    );
    const { findings } = JSON.parse(asked.stdout) as Report;
    expect(findings.filter(({ verdict }) => verdict === 'fault')).toEqual([]);
    expect(findings.find(({ check }) => check === 'reserved-bits')?.verdict).toBe('note');

    const { sw, hosts } = await site(lab, bench, a, {
      tunnels: {
        t1: { adapter: 'vxlan', vlan: 10, vxlan: { vtep: 'v0', vni: 10, remotes: [b.address] } },
        t2: {
          adapter: 'vxlan',
          mode: 'trunk',
          vlans: '30,31',
          vxlan: { vtep: 'v0', vni: 30, remotes: [b.address], innerTag: 'keep' },
        },
      },
      hosts: [10, 30, 31].map((vlan) => ({ name: `h${vlan}`, vlan, address: `10.${vlan}.0.1/24`, mtu: 1440 })),
    });
    for (const [n, vlan] of [10, 30, 31].entries()) {
      await reaches(hosts[n]!, `10.${vlan}.0.2`);
      await reaches(b.namespace, `10.${vlan}.0.1`);
    }
    await transfer(b.namespace, '10.10.0.2', hosts[0]!, 2 * MIB);
    await transfer(hosts[1]!, '10.30.0.1', b.namespace, 2 * MIB);
    expect((await sw.ledger()).balanced).toBe(true);
  });
});
