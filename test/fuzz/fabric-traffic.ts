/** Configurations and packets for fabric.ts: a switch that uses everything at once, and what its neighbors might send. */
import { loadConfig } from '../../src/config/load.ts';
import type { SwitchConfig } from '../../src/config/types.ts';
import { csumWord } from '../../src/dataplane/offload/needs.ts';
import {
  arpFrame,
  ethernetFrame,
  icmpIpv4,
  icmpv6Ipv6,
  ipv4Packet,
  ipv6Packet,
  udpIpv4,
  udpIpv6,
  vxlanPayload,
} from '../../src/wire/build.ts';
import { writeIpv4Checksum } from '../../src/wire/ipv4.ts';
import type { Prng } from '../unit/pcap/mutate.ts';

export interface Arrival {
  port: string;
  bytes: Uint8Array;
  truncated: boolean;
  verified: boolean;
  gso: number;
  csum: number;
  ms: number;
}

const pick = <T>(random: Prng, items: readonly T[]): T => items[random.below(items.length)];
const chance = (random: Prng, percent: number): boolean => random.below(100) < percent;

const GATEWAY = '02:00:00:00:00:fe';
const VTEP_MAC = '02:00:00:00:17:17';
const PEER_MACS = ['02:00:00:00:34:34', '02:00:00:00:50:50'];
const HOSTS = Array.from({ length: 6 }, (_, n) => `02:00:00:00:00:0${n + 1}`);
const PORTS = ['a', 'b', 'h', 'x', 'c', 'u4', 'u4', 'u4', 'u6', 'u6', 'l', 'n'];
const PLACES = [
  '10.0.10.2',
  '10.0.10.3',
  '10.0.20.2',
  '10.0.20.3',
  '10.9.9.9',
  '10.8.8.8',
  '10.0.10.1',
  '10.0.20.1',
  '10.0.30.2',
  '10.0.30.3',
];
const PLACES_6 = [
  '2001:db8:10::2',
  '2001:db8:20::2',
  '2001:db8:10::1',
  '2001:db8:9::9',
  '2001:db8:30::2',
  'fe80::2',
  'ff02::1',
];

export function fabricConfig(random: Prng): SwitchConfig {
  return loadConfig(JSON.stringify(fabricRaw(random)), 'fabric.json');
}

