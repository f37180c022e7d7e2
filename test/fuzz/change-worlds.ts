/**
 * Configurations to change from and into: random switches (worlds.ts) with classification, translation, a router and tunnels, each
 * piece where what is there already leaves room for it. Two of them often share ports, interfaces, VTEPs and rules.
 */
import { ConfigError, loadConfig } from '../../src/config/load.ts';
import type { SwitchConfig } from '../../src/config/types.ts';
import {
  arpFrame,
  ethernetFrame,
  ipv4Packet,
  ipv6Packet,
  padFrame,
  udpIpv4,
  vxlanPayload,
} from '../../src/wire/build.ts';
import type { Prng } from '../unit/pcap/mutate.ts';
import { chance, macText, pick, type Raw, rollConfig, VIDS, vidSet } from './worlds.ts';

type Piece = (random: Prng, raw: Raw) => void;

/** How often of a hundred. */
const PIECES: [percent: number, piece: Piece][] = [
  [60, translation],
  [50, classification],
  [30, classification],
  [50, tunnels],
  [50, router],
  [40, manyPorts],
  [40, manyEntries],
  [60, manyRoutes],
];
/** So many change otherwise than a few. */
const PORTS = 40;
const ROWS = 120;

export function randomChangeConfig(random: Prng): SwitchConfig {
  for (;;) {
    let raw = rollConfig(random);
    let config = loaded(raw);
    if (config === null) continue;
    for (const [percent, piece] of PIECES) {
      if (!chance(random, percent)) continue;
      const more = structuredClone(raw);
      piece(random, more);
      const taken = loaded(more);
      if (taken === null) continue;
      raw = more;
      config = taken;
    }
    return config;
  }
}

