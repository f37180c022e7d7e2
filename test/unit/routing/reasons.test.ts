/** Drop reasons of frames that are for the router or for a remote and go no further. */

import { describe, expect, it } from 'vitest';
import { type ConfigInput, createSwitch, manualClock } from '../../../src/index.ts';
import { icmpIpv4, udpIpv4, udpIpv6 } from '../../../src/wire/build.ts';
import { checkLedger, GW, Host, router } from './hosts.ts';

const CONFIG: ConfigInput = {
  ports: { a: { adapter: 'memory', vlan: 10 }, b: { adapter: 'memory', vlan: 20 } },
  interfaces: {
    vlan10: { vlan: 10, mac: GW, addresses: ['10.0.10.1/24', '2001:db8:10::1/64'] },
    vlan20: { vlan: 20, addresses: ['10.0.20.1/24', '2001:db8:20::1/64'] },
  },
};

describe('ROUTE_NOT_UNICAST', () => {
  it.each(['224.0.0.5', '239.1.1.1', '10.0.20.255', 'ff0e::5'])('is the reason of a packet for %s', (dst) => {
    const { sw } = router(CONFIG);
    const a = new Host(sw.port('a'), '02:00:00:00:00:0a', ['10.0.10.2/24']);
    const fields = dst.includes(':') ? { src: '2001:db8:10::2', dst } : { src: '10.0.10.2', dst };
    a.send(GW, (dst.includes(':') ? udpIpv6 : udpIpv4)(fields, 1, 2));
    expect(sw.drops()).toEqual({ ROUTE_NOT_UNICAST: 1 });
    checkLedger(sw);
    sw.close();
  });
});

describe('ROUTE_LIMITED', () => {
  it('is the reason of what one port asks of control beyond 256 at once and 1,000 a second', () => {
    const { sw, clock } = router(CONFIG);
    const a = new Host(sw.port('a'), '02:00:00:00:00:0a', ['10.0.10.2/24']);
    const b = new Host(sw.port('b'), '02:00:00:00:00:0b', ['10.0.20.2/24']);
    const ping = () => a.send(GW, icmpIpv4({ src: '10.0.10.2', dst: '10.0.10.1' }, 8, 0, 1, 1));
    for (let n = 0; n < 300; n++) ping();
    expect([a.take().length, sw.drops()]).toEqual([256, { ROUTE_LIMITED: 44 }]);
    clock.advance(100);
    for (let n = 0; n < 150; n++) ping();
    expect([a.take().length, sw.drops()]).toEqual([100, { ROUTE_LIMITED: 94 }]);
    expect(b.take()).toEqual([]);
    checkLedger(sw);
    sw.close();
  });
});

describe('VXLAN_UNRESOLVED', () => {
  it('is the reason of a frame for a remote whose MAC is not known yet', () => {
    const sw = createSwitch(
      {
        vteps: { v0: { underlay: 'port', uplink: 'up', local: '192.0.2.1/24' } },
        ports: {
          a: { adapter: 'memory', vlan: 10 },
          up: { adapter: 'memory', mtu: 1600 },
          x: { adapter: 'vxlan', vlan: 10, vxlan: { vtep: 'v0', vni: 100, remotes: ['192.0.2.2'] } },
        },
      },
      { clock: manualClock() },
    );
    sw.port('a').send(Buffer.from('ffffffffffff02000000000188b5'.padEnd(120, '0'), 'hex'));
    expect(sw.drops()).toEqual({ VXLAN_UNRESOLVED: 1 });
    checkLedger(sw);
    sw.close();
  });
});
