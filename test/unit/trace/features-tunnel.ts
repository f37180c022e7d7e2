/** Mistakes with VXLAN. */

import { ethernetFrame, udpIpv4, vxlanPayload } from '../../../src/wire/build.ts';
import { access, type Feature, type File, HOST_A, HOST_B, memory, plain } from './feature.ts';

const VTEP = '02:00:00:00:01:01';
const PEER = '02:00:00:00:02:02';
const INNER = plain('ff:ff:ff:ff:ff:ff');

const tunnelFile = (): File => ({
  vlans: { '10,20': {} },
  vteps: {
    v0: { underlay: 'port', uplink: 'up', local: '192.0.2.1/24', mac: VTEP, neighbors: { '192.0.2.2': PEER } },
  },
  ports: {
    a: access(10),
    b: access(20),
    up: memory({ mtu: 1600 }),
    t0: { adapter: 'vxlan', vxlan: { vtep: 'v0', vnis: { 10: 1000 }, remotes: ['192.0.2.2'] } },
  },
});

const outer = (inner: Uint8Array, vlan?: number) =>
  ethernetFrame(
    { dst: VTEP, src: PEER, tags: vlan === undefined ? [] : [{ vid: vlan }] },
    0x0800,
    udpIpv4({ src: '192.0.2.2', dst: '192.0.2.1' }, 50_000, 4789, vxlanPayload(1000, inner)),
  );

const outOfTunnel: Feature = {
  file: tunnelFile,
  flow: { from: 'up', to: 'a', bytes: outer(INNER) },
  mistakes: {
    'another VNI': (f) => {
      f.ports.t0.vxlan.vnis = { 10: 1001 };
    },
    'VNI for another VLAN': (f) => {
      f.ports.t0.vxlan.vnis = { 20: 1000 };
    },
    'peer missing': (f) => {
      f.ports.t0.vxlan.remotes = ['192.0.2.3'];
    },
    'another UDP port': (f) => {
      f.vteps.v0.udpPort = 8472;
    },
    'another address of the VTEP': (f) => {
      f.vteps.v0.local = '192.0.2.7/24';
    },
    'another MAC of the VTEP': (f) => {
      f.vteps.v0.mac = '02:00:00:00:01:07';
    },
    'underlay in a VLAN': (f) => {
      f.vteps.v0.vlan = 7;
    },
    'uplink off': (f) => {
      f.ports.up.enabled = false;
    },
    'target in another VLAN': (f) => {
      f.ports.a.vlan = 20;
    },
    'target takes no broadcasts': (f) => {
      f.ports.a.broadcastFlood = false;
    },
    'source behind another remote': (f) => {
      f.switch = { fdb: { staticViolation: 'drop' } };
      f.fdb = [{ mac: HOST_A, vlan: 10, port: 'a', kind: 'static' }];
    },
  },
};

const intoTunnel = (dst: string): Feature => ({
  file: tunnelFile,
  flow: { from: 'a', to: 't0', seen: 'up', bytes: plain(dst, undefined, 900) },
  mistakes: {
    'no VNI for the VLAN': (f) => {
      f.ports.t0.vxlan.vnis = { 20: 1000 };
    },
    'source in another VLAN': (f) => {
      f.ports.a.vlan = 20;
    },
    'no remote': (f) => {
      f.ports.t0.vxlan.remotes = [];
      f.vteps.v0.peers = ['192.0.2.2'];
    },
    'no floods': (f) => {
      f.ports.t0.vxlan.flood = 'none';
    },
    'MTU of the VTEP': (f) => {
      f.vteps.v0.mtu = 576;
    },
    'no route to the remote': (f) => {
      f.ports.t0.vxlan.remotes = ['198.51.100.2'];
    },
    ...(dst === HOST_B
      ? {
          'destination is a blackhole of the tunnel': (f: File) => {
            f.vxlanFdb = [{ port: 't0', mac: dst, kind: 'blackhole' }];
          },
          'destination static on another port': (f: File) => {
            f.ports.a2 = access(10);
            f.fdb = [{ mac: dst, vlan: 10, port: 'a2', kind: 'static' }];
          },
          'tunnel takes no unknown': (f: File) => {
            f.ports.t0.unknownUnicastFlood = false;
          },
        }
      : {}),
  },
});

const taggedUnderlay: Feature = {
  file: () => {
    const file = tunnelFile();
    file.vteps.v0.vlan = 7;
    return file;
  },
  flow: { from: 'up', to: 'a', bytes: outer(INNER, 7) },
  mistakes: {
    'underlay without its VLAN': (f) => {
      delete f.vteps.v0.vlan;
    },
    'underlay in another VLAN': (f) => {
      f.vteps.v0.vlan = 8;
    },
  },
};

export const TUNNEL: Readonly<Record<string, Feature>> = {
  'VXLAN, out of the tunnel': outOfTunnel,
  'VXLAN, known underlay VLAN': taggedUnderlay,
  'VXLAN, floods into the tunnel': intoTunnel('ff:ff:ff:ff:ff:ff'),
  'VXLAN, unicast into the tunnel': intoTunnel(HOST_B),
};

/** Outer frames that no change of the file delivers. */
export const HOPELESS_DATAGRAMS: Readonly<Record<string, Uint8Array>> = {
  'a datagram of VXLAN without a VNI': flags(0),
};

function flags(value: number): Uint8Array {
  const payload = vxlanPayload(1000, INNER);
  payload[0] = value;
  return ethernetFrame(
    { dst: VTEP, src: PEER },
    0x0800,
    udpIpv4({ src: '192.0.2.2', dst: '192.0.2.1' }, 1, 4789, payload),
  );
}
