/** Good configurations and the exact normalised form of each. */
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import type { BridgeConfig, PortConfig } from '../../../src/config/types.ts';

const DEFAULT_BRIDGE: BridgeConfig = {
  name: 'loom0',
  type: 'c-vlan',
  fdb: { ageSeconds: 300, maxEntries: 65_536, overflow: 'fair', staticViolation: 'forward' },
  reservedMac: 'c-vlan',
  hub: false,
  learning: true,
  unknownUnicastFlood: true,
  multicastFlood: true,
  broadcastFlood: true,
  vlans: [],
};

const DEFAULT_PORT: PortConfig = {
  name: 'p1',
  bridge: 'loom0',
  adapter: { kind: 'memory', options: {} },
  mode: 'access',
  pvid: 1,
  members: [{ vid: 1, untagged: true }],
  acceptFrames: 'untagged',
  ingressFiltering: true,
  tunnelCvids: null,
  serviceVlans: [],
  privateTrunk: null,
  translate: [],
  priority: null,
  classify: false,
  mtu: 1500,
  state: 'forwarding',
  learning: true,
  unknownUnicastFlood: true,
  multicastFlood: true,
  broadcastFlood: true,
  isolated: false,
  splitHorizonGroup: 0,
  hairpin: false,
  enabled: true,
  fdbMaxEntries: 0,
  tunnel: null,
};

const vlan = (vid: number, name = `vlan${vid}`, fdbMaxEntries = 0) => ({ vid, name, fdbMaxEntries });
const tagged = (...vids: number[]) => vids.map((vid) => ({ vid, untagged: false }));
const untagged = (...vids: number[]) => vids.map((vid) => ({ vid, untagged: true }));

/** The one port of a configuration whose port has these keys. */
function port(keys: string, more = ''): PortConfig {
  return loadConfig(`ports: { p1: { adapter: memory, ${keys} } }\n${more}`, 'switch.yaml').ports[0]!;
}

