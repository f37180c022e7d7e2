/** Mistakes with the router. */

import { ethernetFrame, udpIpv4 } from '../../../src/wire/build.ts';
import { access, type Feature, type File, GATEWAY, HOST_A, HOST_B, MARK, packet } from './feature.ts';

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
    flow: { from: 'p1', to: 'p2', bytes: packet(GATEWAY, HOST_A, ips.a, to, 900) },
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
      ...(goal === 'b'
        ? {}
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

export const ROUTER: Readonly<Record<string, Feature>> = {
  'routing IPv4, connected': routed(V4, 'b'),
  'routing IPv4, by a route': routed(V4, 'far'),
  'routing IPv6, connected': routed(V6, 'b'),
  'routing IPv6, by a route': routed(V6, 'far'),
};

/** Packets that no change of the file delivers. */
export const HOPELESS_PACKETS: Readonly<Record<string, Uint8Array>> = {
  'a packet without hops': ttl(1),
  'a packet to a group for the gateway': packet(GATEWAY, HOST_A, V4.a, '224.0.0.5'),
};

function ttl(hops: number): Uint8Array {
  const udp = udpIpv4({ src: V4.a, dst: V4.b, ttl: hops }, 1, 2, MARK);
  return ethernetFrame({ dst: GATEWAY, src: HOST_A }, 0x0800, udp);
}