/** A configuration of everything at once, as a user would write it. */
export function fabricRaw(random: Prng): Record<string, unknown> {
  const vtep = () => ({
    underlay: 'port',
    mac: VTEP_MAC,
    allow: pick(random, ['peers', 'peers', 'any']),
    nested: pick(random, ['drop', 'allow']),
    maxEntries: pick(random, [4, 64]),
    mtu: pick(random, [600, 1500, 9000]),
  });
  const tunnel = () => ({
    innerTag: pick(random, ['strip', 'keep']),
    ttl: pick(random, ['inherit', 9]),
    tos: pick(random, ['inherit', 7]),
    df: pick(random, ['set', 'unset', 'inherit']),
    reservedBits: pick(random, ['ignore', 'strict']),
    learning: pick(random, ['flood-and-learn', 'flood-and-learn', 'control-plane']),
    ...(chance(random, 50) ? { udpChecksum: chance(random, 50) } : {}),
  });
  const output = pick<Record<string, unknown>>(random, [{ output: 'o' }, { outputVlan: 99 }]);
  const selection = pick<Record<string, unknown>>(random, [
    { selectAll: true },
    { selectAll: true, selectVlan: 'output' in output ? '10,99' : '10,30' },
    { selectSrc: ['u4', 'a'], selectDst: ['u4', 'b', 'h'] },
    { selectSrc: ['h', 'm', 'x'], selectDst: ['m', 'x'], selectVlan: '20' },
  ]);
  return {
    switch: {
      name: 'b0',
      hashSeed: random.next(),
      fdb: { ageSeconds: 10, maxEntries: pick(random, [3, 100]) },
    },
    bridges: { wire: { type: 'unaware' } },
    ports: {
      a: { adapter: 'memory', mode: 'trunk', vlans: '10,20,99', native: 10 },
      b: { adapter: 'memory', mode: 'access', vlan: 10, mtu: pick(random, [300, 1500]) },
      h: { adapter: 'memory', mode: 'hybrid', pvid: 20, untagged: '20', tagged: '10,99' },
      x: {
        adapter: 'memory',
        mode: 'trunk',
        vlans: '10,20',
        translate: [
          { from: 7, to: 10 },
          { from: [8, 9], to: 20 },
        ],
      },
      c: { adapter: 'memory', bridge: 'wire' },
      o: { adapter: 'memory' },
      l: { adapter: 'memory', mtu: pick(random, [300, 1500]) },
      n: { adapter: 'memory' },
      u4: { adapter: 'memory', mtu: 9000 },
      u6: { adapter: 'memory', mtu: 9000 },
      m: {
        adapter: 'vxlan',
        vxlan: { vtep: 'v4', vnis: { 10: 1000, 20: 2000 }, remotes: ['192.0.2.34', '192.0.2.50'], ...tunnel() },
      },
      s: {
        adapter: 'vxlan',
        mode: 'access',
        vlan: 20,
        vxlan: { vtep: 'v6', vni: 3000, remotes: ['fd00::34', 'fd00::50'], ...tunnel() },
      },
      k: {
        adapter: 'vxlan',
        bridge: 'wire',
        vxlan: { vtep: 'v4', vni: 5000, remotes: ['192.0.2.34'], ...tunnel() },
      },
    },
    vteps: {
      v4: {
        ...vtep(),
        uplink: 'u4',
        local: '192.0.2.17/24',
        neighbors: { '192.0.2.34': PEER_MACS[0] },
      },
      v6: {
        ...vtep(),
        uplink: 'u6',
        local: 'fd00::17/64',
        vlan: 42,
        udp6ZeroChecksum: chance(random, 50),
        neighbors: { 'fd00::34': PEER_MACS[0], 'fd00::50': PEER_MACS[1] },
      },
    },
    interfaces: {
      i10: {
        vlan: 10,
        mac: GATEWAY,
        addresses: ['10.0.10.1/24', '2001:db8:10::1/64'],
        neighbors: { '10.0.10.2': HOSTS[0] },
        routerAdvertisements: chance(random, 50),
        proxyArp: chance(random, 30),
        redirects: chance(random, 30),
      },
      i20: {
        vlan: 20,
        mac: GATEWAY,
        addresses: ['10.0.20.1/24', '2001:db8:20::1/64'],
        mtu: pick(random, [600, 1500]),
        neighbors: { '10.0.20.2': HOSTS[2] },
      },
    },
    routes: [
      { to: '10.9.0.0/16', via: ['10.0.10.2', '10.0.20.2'] },
      { to: '10.8.0.0/16', type: 'unreachable' },
    ],
    ipvlan: {
      guests: {
        mode: pick(random, ['l3', 'l3s']),
        flag: pick(random, ['bridge', 'private', 'vepa']),
        parent: 'i10',
        children: { l: { addresses: ['10.0.30.2', '2001:db8:30::2'] }, n: { addresses: ['10.0.30.3'] } },
      },
    },
    mirrors: chance(random, 60) ? [{ name: 'w', ...output, ...selection }] : [],
  };
}

export function randomArrivals(random: Prng, count: number, from: number): Arrival[] {
  let ms = from;
  return Array.from({ length: count }, () => {
    if (chance(random, 8)) ms = (ms + pick(random, [1, 5, 200, 1100, 12_000])) | 0;
    const port = pick(random, PORTS);
    const sound = port === 'u4' ? overV4(random) : port === 'u6' ? overV6(random) : hostFrame(random, port);
    const bytes = chance(random, 25) ? damaged(random, sound) : sound;
    const offloads = chance(random, 12);
    return {
      port,
      bytes,
      truncated: chance(random, 1),
      verified: chance(random, 3),
      gso: offloads ? randomGso(random) : 0,
      csum: offloads ? randomCsum(random, bytes.length) : 0,
      ms,
    };
  });
}