describe('whole files', () => {
  it('a broken JSON file is told as JSON', () => {
    const problem = (text: string) => () => loadConfig(text, 'x.json');
    expect(problem('{\n "ports": {\n  "p1": {}\n }')).toThrow('x.json:1: not valid JSON: the "{" here is not closed');
    expect(problem('{\n "ports": {}\n}\n}')).toThrow('x.json:4: not valid JSON: Unexpected "}"');
    expect(problem('{\n "ports": {\n  "p1" "p2"\n }}')).toThrow('x.json:3: not valid JSON: Missing');
  });

  it('fills in every default', () => {
    expect(loadConfig('{}', 'switch.yaml')).toEqual({
      name: 'loom0',
      bridges: [DEFAULT_BRIDGE],
      ports: [],
      fdbEntries: [],
      vteps: [],
      vxlanEntries: [],
      mirrors: [],
      classification: { order: [], macs: [], subnets: [], protocols: [] },
      vrfs: [],
      macvlan: [],
      ipvlan: [],
      interfaces: [],
      routes: [],
      workers: 1,
      privileges: 'keep',
      poll: { mode: 'throughput', spinMicroseconds: 0, burst: 256 },
      hashSeed: null,
      controlSocket: null,
      api: null,
      state: null,
    });
  });

  it('reads the file of the documentation', () => {
    const text = `
switch: { name: loom0, fdb: { ageSeconds: 300, maxEntries: 65536 }, reservedMac: c-vlan, hashSeed: 1 }
vlans: { 10: { name: red }, 20: { name: blue, fdbMaxEntries: 5 }, '21-22': {} }
ports:
  p1: { adapter: tap, device: tap1, mode: access, vlan: 10 }
  p2: { adapter: tap, device: tap2, mode: trunk, vlans: '10,20-22', native: 1 }
  p3: { adapter: memory, mode: hybrid, pvid: 10, tagged: [20], untagged: [10], acceptFrames: all }
  p4: { adapter: udp, local: '127.0.0.1:5001', remote: 'peer.example:5002', mode: dot1q-tunnel, vlan: 100, cvids: '7,9-10' }
fdb:
  - { mac: '02-00-00-00-00-0A', vlan: 10, port: p1 }
  - { mac: '02:00:00:00:00:01', vlan: 20, kind: blackhole }
`;
    const tap = (device: string) => ({
      kind: 'tap',
      options: { device, queues: 1, persistent: false, offloads: 'auto' },
    });
    expect(loadConfig(text, 'switch.yaml')).toEqual({
      name: 'loom0',
      bridges: [
        {
          ...DEFAULT_BRIDGE,
          vlans: [vlan(1), vlan(10, 'red'), vlan(20, 'blue', 5), vlan(21), vlan(22), vlan(100)],
        },
      ],
      ports: [
        { ...DEFAULT_PORT, adapter: tap('tap1'), pvid: 10, members: untagged(10) },
        {
          ...DEFAULT_PORT,
          name: 'p2',
          adapter: tap('tap2'),
          mode: 'trunk',
          members: [...untagged(1), ...tagged(10, 20, 21, 22)],
          acceptFrames: 'all',
        },
        {
          ...DEFAULT_PORT,
          name: 'p3',
          mode: 'hybrid',
          pvid: 10,
          members: [...untagged(10), ...tagged(20)],
          acceptFrames: 'all',
        },
        {
          ...DEFAULT_PORT,
          name: 'p4',
          adapter: { kind: 'udp', options: { local: '127.0.0.1:5001', remote: 'peer.example:5002' } },
          mode: 'dot1q-tunnel',
          pvid: 100,
          members: untagged(100),
          acceptFrames: 'all',
          tunnelCvids: [7, 9, 10],
        },
      ],
      fdbEntries: [
        { bridge: 'loom0', vid: 10, mac: '02:00:00:00:00:0a', port: 'p1', kind: 'static' },
        { bridge: 'loom0', vid: 20, mac: '02:00:00:00:00:01', port: null, kind: 'blackhole' },
      ],
      vteps: [],
      vxlanEntries: [],
      mirrors: [],
      classification: { order: [], macs: [], subnets: [], protocols: [] },
      vrfs: [],
      macvlan: [],
      ipvlan: [],
      interfaces: [],
      routes: [],
      workers: 1,
      privileges: 'keep',
      poll: { mode: 'throughput', spinMicroseconds: 0, burst: 256 },
      hashSeed: 1,
      controlSocket: null,
      api: null,
      state: null,
    });
  });

  it.each([
    ['{}', { mode: 'throughput', spinMicroseconds: 0, burst: 256 }],
    ['{ mode: latency }', { mode: 'latency', spinMicroseconds: 1000, burst: 32 }],
    ['{ mode: latency, burst: 8 }', { mode: 'latency', spinMicroseconds: 1000, burst: 8 }],
    ['{ spinMicroseconds: 50 }', { mode: 'throughput', spinMicroseconds: 50, burst: 256 }],
  ])('reads poll: %s', (text, poll) => {
    expect(loadConfig(`switch: { poll: ${text} }`, 'switch.yaml').poll).toEqual(poll);
  });

  it('reads VTEPs, tunnels and their entries', () => {
    const text = `
vteps:
  v0: { local: 'FD00:0::1', peers: ['fd00::0:2'], allow: any, sourcePorts: 50000-50999 }
  v1: { underlay: port, uplink: up, local: 192.0.2.1/24, vlan: 42, neighbors: { 192.0.2.9: '02-00-00-00-00-0A' } }
ports:
  up: { adapter: memory, mtu: 1600 }
  m: { adapter: vxlan, vxlan: { vtep: v0, vnis: { 10: 1000, '20-22': 2000 }, remotes: ['fd00::3'] } }
  s: { adapter: vxlan, mode: access, vlan: 10, vxlan: { vtep: v1, vni: 7, learning: control-plane, tos: 16 } }
vxlanFdb:
  - { port: s, mac: 02-00-00-00-00-01, remote: 192.0.2.9 }
`;
    const config = loadConfig(text, 'switch.yaml');
    expect(config.vteps).toMatchObject([
      { name: 'v0', underlay: 'udp', uplink: 'v0', local: 'fd00::1', prefix: 128, peers: ['fd00::2'], anyPeer: true },
      { name: 'v1', underlay: 'port', uplink: 'up', local: '192.0.2.1', prefix: 24, vlan: 42, anyPeer: false },
    ]);
    expect(config.vteps[0]!.sourcePorts).toEqual({ first: 50_000, last: 50_999 });
    expect(config.vteps[1]!.neighbors).toEqual([{ address: '192.0.2.9', mac: '02:00:00:00:00:0a' }]);
    expect(config.ports.map(({ name, bridge, adapter }) => [name, bridge, adapter.kind])).toEqual([
      ['up', null, 'memory'],
      ['m', 'loom0', 'vxlan'],
      ['s', 'loom0', 'vxlan'],
      ['v0', null, 'vxlan-udp'],
    ]);
    const [, mapped, single] = config.ports;
    expect(mapped).toMatchObject({ pvid: null, members: untagged(10, 20, 21, 22), learning: true });
    expect(mapped!.tunnel!.vnis).toEqual([
      { vid: 10, vni: 1000 },
      { vid: 20, vni: 2000 },
      { vid: 21, vni: 2001 },
      { vid: 22, vni: 2002 },
    ]);
    expect(mapped!.tunnel!.udpChecksum).toBe(true);
    expect(single).toMatchObject({ pvid: 10, members: untagged(10), learning: false });
    expect(single!.tunnel).toMatchObject({ vnis: [{ vid: null, vni: 7 }], udpChecksum: false, tos: 16, ttl: 64 });
    expect(config.vxlanEntries).toEqual([
      { port: 's', vni: 7, mac: '02:00:00:00:00:01', remotes: ['192.0.2.9'], kind: 'static' },
    ]);
  });

  it('reads mirrors', () => {
    const text = `
ports: { p1: { adapter: memory, vlan: 10 }, p2: { adapter: memory, vlan: 20 }, p3: { adapter: memory } }
mirrors:
  - { name: m1, output: p3, selectSrc: [p1], selectVlan: '10-11' }
  - { name: m2, outputVlan: 20, selectAll: true }
`;
    const none = { bridge: 'loom0', selectSrc: [], selectDst: [], selectAll: false, selectVlan: [] };
    expect(loadConfig(text, 'switch.yaml').mirrors).toEqual([
      { ...none, name: 'm1', selectSrc: ['p1'], selectVlan: [10, 11], output: 'p3', outputVlan: null },
      { ...none, name: 'm2', selectAll: true, output: null, outputVlan: 20 },
    ]);
  });

  it('reads JSON, and the key that names the schema', () => {
    const text = JSON.stringify({ $schema: './config.schema.json', ports: { p1: { adapter: 'memory', vlan: 5 } } });
    expect(loadConfig(text, 'switch.json').ports).toEqual([{ ...DEFAULT_PORT, pvid: 5, members: untagged(5) }]);
  });

  it('is plain data', () => {
    const config = loadConfig('ports: { p1: { adapter: memory, mode: trunk } }', 'switch.yaml');
    expect(structuredClone(config)).toEqual(config);
    expect(JSON.parse(JSON.stringify(config))).toEqual(config);
  });

  it('lets an alias repeat a map', () => {
    const { ports } = loadConfig('ports:\n  a: &port { adapter: memory, vlan: 7 }\n  b: *port\n', 'switch.yaml');
    expect(ports.map(({ name, pvid }) => [name, pvid])).toEqual([
      ['a', 7],
      ['b', 7],
    ]);
  });

  it('takes a file that says that it is YAML 1.2', () => {
    expect(loadConfig('%YAML 1.2\n---\nswitch: { name: a }\n', 'switch.yaml').name).toBe('a');
  });

  it('keeps names apart that differ in case', () => {
    const { ports } = loadConfig('ports: { a: { adapter: memory }, A: { adapter: memory } }', 'switch.yaml');
    expect(ports.map(({ name }) => name)).toEqual(['a', 'A']);
  });

  it('takes names that objects have by nature', () => {
    const { ports } = loadConfig('ports: { toString: { adapter: memory }, hasOwnProperty: { adapter: memory } }', 'x');
    expect(ports.map(({ name }) => name)).toEqual(['toString', 'hasOwnProperty']);
  });
});

