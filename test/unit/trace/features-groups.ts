/** Mistakes with groups of ports that share a parent. */

import { access, type Feature, type File, GATEWAY, HOST_A, HOST_B, memory, packet, plain } from './feature.ts';

const MAC_X = '02:00:00:00:01:01';
const MAC_Y = '02:00:00:00:01:02';
const MAC_HOST = '02:00:00:00:01:10';
const TYPO = '02:00:00:00:01:ee';

const ports = (...names: string[]) => Object.fromEntries(names.map((name) => [name, memory()]));
/** Of the ports that the frame passes. */
const ofPorts = (from: string, to: string): Feature['mistakes'] => ({
  'target off': (f) => {
    f.ports[to].enabled = false;
  },
  'source off': (f) => {
    f.ports[from].enabled = false;
  },
  'MTU of the target': (f) => {
    f.ports[to].mtu = 68;
  },
  'MTU of the source': (f) => {
    f.ports[from].mtu = 68;
  },
});

const macvlan = (): File => ({
  ports: ports('up', 'x', 'y', 'h'),
  macvlan: {
    lan: {
      parent: 'up',
      vlan: 10,
      children: { x: { macs: [MAC_X] }, y: { macs: [MAC_Y] } },
      host: { port: 'h', mac: MAC_HOST },
      hostAccess: true,
    },
  },
});

const notAChild: Feature['mistakes'] = {
  'target not in the group': (f) => {
    for (const group of Object.values<File>({ ...f.macvlan, ...f.ipvlan })) delete group.children.y;
  },
};

const macvlanIn: Feature = {
  file: macvlan,
  flow: { from: 'up', to: 'y', bytes: plain(MAC_Y, 10, 100) },
  mistakes: {
    ...ofPorts('up', 'y'),
    ...notAChild,
    'group of another VLAN': (f) => {
      f.macvlan.lan.vlan = 20;
    },
    'MAC of the child mistyped': (f) => {
      f.macvlan.lan.children.y.macs = [TYPO];
    },
    'MACs exchanged': (f) => {
      f.macvlan.lan.children = { x: { macs: [MAC_Y] }, y: { macs: [MAC_X] } };
    },
    'MAC at the wrong child': (f) => {
      f.macvlan.lan.children = { x: { macs: [MAC_X, MAC_Y] }, y: { macs: [TYPO] } };
    },
    'source mode, and not of the source': (f) => {
      f.macvlan.lan.children.y = { mode: 'source', macs: [MAC_Y], sources: [HOST_B] };
    },
  },
};

const macvlanUntagged: Feature = {
  file: () => {
    const file = macvlan();
    delete file.macvlan.lan.vlan;
    return file;
  },
  flow: { from: 'up', to: 'y', bytes: plain(MAC_Y) },
  mistakes: {
    'group of a VLAN': (f) => {
      f.macvlan.lan.vlan = 10;
    },
  },
};

const macvlanBetween: Feature = {
  file: macvlan,
  flow: { from: 'x', to: 'y', bytes: plain(MAC_Y, undefined, 100) },
  mistakes: {
    ...ofPorts('x', 'y'),
    ...notAChild,
    'source in mode private': (f) => {
      f.macvlan.lan.children.x.mode = 'private';
    },
    'target in mode vepa': (f) => {
      f.macvlan.lan.children.y.mode = 'vepa';
    },
    'target in mode source': (f) => {
      f.macvlan.lan.children.y.mode = 'source';
    },
    'MAC of the target mistyped': (f) => {
      f.macvlan.lan.children.y.macs = [TYPO];
    },
  },
};

const macvlanHost: Feature = {
  file: macvlan,
  flow: { from: 'x', to: 'h', bytes: plain(MAC_HOST, undefined, 100) },
  mistakes: {
    ...ofPorts('x', 'h'),
    'no hostAccess': (f) => {
      f.macvlan.lan.hostAccess = false;
    },
    'MAC of the host mistyped': (f) => {
      f.macvlan.lan.host.mac = TYPO;
    },
  },
};

