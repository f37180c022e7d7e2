import { afterEach, describe, expect, it } from 'vitest';
import type { ConfigInput, Switch } from '../../../src/index.ts';
import { ipv6Frame } from '../../../src/protocols/neighbor-send.ts';
import { arpFrame, icmpIpv4, icmpv6Ipv6, udpIpv4, udpIpv6 } from '../../../src/wire/build.ts';
import { parseMac } from '../../../src/wire/ethernet.ts';
import { icmpChecksumOk, icmpCode, icmpMtu, icmpType } from '../../../src/wire/icmp.ts';
import { icmpv6ChecksumOk, icmpv6Code, icmpv6Type, icmpv6Word } from '../../../src/wire/icmpv6.ts';
import { ipv4ChecksumOk, ipv4Ttl, writeIpv4Checksum, writeIpv4Fragment } from '../../../src/wire/ipv4.ts';
import { ipv6HopLimit, linkLocalAddress } from '../../../src/wire/ipv6.ts';
import { routerSolicitation } from '../../../src/wire/nd.ts';
import { viewOf } from '../wire/bytes.ts';
import { checkLedger, describe as dissect, GW, Host, router } from './hosts.ts';

const CONFIG: ConfigInput = {
  ports: {
    a: { adapter: 'memory', mode: 'access', vlan: 10 },
    b: { adapter: 'memory', mode: 'access', vlan: 20 },
    t: { adapter: 'memory', mode: 'trunk', vlans: '10,20' },
  },
  interfaces: {
    vlan10: { vlan: 10, mac: GW, addresses: ['10.0.10.1/24', '2001:db8:10::1/64'] },
    vlan20: { vlan: 20, mac: '02:00:00:00:00:fd', addresses: ['10.0.20.1/24', '2001:db8:20::1/64'], mtu: 1400 },
  },
};

let opened: Switch[] = [];
afterEach(() => {
  for (const sw of opened) {
    checkLedger(sw);
    sw.close();
  }
  opened = [];
});

function world(config: ConfigInput = CONFIG) {
  const { sw, clock } = router(config);
  opened.push(sw);
  const a = new Host(sw.port('a'), '02:00:00:00:00:0a', ['10.0.10.2/24', '2001:db8:10::2/64']);
  const b = new Host(sw.port('b'), '02:00:00:00:00:0b', ['10.0.20.2/24', '2001:db8:20::2/64']);
  return { sw, clock, a, b };
}

const udp4 = (bytes = 10, ttl = 64, dst = '10.0.20.2') =>
  udpIpv4({ src: '10.0.10.2', dst, ttl }, 1, 2, new Uint8Array(bytes));
const udp6 = (bytes = 10, ttl = 64, dst = '2001:db8:20::2') =>
  udpIpv6({ src: '2001:db8:10::2', dst, ttl }, 1, 2, new Uint8Array(bytes));

