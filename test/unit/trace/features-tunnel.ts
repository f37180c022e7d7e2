/** Mistakes with VXLAN. */

import { ethernetFrame, udpIpv4, udpIpv6, vxlanPayload } from '../../../src/wire/build.ts';
import { access, type Feature, type File, HOST_A, HOST_B, memory, plain } from './feature.ts';

const VTEP = '02:00:00:00:01:01';
const PEER = '02:00:00:00:02:02';
const INNER = plain('ff:ff:ff:ff:ff:ff');

/** Addresses of the underlay, and what the file says of them. */
const UNDERLAYS = {
  4: {
    own: '192.0.2.1',
    peer: '192.0.2.2',
    other: '192.0.2.3',
    typo: '192.0.2.7',
    far: '198.51.100.2',
    length: 24,
    mtu: 576,
  },
  6: {
    own: '2001:db8::1',
    peer: '2001:db8::2',
    other: '2001:db8::3',
    typo: '2001:db8::7',
    far: '2001:db8:9::2',
    length: 64,
    mtu: 1280,
  },
} as const;
type Family = keyof typeof UNDERLAYS;

const tunnelFile = (family: Family = 4): File => ({
  vlans: { '10,20': {} },
  vteps: {
    v0: {
      underlay: 'port',
      uplink: 'up',
      local: `${UNDERLAYS[family].own}/${UNDERLAYS[family].length}`,
      mac: VTEP,
      neighbors: { [UNDERLAYS[family].peer]: PEER },
    },
  },
  ports: {
    a: access(10),
    b: access(20),
    up: memory({ mtu: 1600 }),
    t0: { adapter: 'vxlan', vxlan: { vtep: 'v0', vnis: { 10: 1000 }, remotes: [UNDERLAYS[family].peer] } },
  },
});

const outer = (inner: Uint8Array, vlan?: number, family: Family = 4) =>
  ethernetFrame(
    { dst: VTEP, src: PEER, tags: vlan === undefined ? [] : [{ vid: vlan }] },
    family === 4 ? 0x0800 : 0x86dd,
    (family === 4 ? udpIpv4 : udpIpv6)(
      { src: UNDERLAYS[family].peer, dst: UNDERLAYS[family].own },
      50_000,
      4789,
      vxlanPayload(1000, inner),
    ),
  );

const outOfTunnel = (family: Family): Feature => ({
  file: () => tunnelFile(family),
  flow: { from: 'up', to: 'a', bytes: outer(INNER, undefined, family) },
  mistakes: {
    'another VNI': (f) => {
      f.ports.t0.vxlan.vnis = { 10: 1001 };
    },
    'VNI for another VLAN': (f) => {
      f.ports.t0.vxlan.vnis = { 20: 1000 };
    },
    'peer missing': (f) => {
      f.ports.t0.vxlan.remotes = [UNDERLAYS[family].other];
    },
    'another UDP port': (f) => {
      f.vteps.v0.udpPort = 8472;
    },
    'another address of the VTEP': (f) => {
      f.vteps.v0.local = `${UNDERLAYS[family].typo}/${UNDERLAYS[family].length}`;
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
});

const intoTunnel = (dst: string, family: Family): Feature => ({
  file: () => tunnelFile(family),
  flow: { from: 'a', to: 't0', seen: 'up', bytes: plain(dst, undefined, 1300) },
  mistakes: {
    'no VNI for the VLAN': (f) => {
      f.ports.t0.vxlan.vnis = { 20: 1000 };
    },
    'source in another VLAN': (f) => {
      f.ports.a.vlan = 20;
    },
    'no remote': (f) => {
      f.ports.t0.vxlan.remotes = [];
      f.vteps.v0.peers = [UNDERLAYS[family].peer];
    },
    'no floods': (f) => {
      f.ports.t0.vxlan.flood = 'none';
    },
    'MTU of the VTEP': (f) => {
      f.vteps.v0.mtu = UNDERLAYS[family].mtu;
    },
    'no route to the remote': (f) => {
      f.ports.t0.vxlan.remotes = [UNDERLAYS[family].far];
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
  'VXLAN, out of the tunnel': outOfTunnel(4),
  'VXLAN over IPv6, out of the tunnel': outOfTunnel(6),
  'VXLAN, known underlay VLAN': taggedUnderlay,
  'VXLAN, floods into the tunnel': intoTunnel('ff:ff:ff:ff:ff:ff', 4),
  'VXLAN, unicast into the tunnel': intoTunnel(HOST_B, 4),
  'VXLAN over IPv6, floods into the tunnel': intoTunnel('ff:ff:ff:ff:ff:ff', 6),
  'VXLAN over IPv6, unicast into the tunnel': intoTunnel(HOST_B, 6),
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