const macvlanSource: Feature = {
  file: () => {
    const file = macvlan();
    file.macvlan.lan.children.y = { mode: 'source', macs: [], sources: [HOST_A] };
    return file;
  },
  flow: { from: 'up', to: 'y', bytes: plain(HOST_B, 10) },
  mistakes: {
    'source not listed': (f) => {
      f.macvlan.lan.children.y.sources = [HOST_B];
    },
  },
};

const IPS = {
  4: { x: '10.0.0.11', y: '10.0.0.12', far: '10.0.0.1', typo: '10.0.0.77' },
  6: { x: '2001:db8::11', y: '2001:db8::12', far: '2001:db8::1', typo: '2001:db8::77' },
};

const ipvlan = (family: 4 | 6) => (): File => ({
  ports: ports('up', 'x', 'y', 'h'),
  ipvlan: {
    lan: {
      parent: 'up',
      mac: GATEWAY,
      children: { x: { addresses: [IPS[family].x] }, y: { addresses: [IPS[family].y] } },
      host: { port: 'h' },
      hostAccess: true,
    },
  },
});

const addressing = (family: 4 | 6): Feature['mistakes'] => ({
  ...notAChild,
  'address mistyped': (f) => {
    f.ipvlan.lan.children.y.addresses = [IPS[family].typo];
  },
  'addresses exchanged': (f) => {
    f.ipvlan.lan.children = { x: { addresses: [IPS[family].y] }, y: { addresses: [IPS[family].x] } };
  },
  'another MAC': (f) => {
    f.ipvlan.lan.mac = TYPO;
  },
});

const ipvlanIn = (family: 4 | 6): Feature => ({
  file: ipvlan(family),
  flow: { from: 'up', to: 'y', bytes: packet(GATEWAY, HOST_A, IPS[family].far, IPS[family].y, 100) },
  mistakes: {
    ...ofPorts('up', 'y'),
    ...addressing(family),
    'group of a VLAN': (f) => {
      f.ipvlan.lan.vlan = 10;
    },
  },
});

const ipvlanBetween = (family: 4 | 6): Feature => ({
  file: ipvlan(family),
  flow: { from: 'x', to: 'y', bytes: packet(GATEWAY, GATEWAY, IPS[family].x, IPS[family].y, 100) },
  mistakes: {
    ...ofPorts('x', 'y'),
    ...addressing(family),
    'flag private': (f) => {
      f.ipvlan.lan.flag = 'private';
    },
    'flag vepa': (f) => {
      f.ipvlan.lan.flag = 'vepa';
    },
  },
});

const ipvlanMulticast: Feature = {
  file: () => {
    const f = ipvlan(4)();
    f.ipvlan.lan.children.y.multicast = ['224.0.0.251', '01:00:5e:00:00:05'];
    return f;
  },
  flow: { from: 'up', to: 'y', bytes: packet('01:00:5e:00:00:05', HOST_A, IPS[4].far, '224.0.0.5', 100) },
  mistakes: {
    ...ofPorts('up', 'y'),
    'not joined': (f) => {
      f.ipvlan.lan.children.y.multicast = ['224.0.0.251'];
    },
    'none joined': (f) => {
      f.ipvlan.lan.children.y.multicast = [];
    },
  },
};

const ipvlanHost: Feature = {
  file: ipvlan(4),
  flow: { from: 'h', to: 'y', bytes: packet(GATEWAY, GATEWAY, IPS[4].far, IPS[4].y, 100) },
  mistakes: {
    'no hostAccess': (f) => {
      f.ipvlan.lan.hostAccess = false;
    },
  },
};

const NETS = {
  4: {
    v10: '10.0.10.1/24',
    v20: '10.0.20.1/24',
    v30: '10.0.30.1/24',
    hop: '10.0.20.5',
    from: '10.0.10.5',
    to: '192.0.2.7',
    net: '192.0.2.0/24',
    x: '10.1.0.11',
    y: '10.1.0.12',
    typo: '10.1.0.77',
  },
  6: {
    v10: '2001:db8:10::1/64',
    v20: '2001:db8:20::1/64',
    v30: '2001:db8:30::1/64',
    hop: '2001:db8:20::5',
    from: '2001:db8:10::5',
    to: '2001:db8:99::7',
    net: '2001:db8:99::/64',
    x: '2001:db8:1::11',
    y: '2001:db8:1::12',
    typo: '2001:db8:1::77',
  },
} as const;

