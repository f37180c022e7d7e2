/** Mistakes with VLANs, entries and mirrors. */

import { access, type Feature, HOST_A, HOST_B, memory, packet, plain } from './feature.ts';

const classified = (kind: 'macs' | 'subnets' | 'protocols'): Feature => ({
  file: () => ({
    vlans: { '10,20,30': {} },
    classify: {
      macs: kind === 'macs' ? { [HOST_A]: 20 } : {},
      subnets: kind === 'subnets' ? { '10.0.20.0/24': 20 } : {},
      protocols: kind === 'protocols' ? { ipv4: 20 } : {},
    },
    ports: {
      p1: memory({ mode: 'hybrid', pvid: 10, untagged: '10,20,30', classify: true }),
      p2: access(20),
      p3: access(10),
      p4: access(30),
    },
  }),
  flow: { from: 'p1', to: 'p2', bytes: packet(HOST_B, HOST_A, '10.0.20.5', '10.0.20.6') },
  mistakes: {
    'rule for another VLAN': (f) => {
      for (const key of Object.keys(f.classify[kind])) f.classify[kind][key] = 30;
    },
    'rule missing': (f) => {
      f.classify[kind] = {};
    },
    'port does not classify': (f) => {
      f.ports.p1.classify = false;
    },
    'not asked': (f) => {
      f.classify.order = ['mac', 'subnet', 'protocol'].filter((each) => `${each}s` !== kind);
    },
    'another rule before it': (f) => {
      f.classify[kind === 'macs' ? 'subnets' : 'macs'] = kind === 'macs' ? { '10.0.20.0/24': 30 } : { [HOST_A]: 30 };
      f.classify.order = kind === 'macs' ? ['subnet', 'mac'] : ['mac', kind.slice(0, -1)];
    },
    'port not in the VLAN': (f) => {
      f.ports.p1.untagged = '10,30';
    },
    'target in another VLAN': (f) => {
      f.ports.p2.vlan = 30;
    },
  },
});

const hostOf = (what: string, port: string): Feature['mistakes'] => ({
  [`${what} isolated`]: (f) => {
    f.ports[port] = memory({ mode: 'private-host', vlan: 101 });
  },
  [`${what} in another community`]: (f) => {
    f.ports[port] = memory({ mode: 'private-host', vlan: 103 });
  },
});

const privateVlan = (from: string, to: string): Feature => ({
  file: () => ({
    vlans: { 100: { isolated: 101, communities: '102,103' }, 200: {} },
    ports: {
      gw: memory({ mode: 'promiscuous', vlan: 100 }),
      i1: memory({ mode: 'private-host', vlan: 101 }),
      c1: memory({ mode: 'private-host', vlan: 102 }),
      c2: memory({ mode: 'private-host', vlan: 102 }),
      other: access(200),
    },
  }),
  flow: { from, to, bytes: plain(HOST_B) },
  mistakes: {
    // Any host reaches a promiscuous port, and is reached from there.
    ...(from === 'gw' ? {} : hostOf('target', to)),
    ...(to === 'gw' ? {} : hostOf('source', from)),
    'target outside': (f) => {
      f.ports[to] = access(200);
    },
    'source outside': (f) => {
      f.ports[from] = access(200);
    },
  },
});

const privateTrunk: Feature = {
  file: () => ({
    vlans: { 100: { isolated: 101, communities: '102' }, 200: { isolated: 201 }, 300: {} },
    ports: {
      i1: memory({ mode: 'private-host', vlan: 101 }),
      router: memory({ mode: 'promiscuous', vlans: '100,200' }),
      floor: memory({ mode: 'private-host', vlans: '101,201' }),
      other: access(300),
    },
  }),
  flow: { from: 'floor', to: 'router', bytes: plain(HOST_B, 101) },
  mistakes: {
    'primary not on the trunk': (f) => {
      f.ports.router.vlans = '200';
    },
    'target off': (f) => {
      f.ports.router.enabled = false;
    },
  },
};

const ordinaryVlan: Feature = {
  file: () => {
    const file = privateTrunk.file();
    file.ports.router.vlans = '100,300';
    file.ports.floor.vlans = '101,300';
    return file;
  },
  flow: { from: 'floor', to: 'router', bytes: plain(HOST_B, 300) },
  mistakes: {
    'not at the source': (f) => {
      f.ports.floor.vlans = '101';
    },
    'not at the target': (f) => {
      f.ports.router.vlans = '100';
    },
  },
};

