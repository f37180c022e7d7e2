/** `interfaces:` and `routes:`: what is read, and what is refused with its place. */
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';

const PORTS =
  'ports:\n  t: { adapter: memory, mode: trunk, vlans: "10,20" }\n  a: { adapter: memory, mode: access, vlan: 10 }\n';
const load = (text: string) => loadConfig(`${PORTS}${text}`, 'x.yaml');
const VLAN10 = '  v10: { vlan: 10, addresses: [10.0.10.1/24, "2001:db8::1/64"] }\n';

describe('interfaces', () => {
  it('have every default, addresses in one form, and a MAC that is always the same', () => {
    const one = load('interfaces:\n  v10: { vlan: 10, addresses: ["2001:DB8:0::1/64"] }\n').interfaces[0]!;
    expect(one).toMatchObject({
      bridge: 'loom0',
      vid: 10,
      vrf: 'default',
      mtu: 1500,
      addresses: ['2001:db8::1/64'],
      neighbors: [],
    });
    expect(one).toMatchObject({ routerAdvertisements: false, proxyArp: false, redirects: false });
    expect(one.mac).toMatch(/^02(:[0-9a-f]{2}){5}$/);
    expect(load('interfaces:\n  v10: { vlan: 10 }\n').interfaces[0]!.mac).toBe(one.mac);
    expect(load('interfaces:\n  v11: { vlan: 10 }\n').interfaces[0]!.mac).not.toBe(one.mac);
  });

  it('make their VLAN, and a sub-interface makes its trunk a member', () => {
    const config = load('interfaces:\n  t.30: { port: t, vlan: 30, addresses: [10.0.30.1/24] }\n');
    expect(config.ports[0]!.members.map(({ vid, untagged }) => `${vid} ${untagged}`)).toEqual([
      '10 false',
      '20 false',
      '30 false',
    ]);
    expect(config.bridges[0]!.vlans.map(({ vid }) => vid)).toEqual([10, 20, 30]);
  });

  it.each([
    ['  v10: {}', 'interfaces.v10.vlan: is missing'],
    ['  v10: { vlan: 4095 }', 'interfaces.v10.vlan: 4095 is not a VLAN ID'],
    ['  a: { vlan: 10 }', 'interfaces.a: "a" is the name of a port'],
    [`${VLAN10}  w: { vlan: 10 }`, 'interfaces.w.vlan: VLAN 10 has the interface v10 already'],
    [
      '  v: { vlan: 10, addresses: [10.0.10.1] }',
      'is not an address with its length; valid is a form such as 10.0.10.1/24',
    ],
    ['  v: { vlan: 10, addresses: [10.0.10.1/33] }', 'is not an address with its length'],
    ['  v: { vlan: 10, addresses: [10.0.10.0/24] }', '10.0.10.0/24 is the network address of its subnet'],
    ['  v: { vlan: 10, addresses: [10.0.10.255/24] }', '10.0.10.255/24 is the broadcast address of its subnet'],
    ['  v: { vlan: 10, addresses: [224.0.0.1/24] }', '224.0.0.1/24 is no address of a host'],
    ['  v: { vlan: 10, addresses: ["fe80::1/64"] }', 'fe80::1/64 is link-local'],
    ['  v: { vlan: 10, addresses: [10.0.0.1/0] }', 'a subnet of every address'],
    [
      `${VLAN10}  w: { vlan: 20, addresses: [10.0.10.9/25] }`,
      'interfaces.w.addresses[0]: 10.0.10.9/25 overlaps 10.0.10.1/24 of v10 in VRF default',
    ],
    ['  v: { vlan: 10, mac: "01:00:00:00:00:01" }', 'is a group address'],
    ['  v: { vlan: 10, mac: "00:00:00:00:00:00" }', 'the zero address is nobody'],
    ['  v: { vlan: 10, mtu: 100 }', 'interfaces.v.mtu: 100 is not an MTU'],
    ['  v: { vlan: 10, port: nope }', 'interfaces.v.port: there is no port "nope"'],
    ['  v: { vlan: 20, port: a }', 'port a is in mode access; a sub-interface needs a trunk or hybrid port'],
    ['  v: { vlan: 10, bridge: nope }', 'there is no bridge "nope"'],
    ['  v: { vlan: 10, neighbors: { nobody: "02:00:00:00:00:01" } }', '"nobody" is no address of a host'],
    ['  v: { vlan: 10, neighbors: { 10.0.10.2: "03:00:00:00:00:01" } }', 'is a group address'],
    ['  v: { vlan: 10, adresses: [] }', 'did you mean "addresses"?'],
  ])('refuse %s', (text, complaint) => {
    expect(() => load(`interfaces:\n${text}\n`)).toThrow(complaint);
    expect(() => load(`interfaces:\n${text}\n`)).toThrow(/^x\.yaml:\d+: /);
  });

  it('may have equal addresses in different VRFs, and none on a hub', () => {
    const text =
      'interfaces:\n  v10: { vlan: 10, addresses: [10.0.0.1/24] }\n  v20: { vlan: 20, vrf: red, addresses: [10.0.0.1/24] }\n';
    expect(load(text).interfaces.length).toBe(2);
    expect(() => load('switch: { hub: true }\ninterfaces:\n  v10: { vlan: 10 }\n')).toThrow('is a hub');
  });
});

