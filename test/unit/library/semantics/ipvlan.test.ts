/** ipvlan groups: who gets what, as drivers/net/ipvlan has it; and how they are configured and changed. */
import { afterEach, describe, expect, it } from 'vitest';
import { type ConfigInput, type Switch, wire } from '../../../../src/index.ts';
import { icmpIpv4 } from '../../../../src/wire/build.ts';
import { neighborSolicitation } from '../../../../src/wire/nd.ts';
import { A, BROADCAST, checkAll, frame, made, only, tagsOf, told, vidsOf } from './frames.ts';

afterEach(checkAll);

type Groups = NonNullable<ConfigInput['ipvlan']>;
const MAC = '02:00:00:00:00:fe';
const OUTSIDE = '02:00:00:00:00:99';
const CHILDREN = {
  x: { addresses: ['10.0.0.11', '2001:db8::11'] },
  y: { addresses: ['10.0.0.12', '2001:db8::12', '10.0.0.13'] },
};

const v4 = (src: string, dst: string, head: { dst?: string; src?: string } = {}) =>
  wire.ethernetFrame({ dst: MAC, src: MAC, ...head }, 0x0800, wire.ipv4Packet({ src, dst }, 17, Buffer.alloc(26)));
const v6 = (src: string, dst: string, head: { dst?: string; src?: string } = {}) =>
  wire.ethernetFrame({ dst: MAC, src: MAC, ...head }, 0x86dd, wire.ipv6Packet({ src, dst }, 17, Buffer.alloc(26)));
const arp = (senderIp: string, targetIp: string, head: { dst?: string; src?: string } = {}) => {
  const addresses = { dst: BROADCAST, src: MAC, ...head };
  const targetMac = '00:00:00:00:00:00';
  return wire.arpFrame(addresses, { operation: 1, senderMac: addresses.src, senderIp, targetMac, targetIp });
};

function l2(more: Partial<Groups[string]> = {}): Switch {
  const names = ['up', 'x', 'y', ...(more.host === undefined ? [] : ['h'])];
  const group = { parent: 'up', mac: MAC, children: CHILDREN, ...more };
  return made(Object.fromEntries(names.map((name) => [name, {}])), { ipvlan: { lan: group } });
}

const HOSTED = { host: { port: 'h' } };
const SIBLING = { dst: MAC, src: MAC };
const IN = { dst: MAC, src: OUTSIDE };