describe('between VLANs', () => {
  it('resolves the destination, then routes: MACs, TTL and checksum written, the rest as it was', () => {
    const { sw, a, b } = world();
    const sent = udp4();
    for (let n = 0; n < 3; n++) a.send(GW, sent);
    const heard = b.take();
    expect(heard.length).toBe(3);
    for (const frame of heard) {
      expect(dissect(frame)).toMatchObject({
        outer: { eth_dst: b.mac, eth_src: '02:00:00:00:00:fd', ip: { src: '10.0.10.2', dst: '10.0.20.2', ttl: 63 } },
      });
      expect(ipv4ChecksumOk(viewOf(frame), 14)).toBe(true);
      expect(frame.subarray(34)).toEqual(Buffer.from(sent.subarray(20)));
    }
    // The first waited for ARP, the others did not.
    expect(sw.ledger().total.drops).toEqual({});
  });

  it('routes IPv6 the same way', () => {
    const { a, b } = world();
    a.send(GW, udp6());
    a.send(GW, udp6());
    const heard = b.take();
    expect(heard.length).toBe(2);
    for (const frame of heard) expect(ipv6HopLimit(viewOf(frame), 14)).toBe(63);
  });

  it('goes out tagged and comes in tagged: a router on a stick', () => {
    const { sw } = world();
    const ten = new Host(sw.port('t'), '02:00:00:00:00:1a', ['10.0.10.7/24'], 10);
    const twenty = new Host(sw.port('t'), '02:00:00:00:00:1b', ['10.0.20.7/24'], 20);
    ten.send(GW, udpIpv4({ src: '10.0.10.7', dst: '10.0.20.7' }, 1, 2));
    ten.send(GW, udpIpv4({ src: '10.0.10.7', dst: '10.0.20.7' }, 1, 2));
    expect(twenty.take().length).toBe(2);
    expect(ten.take()).toEqual([]);
  });

  it('is the same for every batch size', () => {
    const told: string[][] = [];
    for (const batch of [1, 2, 7, 64]) {
      const { sw } = router(CONFIG);
      opened.push(sw);
      const out: string[] = [];
      for (const name of ['a', 'b', 't'])
        sw.port(name).onFrame((frame) => out.push(`${name} ${frame.toString('hex')}`));
      const frames: { port: string; frame: Uint8Array }[] = [];
      const head = { dst: GW, src: '02:00:00:00:00:0a' };
      for (let n = 0; n < 40; n++) {
        const packet = n % 3 === 0 ? udp4(n, 1 + (n % 4)) : udp4(n, 64, `10.0.20.${2 + (n % 2)}`);
        const eth = new Uint8Array(14 + packet.length);
        eth.set([0x02, 0, 0, 0, 0, 0xfe, 0x02, 0, 0, 0, 0, 0x0a, 8, 0]);
        eth.set(packet, 14);
        frames.push({ port: head.src === '' ? 'b' : 'a', frame: eth });
      }
      for (let at = 0; at < frames.length; at += batch) sw.send(frames.slice(at, at + batch));
      told.push(out);
    }
    for (const other of told.slice(1)) expect(other).toEqual(told[0]);
  });

  it('keeps VRFs apart, with equal addresses', () => {
    const { sw } = router({
      ports: Object.fromEntries(
        [10, 20, 30, 40].map((vlan) => [`p${vlan}`, { adapter: 'memory', mode: 'access', vlan }]),
      ) as ConfigInput['ports'],
      interfaces: {
        r1: { vlan: 10, vrf: 'red', mac: GW, addresses: ['10.0.1.1/24'] },
        r2: { vlan: 20, vrf: 'red', mac: GW, addresses: ['10.0.2.1/24'] },
        b1: { vlan: 30, vrf: 'blue', mac: GW, addresses: ['10.0.1.1/24'] },
        b2: { vlan: 40, vrf: 'blue', mac: GW, addresses: ['10.0.2.1/24'] },
      },
    });
    opened.push(sw);
    const red = new Host(sw.port('p20'), '02:00:00:00:00:02', ['10.0.2.9/24']);
    const blue = new Host(sw.port('p40'), '02:00:00:00:00:03', ['10.0.2.9/24']);
    new Host(sw.port('p30'), '02:00:00:00:00:01', ['10.0.1.9/24']).send(
      GW,
      udpIpv4({ src: '10.0.1.9', dst: '10.0.2.9' }, 1, 2),
    );
    expect([red.take().length, blue.take().length]).toEqual([0, 1]);
  });

  it('keeps routes of VRFs apart while those of one change', () => {
    const config = (routes: ConfigInput['routes']): ConfigInput => ({
      ports: Object.fromEntries(
        [10, 20, 30, 40].map((vlan) => [`p${vlan}`, { adapter: 'memory', mode: 'access', vlan }]),
      ) as ConfigInput['ports'],
      interfaces: {
        r1: { vlan: 10, vrf: 'red', mac: GW, addresses: ['10.0.1.1/24'] },
        r2: { vlan: 20, vrf: 'red', mac: GW, addresses: ['10.0.2.1/24'] },
        b1: { vlan: 30, vrf: 'blue', mac: GW, addresses: ['10.0.1.1/24'] },
        b2: { vlan: 40, vrf: 'blue', mac: GW, addresses: ['10.0.2.1/24'] },
      },
      routes: routes ?? [],
    });
    const to = '172.16.0.0/12';
    const via = '10.0.2.9';
    const both = [
      { vrf: 'red', to, via },
      { vrf: 'blue', to, via },
    ];
    const { sw } = router(config(both));
    opened.push(sw);
    const red = new Host(sw.port('p20'), '02:00:00:00:00:02', ['10.0.2.9/24']);
    const blue = new Host(sw.port('p40'), '02:00:00:00:00:03', ['10.0.2.9/24']);
    const tenants = ['p10', 'p30'].map((port) => new Host(sw.port(port), '02:00:00:00:00:01', ['10.0.1.9/24']));
    const arrived = () => {
      for (const host of tenants) host.send(GW, udpIpv4({ src: '10.0.1.9', dst: '172.20.0.1' }, 1, 2));
      return [red.take().length, blue.take().length];
    };
    expect(arrived()).toEqual([1, 1]);
    sw.apply(config([both[0]!]));
    expect(arrived()).toEqual([1, 0]);
    sw.apply(config([{ vrf: 'red', to, type: 'blackhole' }, both[1]!]));
    expect(arrived()).toEqual([0, 1]);
    sw.apply(config(both));
    expect(arrived()).toEqual([1, 1]);
  });

  it('has room for VRFs under ever new names, of which nothing stays behind', () => {
    const to = '172.16.0.0/12';
    const config = (n: number): ConfigInput => {
      // Of a few at a time, one is there without interface.
      const names = [n, n + 1].map((k) => `tenant${k}`);
      const interfaces = names.map((vrf, k) => [
        `i${n + k}`,
        { vlan: 10 + k, vrf, mac: GW, addresses: ['10.0.1.1/24', '2001:db8::1/64'] },
      ]);
      const routes: ConfigInput['routes'] = n % 3 === 0 ? [{ vrf: names[0], to, type: 'blackhole' }] : [];
      return {
        ports: { p10: { adapter: 'memory', mode: 'access', vlan: 10 } },
        vrfs: { [names[0]!]: {}, [names[1]!]: {}, [`idle${n}`]: { routes: [{ to, type: 'prohibited' }] } },
        interfaces: Object.fromEntries(interfaces),
        routes,
      };
    };
    const { sw } = router(config(0));
    opened.push(sw);
    for (let n = 1; n < 135; n++) sw.apply(config(n));
    const tables: ConfigInput = {
      ports: {
        p10: { adapter: 'memory', mode: 'access', vlan: 10 },
        p20: { adapter: 'memory', mode: 'access', vlan: 20 },
      },
      interfaces: {
        r1: { vlan: 10, vrf: 'last', mac: GW, addresses: ['10.0.1.1/24'] },
        r2: { vlan: 20, vrf: 'last', mac: GW, addresses: ['172.20.0.1/16'] },
      },
    };
    sw.apply(tables);
    const b = new Host(sw.port('p20'), '02:00:00:00:00:02', ['172.20.0.9/16']);
    const a = new Host(sw.port('p10'), '02:00:00:00:00:01', ['10.0.1.9/24']);
    a.send(GW, udpIpv4({ src: '10.0.1.9', dst: '172.20.0.9' }, 1, 2));
    expect(b.take().length).toBe(1);
    // What the tables of old had for everybody is in no new one.
    a.send(GW, udpIpv4({ src: '10.0.1.9', dst: '172.30.0.1' }, 1, 2));
    expect(sw.drops()).toMatchObject({ ROUTE_NO_ROUTE: 1 });
  });

  it('declares VRFs whose routes come and go, before and after their interfaces', () => {
    const to = '172.16.0.0/12';
    const config = (vrfs: ConfigInput['vrfs'], interfaces: ConfigInput['interfaces'] = {}): ConfigInput => ({
      ports: {
        p10: { adapter: 'memory', mode: 'access', vlan: 10 },
        p20: { adapter: 'memory', mode: 'access', vlan: 20 },
      },
      vrfs,
      interfaces,
    });
    const interfaces = {
      r1: { vlan: 10, vrf: 'red', mac: GW, addresses: ['10.0.1.1/24'] },
      r2: { vlan: 20, vrf: 'red', mac: GW, addresses: ['10.0.2.1/24'] },
    };
    const first = config({ red: { routes: [{ to, type: 'blackhole' }] } });
    const { sw } = router(first);
    opened.push(sw);
    expect(sw.plan(first)).toEqual([]);
    const steps = [
      { vrfs: { red: { routes: [{ to, type: 'blackhole' as const }] } }, arrives: 0 },
      { vrfs: { red: { routes: [{ to, via: '10.0.2.9' }], maxRoutes: 1 } }, arrives: 1 },
      { vrfs: { red: { description: 'tenant red' } }, arrives: 0 },
      { vrfs: { red: { routes: [{ to, via: '10.0.2.9' }] } }, arrives: 1 },
    ];
    for (const { vrfs, arrives } of steps) {
      const next = config(vrfs, interfaces);
      sw.apply(next);
      expect(sw.plan(next), JSON.stringify(vrfs)).toEqual([]);
      const b = new Host(sw.port('p20'), '02:00:00:00:00:02', ['10.0.2.9/24']);
      const a = new Host(sw.port('p10'), '02:00:00:00:00:01', ['10.0.1.9/24']);
      a.send(GW, udpIpv4({ src: '10.0.1.9', dst: '172.20.0.1' }, 1, 2));
      expect(b.take().length, JSON.stringify(vrfs)).toBe(arrives);
    }
    const last = config(undefined, interfaces);
    expect(sw.plan(last)).toEqual(['remove-route 172.16.0.0/12 10.0.2.9', 'set-vrfs (none declared)']);
    const told = { red: { description: 'x', routes: steps[3]!.vrfs.red.routes! } };
    expect(sw.plan(config(told, interfaces))).toEqual(['set-vrfs (red)']);
  });

  it('does not route between hosts of one subnet in two VLANs: ARP stays in its broadcast domain', () => {
    const { sw, a, b } = world();
    const other = new Host(sw.port('t'), '02:00:00:00:00:1b', ['10.0.10.9/24'], 20);
    a.raw(Buffer.from(`ffffffffffff02000000000a0806000108000604000102000000000a0a000a020000000000000a000a09`, 'hex'));
    expect(other.all).toEqual([]);
    expect(b.all).toEqual([]);
  });
});

