/**
 * Routes and neighbors that come and go while packets flow, floods of strangers, and a gateway that others are too: what
 * is not concerned loses nothing.
 */
import { afterEach, expect, it } from 'vitest';
import type { ConfigInput, Switch } from '../../../src/index.ts';
import { ipv6Frame } from '../../../src/protocols/neighbor-send.ts';
import { addressBytes } from '../../../src/wire/address.ts';
import { arpFrame, udpIpv4, udpIpv6 } from '../../../src/wire/build.ts';
import { ND_NEIGHBOR_ADVERTISEMENT } from '../../../src/wire/icmpv6.ts';
import { neighborSolicitation } from '../../../src/wire/nd.ts';
import { Random } from '../dataplane/world.ts';
import { checkLedger, describe as dissect, GW, Host, router } from './hosts.ts';

const CONFIG: ConfigInput = {
  ports: {
    a: { adapter: 'memory', mode: 'access', vlan: 10 },
    b: { adapter: 'memory', mode: 'access', vlan: 20 },
    c: { adapter: 'memory', mode: 'access', vlan: 20 },
  },
  interfaces: {
    vlan10: { vlan: 10, mac: GW, addresses: ['10.0.10.1/24', '2001:db8:10::1/64'] },
    vlan20: { vlan: 20, mac: '02:00:00:00:00:fd', addresses: ['10.0.20.1/24', '2001:db8:20::1/64'] },
  },
};
const STAYING = [
  { to: '10.8.0.0/13', via: '10.0.20.2' },
  { to: '2001:db8:8000::/33', via: '2001:db8:20::2' },
];
const ALL = 'ff:ff:ff:ff:ff:ff';

let opened: Switch[] = [];
afterEach(() => {
  for (const sw of opened) {
    checkLedger(sw);
    sw.close();
  }
  opened = [];
});

function world(config: ConfigInput) {
  const { sw, clock } = router(config);
  opened.push(sw);
  const a = new Host(sw.port('a'), '02:00:00:00:00:0a', ['10.0.10.2/24', '2001:db8:10::2/64']);
  const b = new Host(sw.port('b'), '02:00:00:00:00:0b', ['10.0.20.2/24', '2001:db8:20::2/64']);
  return { sw, clock, a, b };
}

const arp = (mac: string, senderIp: string, targetIp: string) =>
  Buffer.from(
    arpFrame(
      { dst: ALL, src: mac },
      { operation: 1, senderMac: mac, senderIp, targetMac: '00:00:00:00:00:00', targetIp },
    ),
  );

/** Asks everybody for the MAC of `target` (RFC 4861 4.3). */
const solicit = (low: number, sender: string, target: string) => {
  const mac = { high: 0x0200, low };
  return Buffer.from(
    ipv6Frame(mac, null, neighborSolicitation(addressBytes(sender)!, null, addressBytes(target)!, mac)),
  );
};

/** One packet each of what stays: a connected host and a route, IPv4 and IPv6. */
function staying(): Uint8Array[] {
  const [src, src6] = ['10.0.10.2', '2001:db8:10::2'];
  return [
    udpIpv4({ src, dst: '10.0.20.2' }, 1, 2),
    udpIpv4({ src, dst: '10.9.9.9' }, 1, 2),
    udpIpv6({ src: src6, dst: '2001:db8:20::2' }, 1, 2),
    udpIpv6({ src: src6, dst: '2001:db8:9999::1' }, 1, 2),
  ];
}

it('routes that come and go around a packet do not touch it', () => {
  const { sw, a, b } = world({ ...CONFIG, routes: STAYING });
  for (const packet of staying()) a.send(GW, packet);
  expect(b.take().length).toBe(4);
  const r = new Random(5);
  for (let step = 0; step < 150; step++) {
    // More and less specific ones beside those that stay, in the same pages and nodes.
    const others = new Map<string, string>();
    for (let n = r.below(12); n > 0; n--) {
      const kind = r.pick(['blackhole', 'unreachable', 'prohibited']);
      others.set(
        r.pick([
          '0.0.0.0/0',
          '10.0.0.0/8',
          '10.9.9.8/32',
          '10.9.9.10/31',
          '10.9.8.0/24',
          '10.10.0.0/16',
          '10.9.10.0/23',
        ]),
        kind,
      );
      others.set(
        r.pick(['::/0', '2001:db8:8000::/48', '2001:db8:9999:1::/64', '2001:db8:9999::2/128', '2001:db8::/32']),
        kind,
      );
    }
    const routes = [...STAYING, ...[...others].map(([to, type]) => ({ to, type: type as 'blackhole' }))];
    sw.apply({ ...CONFIG, routes });
    for (const packet of staying()) a.send(GW, packet);
    expect(b.take().length, `step ${step}: ${JSON.stringify(routes)}`).toBe(4);
    if (step % 10 === 0) expect(sw.plan({ ...CONFIG, routes })).toEqual([]);
  }
});

it('neighbors that come, move and go do not touch those of others', () => {
  const { sw, clock, a, b } = world({ ...CONFIG, routes: STAYING });
  for (const packet of staying()) a.send(GW, packet);
  b.take();
  const r = new Random(6);
  const c = new Host(sw.port('c'), '02:00:00:00:00:0c', []);
  for (let step = 0; step < 400; step++) {
    const mac = `02:00:00:00:01:${(r.below(64) + 16).toString(16)}`;
    c.raw(arp(mac, `10.0.20.${10 + r.below(200)}`, '10.0.20.1'));
    if (r.chance(30)) a.send(GW, udpIpv4({ src: '10.0.10.2', dst: `10.0.20.${10 + r.below(240)}` }, 1, 2));
    for (const packet of staying()) a.send(GW, packet);
    expect(b.take().filter((frame) => dissect(frame).outer?.eth_dst === b.mac).length, `step ${step}`).toBe(4);
    a.take();
    clock.advance(50);
    if (step % 10 === 0) sw.tick();
  }
});