const routed = (family: 4 | 6, mode: 'l3' | 'l3s'): File => ({
  vlans: { '10,20,30': {} },
  ports: { ...ports('x', 'y'), p1: access(10), p2: access(20) },
  interfaces: {
    v10: { vlan: 10, addresses: [NETS[family].v10], mac: GATEWAY },
    v20: { vlan: 20, addresses: [NETS[family].v20], mac: MAC_HOST, neighbors: { [NETS[family].hop]: HOST_B } },
  },
  routes: [{ to: NETS[family].net, via: NETS[family].hop }],
  ipvlan: {
    apps: {
      mode,
      parent: 'v10',
      children: { x: { addresses: [NETS[family].x] }, y: { addresses: [NETS[family].y] } },
    },
  },
});

const routedOut = (family: 4 | 6, mode: 'l3' | 'l3s'): Feature => ({
  file: () => routed(family, mode),
  flow: { from: 'x', to: 'p2', bytes: packet(TYPO, HOST_A, NETS[family].x, NETS[family].to, 1300) },
  mistakes: {
    'no route': (f) => {
      f.routes = [];
    },
    'blackhole in the way': (f) => {
      f.routes.push({ to: `${NETS[family].to}/${family === 4 ? 32 : 128}`, type: 'blackhole' });
    },
    'MTU of the outgoing interface': (f) => {
      f.interfaces.v20.mtu = 1280;
    },
    'target in another VLAN': (f) => {
      f.ports.p2.vlan = 30;
    },
    'source off': (f) => {
      f.ports.x.enabled = false;
    },
  },
});

const routedIn = (family: 4 | 6, mode: 'l3' | 'l3s'): Feature => ({
  file: () => routed(family, mode),
  flow: { from: 'p1', to: 'y', bytes: packet(GATEWAY, HOST_A, NETS[family].from, NETS[family].y, 100) },
  mistakes: {
    'address mistyped': (f) => {
      f.ipvlan.apps.children.y.addresses = [NETS[family].typo];
    },
    'addresses exchanged': (f) => {
      f.ipvlan.apps.children = { x: { addresses: [NETS[family].y] }, y: { addresses: [NETS[family].x] } };
    },
    'parent in another VRF': (f) => {
      f.interfaces.v30 = { vlan: 30, addresses: [NETS[family].v30], vrf: 'red' };
      f.ipvlan.apps.parent = 'v30';
    },
    'gateway of another MAC': (f) => {
      f.interfaces.v10.mac = TYPO;
    },
    'target off': (f) => {
      f.ports.y.enabled = false;
    },
    'MTU of the target': (f) => {
      f.ports.y.mtu = 68;
    },
  },
});

export const GROUPS: Readonly<Record<string, Feature>> = {
  'macvlan, from outside': macvlanIn,
  'macvlan, from outside without a tag': macvlanUntagged,
  'macvlan, child to child': macvlanBetween,
  'macvlan, child to host': macvlanHost,
  'macvlan, by source': macvlanSource,
  'ipvlan IPv4, from outside': ipvlanIn(4),
  'ipvlan IPv6, from outside': ipvlanIn(6),
  'ipvlan IPv4, child to child': ipvlanBetween(4),
  'ipvlan IPv6, child to child': ipvlanBetween(6),
  'ipvlan, multicast': ipvlanMulticast,
  'ipvlan, host to child': ipvlanHost,
  'ipvlan l3s, child to outside': routedOut(4, 'l3s'),
  'ipvlan l3s, outside to child': routedIn(4, 'l3s'),
  'ipvlan l3 IPv6, child to outside': routedOut(6, 'l3'),
  'ipvlan l3 IPv6, outside to child': routedIn(6, 'l3'),
};