describe('the gateway itself', () => {
  it('answers ping on all its addresses, and ports that nobody serves', () => {
    const { a } = world();
    for (const dst of ['10.0.10.1', '10.0.20.1']) {
      a.send(GW, icmpIpv4({ src: '10.0.10.2', dst }, 8, 0, 7, 9, Buffer.from('hello')));
      const [reply] = a.take();
      const view = viewOf(reply!);
      expect([icmpType(view, 34), icmpChecksumOk(view, 34, reply!.length - 34)]).toEqual([0, true]);
      expect(reply!.subarray(42).toString()).toBe('hello');
      expect(dissect(reply!)).toMatchObject({ outer: { eth_dst: a.mac, ip: { src: dst, dst: '10.0.10.2' } } });
    }
    a.send(GW, udp4(1, 64, '10.0.10.1'));
    expect(a.take().map((f) => [icmpType(viewOf(f), 34), icmpCode(viewOf(f), 34)])).toEqual([[3, 3]]);
    a.send(GW, icmpv6Ipv6({ src: '2001:db8:10::2', dst: '2001:db8:20::1' }, 128, 0, 5, Buffer.from('hello')));
    const [reply] = a.take();
    expect(icmpv6Type(viewOf(reply!), 54)).toBe(129);
    expect(icmpv6ChecksumOk(viewOf(reply!), 14, 54, reply!.length - 54)).toBe(true);
    a.send(GW, udp6(1, 64, '2001:db8:10::1'));
    expect(a.take().map((f) => [icmpv6Type(viewOf(f), 54), icmpv6Code(viewOf(f), 54)])).toEqual([[1, 4]]);
  });

  it('says that hops ran out, what is too big and what is not reachable', () => {
    const { sw, clock, a, b } = world();
    const told = (frames: Buffer[]) => frames.map((f) => [icmpType(viewOf(f), 34), icmpCode(viewOf(f), 34)]);
    a.send(GW, udp4(1, 1));
    expect(told(a.take())).toEqual([[11, 0]]);
    a.send(GW, udp4(1450));
    const [big] = a.take();
    expect([icmpType(viewOf(big!), 34), icmpCode(viewOf(big!), 34), icmpMtu(viewOf(big!), 34)]).toEqual([3, 4, 1400]);
    a.send(GW, udp4(1, 64, '172.16.0.1'));
    expect(told(a.take())).toEqual([[3, 0]]);
    b.answers = false;
    a.send(GW, udp4(1, 64, '10.0.20.77'));
    for (let s = 0; s < 5; s++) {
      clock.advance(1000);
      sw.tick();
    }
    expect(told(a.take())).toEqual([[3, 1]]);
    a.send(GW, udp6(1, 1));
    a.send(GW, udp6(1450));
    a.send(GW, udp6(1, 64, '2001:db8:99::1'));
    const told6 = a
      .take()
      .map((f) => [icmpv6Type(viewOf(f), 54), icmpv6Code(viewOf(f), 54), icmpv6Word(viewOf(f), 54)]);
    expect(told6).toEqual([
      [3, 0, 0],
      [2, 0, 1400],
      [1, 0, 0],
    ]);
    expect(sw.drops()).toMatchObject({ ROUTE_TTL: 2, ROUTE_TOO_BIG: 2, ROUTE_NO_ROUTE: 2, ROUTE_UNRESOLVED: 1 });
  });

  it('cuts up what may be cut', () => {
    const { a, b } = world();
    const packet = udp4(1450);
    writeIpv4Fragment(viewOf(packet), 0, false, false, 0);
    writeIpv4Checksum(viewOf(packet), 0);
    a.send(GW, packet);
    const heard = b.take();
    expect(heard.map((f) => f.length - 14)).toEqual([1396, 102]);
    const parts = heard.map((f) => f.subarray(34));
    expect(Buffer.concat(parts)).toEqual(Buffer.from(packet.subarray(20)));
    for (const f of heard) expect([ipv4ChecksumOk(viewOf(f), 14), ipv4Ttl(viewOf(f), 14)]).toEqual([true, 63]);
  });

  it('announces its addresses when a link has come up', () => {
    const { sw, a, clock } = world();
    clock.advance(1000);
    sw.tick();
    const said = a.all.map((f) => dissect(f).outer!.eth_src);
    expect(said).toEqual([GW, GW, GW]);
    clock.advance(1000);
    sw.tick();
    expect(a.all.length).toBe(3);
  });

  it('advertises its prefixes where told, and to who asks', () => {
    const { sw, a, clock } = world({
      ...CONFIG,
      interfaces: { vlan10: { vlan: 10, mac: GW, addresses: ['2001:db8:10::1/64'], routerAdvertisements: true } },
    });
    sw.tick();
    const isRa = (f: Buffer) => f[20] === 58 && f[54] === 134;
    expect(a.all.filter(isRa).length).toBe(1);
    const ask = () => {
      const mac = parseMac(a.mac)!;
      a.raw(ipv6Frame(mac, null, routerSolicitation(linkLocalAddress(mac.high, mac.low), mac)));
    };
    // Not more often than every three seconds.
    ask();
    expect(a.all.filter(isRa).length).toBe(1);
    clock.advance(4000);
    ask();
    expect(a.all.filter(isRa).length).toBe(2);
    const damaged = Buffer.from(a.all.at(-1)!);
    damaged[54] = 133;
    a.raw(damaged);
    expect(a.all.filter(isRa).length).toBe(2);
  });
});