describe('routes', () => {
  const route = (text: string) => load(`interfaces:\n${VLAN10}routes:\n  - ${text}\n`).routes[0];

  it('are read with the interface of their next hops', () => {
    expect(route('{ to: 0.0.0.0/0, via: 10.0.10.254 }')).toEqual({
      vrf: 'default',
      prefix: '0.0.0.0/0',
      kind: 'via',
      via: [{ address: '10.0.10.254', interface: 'v10' }],
    });
    expect(route('{ to: "::/0", via: "fe80::1", interface: v10 }')).toMatchObject({
      via: [{ address: 'fe80::1', interface: 'v10' }],
    });
    expect(route('{ to: 10.9.0.0/16, via: [10.0.10.2, 10.0.10.3] }')).toMatchObject({ via: [{}, {}] });
    expect(route('{ to: 10.9.0.0/16, type: blackhole }')).toMatchObject({ kind: 'blackhole', via: [] });
  });

  it.each([
    ['{ to: 10.0.0.0 }', 'routes[0].to: "10.0.0.0" is not a prefix'],
    ['{ to: 10.0.0.1/8, via: 10.0.10.2 }', '10.0.0.1/8 has bits behind its length; valid is 10.0.0.0/8'],
    ['{ to: 10.0.0.0/8 }', 'a route has either "via" or "type"'],
    ['{ to: 10.0.0.0/8, via: 10.0.10.2, type: blackhole }', 'a route has either "via" or "type"'],
    ['{ to: 10.0.0.0/8, via: 10.9.9.9 }', 'routes[0].via: 10.9.9.9 is in no subnet of an interface of VRF default'],
    ['{ to: 10.0.0.0/8, via: 10.0.10.1 }', '10.0.10.1 is an address of the switch'],
    ['{ to: 10.0.0.0/8, via: "2001:db8::2" }', 'is of another family'],
    ['{ to: "::/0", via: "fe80::1" }', 'is link-local: add "interface"'],
    ['{ to: "::/0", via: "fe80::1", interface: v1 }', 'VRF default has no interface "v1" (did you mean "v10"?)'],
    ['{ to: 10.0.0.0/8, via: [] }', 'is empty; valid is at least one next hop'],
    ['{ to: 10.0.0.0/8, via: [10.0.10.2, 10.0.10.2] }', 'names a next hop twice'],
    ['{ to: 10.0.0.0/8, via: 10.0.10.2, vrf: red }', 'no interface is in VRF "red"; valid are default'],
    ['{ to: 10.0.10.0/24, via: 10.0.10.2 }', '10.0.10.0/24 belongs to an interface'],
    ['{ to: 10.0.10.1/32, via: 10.0.10.2 }', '10.0.10.1/32 belongs to an interface'],
    ['{ to: 10.0.0.0/8, type: lost }', '"lost" is not a type of route'],
  ])('refuse %s', (text, complaint) => {
    expect(() => route(text)).toThrow(complaint);
    expect(() => route(text)).toThrow(/^x\.yaml:\d+: routes\[0\]/);
  });

  it('are not there twice', () => {
    const twice = `interfaces:\n${VLAN10}routes:\n  - { to: 10.0.0.0/8, via: 10.0.10.2 }\n  - { to: 10.0.0.0/8, type: blackhole }\n`;
    expect(() => load(twice)).toThrow('routes[1].to: 10.0.0.0/8 is configured twice; the first one is routes[0]');
  });
});

