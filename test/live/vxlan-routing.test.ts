/**
 * Routing between overlays: hosts on kernel vxlan devices of two machines, each in a VNI of its own, and a third machine
 * whose interfaces are the gateway of both.
 */

import { describe, expect, it } from 'vitest';
import { liveObstacle } from './netns.ts';

import { transfer } from './tcp-transfer.ts';
import { useBench, useLab } from './use.ts';
import { kernelVtep, lan, reaches, site } from './vxlan-lab.ts';

const obstacle = liveObstacle();
if (obstacle !== null) console.warn(`skipped: VXLAN: ${obstacle}`);

const MIB = 1 << 20;

describe.skipIf(obstacle !== null)('a gateway of VNIs', () => {
  const lab = useLab('test');
  const bench = useBench();

  it('takes packets out of one tunnel into another, and to hosts of its own, IPv4 and IPv6', async () => {
    const [gateway, red, blue] = lan(lab, 3, { mtu: 1600 });
    const tunnel = (vni: number, remote: string) => ({
      adapter: 'vxlan',
      vlan: vni,
      vxlan: { vtep: 'v0', vni, remotes: [remote] },
    });
    const { sw, hosts } = await site(lab, bench, gateway!, {
      vtep: { mtu: 1600 },
      tunnels: { t10: tunnel(10, red!.address), t20: tunnel(20, blue!.address) },
      hosts: [{ name: 'h', vlan: 20, address: ['10.2.0.9/24', 'fd02::9/64'] }],
      interfaces: {
        vlan10: { vlan: 10, addresses: ['10.1.0.1/24', 'fd01::1/64'], mtu: 1450 },
        vlan20: { vlan: 20, addresses: ['10.2.0.1/24', 'fd02::1/64'], mtu: 1450 },
      },
    });
    for (const [host, vni, far] of [
      [red!, 10, 2],
      [blue!, 20, 1],
    ] as const) {
      const here = vni / 10;
      const v6 = ['all', 'default'].map((which) => `net.ipv6.conf.${which}.disable_ipv6=0`);
      host.namespace.run('sysctl', '-qw', ...v6);
      const address = [`10.${here}.0.2/24`, `fd0${here}::2/64`];
      const device = kernelVtep(host, { vni, address, remote: gateway!.address, mtu: 1450 });
      host.namespace.run('ip', 'route', 'add', `10.${far}.0.0/24`, 'via', `10.${here}.0.1`, 'dev', device);
      host.namespace.run('ip', '-6', 'route', 'add', `fd0${far}::/64`, 'via', `fd0${here}::1`, 'dev', device);
    }
    hosts[0]!.run('ip', 'route', 'add', '10.1.0.0/24', 'via', '10.2.0.1');
    for (const address of ['10.1.0.1', '10.2.0.2', '10.2.0.9', 'fd01::1', 'fd02::2']) {
      await reaches(red!.namespace, address);
    }
    await reaches(hosts[0]!, '10.1.0.2');
    await transfer(red!.namespace, '10.1.0.2', blue!.namespace, 4 * MIB);
    await transfer(blue!.namespace, '10.2.0.2', red!.namespace, 4 * MIB, 5002);
    await transfer(blue!.namespace, 'fd02::2', red!.namespace, 2 * MIB, 5003);
    const { drops } = await sw.drops();
    expect(drops.filter(({ reason }) => reason.startsWith('ROUTE_') && reason !== 'ROUTE_UNRESOLVED')).toEqual([]);
    expect((await sw.ledger()).balanced).toBe(true);
  });
});
