/** Trunks of a private VLAN to switches that know one tag of it: one with isolated hosts, and one with the router. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freePort } from '../free-port.ts';
import { installed, liveObstacle, type Namespace, until } from './netns.ts';
import { useBench, useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const VLANS = { 100: { isolated: 101, communities: '102' } };

describe.skipIf(obstacle !== null)('trunks of a private VLAN', () => {
  const lab = useLab();
  const bench = useBench();

  function host(label: string, device: string, address: string): Namespace {
    const namespace = lab.namespace(label);
    namespace.adopt(device, { address });
    return namespace;
  }

  it('join hosts and router as if all were on one switch', async () => {
    const [i, c, r, f, g] = ['pi', 'pc', 'pr', 'pf', 'pg'].map((label) => lab.device(label));
    const [one, two, three, four] = [await freePort(), await freePort(), await freePort(), await freePort()];
    const tap = (device: string, more: object) => ({ adapter: 'tap', device, ...more });
    const udp = (local: number, remote: number, more: object) => ({
      adapter: 'udp',
      local: `127.0.0.1:${local}`,
      remote: `127.0.0.1:${remote}`,
      ...more,
    });
    const sw = await bench.start({
      vlans: VLANS,
      ports: {
        i: tap(i, { mode: 'private-host', vlan: 101 }),
        c: tap(c, { mode: 'private-host', vlan: 102 }),
        floor: udp(three, four, { mode: 'private-host', vlans: '101' }),
        router: udp(one, two, { mode: 'promiscuous', vlans: '100' }),
      },
    });
    // They know nothing of private VLANs.
    await bench.start({
      ports: { r: tap(r, { mode: 'access', vlan: 100 }), up: udp(two, one, { mode: 'trunk', vlans: '100' }) },
    });
    await bench.start({
      ports: {
        f: tap(f, { mode: 'access', vlan: 101, isolated: true }),
        g: tap(g, { mode: 'access', vlan: 101, isolated: true }),
        up: udp(four, three, { mode: 'trunk', vlans: '101' }),
      },
    });
    const isolated = host('pi', i, '10.6.0.1/24');
    const community = host('pc', c, '10.6.0.2/24');
    const router = host('pr', r, '10.6.0.4/24');
    const far = host('pf', f, '10.6.0.3/24');
    host('pg', g, '10.6.0.5/24');

    const file = join(bench.dir, 'wire.pcapng');
    const words = ['capture', '--socket', sw.socket, '-w', file, 'arp or icmp or (vlan and (arp or icmp))'];
    const capture = bench.spawn(...words);
    await until(() => capture.log().includes('capturing to'), 'the capture runs');
    for (const each of [isolated, community, far]) expect(await each.ping('10.6.0.4')).toBe(3);
    for (const address of ['10.6.0.1', '10.6.0.2', '10.6.0.3'])
      expect(await router.ping(address, { count: 1 })).toBe(1);
    const lost = { count: 1, timeoutMs: 300 };
    expect(await far.ping('10.6.0.1', lost)).toBe(0);
    expect(await far.ping('10.6.0.2', lost)).toBe(0);
    expect(await far.ping('10.6.0.5', lost)).toBe(0);
    expect(await isolated.ping('10.6.0.3', lost)).toBe(0);
    expect(await community.ping('10.6.0.3', lost)).toBe(0);
    expect((await sw.ledger()).balanced).toBe(true);

    capture.child.kill('SIGINT');
    await until(() => capture.child.exitCode !== null, 'the capture has ended');
    if (!installed('tshark')) return;
    const fields = ['-T', 'fields', '-e', 'frame.interface_name', '-e', 'vlan.id'];
    const { stdout } = spawnSync('tshark', ['-n', '-r', file, ...fields], { encoding: 'utf8' });
    const tags = new Map<string, Set<string>>();
    for (const line of stdout.trim().split('\n')) {
      const [port, vid] = line.split('\t');
      tags.set(port, (tags.get(port) ?? new Set()).add(vid));
    }
    expect(Object.fromEntries([...tags].map(([port, vids]) => [port, [...vids].sort()]))).toEqual({
      i: [''],
      c: [''],
      floor: ['101'],
      router: ['100'],
    });
  });
});
