/**
 * A second opinion: ipvlan as Documentation/networking/ipvlan.rst and the driver have it, written down once more in the plainest way
 * and without a line of the switch, and random frames through both. What docs/ipvlan.md lists as different is different here.
 */
import { afterEach, expect, it } from 'vitest';
import type { ConfigInput, Switch } from '../../../../src/index.ts';
import { Prng } from '../../pcap/mutate.ts';
import { checkAll, frame, made } from './frames.ts';

afterEach(checkAll);

const MAC = '0200000000fe';
const GATEWAY = '020000000001';
const ADDRESSES: Record<string, string[]> = {
  x: ['10.1.0.11', '2001:db8:1::11'],
  y: ['10.1.0.12', '10.1.0.13'],
  z: ['2001:db8:1::12'],
};
const STRANGERS = ['10.1.0.99', '198.51.100.1', '2001:db8:1::99', '2001:db8:2::1'];
const MACS = [MAC, MAC, MAC, GATEWAY, '020000000077', 'ffffffffffff', '01005e000001', '3333ff000011'];

interface Group {
  mode: 'l2' | 'l3' | 'l3s';
  flag: 'bridge' | 'private' | 'vepa';
  host?: boolean;
  hostAccess?: boolean;
}

/** What a frame says of itself, as it was made. */
interface Said {
  port: string;
  dst: string;
  src: string;
  kind: '4' | '6' | 'arp' | 'probe' | 'pause' | 'other' | 'short' | 'damaged' | 'martian';
  from: string;
  to: string;
}