describe('an ipvlan group in mode l2', () => {
  it.each([
    ['an IPv4 packet', v4('10.0.0.1', '10.0.0.12', IN), 'y'],
    ['an IPv6 packet', v6('2001:db8::1', '2001:db8::11', IN), 'x'],
    ['an ARP reply', arp('10.0.0.1', '10.0.0.13', IN), 'y'],
    ['a packet for nobody', v4('10.0.0.1', '10.0.0.99', IN), 'IPVLAN_NO_CHILD'],
    ['no IP', frame(IN), 'IPVLAN_NO_CHILD'],
    ['a packet of a child for another MAC', v4('10.0.0.1', '10.0.0.12', { ...IN, dst: A }), 'IPVLAN_OTHER_MAC'],
    ['a broadcast', arp('10.0.0.1', '10.0.0.12', { src: OUTSIDE }), 'F x y'],
    ['multicast', frame({ dst: '01:00:5e:00:00:fb', src: OUTSIDE }), 'F x y'],
    ['its own broadcast, sent back', arp('10.0.0.11', '10.0.0.12'), 'IPVLAN_NO_CHILD'],
    ['a broadcast with its MAC, of no child', arp('10.0.0.5', '10.0.0.12'), 'F x y'],
    ['PAUSE', frame({ dst: '01:80:c2:00:00:01', src: OUTSIDE, type: 0x8808 }), 'IPVLAN_NO_CHILD'],
  ])('gives %s from outside to whom it is for', (_, bytes, expected) => {
    expect(told(l2(), 'up', bytes)).toBe(expected);
  });

  it.each([
    ['bridge', 'x', v4('10.0.0.11', '10.0.0.12', SIBLING), 'y'],
    ['bridge', 'y', v6('2001:db8::12', '2001:db8::11', SIBLING), 'x'],
    ['bridge', 'x', arp('10.0.0.11', '10.0.0.12', SIBLING), 'y'],
    ['bridge', 'x', v4('10.0.0.11', '10.0.0.11', SIBLING), 'LOOKUP_REFLECTION'],
    ['bridge', 'x', v4('10.0.0.11', '10.0.0.99', SIBLING), 'IPVLAN_NO_CHILD'],
    ['bridge', 'x', v4('10.0.0.11', '10.0.0.12', { dst: OUTSIDE }), 'up'],
    ['bridge', 'x', arp('10.0.0.11', '10.0.0.12'), 'F up y'],
    ['private', 'x', v4('10.0.0.11', '10.0.0.12', SIBLING), 'IPVLAN_PRIVATE'],
    ['private', 'x', arp('10.0.0.11', '10.0.0.12'), 'F up y'],
    ['private', 'x', v4('10.0.0.11', '10.0.0.1', { dst: OUTSIDE }), 'up'],
    ['vepa', 'x', v4('10.0.0.11', '10.0.0.12', SIBLING), 'up'],
    ['vepa', 'x', arp('10.0.0.11', '10.0.0.12'), 'F up y'],
    ['bridge', 'x', frame({ dst: '01:80:c2:00:00:01', src: MAC, type: 0x8808 }), 'IPVLAN_PAUSE'],
  ] as const)('with flag %s sends on what %s says: %#', (flag, port, bytes, expected) => {
    expect(told(l2({ flag }), port, bytes)).toBe(expected);
  });

  it.each([
    ['up', v4('10.0.0.1', '10.0.0.99', IN), 'h', 'h'],
    ['up', arp('10.0.0.1', '10.0.0.99', { src: OUTSIDE }), 'F x y h', 'F x y h'],
    ['up', arp('10.0.0.11', '10.0.0.12'), 'h', 'h'],
    ['x', v4('10.0.0.11', '10.0.0.99', SIBLING), 'h', 'h'],
    ['x', arp('10.0.0.11', '10.0.0.99'), 'F up y', 'F up y h'],
    ['h', v4('10.0.0.99', '10.0.0.11', SIBLING), 'up', 'x'],
    ['h', arp('10.0.0.99', '10.0.0.11'), 'up', 'F up x y'],
    ['h', v4('10.0.0.99', '10.0.0.1', { dst: OUTSIDE }), 'up', 'up'],
  ])('with a host, at %s, frame %#: %s, and with hostAccess', (port, bytes, without, withAccess) => {
    expect(told(l2(HOSTED), port, bytes)).toBe(without);
    expect(told(l2({ ...HOSTED, hostAccess: true }), port, bytes)).toBe(withAccess);
  });

  it('gives multicast to those that have joined', () => {
    const group = (dst: string) => frame({ dst, src: OUTSIDE });
    const joined = { multicast: ['224.0.0.251', 'FF02:0::FB', '01-80-C2-00-00-0E'] };
    const sw = l2({ children: { x: { ...CHILDREN.x, ...joined }, y: { ...CHILDREN.y, multicast: [] } } });
    // mDNS of both families, LLDP.
    for (const dst of ['01:00:5e:00:00:fb', '33:33:00:00:00:fb', '01:80:c2:00:00:0e']) {
      expect(told(sw, 'up', group(dst))).toBe('x');
    }
    // What every host hears, and neighbor discovery for addresses of theirs.
    for (const dst of [BROADCAST, '01:00:5e:00:00:01', '33:33:00:00:00:01']) {
      expect(told(sw, 'up', group(dst))).toBe('F x y');
    }
    expect(told(sw, 'up', group('33:33:ff:00:00:11'))).toBe('x');
    expect(told(sw, 'up', group('33:33:ff:00:00:12'))).toBe('y');
    expect(told(sw, 'up', group('01:00:5e:00:00:05'))).toBe('IPVLAN_NO_CHILD');
    // Among children, and to the outside in any case.
    expect(told(sw, 'y', frame({ dst: '01:00:5e:00:00:fb', src: MAC }))).toBe('F up x');
    expect(told(sw, 'x', frame({ dst: '01:00:5e:00:00:fb', src: MAC }))).toBe('up');
    const hosted = l2({ ...HOSTED, hostAccess: true, children: { x: { ...CHILDREN.x, ...joined }, y: CHILDREN.y } });
    expect(told(hosted, 'up', group('01:00:5e:00:00:05'))).toBe('F y h');
    expect(told(hosted, 'h', frame({ dst: '01:00:5e:00:00:05', src: MAC }))).toBe('F up y');
  });

  it('takes a probe for a duplicate address by its target', () => {
    const probe = (last: number, src: string) => {
      const target = Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last);
      const packet = neighborSolicitation(new Uint8Array(16), null, target, wire.parseMac(src)!);
      return wire.ethernetFrame({ dst: '33:33:ff:00:00:11', src }, 0x86dd, packet);
    };
    // From outside it is for all; sent back by a switch outside it is for nobody.
    expect(told(l2(), 'up', probe(0x11, OUTSIDE))).toBe('F x y');
    expect(told(l2(), 'up', probe(0x11, MAC))).toBe('IPVLAN_NO_CHILD');
    expect(told(l2(), 'up', probe(0x77, MAC))).toBe('F x y');
  });

  it('of a VLAN puts the tag on at the parent and takes it off at children', () => {
    const sw = l2({ vlan: 10 });
    const inside = wire.ethernetFrame(
      { ...IN, tags: [{ vid: 10, pcp: 5 }] },
      0x0800,
      v4('10.0.0.1', '10.0.0.12').subarray(14),
    );
    expect(told(sw, 'up', inside)).toBe('y');
    expect(vidsOf(only(sw, 'y'))).toEqual([]);
    expect(told(sw, 'x', arp('10.0.0.11', '10.0.0.12'))).toBe('F up y');
    expect(vidsOf(only(sw, 'up'))).toEqual([10]);
    expect(vidsOf(only(sw, 'y'))).toEqual([]);
    expect(told(sw, 'up', v4('10.0.0.1', '10.0.0.12', IN))).toBe('IPVLAN_NO_GROUP');
  });

  it('changes on a running switch, and ports come and go', () => {
    const ports = { up: { adapter: 'memory' as const }, x: { adapter: 'memory' as const } };
    const sw = made({ up: {}, x: {} });
    const ask = () => told(sw, 'up', v4('10.0.0.1', '10.0.0.11', IN));
    const apply = (...addresses: string[]) =>
      sw.apply({ ports, ipvlan: { g: { parent: 'up', mac: MAC, children: { x: { addresses } } } } });
    expect(ask()).toBe('F x');
    apply('10.0.0.11');
    expect(ask()).toBe('x');
    apply('10.0.0.12');
    expect(ask()).toBe('IPVLAN_NO_CHILD');
    sw.apply({ ports });
    expect(ask()).toBe('F x');
  });
});