function randomGso(random: Prng): number {
  const type = pick(random, [0, 0, 1, 4, 5, 0x81, 0x80, random.below(256)]);
  const size = pick(random, [0, 1, 2, 8, 100, 536, 1448, 0xffff]);
  return (chance(random, 90) ? 1 : 0) | (type << 8) | (size << 16);
}

function randomCsum(random: Prng, length: number): number {
  const start = pick(random, [0, 34, 38, 54, 84, 88, 104, 108, length - 1, length, length + 9, random.below(0x10000)]);
  return csumWord(start & 0xffff, pick(random, [6, 16, 16, 2, 0, 1, 0xfffe, random.below(0x10000)]));
}

function packet(random: Prng): Uint8Array {
  const payload = new Uint8Array(pick(random, [0, 1, 30, 30, 60, 250, 540, 560, 1400, 1450, 1472])).fill(0x5a);
  const ttl = pick(random, [64, 64, 64, 1, 0, 255]);
  const tos = random.below(256);
  const v4 = { src: pick(random, PLACES), dst: pick(random, PLACES), ttl, tos };
  const v6 = { src: pick(random, PLACES_6), dst: pick(random, PLACES_6), ttl, tos };
  switch (random.below(9)) {
    case 0:
      return icmpIpv4(v4, pick(random, [0, 3, 8, 11]), random.below(5), 1, 2, payload);
    case 1:
      return icmpv6Ipv6(v6, pick(random, [1, 2, 128, 133, 134, 135, 136, 137]), 0, random.next(), payload);
    case 2:
      return ipv4Packet(v4, pick(random, [1, 6, 17, 132, random.below(256)]), payload);
    case 3:
      return ipv6Packet(v6, pick(random, [0, 6, 17, 43, 44, 58, 60, 59]), payload);
    case 4:
      return udpIpv6(v6, 1000, pick(random, [2000, 4789]), payload);
    case 5: // TCP, if one does not look too closely
      return ipv4Packet(
        v4,
        6,
        Uint8Array.of(0, 80, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 1, 1, 0, 0, 0, 0, ...payload),
      );
    default:
      return udpIpv4(v4, random.below(65_536), pick(random, [2000, 2000, 4789]), payload, chance(random, 50));
  }
}

function hostFrame(random: Prng, port: string): Uint8Array {
  const roll = random.below(20);
  const src =
    roll === 0 ? pick(random, [GATEWAY, VTEP_MAC, '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff']) : pick(random, HOSTS);
  const dst = pick(random, [GATEWAY, GATEWAY, GATEWAY, ...HOSTS, 'ff:ff:ff:ff:ff:ff', '33:33:00:00:00:01']);
  const vids = port === 'x' ? [7, 8, 10, 20] : [10, 20, 20, 99, 30];
  const tags = chance(random, port === 'b' || port === 'c' ? 10 : 60)
    ? [{ vid: pick(random, vids), pcp: random.below(8) }]
    : [];
  if (tags.length === 1 && chance(random, 15)) tags.push({ vid: 9, pcp: 1 });
  const head = { dst, src, tags };
  if (chance(random, 12)) {
    return arpFrame(head, {
      operation: pick(random, [1, 1, 2, 3]),
      senderMac: src,
      senderIp: pick(random, [...PLACES, '0.0.0.0']),
      targetMac: '00:00:00:00:00:00',
      targetIp: pick(random, PLACES),
    });
  }
  if (chance(random, 6))
    return ethernetFrame(head, pick(random, [0x88b5, 0, 60, 0x8100]), new Uint8Array(random.below(60)));
  const ip = packet(random);
  return ethernetFrame(head, ip[0]! >>> 4 === 6 ? 0x86dd : 0x0800, ip);
}