const is6 = (address: string) => address.includes(':');
const ownerOf = (address: string) => Object.keys(ADDRESSES).find((name) => ADDRESSES[name]!.includes(address));
const isMulticast = (mac: string) => (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
/** Frames with an address that can be read. */
const READABLE = ['4', '6', 'arp', 'probe', 'damaged', 'martian'];

function wanted(said: Said): string | undefined {
  return READABLE.includes(said.kind) ? ownerOf(said.to) : undefined;
}

function sender(said: Said): string | undefined {
  if (said.kind === 'probe') return ownerOf(said.to);
  return READABLE.includes(said.kind) && said.kind !== 'martian' ? ownerOf(said.from) : undefined;
}

/** Ports that get the frame, `router` where the interface's side has it. */
function expected(group: Group, said: Said): string[] {
  const children = Object.keys(ADDRESSES);
  const host = group.host ? ['h'] : [];
  const child = wanted(said);
  const among = (name: string | undefined) => (name === undefined || name === said.port ? [] : [name]);
  if (group.mode !== 'l2') {
    if (said.port === 'up') {
      if (said.dst !== MAC || said.kind === 'arp' || child === undefined) return ['router'];
      const refuses =
        group.mode === 'l3s' && (said.kind === 'damaged' || said.kind === 'martian' || said.kind === 'probe');
      return refuses ? [] : [child];
    }
    if (isMulticast(said.dst) || ['arp', 'probe', 'pause', 'other', 'short'].includes(said.kind)) return [];
    if (group.flag === 'vepa' || child === undefined) return ['router'];
    return group.flag === 'private' ? [] : among(child);
  }
  if (said.port === 'up') {
    if (isMulticast(said.dst)) {
      const reflected = said.src === MAC && sender(said) !== undefined;
      return reflected || said.kind === 'pause' ? host : [...children, ...host];
    }
    if (said.dst !== MAC) return [];
    return child === undefined ? host : [child];
  }
  if (said.port === 'h') {
    if (!group.hostAccess) return ['up'];
    if (isMulticast(said.dst)) return ['up', ...children];
    return said.dst === MAC ? (child === undefined ? [] : [child]) : ['up'];
  }
  if (isMulticast(said.dst)) {
    if (said.kind === 'pause') return [];
    return ['up', ...children.filter((name) => name !== said.port), ...(group.hostAccess ? host : [])];
  }
  if (group.flag === 'vepa' || said.dst !== MAC) return ['up'];
  if (child === undefined) return host;
  return group.flag === 'private' ? [] : among(child);
}

const words = (address: string) => {
  if (!is6(address)) return Buffer.from(address.split('.').map(Number));
  const [head, tail] = address.split('::') as [string, string];
  const [a, b] = [head, tail].map((half) =>
    half
      .split(':')
      .map((word) => word.padStart(4, '0'))
      .join(''),
  );
  return Buffer.from(a + '0'.repeat(32 - a!.length - b!.length) + b, 'hex');
};

function bytesOf({ dst, src, kind, from, to }: Said): Buffer {
  const head = Buffer.from(dst + src, 'hex');
  const with4 = (...rest: Buffer[]) => Buffer.concat([head, Buffer.from([8, 0]), ...rest]);
  const packet4 = (source: Buffer) => {
    const header = Buffer.concat([Buffer.from('4500002e0000400040110000', 'hex'), source, words(to)]);
    let sum = 0;
    for (let at = 0; at < 20; at += 2) sum += header.readUInt16BE(at);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    header.writeUInt16BE(~sum & 0xffff, 10);
    return Buffer.concat([header, Buffer.alloc(26)]);
  };
  const packet6 = (source: Buffer, target: Buffer, next: number, payload: Buffer) => {
    const fixed = Buffer.from([0x60, 0, 0, 0, payload.length >> 8, payload.length & 0xff, next, 64]);
    return Buffer.concat([head, Buffer.from([0x86, 0xdd]), fixed, source, target, payload]);
  };
  switch (kind) {
    case '4':
      return with4(packet4(words(from)));
    case 'martian':
      return with4(packet4(Buffer.from([127, 0, 0, 1])));
    case 'damaged': {
      const packet = packet4(words(from));
      packet[10]! ^= 0x10;
      return with4(packet);
    }
    case 'short':
      return with4(packet4(words(from)).subarray(0, 30));
    case '6':
      return packet6(words(from), words(to), 17, Buffer.alloc(26));
    case 'probe': {
      const solicitation = Buffer.concat([Buffer.from([135, 0, 0, 0, 0, 0, 0, 0]), words(to)]);
      return packet6(Buffer.alloc(16), Buffer.from(`ff0200000000000000000001ff${'000011'}`, 'hex'), 58, solicitation);
    }
    case 'arp': {
      const claim = Buffer.concat([Buffer.from('080600010800060400', 'hex'), Buffer.from([1 + (to.length & 1)])]);
      const [sha, tha] = [Buffer.from(src, 'hex'), Buffer.alloc(6)];
      return Buffer.concat([head, claim, sha, words(from), tha, words(to), Buffer.alloc(18)]);
    }
    case 'pause':
      return Buffer.concat([head, Buffer.from([0x88, 0x08]), Buffer.alloc(46)]);
    default:
      return Buffer.concat([head, Buffer.from([0x88, 0xb5]), Buffer.alloc(46)]);
  }
}

function roll(random: Prng, ports: readonly string[]): Said {
  const pick = <T>(items: readonly T[]): T => items[random.below(items.length)]!;
  const kind = pick([
    '4',
    '4',
    '4',
    '6',
    '6',
    '6',
    'arp',
    'arp',
    'probe',
    'pause',
    'other',
    'short',
    'damaged',
    'martian',
  ] as const);
  const of6 = kind === '6' || kind === 'probe';
  const all = [...Object.values(ADDRESSES).flat(), ...STRANGERS].filter((address) => is6(address) === of6);
  const src = pick(MACS.filter((mac) => !isMulticast(mac)));
  return { port: pick(ports), dst: pick(MACS), src, kind, from: pick(all), to: pick(all) };
}

function switchOf({ mode, flag, host, hostAccess }: Group): Switch {
  const children = Object.fromEntries(Object.entries(ADDRESSES).map(([name, addresses]) => [name, { addresses }]));
  const mac = MAC.replace(/..(?=.)/g, '$&:');
  const ports = { up: mode === 'l2' ? {} : { mode: 'access' as const, vlan: 10 }, x: {}, y: {}, z: {} };
  const l2 = { parent: 'up', mac, ...(host && { host: { port: 'h' }, hostAccess: hostAccess === true }) };
  const neighbor = GATEWAY.replace(/..(?=.)/g, '$&:');
  const l3: ConfigInput = {
    interfaces: {
      gate: {
        vlan: 10,
        mac,
        addresses: ['10.0.0.5/24', '2001:db8::5/64'],
        neighbors: { '10.0.0.1': neighbor, '2001:db8::1': neighbor },
      },
    },
    routes: [
      { to: '0.0.0.0/0', via: '10.0.0.1' },
      { to: '::/0', via: '2001:db8::1' },
    ],
  };
  const group = { mode, flag, children, ...(mode === 'l2' ? l2 : { parent: 'gate' }) };
  const sw = made({ ...ports, ...(host && { h: {} }) }, { ...(mode === 'l2' ? {} : l3), ipvlan: { g: group } });
  if (mode !== 'l2') sw.port('up').send(frame({ src: neighbor }));
  return sw;
}

const FLAGS = ['bridge', 'private', 'vepa'] as const;
const GROUPS: Group[] = [
  ...FLAGS.flatMap((flag): Group[] => [
    { mode: 'l2', flag },
    { mode: 'l2', flag, host: true },
    { mode: 'l2', flag, host: true, hostAccess: true },
    { mode: 'l3', flag },
    { mode: 'l3s', flag },
  ]),
];

it.each(GROUPS)('random frames fare as the account says: %o', (group) => {
  const random = new Prng(0x1b5a11);
  const sw = switchOf(group);
  const ports = ['up', 'up', 'up', 'x', 'y', 'z', ...(group.host ? ['h'] : [])];
  const inGroup = (name: string) => name !== 'up' || group.mode === 'l2';
  let reached = 0;
  for (let n = 0; n < 800; n++) {
    const said = roll(random, ports);
    const { ports: to, reason } = sw.port(said.port).send(bytesOf(said));
    const left = to.filter(inGroup);
    const want = expected(group, said);
    // What ends at the group itself, and with l3s at the checks before a child, is not the router's.
    const ends = /^IPVLAN_/.test(reason ?? '') || (reason === 'LOOKUP_REFLECTION' && said.port !== 'up');
    const isChecked = want.length === 0 && (reason === 'ROUTE_HEADER' || reason === 'ROUTE_MARTIAN');
    const isRouters = group.mode !== 'l2' && left.length === 0 && !ends && !isChecked;
    const got = isRouters ? ['router'] : left;
    expect([...got].sort(), JSON.stringify({ said, reason })).toEqual([...want].sort());
    reached += left.length;
  }
  expect(reached).toBeGreaterThan(40);
});
