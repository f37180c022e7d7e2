/** Routing between VLANs, as Linux hosts see it: ping, the hops on the way, path MTU, TCP, SLAAC. */

import { describe, expect, it } from 'vitest';
import { liveObstacle, type Namespace, python, until } from './netns.ts';
import type { SwitchProcess } from './switch-process.ts';
import { transfer } from './tcp-transfer.ts';
import { useBench, useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const MIB = 1 << 20;

describe.skipIf(obstacle !== null)('routing', () => {
  const lab = useLab();
  const bench = useBench();

  const tap = (device: string, vlan: number) => ({ adapter: 'tap', device, mode: 'access', vlan });

  function host(label: string, device: string, net: number, address = 2): Namespace {
    const namespace = lab.namespace(label, { ipv6: true });
    namespace.run('sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.all.accept_dad=0');
    namespace.adopt(device, { address: [`10.0.${net}.${address}/24`, `2001:db8:${net}::${address}/64`] });
    namespace.run('ip', 'route', 'add', 'default', 'via', `10.0.${net}.1`);
    namespace.run('ip', '-6', 'route', 'replace', 'default', 'via', `2001:db8:${net}::1`);
    return namespace;
  }

  async function balanced(sw: SwitchProcess): Promise<void> {
    expect((await sw.ledger()).balanced).toBe(true);
  }

  it('takes hosts of two VLANs to each other, by SVI and by sub-interface, and only through the gateway', async () => {
    const [d1, d2, d3] = ['rt1', 'rt2', 'rt3'].map((label) => lab.device(label));
    const sw = await bench.start({
      switch: { name: d1 },
      ports: {
        a: tap(d1, 10),
        b: tap(d2, 20),
        t: { adapter: 'tap', device: d3, mode: 'hybrid', pvid: 99, untagged: 99 },
      },
      interfaces: {
        vlan10: { vlan: 10, addresses: ['10.0.10.1/24', '2001:db8:10::1/64'] },
        vlan20: { vlan: 20, addresses: ['10.0.20.1/24', '2001:db8:20::1/64'], mtu: 1400 },
        't.99': { port: 't', vlan: 99, addresses: ['10.0.99.1/24', '2001:db8:99::1/64'] },
      },
    });
    const a = host('rt1', d1, 10);
    const b = host('rt2', d2, 20);
    const c = host('rt3', d3, 99);
    for (const own of ['10.0.10.1', '10.0.20.1', '2001:db8:10::1', '2001:db8:20::1']) expect(await a.ping(own)).toBe(3);
    expect(await a.ping('10.0.20.2')).toBe(3);
    expect(await a.ping('2001:db8:20::2')).toBe(3);
    expect(await c.ping('10.0.10.2')).toBe(3);
    expect(await c.ping('2001:db8:10::2')).toBe(3);
    // The first large ping is told that it is too big for the smaller link, the host cuts up the others.
    expect(await a.ping('10.0.20.2', { size: 1450, count: 1, timeoutMs: 300 })).toBe(0);
    await until(() => a.run('ip', 'route', 'get', '10.0.20.2').includes('mtu 1400'), 'it knows the MTU');
    expect(await a.ping('10.0.20.2', { size: 1450, count: 2 })).toBe(2);
    // The first packet of a TCP connection meets an unknown neighbor; super-frames are judged by their segments.
    await transfer(c, '10.0.99.2', a, 8 * MIB);
    await transfer(b, '10.0.20.2', a, 2 * MIB);
    await transfer(c, '2001:db8:99::2', b, 2 * MIB, 5002);
    const { drops } = await sw.drops();
    const unexpected = drops.filter(({ reason }) => reason.startsWith('ROUTE_') && reason !== 'ROUTE_TOO_BIG');
    expect(unexpected).toEqual([]);
    for (const [topic, text] of [
      ['neighbors', '2001:db8:20::2'],
      ['routes', 'connected'],
      ['interfaces', 't.99'],
    ] as const) {
      const shown = bench.cli('show', topic, '--socket', sw.socket);
      expect(`${shown.stderr}${shown.stdout}`).toContain(text);
    }
    await balanced(sw);
  });

  it('shows itself as a hop, says what it cannot reach, and advertises prefixes', async () => {
    const [d1, d2] = ['rh1', 'rh2'].map((label) => lab.device(label));
    const sw = await bench.start({
      switch: { name: d1 },
      ports: { a: tap(d1, 10), b: tap(d2, 20) },
      interfaces: {
        vlan10: { vlan: 10, addresses: ['10.0.10.1/24', '2001:db8:10::1/64'] },
        vlan20: { vlan: 20, addresses: ['10.0.20.1/24', '2001:db8:20::1/64'], routerAdvertisements: true },
      },
      routes: [{ to: '10.66.0.0/16', type: 'prohibited' }],
    });
    const a = host('rh1', d1, 10);
    host('rh2', d2, 20);
    const hops = (address: string) =>
      JSON.parse(a.run(...python(), new URL('./hops.py', import.meta.url).pathname, address)) as string[];
    expect(hops('10.0.20.2')).toEqual(['10.0.10.1', '10.0.20.2']);
    expect(hops('2001:db8:20::2')).toEqual(['2001:db8:10::1', '2001:db8:20::2']);
    // To the gateway itself: the probes come with checksums that were left to the device.
    expect(hops('10.0.10.1')).toEqual(['10.0.10.1']);
    expect(hops('2001:db8:10::1')).toEqual(['2001:db8:10::1']);
    expect(hops('10.66.0.1')).toEqual(['10.0.10.1 unreachable 13']);
    expect(hops('172.16.0.1')).toEqual(['10.0.10.1 unreachable 0']);
    // A host without an address makes its own.
    const d3 = lab.device('rh3');
    const b = lab.namespace('rh4', { ipv6: true });
    b.run('sysctl', '-qw', 'net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0');
    const more = await bench.start({
      switch: { name: d3 },
      ports: { s: { adapter: 'tap', device: d3, mode: 'access', vlan: 20 } },
      interfaces: { vlan20: { vlan: 20, addresses: ['2001:db8:20::1/64'], routerAdvertisements: true } },
    });
    b.adopt(d3);
    await until(() => b.run('ip', '-6', 'addr').includes('2001:db8:20:'), 'the host has an address of its own');
    await until(() => b.run('ip', '-6', 'route').includes('default via fe80::'), 'the host has a default route');
    expect(await b.ping('2001:db8:20::1')).toBe(3);
    await balanced(sw);
    await balanced(more);
  });
});