describe('bridges', () => {
  it('makes further bridges with VLANs of their own', () => {
    const text = `
bridges:
  br1: { type: s-vlan, vlans: { 100: { name: carrier } }, fdb: { overflow: lru } }
  br2: { type: unaware, hub: true }
ports:
  a: { adapter: memory, bridge: br1, vlan: 100 }
  b: { adapter: memory, bridge: br2, mtu: 9000 }
fdb:
  - { mac: '02:00:00:00:00:01', port: b }
  - { mac: '02:00:00:00:00:01', port: a, vlan: 100, bridge: br1, kind: sticky }
  - { mac: '02:00:00:00:00:02', bridge: br2, kind: local }
`;
    const config = loadConfig(text, 'switch.yaml');
    expect(config.bridges).toEqual([
      DEFAULT_BRIDGE,
      {
        ...DEFAULT_BRIDGE,
        name: 'br1',
        type: 's-vlan',
        reservedMac: 's-vlan',
        fdb: { ...DEFAULT_BRIDGE.fdb, overflow: 'lru' },
        vlans: [vlan(100, 'carrier')],
      },
      { ...DEFAULT_BRIDGE, name: 'br2', type: 'unaware', hub: true },
    ]);
    expect(config.ports[1]).toEqual({
      ...DEFAULT_PORT,
      name: 'b',
      bridge: 'br2',
      pvid: null,
      members: [],
      acceptFrames: 'all',
      ingressFiltering: false,
      mtu: 9000,
    });
    expect(config.fdbEntries).toEqual([
      { bridge: 'br2', vid: null, mac: '02:00:00:00:00:01', port: 'b', kind: 'static' },
      { bridge: 'br1', vid: 100, mac: '02:00:00:00:00:01', port: 'a', kind: 'sticky' },
      { bridge: 'br2', vid: null, mac: '02:00:00:00:00:02', port: null, kind: 'local' },
    ]);
  });
});

