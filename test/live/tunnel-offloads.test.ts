/**
 * TCP through VXLAN whose outer packets leave by a port of the switch: super-frames of the host are cut inside the
 * tunnel, for a device that knows nothing of it, and the kernel at the other end gets right packets.
 */

import { describe, expect, it } from 'vitest';
import { liveObstacle } from './netns.ts';

import { transfer } from './tcp-transfer.ts';
import { useBench, useLab } from './use.ts';
import { kernelVtep, reaches } from './vxlan-lab.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const MIB = 1 << 20;
const INNER_MTU = 1430;

describe.skipIf(obstacle !== null)('offloads inside a tunnel', () => {
  const lab = useLab();
  const bench = useBench();

  it.each([
    ['IPv4', 'auto', '192.0.2.1', '192.0.2.2', 24],
    ['IPv4, a device without offloads', 'off', '192.0.2.1', '192.0.2.2', 24],
    ['IPv6', 'auto', '2001:db8::1', '2001:db8::2', 64],
  ])('TCP both ways beside the kernel over %s', async (_, offloads, local, remote, length) => {
    const label = `${offloads[1]}${length}`;
    const [host, up] = [lab.device(`h${label}`), lab.device(`u${label}`)];
    const sw = await bench.start({
      vteps: { v0: { underlay: 'port', uplink: 'up', local: `${local}/${length}` } },
      ports: {
        host: { adapter: 'tap', device: host, vlan: 10, mtu: INNER_MTU },
        // Segments from inside the tunnel are put together: what arrives is compared byte for byte.
        up: { adapter: 'tap', device: up, offloads, gro: 'on' },
        tunnel: { adapter: 'vxlan', mode: 'access', vlan: 10, vxlan: { vtep: 'v0', vni: 77, remotes: [remote] } },
      },
    });
    const inside = lab.namespace(`h${label}`, { ipv6: true });
    inside.adopt(host, { address: ['10.50.0.1/24', 'fd00:50::1/64'], mtu: INNER_MTU });
    const peer = lab.namespace(`u${label}`, { ipv6: true });
    peer.adopt(up, { address: `${remote}/${length}` });
    const vtep = { namespace: peer, address: remote, device: up };
    kernelVtep(vtep, { vni: 77, address: '10.50.0.2/24', remote: local, mtu: INNER_MTU });
    peer.run('ip', 'addr', 'add', 'fd00:50::2/64', 'dev', 'vx77', 'nodad');
    await reaches(inside, '10.50.0.2');
    expect(await inside.ping('10.50.0.2', { count: 2, size: INNER_MTU - 28, dontFragment: true })).toBe(2);
    const refused = async () => (await sw.drops()).total.TX_ERROR ?? 0;
    const before = await refused(); // frames from before the device was up
    await Promise.all([
      transfer(peer, '10.50.0.2', inside, 8 * MIB, 5001),
      transfer(peer, 'fd00:50::2', inside, 8 * MIB, 5002),
    ]);
    const ports = await sw.ports();
    const { rxBytes, rxFrames } = ports.get('host')!;
    expect(rxBytes / rxFrames).toBeGreaterThan(1600); // super-frames, which the tunnel's device did not get
    expect(await refused()).toBe(before);
    expect((await sw.ledger()).balanced).toBe(true);
  });
});
