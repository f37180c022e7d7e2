/** Three Etherlooms in full mesh with one kernel VTEP: everything arrives once, nothing twice, and moves are followed. */

import { describe, expect, it } from 'vitest';
import { type FrameSocket, liveObstacle, until } from './netns.ts';
import { useBench, useLab } from './use.ts';
import { kernelVtep, lan, reaches, site } from './vxlan-lab.ts';

const obstacle = liveObstacle();
if (obstacle !== null) console.warn(`skipped: VXLAN mesh: ${obstacle}`);

const BROADCAST = 'ffffffffffff';
const ETHERTYPE = '88b5'; // for experiments
/** How long a copy too many may take to show. */
const QUIET_MS = 300;

describe.skipIf(obstacle !== null)('a VXLAN mesh', () => {
  const lab = useLab('test');
  const bench = useBench();

  const frame = (dst: string, src: string, text: string) =>
    Buffer.concat([Buffer.from(`${dst}${src}${ETHERTYPE}`, 'hex'), Buffer.from(text.padEnd(46))]);
  const carries = (text: string) => (bytes: Buffer) => bytes.subarray(14).toString().startsWith(`${text} `);

  it('delivers once, and follows an address that moves', async () => {
    const machines = lan(lab, 4);
    const sites = await Promise.all(
      machines.slice(0, 3).map((host) =>
        site(lab, bench, host, {
          tunnels: {
            t: {
              adapter: 'vxlan',
              vlan: 10,
              vxlan: {
                vtep: 'v0',
                vni: 10,
                remotes: machines.filter((each) => each !== host).map(({ address }) => address),
              },
            },
          },
          hosts: [{ name: 'h', vlan: 10, address: `10.1.0.${host.address.at(-1)}/24` }],
        }),
      ),
    );
    const kernel = machines[3]!;
    const vx = kernelVtep(kernel, { vni: 10, address: '10.1.0.4/24', mtu: 1450 });
    for (const { address } of machines.slice(0, 3)) {
      kernel.namespace.run('bridge', 'fdb', 'append', '00:00:00:00:00:00', 'dev', vx, 'dst', address);
    }
    // Links are up, and the way is there.
    for (const { hosts } of sites) await reaches(hosts[0]!, '10.1.0.4');
    const sockets: FrameSocket[] = await Promise.all([
      ...sites.map(({ hosts, devices }) => hosts[0]!.frameSocket(devices[0]!)),
      kernel.namespace.frameSocket(vx),
    ]);
    const count = (text: string) => sockets.map(({ frames }) => frames.filter(carries(text)).length);
    const settled = async (text: string, expected: number[]) => {
      await until(() => count(text).every((n, i) => n >= expected[i]!), `${text} arrives`);
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
      expect(count(text)).toEqual(expected);
    };
    // A frame that is flooded: to everybody once, back to nobody. From each end, the kernel's too.
    for (const [n, socket] of sockets.entries()) {
      socket.send(frame(BROADCAST, `020000000${n}01`, `flood${n}`));
      await settled(
        `flood${n}`,
        sockets.map((_, i) => (i === n ? 0 : 1)),
      );
    }
    // Everybody knows now where 02:00:00:00:01:01 is: one copy, to one.
    sockets[3]!.send(frame('020000000101', '020000000301', 'known'));
    await settled('known', [0, 1, 0, 0]);
    // It moves to the third machine: within a second it is found there, and only there.
    sockets[2]!.send(frame(BROADCAST, '020000000101', 'moved'));
    await settled('moved', [1, 1, 0, 1]);
    sockets[0]!.send(frame('020000000101', '020000000001', 'after'));
    await settled('after', [0, 0, 1, 0]);
    for (const { sw } of sites) expect((await sw.ledger()).balanced).toBe(true);
  });
});
