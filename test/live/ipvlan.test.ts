/** ipvlan groups, as Linux hosts see them: children of one MAC reach each other and the outside, in mode l2 and behind the router. */

import { beforeAll, describe, expect, it } from 'vitest';
import { liveObstacle, type Namespace } from './netns.ts';
import type { SwitchProcess } from './switch-process.ts';
import { transfer } from './tcp-transfer.ts';
import { useBench, useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const KIB = 1 << 10;
const NEAR = '02:00:00:00:00:0d';
const FAR = '02:00:00:00:00:0e';

describe.skipIf(obstacle !== null)('ipvlan groups with two workers', () => {
  const lab = useLab();
  const bench = useBench('group');
  let sw: SwitchProcess;
  const devices: Record<string, string> = {};

  beforeAll(async () => {
    for (const name of ['up', 'a', 'b', 'gate', 'c', 'd']) devices[name] = lab.device(`iv${name.slice(0, 2)}`);
    const tap = (name: string, more: object = {}) => ({ adapter: 'tap', device: devices[name], ...more });
    sw = await bench.start(
      {
        switch: { name: devices.up },
        ports: {
          ...Object.fromEntries(['up', 'a', 'b', 'c', 'd'].map((name) => [name, tap(name)])),
          gate: tap('gate', { mode: 'access', vlan: 5 }),
        },
        interfaces: { v5: { vlan: 5, mac: FAR, addresses: ['10.0.5.1/24', '2001:db8:5::1/64'] } },
        routes: [
          { to: '0.0.0.0/0', via: '10.0.5.2' },
          { to: '::/0', via: '2001:db8:5::2' },
        ],
        ipvlan: {
          near: {
            parent: 'up',
            mac: NEAR,
            children: {
              a: { addresses: ['10.0.0.11', '2001:db8::11'] },
              b: { addresses: ['10.0.0.12', '2001:db8::12'] },
            },
          },
          far: {
            mode: 'l3',
            parent: 'v5',
            children: {
              c: { addresses: ['10.1.0.11', '2001:db8:1::11'] },
              d: { addresses: ['10.1.0.12', '2001:db8:1::12'] },
            },
          },
        },
      },
      ['--workers', '2'],
    );
  });

  function host(name: string, address: string[], mac?: string): Namespace {
    const space = lab.namespace(`iv${name}`, { ipv6: true });
    space.run('sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.all.accept_dad=0');
    space.adopt(devices[name]!, { address, ...(mac !== undefined && { mac }) });
    return space;
  }

  async function reach(from: Namespace, ...addresses: string[]): Promise<void> {
    const received = addresses.map((address) => from.ping(address, { count: 1 }));
    expect(await Promise.all(received), addresses.join(' ')).toEqual(addresses.map(() => 1));
  }

  it('of mode l2: children ask for themselves, and reach each other and the outside', async () => {
    const outside = host('up', ['10.0.0.1/24', '2001:db8::1/64']);
    const a = host('a', ['10.0.0.11/24', '2001:db8::11/64'], NEAR);
    const b = host('b', ['10.0.0.12/24', '2001:db8::12/64'], NEAR);
    await reach(a, '10.0.0.12', '2001:db8::12', '10.0.0.1', '2001:db8::1');
    await reach(outside, '10.0.0.11', '10.0.0.12', '2001:db8::12');
    await transfer(b, '10.0.0.12', a, 512 * KIB);
    await transfer(outside, '2001:db8::1', a, 512 * KIB, 5002);
    expect(outside.run('ip', 'neigh', 'show', '10.0.0.11')).toContain(NEAR);
    expect(outside.run('ip', 'neigh', 'show', '10.0.0.12')).toContain(NEAR);
  });

  it('of mode l3: the router takes them to each other and to the outside, which has a route to them', async () => {
    const gate = host('gate', ['10.0.5.2/24', '2001:db8:5::2/64']);
    gate.run('ip', 'route', 'add', '10.1.0.0/24', 'via', '10.0.5.1');
    gate.run('ip', '-6', 'route', 'add', '2001:db8:1::/64', 'via', '2001:db8:5::1');
    const [c, d] = ['c', 'd'].map((name, n) => {
      const space = host(name, [`10.1.0.1${n + 1}/32`, `2001:db8:1::1${n + 1}/128`], FAR);
      space.run('ip', 'link', 'set', devices[name]!, 'arp', 'off');
      space.run('ip', 'route', 'add', 'default', 'dev', devices[name]!);
      space.run('ip', '-6', 'route', 'add', 'default', 'dev', devices[name]!);
      return space;
    }) as [Namespace, Namespace];
    await reach(c, '10.1.0.12', '2001:db8:1::12', '10.0.5.2', '2001:db8:5::2', '10.0.5.1', '2001:db8:5::1');
    await reach(gate, '10.1.0.11', '2001:db8:1::12');
    await transfer(d, '2001:db8:1::12', c, 512 * KIB);
    await transfer(gate, '10.0.5.2', c, 512 * KIB, 5002);
  });

  it('are in the ledger, and shown', async () => {
    expect((await sw.ledger()).balanced).toBe(true);
    const shown = bench.cli('show', 'ipvlan', '--socket', sw.socket);
    expect(`${shown.stderr}${shown.stdout}`).toMatch(/far +v5 +- +l3 bridge +c +10\.1\.0\.11 2001:db8:1::11/);
  });
});