describe('vrfs', () => {
  const BOTH =
    '  v10: { vlan: 10, vrf: red, addresses: [10.0.0.1/24] }\n  v20: { vlan: 20, addresses: [10.0.0.1/24] }\n';
  const withVrfs = (text: string, rest = '') => load(`interfaces:\n${BOTH}vrfs:\n${text}\n${rest}`);

  it('are declared with their routes, default without a word', () => {
    const config = withVrfs(
      '  red: { description: tenant red, maxRoutes: 2, routes: [{ to: 0.0.0.0/0, via: 10.0.0.2 }] }\n  grey: {}',
      'routes:\n  - { to: 0.0.0.0/0, type: blackhole }\n  - { to: 10.9.0.0/16, type: blackhole, vrf: grey }\n',
    );
    expect(config.vrfs).toEqual([
      { name: 'red', description: 'tenant red', maxRoutes: 2, ownRoutes: 1 },
      { name: 'grey', description: null, maxRoutes: null, ownRoutes: 0 },
    ]);
    expect(config.routes).toEqual([
      { vrf: 'default', prefix: '0.0.0.0/0', kind: 'blackhole', via: [] },
      { vrf: 'grey', prefix: '10.9.0.0/16', kind: 'blackhole', via: [] },
      { vrf: 'red', prefix: '0.0.0.0/0', kind: 'via', via: [{ address: '10.0.0.2', interface: 'v10' }] },
    ]);
  });

  it('need no section', () => {
    expect(load(`interfaces:\n${BOTH}`).vrfs).toEqual([]);
  });

  it.each([
    [
      '  rde: {}',
      '',
      'x.yaml:5: interfaces.v10.vrf: "vrfs" has no VRF "red" (did you mean "rde"?); valid are default, rde',
    ],
    [
      '  red: { maxRoutes: 0, routes: [{ to: 0.0.0.0/0, via: 10.0.0.2 }] }',
      '',
      'vrfs.red.maxRoutes: VRF red has 1 static routes; valid are at most 0',
    ],
    [
      '  red: { routes: [{ to: 0.0.0.0/0, via: 10.0.1.2 }] }',
      '',
      'vrfs.red.routes[0].via: 10.0.1.2 is in no subnet of an interface of VRF red',
    ],
    [
      '  red: { routes: [{ to: "::/0", via: "fe80::1", interface: v20 }] }',
      '',
      'vrfs.red.routes[0].interface: VRF red has no interface "v20"',
    ],
    ['  red: { routes: [{ to: 0.0.0.0/0, via: 10.0.0.2, vrf: red }] }', '', 'vrfs.red.routes[0].vrf'],
    [
      '  red: { routes: [{ to: 0.0.0.0/0, type: blackhole }] }',
      'routes: [{ to: 0.0.0.0/0, vrf: red, type: blackhole }]',
      'vrfs.red.routes[0].to: 0.0.0.0/0 is configured twice; the first one is routes[0]',
    ],
    ['  red: {}', 'routes: [{ to: 0.0.0.0/0, vrf: blue, type: blackhole }]', 'no interface is in VRF "blue"'],
    ['  red: {}\n  "a b": {}', '', '"a b" is not a VRF name'],
    ['  red: { limit: 5 }', '', 'vrfs.red.limit'],
  ])('refuse %s', (text, rest, complaint) => {
    expect(() => withVrfs(text, rest)).toThrow(complaint);
  });

  it('are at most 256, declared or not', () => {
    const many = (count: number) => Array.from({ length: count }, (_, n) => `  n${n}: {}`).join('\n');
    expect(withVrfs(`  red: {}\n${many(254)}`).vrfs.length).toBe(255);
    expect(() => withVrfs(`  red: {}\n${many(256)}`)).toThrow('there are too many VRFs; valid are at most 256');
  });
});
