/**
 * VXLAN beside the kernel's vxlan device, over kernel sockets and with a VTEP on a port: both directions, ports and
 * checksums of either kind, floods by copies and by groups, entries instead of learning, MTUs.
 */

import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { liveObstacle, python, until } from './netns.ts';
import type { Raw, SwitchProcess } from './switch-process.ts';
import { transfer } from './tcp-transfer.ts';
import { useBench, useLab } from './use.ts';
import { cable, kernelVtep, reaches, site, type Underlay } from './vxlan-lab.ts';

const obstacle = liveObstacle();
if (obstacle !== null) console.warn(`skipped: VXLAN: ${obstacle}`);

const MIB = 1 << 20;

const lab = useLab('test');
const bench = useBench();

async function isBalanced(sw: SwitchProcess): Promise<boolean> {
  return (await sw.ledger()).balanced;
}

const tunnel = (vni: number, vlan: number, more: object) => ({
  adapter: 'vxlan',
  vlan,
  vxlan: { vtep: 'v0', vni, ...more },
});

describe.skipIf(obstacle !== null)('VXLAN beside the kernel', () => {
  it.each([
    { underlay: 'udp', v6: false },
    { underlay: 'udp', v6: true },
    { underlay: 'port', v6: false },
    { underlay: 'port', v6: true },
    ...(installedPackage('raw-socket') ? [{ underlay: 'raw-socket', v6: false } as const] : []),
  ] as const)('carries ping, ND and TCP both ways: %o', async ({ underlay, v6 }) => {
    const [a, b] = cable(lab, { v6, mtu: 1600 });
    const { sw, hosts } = await site(lab, bench, a, {
      underlay,
      vtep: { mtu: 1600, peers: [b.address] },
      // A second endpoint on the old port, with checksums where the first has none, and the other way round.
      vteps: { v1: second(underlay, a.address) },
      tunnels: {
        t1: tunnel(10, 10, { remotes: [b.address], udpChecksum: v6 }),
        t2: tunnel(20, 20, { remotes: [b.address], vtep: 'v1', udpChecksum: true }),
      },
      hosts: [
        { name: 'h', vlan: 10, address: ['10.1.0.1/24', 'fd01::1/64'] },
        { name: 'i', vlan: 20, address: '10.2.0.1/24' },
      ],
    });
    kernelVtep(b, { vni: 10, address: ['10.1.0.2/24', 'fd01::2/64'], remote: a.address, mtu: 1450 });
    // Nothing is learned here: entries say where everything is.
    const vx20 = kernelVtep(b, {
      vni: 20,
      address: '10.2.0.2/24',
      port: 8472,
      more: ['nolearning', 'udpcsum'],
      mtu: 1450,
    });
    b.namespace.run('bridge', 'fdb', 'append', '00:00:00:00:00:00', 'dev', vx20, 'dst', a.address);

    await reaches(hosts[0]!, '10.1.0.2');
    await reaches(b.namespace, '10.1.0.1');
    await reaches(hosts[0]!, 'fd01::2');
    await reaches(b.namespace, '10.2.0.1');
    await transfer(b.namespace, '10.1.0.2', hosts[0]!, 4 * MIB);
    await transfer(b.namespace, 'fd01::2', hosts[0]!, 2 * MIB, 5002);
    await transfer(hosts[1]!, '10.2.0.1', b.namespace, 2 * MIB, 5003);
    expect(await isBalanced(sw)).toBe(true);
  });

  it.each([
    { v6: false, group: '239.1.1.1' },
    { v6: true, group: 'ff05::1:1' },
  ])('floods to a multicast group: %o', async ({ v6, group }) => {
    const [a, b] = cable(lab, { v6, mtu: 1600 });
    kernelVtep(b, { vni: 40, address: '10.4.0.2/24', more: ['group', group, 'dev', b.device], mtu: 1450 });
    const { sw, hosts } = await site(lab, bench, a, {
      vtep: { mtu: 1600, interface: a.device, peers: [b.address] },
      tunnels: { t1: tunnel(40, 10, { flood: 'multicast', group }) },
      hosts: [{ name: 'h', vlan: 10, address: '10.4.0.1/24' }],
    });
    await reaches(hosts[0]!, '10.4.0.2');
    b.namespace.run('ip', 'neigh', 'flush', 'all');
    await reaches(b.namespace, '10.4.0.1');
    expect(await isBalanced(sw)).toBe(true);
  });

  it.each(['udp', 'port'] as const)(
    'carries 1,500 bytes where the underlay has room, and tells hosts where it has not: %s',
    async (underlay) => {
      const [a, b] = cable(lab, { mtu: 1550 });
      const { sw, hosts } = await site(lab, bench, a, {
        underlay,
        vtep: { mtu: 1550 },
        tunnels: { t1: { ...tunnel(10, 10, { remotes: [b.address] }), mtu: 1500 } },
        hosts: [{ name: 'h', vlan: 10, address: '10.1.0.1/24', mtu: 1500 }],
      });
      kernelVtep(b, { vni: 10, address: '10.1.0.2/24', remote: a.address, mtu: 1500 });
      const host = hosts[0]!;
      await reaches(host, '10.1.0.2');
      expect(await host.ping('10.1.0.2', { count: 2, size: 1472, dontFragment: true })).toBe(2);
      // A path that has become narrower: the kernel knows first, the host is told by ICMP.
      if (underlay === 'udp') {
        a.namespace.run('ip', 'route', 'add', `${b.address}/32`, 'dev', a.device, 'mtu', '1500');
        await until(() => {
          host.try(...python(), '-c', PROBE, '10.1.0.2');
          return /mtu 1450/.test(host.run('ip', 'route', 'get', '10.1.0.2'));
        }, 'the host knows the MTU of the path');
        expect(await host.ping('10.1.0.2', { count: 1, size: 1422, dontFragment: true })).toBe(1);
      }
      // A cable that is pulled out and put back in stops nothing.
      a.namespace.run('ip', 'link', 'set', a.device, 'down');
      expect(await host.ping('10.1.0.2', { count: 1, timeoutMs: 200 })).toBe(0);
      a.namespace.run('ip', 'link', 'set', a.device, 'up');
      await reaches(host, '10.1.0.2');
      await transfer(b.namespace, '10.1.0.2', host, MIB);
      expect(await isBalanced(sw)).toBe(true);
    },
  );
});

/** Sends a datagram that fills 1,500 bytes, DF set. */
const PROBE = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 10, 2)
try:
    s.sendto(bytes(1472), (sys.argv[1], 9))
except OSError:
    pass
`;

function installedPackage(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    console.warn(`skipped: underlay ${name}: the package is not installed`);
    return false;
  }
}

function second(underlay: Underlay, address: string): Raw {
  const settings = { underlay, udpPort: 8472, mtu: 1600 };
  return underlay !== 'port'
    ? { ...settings, local: address }
    : { ...settings, local: `${address}/${address.includes(':') ? 64 : 24}`, uplink: 'up' };
}
