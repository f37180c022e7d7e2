/** TCP through a switch: with offloads and without, and while offloads change under it. */

import { describe, expect, it } from 'vitest';
import { liveObstacle, type Namespace, until } from './netns.ts';

import { transfer } from './tcp-transfer.ts';
import { useBench, useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const MIB = 1 << 20;

describe.skipIf(obstacle !== null)('TCP both ways at once', () => {
  const lab = useLab();
  const bench = useBench();

  async function pair(label: string, offloads: [string, string]) {
    const devices = [lab.device(`${label}a`), lab.device(`${label}b`)];
    const [a, b] = devices.map((device, i) => ({ adapter: 'tap', device, vlan: 10, offloads: offloads[i] }));
    const sw = await bench.start({ ports: { a, b } });
    const [one, two] = devices.map((device, i) => {
      const host = lab.namespace(`${label}${i}`, { ipv6: true });
      host.adopt(device, { address: [`10.6.0.${i + 1}/24`, `fd00:6::${i + 1}/64`] });
      return host;
    }) as [Namespace, Namespace];
    return { sw, one, two };
  }

  it('arrives whole with offloads on, over IPv4 and IPv6', async () => {
    const { sw, one, two } = await pair('on', ['on', 'auto']);
    await transfer(one, '10.6.0.1', two, 64 * MIB);
    await transfer(one, 'fd00:6::1', two, 64 * MIB);
    const a = (await sw.ports()).get('a')!;
    expect(a.offloads).toMatch(/^csum tso4 tso6/);
    expect(a.rxBytes / a.rxFrames).toBeGreaterThan(2000); // super-frames
    expect((await sw.ledger()).balanced).toBe(true);
  });

  it('arrives whole when one port has offloads off: super-frames are cut for it, and made of what comes from it', async () => {
    const { sw, one, two } = await pair('off', ['off', 'auto']);
    await transfer(one, '10.6.0.1', two, 16 * MIB);
    await transfer(one, 'fd00:6::1', two, 16 * MIB);
    const ports = await sw.ports();
    expect(ports.get('a')).toMatchObject({ offloads: 'none', offloadsWhy: 'offloads: off' });
    expect(ports.get('a')?.software).toMatch(/^csum tso4 tso6 .*gro$/);
    const a = ports.get('a')!;
    expect(a.rxBytes / a.rxFrames).toBeGreaterThan(1600); // put together
    expect(ports.get('b')).toMatchObject({ offloadsWhy: null, software: 'none' });
    expect(ports.get('b')?.offloads).toContain('csum tso4 tso6');
    const { rxBytes, rxFrames } = ports.get('b')!;
    expect(rxBytes / rxFrames).toBeGreaterThan(2000);
    expect((await sw.ledger()).balanced).toBe(true);
  });

  it('arrives whole while a port that takes no super-frame goes and comes', async () => {
    const devices = ['xa', 'xb', 'xc'].map((label) => lab.device(label));
    const port = (device: string | undefined, offloads: string) => ({ adapter: 'tap', device, vlan: 10, offloads });
    // c gets every flooded frame while it is there.
    const sw = await bench.start({
      ports: { a: port(devices[0], 'auto'), b: port(devices[1], 'auto'), c: port(devices[2], 'off') },
    });
    const hosts = [0, 1].map((i) => {
      const host = lab.namespace(`x${i}`);
      host.adopt(devices[i]!, { address: `10.6.1.${i + 1}/24` });
      return host;
    });
    const elsewhere = lab.namespace('x2');
    elsewhere.adopt(devices[2]!);
    const told = (pattern: RegExp) => sw.log().match(new RegExp(pattern, 'g'))?.length ?? 0;
    const stream = transfer(hosts[0]!, '10.6.1.1', hosts[1]!, 128 * MIB);
    elsewhere.run('ip', 'link', 'del', devices[2]!);
    await until(() => told(/port c: link down \(interface deleted/) === 1, 'c is gone');
    lab.makeTap(devices[2]!);
    await until(() => told(/port c: link (up|down) \(interface (up|down)/) > 1, 'c is back');
    await stream;
    lab.removeDevice(devices[2]!);
    expect((await sw.ledger()).balanced).toBe(true);
  });
});