it('more neighbors than there is room for at first do not touch those that are known', () => {
  const { sw, a, b } = world({ ...CONFIG, routes: STAYING });
  for (const packet of staying()) a.send(GW, packet);
  expect(b.take().length).toBe(4);
  const many = (vlan: number) =>
    Object.fromEntries(
      Array.from({ length: 3000 }, (_, n) => [
        `2001:db8:${vlan}::${(0x1000 + n).toString(16)}`,
        `02:00:00:${vlan}:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`,
      ]),
    );
  const interfaces = Object.fromEntries(
    Object.entries(CONFIG.interfaces!).map(([name, each]) => [name, { ...each, neighbors: many(each.vlan!) }]),
  );
  sw.apply({ ...CONFIG, interfaces, routes: STAYING });
  expect(sw.plan({ ...CONFIG, interfaces, routes: STAYING })).toEqual([]);
  for (const packet of staying()) a.send(GW, packet);
  expect(b.take().map((frame) => dissect(frame).outer?.eth_dst)).toEqual(Array(4).fill(b.mac));
  // The last of them is behind a port that nobody has seen: everybody in the VLAN is sent what is for it.
  a.send(GW, udpIpv6({ src: '2001:db8:10::2', dst: '2001:db8:20::1bb7' }, 1, 2));
  expect(b.take().map((frame) => dissect(frame).outer?.eth_dst)).toEqual(['02:00:00:20:0b:b7']);
});

it('a flood of ARP from one port stays in its limits and takes nothing from the others', () => {
  const { sw, clock, a, b } = world(CONFIG);
  const c = new Host(sw.port('c'), '02:00:00:00:00:0c', []);
  for (let second = 0; second < 5; second++) {
    const flood = Array.from({ length: 5000 }, (_, n) => ({
      port: 'c',
      frame: arp(
        `02:00:00:0${second}:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`,
        `10.0.20.${10 + (n % 240)}`,
        '10.0.20.1',
      ),
    }));
    sw.send(flood);
    // At most 256 at once and what a millisecond allows are answered ...
    expect(c.all.filter((frame) => frame.readUInt16BE(20) === 2).length).toBeLessThanOrEqual(1300);
    c.take();
    // ... and a host at another port is answered at once, and reaches others.
    a.raw(arp('02:00:00:00:00:0a', '10.0.10.2', '10.0.10.1'));
    expect(a.all.some((frame) => frame.readUInt16BE(20) === 2)).toBe(true);
    a.take();
    a.send(GW, staying()[0]!);
    expect(b.take().length).toBe(1);
    clock.advance(1000);
    sw.tick();
  }
});

it('a flood of neighbor solicitations from one port stays in its limits and takes nothing from the others', () => {
  const { sw, clock, a, b } = world(CONFIG);
  const c = new Host(sw.port('c'), '02:00:00:00:00:0c', []);
  const isAnswer = (frame: Buffer) => frame.readUInt16BE(12) === 0x86dd && frame[54] === ND_NEIGHBOR_ADVERTISEMENT;
  // A host that is known before.
  a.send(GW, staying()[2]!);
  expect(b.take().length).toBe(1);
  for (let second = 0; second < 5; second++) {
    const flood = Array.from({ length: 5000 }, (_, n) => {
      const low = 0x0100_0000 + second * 5000 + n;
      return {
        port: 'c',
        frame: solicit(low, `2001:db8:20::${(0x1000 + second * 5000 + n).toString(16)}`, '2001:db8:20::1'),
      };
    });
    sw.send(flood);
    const answers = c.all.filter(isAnswer).length;
    expect(answers).toBeGreaterThan(0);
    expect(answers).toBeLessThanOrEqual(1300);
    c.take();
    // A host at another port is answered at once, and those who are known are reached as ever.
    a.raw(solicit(0x0000000a, '2001:db8:10::2', '2001:db8:10::1'));
    expect(a.all.some(isAnswer)).toBe(true);
    a.take();
    a.send(GW, staying()[2]!);
    expect(b.take().length).toBe(1);
    clock.advance(1000);
    sw.tick();
  }
});

it('a gateway that another switch is too is neither learned elsewhere nor a conflict', () => {
  const { sw, a, b } = world(CONFIG);
  const other = new Host(sw.port('b'), GW, []);
  // What the other one says in the VLAN: its announcements, and packets that it has routed.
  other.raw(arp(GW, '10.0.20.1', '10.0.20.1'));
  const second = new Host(sw.port('a'), GW, []);
  second.raw(arp(GW, '10.0.10.1', '10.0.10.1'));
  second.raw(
    Buffer.concat([
      Buffer.from('02000000000a0200000000fe0800', 'hex'),
      udpIpv4({ src: '10.0.30.2', dst: '10.0.10.2' }, 1, 2),
    ]),
  );
  expect(sw.fdb().filter((entry) => entry.mac === GW && entry.vid === 10)).toMatchObject([{ kind: 'local' }]);
  const b2 = new Host(sw.port('b'), b.mac, ['10.0.20.2/24', '2001:db8:20::2/64']);
  a.port.onFrame(() => {});
  const a2 = new Host(sw.port('a'), a.mac, ['10.0.10.2/24', '2001:db8:10::2/64']);
  a2.send(GW, staying()[0]!);
  expect(b2.take().length).toBe(1);
});