describe('proxy ARP', () => {
  const arpFor = (target: string) =>
    Buffer.from(
      arpFrame(
        { dst: 'ff:ff:ff:ff:ff:ff', src: '02:00:00:00:00:0a' },
        {
          operation: 1,
          senderMac: '02:00:00:00:00:0a',
          senderIp: '10.0.10.2',
          targetMac: '00:00:00:00:00:00',
          targetIp: target,
        },
      ),
    );
  it('answers for addresses that are routed elsewhere, where told, and for no others', () => {
    const { vlan10, vlan20 } = CONFIG.interfaces as Record<string, object>;
    const { a } = world({
      ...CONFIG,
      interfaces: { vlan10: { ...vlan10, proxyArp: true }, vlan20: { ...vlan20 } } as never,
    });
    for (const target of ['10.0.20.2', '10.0.10.9', '172.16.0.1', '10.0.10.2']) a.raw(arpFor(target));
    expect(a.all.map((f) => dissect(f).arp)).toMatchObject([{ op: 2, sha: GW, spa: '10.0.20.2' }]);
    const plain = world();
    plain.a.raw(arpFor('10.0.20.2'));
    expect(plain.a.all).toEqual([]);
  });
});

describe('routes', () => {
  const withRoutes = (routes: ConfigInput['routes']) => world({ ...CONFIG, routes });

  it('go by way of gateways, several of equal cost by flow', () => {
    const { sw, a } = withRoutes([{ to: '10.9.0.0/16', via: ['10.0.20.2', '10.0.20.3'] }]);
    const second = new Host(sw.port('t'), '02:00:00:00:00:2b', ['10.0.20.3/24'], 20);
    const first = new Host(sw.port('b'), '02:00:00:00:00:3b', []);
    for (let n = 0; n < 40; n++) a.send(GW, udpIpv4({ src: '10.0.10.2', dst: `10.9.0.${n}` }, n, 2));
    const counts = [first.take().length, second.take().length];
    expect(counts[0]! + counts[1]!).toBe(40);
    expect(Math.min(...counts)).toBeGreaterThan(5);
  });

  it('may be a blackhole, unreachable or prohibited', () => {
    const { sw, a } = withRoutes([
      { to: '10.1.0.0/16', type: 'blackhole' },
      { to: '10.2.0.0/16', type: 'unreachable' },
      { to: '10.3.0.0/16', type: 'prohibited' },
      { to: '0.0.0.0/0', via: '10.0.20.2' },
    ]);
    for (const dst of ['10.1.0.1', '10.2.0.1', '10.3.0.1']) a.send(GW, udp4(1, 64, dst));
    expect(a.take().map((f) => icmpCode(viewOf(f), 34))).toEqual([1, 13]);
    expect(sw.drops()).toEqual({ ROUTE_BLACKHOLE: 1, ROUTE_UNREACHABLE: 1, ROUTE_PROHIBITED: 1 });
  });

  it('of one address are there whether it is a known neighbor or not, which it is again behind them', () => {
    const { sw, a, b } = world();
    a.send(GW, udp4());
    expect(b.take().length).toBe(1);
    sw.apply({ ...CONFIG, routes: [{ to: '10.0.20.2/32', type: 'blackhole' }] });
    a.send(GW, udp4());
    expect(b.take().length).toBe(0);
    sw.apply(CONFIG);
    b.answers = false;
    a.send(GW, udp4());
    expect(b.take().length).toBe(1);
    expect(sw.drops()).toEqual({ ROUTE_BLACKHOLE: 1 });
    expect(() => sw.apply({ ...CONFIG, routes: [{ to: '10.0.20.1/32', type: 'blackhole' }] })).toThrow();
    expect(() => sw.apply({ ...CONFIG, routes: [{ to: '10.0.20.0/24', type: 'blackhole' }] })).toThrow();
  });

  it('tell nobody of a packet whose interface has gone, by another that has its place', () => {
    const c = { adapter: 'memory', mode: 'access', vlan: 30 } as const;
    const ports = { ...CONFIG.ports, c };
    const { vlan20 } = CONFIG.interfaces as Record<string, object>;
    const { sw, clock, a } = world({ ...CONFIG, ports });
    const heard: string[] = [];
    sw.port('c').onFrame((frame) => heard.push(frame.toString('hex', 0, 14)));
    a.send(GW, udp4(10, 64, '10.0.20.99'));
    const interfaces = {
      vlan20,
      vlan30: { vlan: 30, mac: '02:00:00:00:00:fc', addresses: ['10.0.30.1/24'], vrf: 'red' },
    };
    sw.apply({ ports, interfaces } as ConfigInput);
    for (let s = 0; s < 5; s++) {
      clock.advance(1000);
      sw.tick();
    }
    expect(heard.filter((head) => head.startsWith('02000000000a'))).toEqual([]);
  });

  it('come and go with apply, and interfaces with them', () => {
    const { sw, a, b } = withRoutes([{ to: '0.0.0.0/0', via: '10.0.20.2' }]);
    a.send(GW, udp4(1, 64, '8.8.8.8'));
    expect(b.take().length).toBe(1);
    expect(sw.plan({ ...CONFIG, routes: [{ to: '0.0.0.0/0', via: '10.0.20.2' }] })).toEqual([]);
    sw.apply(CONFIG);
    a.send(GW, udp4(1, 64, '8.8.8.8'));
    expect(b.take().length).toBe(0);
    sw.apply({ ports: CONFIG.ports! });
    expect(sw.fdb().filter((e) => e.kind === 'local')).toEqual([]);
    a.send(GW, udp4());
    expect(b.take().length).toBe(0);
    sw.apply(CONFIG);
    a.send(GW, udp4());
    expect(b.take().length).toBe(1);
  });
});