describe('port modes', () => {
  it.each<[string, Partial<PortConfig>]>([
    ['mtu: 1500', { mode: 'access', pvid: 1, members: untagged(1), acceptFrames: 'untagged' }],
    ['vlan: 10', { mode: 'access', pvid: 10, members: untagged(10), acceptFrames: 'untagged' }],
    ['mode: access, vlan: 4094', { pvid: 4094, members: untagged(4094) }],
    ['mode: access, vlan: 10, acceptFrames: all', { acceptFrames: 'all' }],
    ['mode: trunk, vlans: [10, "20-21"]', { pvid: null, members: tagged(10, 20, 21), acceptFrames: 'tagged' }],
    ['mode: trunk, vlans: 10, acceptFrames: all', { pvid: null, acceptFrames: 'all' }],
    ['mode: trunk, vlans: "10, 5 - 6, 10"', { members: tagged(5, 6, 10) }],
    ['mode: trunk, vlans: [], native: 9', { pvid: 9, members: untagged(9), acceptFrames: 'all' }],
    ['mode: trunk, vlans: "8-10", native: 9', { pvid: 9, members: [...tagged(8), ...untagged(9), ...tagged(10)] }],
    ['mode: trunk, vlans: "8-9", pvid: 9', { pvid: 9, members: tagged(8, 9), acceptFrames: 'all' }],
    ['mode: trunk, vlans: 8, pvid: none', { pvid: null, acceptFrames: 'tagged' }],
    ['mode: hybrid, untagged: [1, 2], tagged: 3', { pvid: 1, members: [...untagged(1, 2), ...tagged(3)] }],
    ['mode: hybrid, pvid: 3, tagged: 3', { pvid: 3, members: tagged(3), acceptFrames: 'all' }],
    ['mode: hybrid, pvid: none, tagged: 3', { pvid: null, members: tagged(3), acceptFrames: 'all' }],
    ['mode: hybrid, pvid: 7, tagged: 3, ingressFiltering: false', { pvid: 7, members: tagged(3) }],
    ['mode: hybrid, tagged: 3, acceptFrames: tagged', { pvid: 1, members: tagged(3), acceptFrames: 'tagged' }],
    ['mode: dot1q-tunnel, vlan: 5', { pvid: 5, members: untagged(5), acceptFrames: 'all', tunnelCvids: null }],
    ['mode: dot1q-tunnel, vlan: 5, cvids: [1, "3-4"]', { tunnelCvids: [1, 3, 4] }],
  ])('%s', (keys, expected) => {
    expect(port(keys)).toMatchObject(expected);
  });

  it('gives a trunk without a list every VLAN', () => {
    const config = loadConfig('ports: { t: { adapter: memory, mode: trunk } }', 'switch.yaml');
    expect(config.ports[0]!.members).toHaveLength(4094);
    expect(config.ports[0]!.members.at(-1)).toEqual({ vid: 4094, untagged: false });
    expect(config.bridges[0]!.vlans).toHaveLength(4094);
  });

  it('creates the VLAN of a PVID that is no member', () => {
    const text = 'ports: { p: { adapter: memory, mode: hybrid, pvid: 7, tagged: 3, ingressFiltering: false } }';
    expect(loadConfig(text, 'x').bridges[0]!.vlans).toEqual([vlan(3), vlan(7)]);
  });

  it('loads 64 trunks of all VLANs', () => {
    const lines = Array.from({ length: 64 }, (_, i) => `  p${i}: { adapter: memory, mode: trunk, native: ${i + 1} }`);
    const text = `ports:\n${lines.join('\n')}\n`;
    const config = loadConfig(text, 'switch.yaml');
    expect(config.ports.every(({ members }) => members.length === 4094)).toBe(true);
  });
});