function payloadOf(random: Prng, vnis: readonly number[]): Uint8Array {
  const inner = hostFrame(random, 'b');
  const payload = vxlanPayload(pick(random, vnis), chance(random, 5) ? damaged(random, inner) : inner);
  if (chance(random, 4)) payload[random.below(8)] ^= 1 << random.below(8);
  return payload;
}

function overV4(random: Prng): Uint8Array {
  const head = { dst: chance(random, 95) ? VTEP_MAC : 'ff:ff:ff:ff:ff:ff', src: pick(random, PEER_MACS) };
  const src = pick(random, ['192.0.2.34', '192.0.2.34', '192.0.2.50', '192.0.2.99', '192.0.2.17']);
  if (chance(random, 5)) {
    const arp = {
      operation: pick(random, [1, 2]),
      senderMac: head.src,
      senderIp: src,
      targetMac: VTEP_MAC,
      targetIp: '192.0.2.17',
    };
    return arpFrame(head, arp);
  }
  const ip = { src, dst: '192.0.2.17', tos: pick(random, [0, 0, 1, 2, 3]) };
  if (chance(random, 5)) {
    // Somebody on the way says that a datagram was too long. To a configured peer: one that is welcomed by a later frame of
    // the batch is known from the batch's beginning on, since decapsulation runs ahead of control.
    const far = pick(random, ['192.0.2.34', '192.0.2.50']);
    const about = ipv4Packet({ src: '192.0.2.17', dst: far }, 17, Uint8Array.of(0xc0, 1, 0x12, 0xb5, 0, 8, 0, 0));
    const packet = icmpIpv4(ip, pick(random, [3, 8]), 4, 0, pick(random, [0, 60, 700, 1400]), about);
    return ethernetFrame(head, 0x0800, packet);
  }
  const datagram = udpIpv4(ip, 50_000, 4789, payloadOf(random, [1000, 2000, 5000, 4711]), chance(random, 40));
  if (chance(random, 5)) {
    datagram[6] = pick(random, [0x20, 0, 0x40]);
    datagram[7] = random.below(3);
    writeIpv4Checksum(new DataView(datagram.buffer), 0);
  }
  return ethernetFrame(head, 0x0800, datagram);
}

function overV6(random: Prng): Uint8Array {
  const head = { dst: VTEP_MAC, src: pick(random, PEER_MACS), tags: chance(random, 95) ? [{ vid: 42 }] : [] };
  const ip = { src: pick(random, ['fd00::34', 'fd00::50', 'fd00::99']), dst: 'fd00::17', tos: pick(random, [0, 0, 3]) };
  if (chance(random, 8)) {
    const about = ipv6Packet(
      { src: 'fd00::17', dst: pick(random, ['fd00::34', 'fd00::50']) },
      17,
      Uint8Array.of(0xc0, 1, 0x12, 0xb5, 0, 8, 0, 0),
    );
    const type = pick(random, [2, 128, 135, 136]);
    return ethernetFrame(head, 0x86dd, icmpv6Ipv6({ ...ip, ttl: 255 }, type, 0, pick(random, [0, 900, 1400]), about));
  }
  const datagram = udpIpv6(ip, 50_000, 4789, payloadOf(random, [3000, 3000, 1000]), chance(random, 80));
  return ethernetFrame(head, 0x86dd, datagram);
}

/** Bits flipped in the headers, an end cut off, bytes behind. */
function damaged(random: Prng, frame: Uint8Array): Uint8Array {
  const roll = random.below(4);
  if (roll === 0) return frame.slice(0, 1 + random.below(frame.length));
  if (roll === 1) return Uint8Array.of(...frame, ...new Uint8Array(random.below(50)).fill(0xee));
  const bytes = frame.slice();
  for (let n = random.below(3); n >= 0; n--) {
    bytes[random.below(Math.min(bytes.length, 110))] = pick(random, [0, 0xff, 0x45, 0x60, random.below(256)]);
  }
  return bytes;
}