describe.each(['l3', 'l3s'] as const)('an ipvlan group in mode %s', (mode) => {
  const GATEWAY = '02:00:00:00:00:01';
  const routed = (more: Partial<Groups[string]> = {}) =>
    made(
      { up: { mode: 'trunk', vlans: '20', native: 10 }, blue: { mode: 'access', vlan: 20 }, x: {}, y: {} },
      {
        interfaces: {
          red: {
            vlan: 10,
            addresses: ['10.0.0.5/24', '2001:db8::5/64'],
            mac: MAC,
            neighbors: { '10.0.0.1': GATEWAY, '2001:db8::1': GATEWAY },
          },
          blue0: { vlan: 20, addresses: ['10.0.20.1/24'], mac: A, neighbors: { '10.0.20.2': OUTSIDE } },
        },
        routes: [
          { to: '0.0.0.0/0', via: '10.0.0.1' },
          { to: '::/0', via: '2001:db8::1' },
        ],
        ipvlan: {
          g: {
            mode,
            parent: 'red',
            children: { x: { addresses: ['10.1.0.11', '2001:db8:1::11'] }, y: { addresses: ['10.1.0.12'] } },
            ...more,
          },
        },
      },
    );
  const FROM_GATEWAY = { dst: MAC, src: GATEWAY };
  /** The switch knows where the gateway is. */
  const known = (more: Partial<Groups[string]> = {}) => {
    const sw = routed(more);
    sw.port('up').send(frame({ src: GATEWAY }));
    sw.port('up').receive();
    sw.port('blue').send(frame({ src: OUTSIDE }));
    for (const name of ['up', 'blue', 'x', 'y']) sw.port(name).receive();
    return sw;
  };

  it('gives what comes to the interface, from any VLAN of its VRF, to the child that has the address, as it came', () => {
    const sw = known();
    const packet = v4('198.51.100.1', '10.1.0.11', FROM_GATEWAY);
    expect(told(sw, 'up', packet)).toBe('x');
    expect(only(sw, 'x').equals(packet)).toBe(true);
    expect(told(sw, 'up', v6('2001:db8:2::1', '2001:db8:1::11', FROM_GATEWAY))).toBe('x');
    sw.port('x').receive();
    const tagged = wire.ethernetFrame({ dst: A, src: OUTSIDE, tags: [{ vid: 20 }] }, 0x0800, packet.subarray(14));
    expect(told(sw, 'up', tagged)).toBe('x');
    expect(tagsOf(only(sw, 'x'))).toEqual([]);
    expect(told(sw, 'blue', v4('10.0.20.2', '10.1.0.12', { dst: A, src: OUTSIDE }))).toBe('y');
  });

  it('routes what children send, with the MAC of the interface, and one hop less', () => {
    const sw = known();
    expect(told(sw, 'x', v4('10.1.0.11', '198.51.100.1', { dst: OUTSIDE, src: A }))).toBe('up');
    const left = only(sw, 'up');
    expect(
      [wire.etherSrcText, wire.etherDstText].map((text) => text(new DataView(left.buffer, left.byteOffset), 0)),
    ).toEqual([MAC, GATEWAY]);
    expect(left[14 + 8]).toBe(63);
    expect(told(sw, 'x', v6('2001:db8:1::11', '2001:db8:2::1'))).toBe('up');
    expect(told(sw, 'x', v4('10.1.0.11', '10.0.20.2'))).toBe('blue');
  });

  it.each([
    ['bridge', 'y'],
    ['private', 'IPVLAN_PRIVATE'],
    ['vepa', 'up'],
  ] as const)('with flag %s: what a child sends to another: %s', (flag, expected) => {
    const sw = known({ flag });
    const packet = v4('10.1.0.11', '10.1.0.12');
    expect(told(sw, 'x', packet)).toBe(expected);
    if (expected === 'y') expect(only(sw, 'y').equals(packet)).toBe(true);
  });

  it.each([
    ['broadcast', arp('10.1.0.11', '10.1.0.12')],
    ['multicast', v6('2001:db8:1::11', 'ff02::1', { dst: '33:33:00:00:00:01' })],
    ['ARP', arp('10.1.0.11', '10.0.0.5', SIBLING)],
    ['link-local', v6('2001:db8:1::11', 'fe80::1')],
    ['other protocols', frame(SIBLING)],
  ])('takes no %s of a child', (_, bytes) => {
    expect(told(known(), 'x', bytes)).toBe('IPVLAN_NOT_ROUTED');
  });

  it('is not in the broadcast domain of its interface', () => {
    expect(told(known(), 'up', arp('10.0.0.1', '10.1.0.11', { src: GATEWAY }))).toBe('-');
  });

  it('has the answers of the router: ping, and errors', () => {
    const sw = known();
    const ping = icmpIpv4({ src: '10.1.0.11', dst: '10.0.0.5' }, 8, 0, 1, 1);
    expect(told(sw, 'x', wire.ethernetFrame({ dst: MAC, src: A }, 0x0800, ping))).toBe('-');
    const echo = only(sw, 'x');
    expect([echo[14 + 9], echo[34]]).toEqual([1, 0]);
    const last = v4('10.1.0.11', '198.51.100.1');
    last[14 + 8] = 1;
    last.set([0, 0], 14 + 10);
    let sum = 0;
    for (let at = 14; at < 34; at += 2) sum += (last[at]! << 8) | last[at + 1]!;
    sum = (sum & 0xffff) + (sum >>> 16);
    const check = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
    last.set([check >>> 8, check & 0xff], 14 + 10);
    expect(told(sw, 'x', last)).toBe('ROUTE_TTL');
    expect([only(sw, 'x')[34]]).toEqual([11]);
  });

  it('follows its interface, and what changes in the group', () => {
    const memory = { adapter: 'memory' as const };
    const config = (vlan: number, address: string) => ({
      ports: { up: { ...memory, mode: 'access' as const, vlan }, x: memory },
      interfaces: { red: { vlan, addresses: ['10.0.0.5/24'], mac: MAC } },
      ipvlan: { g: { mode, parent: 'red', children: { x: { addresses: [address] } } } },
    });
    const sw = made({ up: { mode: 'access', vlan: 10 }, x: {} });
    const ask = (dst: string) => told(sw, 'up', v4('10.0.0.9', dst, FROM_GATEWAY));
    for (const vlan of [10, 20, 10]) {
      sw.apply(config(vlan, '10.1.0.11'));
      expect(ask('10.1.0.11')).toBe('x');
      expect(ask('10.1.0.12')).toBe('ROUTE_NO_ROUTE');
    }
    sw.apply(config(10, '10.1.0.12'));
    expect(ask('10.1.0.12')).toBe('x');
    const { ports, interfaces } = config(10, '');
    sw.apply({ ports, interfaces });
    expect(ask('10.1.0.12')).toBe('ROUTE_NO_ROUTE');
  });

  it(`${mode === 'l3' ? 'asks nothing' : 'asks what the router asks'} of packets for a child`, () => {
    const damaged = v4('198.51.100.1', '10.1.0.11', FROM_GATEWAY);
    damaged[14 + 10] ^= 1;
    expect(told(known(), 'up', damaged)).toBe(mode === 'l3' ? 'x' : 'ROUTE_HEADER');
    const martian = v4('127.0.0.1', '10.1.0.11', FROM_GATEWAY);
    expect(told(known(), 'up', martian)).toBe(mode === 'l3' ? 'x' : 'ROUTE_MARTIAN');
  });
});