function loaded(raw: Raw): SwitchConfig | null {
  try {
    return loadConfig(JSON.stringify(raw), 'fuzz.json');
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}

/** Ports of that name have it from now on, whatever they were. */
function translation(random: Prng, raw: Raw): void {
  const ports = raw.ports as Record<string, Raw>;
  for (const name of ['p0', 'p1']) {
    if (!chance(random, 60)) continue;
    const rules: Raw[] = [{ from: 300, to: 10 }];
    if (chance(random, 50)) rules.push({ from: [301, 302], to: 20 });
    if (chance(random, 50)) rules.push({ from: 303, to: [33, 304] });
    ports[name] = {
      adapter: 'memory',
      bridge: 'b0',
      mode: 'trunk',
      vlans: `10,20,33,${vidSet(random)}`,
      translate: rules,
    };
  }
}

function classification(random: Prng, raw: Raw): void {
  raw.classify = {
    order: pick(random, [['mac', 'subnet', 'protocol'], ['protocol', 'mac'], ['subnet']]),
    macs: { [macText(random.below(8))]: pick(random, VIDS), '02:00:00:00:01:00/40': pick(random, VIDS) },
    subnets: {
      '10.0.0.0/8': pick(random, VIDS),
      '10.1.0.0/16': pick(random, VIDS),
      '2001:db8::/32': pick(random, VIDS),
    },
    protocols: { arp: pick(random, VIDS), '0x88b5': pick(random, VIDS) },
  };
  const ports = raw.ports as Record<string, Raw>;
  for (const name of ['p0', 'p1', 'p2'])
    if (ports[name] !== undefined && chance(random, 60)) ports[name].classify = true;
}

/** Two VTEPs with their uplinks, and tunnels to them. */
function tunnels(random: Prng, raw: Raw): void {
  const ports = raw.ports as Record<string, Raw>;
  const vteps: Record<string, Raw> = {};
  for (const [n, name] of ['v0', 'v1'].entries()) {
    if (n === 1 && chance(random, 50)) continue;
    ports[`u${n}`] = { adapter: 'memory', mtu: 9000 };
    vteps[name] = {
      ...{ underlay: 'port', uplink: `u${n}`, local: `192.0.2.${pick(random, [1, 1, 2])}/24` },
      ...{
        neighbors: { '192.0.2.9': macText(9) },
        allow: pick(random, ['peers', 'any']),
        mtu: pick(random, [1500, 9000]),
      },
      ...(chance(random, 50) ? { peers: [`192.0.2.${pick(random, [8, 9])}`] } : {}),
    };
    const remotes = pick(random, [['192.0.2.9'], ['192.0.2.8', '192.0.2.9'], []]);
    const vxlan: Raw = { vtep: name, remotes, ttl: pick(random, ['inherit', 9]), suppress: chance(random, 30) };
    if (chance(random, 50)) Object.assign(vxlan, { vnis: { 10: 1000 + n, 20: 2000 + pick(random, [0, 10]) } });
    else vxlan.vni = 3000 + n;
    const vlans = vxlan.vni === undefined ? {} : { mode: 'access', vlan: pick(random, VIDS) };
    ports[`x${n}`] = { adapter: 'vxlan', ...vlans, vxlan };
    if (chance(random, 50)) {
      const vni = vxlan.vni ?? 1000 + n;
      raw.vxlanFdb = [
        { mac: macText(20), port: `x${n}`, vni, remote: '192.0.2.9', kind: pick(random, ['static', 'external']) },
      ];
    }
  }
  raw.vteps = vteps;
}

/** Access ports and trunks; between two configurations most of them change their VLANs. */
function manyPorts(random: Prng, raw: Raw): void {
  const ports = raw.ports as Record<string, Raw>;
  for (let n = 0; n < PORTS; n++) {
    const vlans = chance(random, 80)
      ? { mode: 'access', vlan: pick(random, VIDS) }
      : { mode: 'trunk', vlans: vidSet(random), ...(chance(random, 50) ? { native: pick(random, VIDS) } : {}) };
    ports[`q${n}`] = { adapter: 'memory', bridge: 'b0', ...vlans };
  }
}

function manyEntries(random: Prng, raw: Raw): void {
  const access = Object.entries(raw.ports as Record<string, Raw>).filter(([, { mode }]) => mode === 'access');
  if (access.length === 0) return;
  const [port, { bridge, vlan }] = pick(random, access);
  const fdb = (raw.fdb as Raw[]) ?? [];
  for (let n = 0; n < ROWS; n++) {
    const mac = `02:00:00:01:00:${n.toString(16).padStart(2, '0')}`;
    if (chance(random, 80)) fdb.push({ mac, bridge, vlan, port, kind: pick(random, ['static', 'sticky']) });
  }
  raw.fdb = fdb;
}

function manyRoutes(random: Prng, raw: Raw): void {
  const routes = (raw.routes as Raw[]) ?? [];
  for (let n = 0; n < ROWS; n++) {
    const to = `20.${n >> 3}.${(n & 7) << 5}.0/${19 + (n % 6)}`;
    if (chance(random, 80)) routes.push({ to, type: pick(random, ['blackhole', 'unreachable', 'prohibited']) });
  }
  raw.routes = routes;
}

function router(random: Prng, raw: Raw): void {
  const [one, two] = [pick(random, [1, 10]), pick(random, [20, 33])];
  const side = (n: number, vlan: number): Raw => ({
    ...{ vlan, mac: '02:00:00:00:ff:01', vrf: pick(random, ['default', 'default', 'red']) },
    ...{ addresses: [`10.0.${n}.1/24`, ...(chance(random, 50) ? [`2001:db8:${n}::1/64`] : [])] },
    ...{ neighbors: { [`10.0.${n}.2`]: macText(n) }, proxyArp: chance(random, 20), mtu: pick(random, [1500, 9000]) },
  });
  raw.interfaces = { i1: side(1, one), i2: side(2, two) };
  const routes: Raw[] = [{ to: '10.8.0.0/16', type: pick(random, ['blackhole', 'unreachable', 'prohibited']) }];
  if (chance(random, 60)) routes.push({ to: '10.9.0.0/16', via: pick(random, ['10.0.1.2', '10.0.1.9']) });
  if (chance(random, 40)) routes.push({ to: '10.9.1.0/24', via: ['10.0.1.2', '10.0.1.7'] });
  raw.routes = routes;
}

const GATEWAY = '02:00:00:00:ff:01';
const UDP = 17;
const VXLAN_PORT = 4789;

/** What hosts of these worlds send beside plain frames: packets to be routed, questions for the gateway, datagrams of VTEPs. */
export function randomPacket(random: Prng): Uint8Array {
  const host = 1 + random.below(9);
  const src = macText(host);
  const tags = chance(random, 50) ? [] : [{ vid: pick(random, [1, 10, 20, 33, 300]) }];
  const ip = {
    src: `10.0.${1 + random.below(2)}.${host}`,
    dst: pick(random, ['10.0.1.2', '10.0.2.9', '10.8.0.1', '10.9.1.1', '10.0.1.1']),
  };
  const body = new Uint8Array(20);
  switch (random.below(4)) {
    case 0:
      return padFrame(
        arpFrame(
          { dst: 'ff:ff:ff:ff:ff:ff', src, tags },
          {
            operation: 1 + random.below(2),
            senderMac: src,
            senderIp: ip.src,
            targetMac: '00:00:00:00:00:00',
            targetIp: ip.dst,
          },
        ),
      );
    case 1:
      return padFrame(
        ethernetFrame(
          { dst: GATEWAY, src, tags },
          0x86dd,
          ipv6Packet({ src: '2001:db8:1::9', dst: '2001:db8:2::9' }, UDP, body),
        ),
      );
    case 2: {
      const inner = padFrame(ethernetFrame({ dst: macText(random.below(9)), src }, 0x88b5, body));
      const outer = { src: `192.0.2.${pick(random, [7, 8, 9])}`, dst: `192.0.2.${1 + random.below(2)}` };
      const datagram = udpIpv4(
        outer,
        50_000,
        VXLAN_PORT,
        vxlanPayload(pick(random, [1000, 1001, 2000, 3000, 3001]), inner),
      );
      return ethernetFrame({ dst: pick(random, ['ff:ff:ff:ff:ff:ff', GATEWAY]), src: macText(9) }, 0x0800, datagram);
    }
    default:
      return padFrame(ethernetFrame({ dst: GATEWAY, src, tags }, 0x0800, ipv4Packet(ip, UDP, body)));
  }
}
