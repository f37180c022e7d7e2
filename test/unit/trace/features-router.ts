/** Mistakes with the router. */

import { ethernetFrame, udpIpv4 } from '../../../src/wire/build.ts';
import { access, type Feature, type File, GATEWAY, HOST_A, HOST_B, MARK, memory, packet } from './feature.ts';

const V6 = { a: '2001:db8:10::5', b: '2001:db8:20::5', far: '2001:db8:99::1' };
const V4 = { a: '10.0.10.5', b: '10.0.20.5', far: '192.0.2.1' };

const routed = (ips: typeof V4, goal: 'b' | 'far'): Feature => {
  const six = ips === V6;
  const net = (n: number) => (six ? `2001:db8:${n}::1/64` : `10.0.${n}.1/24`);
  const to = ips[goal];
  const one = `${to}/${six ? 128 : 32}`;
  return {
    file: () => ({
      vlans: { '10,20,30': {} },
      ports: { p1: access(10), p2: access(20), p3: access(30) },
      interfaces: {
        v10: { vlan: 10, addresses: [net(10)], mac: GATEWAY },
        v20: { vlan: 20, addresses: [net(20)], mac: '02:00:00:00:20:01', neighbors: { [ips.b]: HOST_B } },
      },
      routes: [{ to: six ? '::/0' : '0.0.0.0/0', via: ips.b }],
    }),
    flow: { from: 'p1', to: 'p2', bytes: packet(GATEWAY, HOST_A, ips.a, to, 900), hosts: [ips.b] },
    mistakes: {
      'outgoing interface in another VLAN': (f) => {
        f.interfaces.v20.vlan = 30;
      },
      'gateway in another VLAN': (f) => {
        f.interfaces.v10.vlan = 30;
      },
      'gateway of another MAC': (f) => {
        f.interfaces.v10.mac = '02:00:00:00:10:02';
      },
      'no gateway': (f) => {
        delete f.interfaces.v10;
      },
      'outgoing interface in another VRF': (f) => {
        f.interfaces.v20.vrf = 'red';
        if (f.routes.length > 0) f.routes[0].vrf = 'red';
      },
      'gateway in another VRF': (f) => {
        f.interfaces.v10.vrf = 'red';
      },
      'MTU of the outgoing interface': (f) => {
        f.interfaces.v20.mtu = 576;
      },
      'MTU of the outgoing port': (f) => {
        f.ports.p2.mtu = 600;
      },
      'target in another VLAN': (f) => {
        f.ports.p2.vlan = 30;
      },
      'source in another VLAN': (f) => {
        f.ports.p1.vlan = 30;
      },
      'next hop is a blackhole': (f) => {
        f.fdb = [{ mac: HOST_B, vlan: 20, kind: 'blackhole' }];
      },
      'next hop static elsewhere': (f) => {
        f.ports.p4 = access(20);
        f.fdb = [{ mac: HOST_B, vlan: 20, port: 'p4', kind: 'static' }];
      },
      // The next hop has to be asked for.
      'target in another VLAN, and nobody known': (f) => {
        f.ports.p2.vlan = 30;
        f.interfaces.v20.neighbors = {};
      },
      'outgoing interface in another VLAN, and nobody known': (f) => {
        f.interfaces.v20.vlan = 30;
        f.interfaces.v20.neighbors = {};
      },
      ...(goal === 'b'
        ? {
            'no outgoing interface': (f: File) => {
              delete f.interfaces.v20;
              f.routes = [];
            },
            'outgoing interface with another subnet': (f: File) => {
              f.interfaces.v20.addresses = [net(99)];
              f.interfaces.v20.neighbors = {};
              f.routes = [];
            },
            'a subnet that is too small': (f: File) => {
              f.interfaces.v20.addresses = [six ? '2001:db8:20::1/126' : '10.0.20.1/30'];
              f.interfaces.v20.neighbors = {};
              f.routes = [];
            },
          }
        : {
            ...Object.fromEntries(
              ['blackhole', 'unreachable', 'prohibited'].map((type) => [
                `${type} in the way`,
                (f: File) => f.routes.push({ to: one, type }),
              ]),
            ),
            'no route': (f: File) => {
              f.routes = [];
            },
            'route via another next hop': (f: File) => {
              f.routes[0].via = ips.b.replace(/5$/, '77');
            },
            'route to another prefix, and nobody known': (f: File) => {
              f.routes[0].to = six ? '2001:db8:98::/64' : '198.51.100.0/24';
              f.interfaces.v20.neighbors = {};
            },
            'route to another prefix': (f: File) => {
              f.routes[0].to = six ? '2001:db8:98::/64' : '198.51.100.0/24';
            },
            'route in another VRF': (f: File) => {
              f.interfaces.v30 = { vlan: 30, addresses: [net(20)], vrf: 'red' };
              f.routes[0].vrf = 'red';
            },
          }),
    },
  };
};

/** The gateway of a private VLAN. */
const privateGateway: Feature = {
  file: () => ({
    vlans: { 100: { isolated: 101, communities: '102' }, 200: {} },
    ports: {
      i1: memory({ mode: 'private-host', vlan: 101 }),
      c1: memory({ mode: 'private-host', vlan: 102 }),
      p2: access(200),
    },
    interfaces: {
      tenants: { vlan: 100, addresses: ['10.0.10.1/24'], mac: GATEWAY },
      out: { vlan: 200, addresses: ['10.0.20.1/24'], neighbors: { [V4.b]: HOST_B } },
    },
  }),
  flow: { from: 'i1', to: 'p2', bytes: packet(GATEWAY, HOST_A, V4.a, V4.b), hosts: [V4.b] },
  mistakes: {
    'no gateway': (f) => {
      delete f.interfaces.tenants;
    },
    'no outgoing interface': (f) => {
      delete f.interfaces.out;
    },
    'target takes no broadcasts, and nobody known': (f) => {
      f.ports.p2.broadcastFlood = false;
      f.interfaces.out.neighbors = {};
    },
    'gateway of another MAC': (f) => {
      f.interfaces.tenants.mac = '02:00:00:00:10:02';
    },
    'gateway in another VRF': (f) => {
      f.interfaces.tenants.vrf = 'red';
    },
    'source off': (f) => {
      f.ports.i1.enabled = false;
    },
    'target takes no unknown unicast': (f) => {
      f.ports.p2.unknownUnicastFlood = false;
    },
  },
};

export const ROUTER: Readonly<Record<string, Feature>> = {
  'routing IPv4, out of a private VLAN': privateGateway,
  'routing IPv4, connected': routed(V4, 'b'),
  'routing IPv4, by a route': routed(V4, 'far'),
  'routing IPv6, connected': routed(V6, 'b'),
  'routing IPv6, by a route': routed(V6, 'far'),
};

/** Packets that no change of the file delivers. */
export const HOPELESS_PACKETS: Readonly<Record<string, Uint8Array>> = {
  'a packet without hops': ttl(1),
  'a packet from a loopback address': packet(GATEWAY, HOST_A, '127.0.0.1', V4.far),
  'a packet to a group for the gateway': packet(GATEWAY, HOST_A, V4.a, '224.0.0.5'),
};

function ttl(hops: number): Uint8Array {
  const udp = udpIpv4({ src: V4.a, dst: V4.b, ttl: hops }, 1, 2, MARK);
  return ethernetFrame({ dst: GATEWAY, src: HOST_A }, 0x0800, udp);
}
