/** A host that goes by way of the router to a next hop on its own link is told so. */
import { afterEach, expect, it } from 'vitest';
import type { ConfigInput, Switch } from '../../../src/index.ts';
import { icmpIpv4, udpIpv4, udpIpv6 } from '../../../src/wire/build.ts';
import { icmpChecksumOk } from '../../../src/wire/icmp.ts';
import { icmpv6ChecksumOk } from '../../../src/wire/icmpv6.ts';
import { ipv6Text } from '../../../src/wire/ipv6-text.ts';
import { viewOf } from '../wire/bytes.ts';
import { checkLedger, GW, Host, router } from './hosts.ts';

const GW20 = '02:00:00:00:00:fd';
const ROUTER_MAC = '02:00:00:00:00:77';
const CONFIG = (redirects: boolean): ConfigInput => ({
  ports: {
    a: { adapter: 'memory', mode: 'access', vlan: 10 },
    r: { adapter: 'memory', mode: 'access', vlan: 10 },
    b: { adapter: 'memory', mode: 'access', vlan: 20 },
  },
  interfaces: {
    vlan10: {
      vlan: 10,
      mac: GW,
      addresses: ['10.0.10.1/24', '2001:db8:10::1/64'],
      redirects,
      neighbors: { '10.0.10.77': ROUTER_MAC, 'fe80::77': ROUTER_MAC, '2001:db8:10::78': ROUTER_MAC },
    },
    vlan20: { vlan: 20, mac: GW20, addresses: ['10.0.20.1/24', '2001:db8:20::1/64'], redirects },
  },
  routes: [
    { to: '10.9.0.0/16', via: '10.0.10.77' },
    { to: '2001:db8:9::/48', via: 'fe80::77', interface: 'vlan10' },
    { to: '2001:db8:8::/48', via: '2001:db8:10::78' },
  ],
});

let opened: Switch[] = [];
afterEach(() => {
  for (const sw of opened) {
    checkLedger(sw);
    sw.close();
  }
  opened = [];
});

function world(redirects = true) {
  const { sw, clock } = router(CONFIG(redirects));
  opened.push(sw);
  const a = new Host(sw.port('a'), '02:00:00:00:00:0a', ['10.0.10.2/24', '2001:db8:10::2/64']);
  const r = new Host(sw.port('r'), ROUTER_MAC, []);
  const b = new Host(sw.port('b'), '02:00:00:00:00:0b', ['10.0.20.2/24']);
  // So that nothing is flooded.
  r.send(GW, udpIpv4({ src: '10.0.10.77', dst: '10.0.20.2', ttl: 64 }, 1, 2, new Uint8Array(4)));
  b.take();
  /** What the host hears of redirects: neighbor discovery counts as heard only by `all`. */
  const told = () => {
    const frames = a.all.filter((f) => (f[12] === 8 ? f[34] === 5 : f[20] === 58 && f[54] === 137));
    a.take();
    return frames;
  };
  return { sw, clock, a, r, b, told };
}

const packet4 = (src = '10.0.10.2', ident = 1) =>
  udpIpv4({ src, dst: '10.9.1.2', ttl: 64 }, 1, ident, new Uint8Array(8));
const packet6 = (dst = '2001:db8:9::5', bytes = 9) =>
  udpIpv6({ src: '2001:db8:10::2', dst, ttl: 64 }, 1, 2, new Uint8Array(bytes));

it('IPv4: an ICMP redirect for the host, and the packet goes on', () => {
  const { a, r, told } = world();
  a.send(GW, packet4());
  const [frame, ...others] = told();
  expect(others).toEqual([]);
  const view = viewOf(frame!);
  expect(frame!.toString('hex', 0, 12)).toBe(`${a.mac}${GW}`.replaceAll(':', ''));
  expect([frame![34], frame![35]]).toEqual([5, 1]);
  expect(frame!.subarray(38, 42)).toEqual(Buffer.of(10, 0, 10, 77));
  expect(frame!.subarray(26, 30)).toEqual(Buffer.of(10, 0, 10, 1));
  expect(icmpChecksumOk(view, 34, frame!.length - 34)).toBe(true);
  expect(frame!.subarray(42 + 12, 42 + 28)).toEqual(Buffer.from(packet4().subarray(12, 28)));
  const heard = r.take();
  expect(heard.map((f) => [f[22], f.toString('hex', 6, 12)])).toEqual([[63, GW.replaceAll(':', '')]]);
});

it('IPv6: a redirect to the router by its link-local address, with its MAC and the packet', () => {
  const { a, r, told } = world();
  for (const bytes of [9, 1400]) {
    const sent = packet6('2001:db8:9::5', bytes);
    a.send(GW, sent);
    const [frame, ...others] = told();
    expect(others).toEqual([]);
    const view = viewOf(frame!);
    expect(frame![21]).toBe(255);
    expect(ipv6Text(view, 22).startsWith('fe80::')).toBe(true);
    expect([ipv6Text(view, 62), ipv6Text(view, 78)]).toEqual(['fe80::77', '2001:db8:9::5']);
    expect(frame!.subarray(94, 102)).toEqual(Buffer.from(`0201${ROUTER_MAC.replaceAll(':', '')}`, 'hex'));
    const option = frame!.length - 102;
    expect([frame![102], frame![103]]).toEqual([4, option / 8]);
    expect(frame!.length).toBeLessThanOrEqual(14 + 1280);
    expect(icmpv6ChecksumOk(view, 14, 54, frame!.length - 54)).toBe(true);
    expect(frame!.subarray(110)).toEqual(Buffer.from(sent.subarray(0, option - 8)));
    expect(r.take().map((f) => f[21])).toEqual([63]);
  }
});

it('is off by default, and not for who is elsewhere, for routers without a link-local address, or about errors', () => {
  const off = world(false);
  off.a.send(GW, packet4());
  off.a.send(GW, packet6());
  expect([off.told().length, off.r.take().length]).toEqual([0, 2]);

  const { a, b, r, told } = world();
  b.send(GW20, packet4('10.0.20.2'));
  a.send(GW, packet4('10.5.5.5'));
  a.send(GW, packet6('2001:db8:8::1'));
  a.send(GW, icmpIpv4({ src: '10.0.10.2', dst: '10.9.1.2', ttl: 64 }, 3, 1, 0, 0, packet4()));
  expect([told().length, b.take().length, r.take().length]).toEqual([0, 0, 4]);
});

it('is said ten times at once and then ten times a second; every packet goes on', () => {
  const { a, r, clock, told } = world();
  for (let n = 0; n < 100; n++) a.send(GW, packet4('10.0.10.2', n));
  expect([told().length, r.take().length]).toEqual([10, 100]);
  clock.advance(1000);
  for (let n = 0; n < 100; n++) a.send(GW, packet4('10.0.10.2', n));
  expect([told().length, r.take().length]).toEqual([10, 100]);
});