describe('adapters', () => {
  it.each([
    ['adapter: pcap, file: in.pcap', { kind: 'pcap', options: { file: 'in.pcap' } }],
    ['adapter: pcap', { kind: 'pcap', options: {} }],
    [
      'adapter: tap, device: vm0, queues: 8, persistent: true, offloads: "off"',
      { kind: 'tap', options: { device: 'vm0', queues: 8, persistent: true, offloads: 'off' } },
    ],
    ['adapter: af-xdp, device: eth0', { kind: 'af-xdp', options: { device: 'eth0', queue: 0 } }],
    ['adapter: af-xdp, device: eth0, queue: 3', { kind: 'af-xdp', options: { device: 'eth0', queue: 3, queues: 1 } }],
    ['adapter: af-xdp, device: eth0, queues: 4', { kind: 'af-xdp', options: { device: 'eth0', queue: 0, queues: 4 } }],
    ['adapter: af-packet, device: eth0', { kind: 'af-packet', options: { device: 'eth0', offloads: 'auto' } }],
    [
      'adapter: af-packet, device: eth0, fanout: 7, offloads: "off"',
      { kind: 'af-packet', options: { device: 'eth0', offloads: 'off', fanout: 7 } },
    ],
    [
      "adapter: udp, local: '[fe80::1%eth0]:1', remote: '[::ffff:10.0.0.1]:65535'",
      { kind: 'udp', options: { local: '[fe80::1%eth0]:1', remote: '[::ffff:10.0.0.1]:65535' } },
    ],
  ])('%s', (keys, expected) => {
    expect(loadConfig(`ports: { p1: { ${keys} } }`, 'x').ports[0]!.adapter).toEqual(expected);
  });
});