const serviceVlans: Feature = {
  file: () => ({
    switch: { type: 's-vlan' },
    ports: {
      c: memory({ mode: 'dot1q-tunnel', serviceVlans: { '10-20': 100, 30: 200 } }),
      s: memory({ mode: 'trunk', vlans: '100' }),
      t: memory({ mode: 'trunk', vlans: '200' }),
    },
  }),
  flow: { from: 'c', to: 's', bytes: plain(HOST_B, 15) },
  mistakes: {
    'customer VLAN not named': (f) => {
      f.ports.c.serviceVlans = { 30: 200, 10: 100 };
    },
    'customer VLAN in another service VLAN': (f) => {
      f.ports.c.serviceVlans = { '10-20': 200, 30: 100 };
    },
    'only the other customer': (f) => {
      f.ports.c.serviceVlans = { 30: 200 };
    },
    'trunk without the service VLAN': (f) => {
      f.ports.s.vlans = '300';
    },
  },
};

const translation: Feature = {
  file: () => ({
    vlans: { '10,20': {} },
    ports: {
      p1: memory({ mode: 'trunk', vlans: '10,20', translate: [{ from: 100, to: 10 }] }),
      p2: access(10),
      p3: access(20),
    },
  }),
  flow: { from: 'p1', to: 'p2', bytes: plain(HOST_B, 100) },
  mistakes: {
    'rule missing': (f) => {
      f.ports.p1.translate = [];
    },
    'rule for another VLAN': (f) => {
      f.ports.p1.translate = [{ from: 101, to: 10 }];
    },
    'rule into another VLAN': (f) => {
      f.ports.p1.translate = [{ from: 100, to: 20 }];
    },
    'target in another VLAN': (f) => {
      f.ports.p2.vlan = 20;
    },
  },
};

const entries: Feature = {
  file: () => ({
    switch: { fdb: { staticViolation: 'drop' } },
    ports: { p1: access(10), p2: access(10), p3: access(10), t: memory({ mode: 'trunk', vlans: '10,20' }) },
    fdb: [{ mac: HOST_A, vlan: 10, port: 'p1', kind: 'sticky' }],
  }),
  flow: { from: 'p1', to: 'p2', bytes: plain(HOST_B) },
  mistakes: {
    'source sticky on another port': (f) => {
      f.fdb[0].port = 'p3';
    },
    'source static on a trunk': (f) => {
      f.fdb[0] = { mac: HOST_A, vlan: 10, port: 't', kind: 'static' };
    },
    'source is a blackhole': (f) => {
      f.fdb[0] = { mac: HOST_A, vlan: 10, kind: 'blackhole' };
    },
    'destination is a blackhole': (f) => {
      f.fdb.push({ mac: HOST_B, vlan: 10, kind: 'blackhole' });
    },
    'destination static elsewhere': (f) => {
      f.fdb.push({ mac: HOST_B, vlan: 10, port: 'p3', kind: 'static' });
    },
    'destination local': (f) => {
      f.fdb.push({ mac: HOST_B, vlan: 10, kind: 'local' });
    },
  },
};

const mirrored: Feature = {
  file: () => ({
    ports: { p1: access(10), p2: access(10), p3: access(20), watch: memory() },
    mirrors: [{ name: 'm', output: 'watch', selectSrc: ['p1'], selectVlan: '10' }],
  }),
  flow: { from: 'p1', to: 'watch', bytes: plain(HOST_B) },
  mistakes: {
    'of another port': (f) => {
      f.mirrors[0].selectSrc = ['p3'];
    },
    'of another VLAN': (f) => {
      f.mirrors[0].selectVlan = '20';
    },
    'only of what leaves': (f) => {
      f.mirrors[0].selectDst = f.mirrors[0].selectSrc;
      delete f.mirrors[0].selectSrc;
    },
  },
};

const observed: Feature = {
  file: () => ({
    vlans: { 99: {} },
    ports: { p1: access(10), p2: access(10), p3: access(99) },
    mirrors: [{ name: 'm', outputVlan: 99, selectSrc: ['p2'] }],
  }),
  flow: { from: 'p1', to: 'p2', bytes: plain(HOST_B) },
  mistakes: {
    'the target is an observer': (f) => {
      f.mirrors = [{ name: 'm', output: 'p2', selectSrc: ['p3'] }];
    },
    'the source is an observer': (f) => {
      f.mirrors = [{ name: 'm', output: 'p1', selectSrc: ['p3'] }];
    },
    'the target is in the VLAN of copies': (f) => {
      f.ports.p2.vlan = 99;
    },
  },
};

export const BRIDGE: Readonly<Record<string, Feature>> = {
  'classify by MAC': classified('macs'),
  'classify by subnet': classified('subnets'),
  'classify by protocol': classified('protocols'),
  'private VLAN, host to host': privateVlan('c1', 'c2'),
  'private VLAN, host to gateway': privateVlan('c1', 'gw'),
  'private VLAN, gateway to host': privateVlan('gw', 'c1'),
  'private VLAN, trunk to trunk': privateTrunk,
  'private VLAN, ordinary VLAN on its trunks': ordinaryVlan,
  'service VLANs': serviceVlans,
  translation,
  'configured entries': entries,
  'copies of mirrors': mirrored,
  'ports of mirrors': observed,
};