describe('ipvlan in a configuration', () => {
  const ports = { up: {}, x: {}, y: {} };
  const x = { addresses: ['10.0.0.1'] };
  const group = { parent: 'up', mac: MAC, children: { x } };
  it.each<[string, Groups, RegExp]>([
    ['a port that is not there', { g: { ...group, parent: 'upp' } }, /no port "upp".*"up"/],
    ['no MAC', { g: { parent: 'up', children: { x } } }, /needs the MAC/],
    ['an address twice', { g: { ...group, children: { x, y: x } } }, /is an address of x already/],
    ['no address', { g: { ...group, children: { x: { addresses: [] } } } }, /at least one address/],
    ['a group address', { g: { ...group, children: { x: { addresses: ['224.0.0.1'] } } } }, /no address of a host/],
    ['hostAccess without a host', { g: { ...group, hostAccess: true } }, /needs a "host"/],
    ['two groups of one VLAN', { g: group, k: { ...group, children: { y: x } } }, /group g has/],
    ['a port as the parent in l3', { g: { mode: 'l3', parent: 'up', children: { x } } }, /no interface "up"/],
    [
      'a group that is none',
      { g: { ...group, children: { x: { ...x, multicast: ['10.0.0.1'] } } } },
      /multicast\[0\]: "10.0.0.1" is no multicast address/,
    ],
    [
      'broadcast as a group',
      { g: { ...group, children: { x: { ...x, multicast: [BROADCAST] } } } },
      /is no multicast address/,
    ],
  ])('is refused with %s', (_, ipvlan, problem) => {
    expect(() => made(ports, { ipvlan })).toThrow(problem);
  });

  it.each<[string, Groups, RegExp]>([
    ['a MAC', { g: { mode: 'l3', parent: 'v', mac: MAC, children: { x } } }, /belongs to mode l2/],
    [
      'a link-local address',
      { g: { mode: 'l3', parent: 'v', children: { x: { addresses: ['fe80::1'] } } } },
      /link-local/,
    ],
    [
      'multicast',
      { g: { mode: 'l3', parent: 'v', children: { x: { addresses: ['10.0.0.2'], multicast: ['ff02::fb'] } } } },
      /multicast: belongs to mode l2/,
    ],
    ['an address of the VRF', { g: { mode: 'l3', parent: 'v', children: { x } } }, /of interface v already/],
    [
      'the address of a child of the VRF',
      {
        g: { mode: 'l3', parent: 'v', children: { x: { addresses: ['10.0.0.2'] } } },
        k: { mode: 'l3s', parent: 'v', children: { y: { addresses: ['10.0.0.2'] } } },
      },
      /is an address of x already/,
    ],
  ])('is refused in mode l3 with %s', (_, ipvlan, problem) => {
    expect(() => made(ports, { ipvlan, interfaces: { v: { vlan: 1, addresses: ['10.0.0.1/24'] } } })).toThrow(problem);
  });

  it('is refused with a port of a macvlan group', () => {
    const macvlan = { m: { parent: 'up', children: { y: { macs: [A] } } } };
    expect(() => made(ports, { macvlan, ipvlan: { g: { ...group, vlan: 10 } } })).toThrow(/macvlan parent already/);
  });
});
