/**
 * Configurations in which a frame arrives, and ways to spoil them: what people do by mistake.
 */

import type { FdbEntryConfig } from '../../../src/config/types/fdb.ts';
import type { PortConfig, SwitchConfig } from '../../../src/config/types.ts';
import type { Start } from '../../../src/trace/situation.ts';
import { load } from '../control/random-config.ts';
import type { Random } from '../dataplane/world.ts';

export const SRC = '02:00:00:00:00:01';
export const DST = '02:00:00:00:00:02';
const LLDP = '01:80:c2:00:00:0e';
const GROUP = '01:00:5e:00:00:fb';
const BROADCAST = 'ff:ff:ff:ff:ff:ff';

export interface Case {
  situation: Start;
  from: string;
  to: string;
  bytes: Uint8Array;
  spoiled: string[];
}

const VIDS = [10, 20, 30];

/** A switch of five ports, a frame from p1, and p2 where it should arrive. */
export function soundCase(r: Random): Case {
  const vid = r.pick(VIDS);
  const unaware = r.chance(10);
  const service = !unaware && r.chance(10);
  const modes = ['access', 'access', 'trunk', 'trunk-native', 'hybrid', ...(unaware ? [] : ['dot1q-tunnel'])];
  const mode = r.pick(modes);
  const ports: Record<string, unknown> = {};
  for (let n = 1; n <= 5; n++) {
    const own = n === 1 ? mode : r.pick(modes);
    const mine = n <= 2 ? vid : r.pick(VIDS);
    ports[`p${n}`] = { adapter: 'memory', ...(unaware ? {} : vlansOf(r, own, mine)) };
  }
  ports.x = { adapter: 'memory', bridge: 'other', ...(r.chance(50) ? { vlan: vid, mode: 'access' } : {}) };
  const dst = r.pick([DST, DST, DST, BROADCAST, GROUP, LLDP]);
  const config = load({
    switch: {
      fdb: { maxEntries: 64 },
      type: unaware ? 'unaware' : service ? 's-vlan' : 'c-vlan',
      reservedMac: 'transparent',
    },
    ...(unaware ? {} : { vlans: { '10,20,30': {} } }),
    bridges: { other: { fdb: { maxEntries: 64 } } },
    ports,
  });
  const tagged = !unaware && (mode === 'trunk' || (mode === 'trunk-native' && r.chance(50)));
  const customer = mode === 'dot1q-tunnel';
  const learned = dst === DST && r.chance(50) ? [{ mac: DST, port: 'p2', ...(unaware ? {} : { vid }) }] : [];
  return {
    situation: { config, down: [], learned },
    from: 'p1',
    to: 'p2',
    bytes: frame(dst, tagged ? [service ? 0x88a8 : 0x8100, vid] : customer ? [0x8100, 7] : null, 60 + r.below(100)),
    spoiled: [],
  };
}

function vlansOf(r: Random, mode: string, vid: number): object {
  const others = VIDS.filter(() => r.chance(30));
  const set = [...new Set([vid, ...others])];
  switch (mode) {
    case 'trunk':
      return { mode: 'trunk', vlans: set };
    case 'trunk-native':
      return { mode: 'trunk', vlans: set, native: vid };
    case 'hybrid':
      return { mode: 'hybrid', pvid: vid, untagged: [vid], tagged: set.filter((each) => each !== vid) };
    case 'dot1q-tunnel':
      return { mode, vlan: vid, ...(r.chance(50) ? { cvids: '5-9' } : {}) };
    default:
      return { mode: 'access', vlan: vid };
  }
}

function frame(dst: string, tag: [number, number] | null, length: number): Uint8Array {
  const head = Buffer.from((dst + SRC).replaceAll(':', ''), 'hex');
  const tagBytes = tag === null ? [] : [tag[0] >> 8, tag[0] & 255, tag[1] >> 8, tag[1] & 255];
  return Uint8Array.from([...head, ...tagBytes, 0x88, 0xb5, ...new Array(length).fill(0x5a)]);
}

type Spoil = (s: Start, r: Random, vid: number) => Start;

const ofPort =
  (name: string, change: (port: PortConfig, r: Random, vid: number) => Partial<PortConfig>): Spoil =>
  (s, r, vid) => ({
    ...s,
    config: {
      ...s.config,
      ports: s.config.ports.map((port) => (port.name === name ? { ...port, ...change(port, r, vid) } : port)),
    },
  });

const both =
  (change: () => Partial<PortConfig>): Spoil =>
  (s, r, vid) =>
    ofPort('p2', change)(ofPort('p1', change)(s, r, vid), r, vid);

const ofBridge =
  (change: Partial<SwitchConfig['bridges'][number]>): Spoil =>
  (s) => ({
    ...s,
    config: { ...s.config, bridges: s.config.bridges.map((b, i) => (i === 0 ? { ...b, ...change } : b)) },
  });

const entry =
  (kind: FdbEntryConfig['kind'], mac: string, port: string | null): Spoil =>
  (s, _r, vid) => {
    const [bridge] = s.config.bridges;
    const added = { bridge: bridge.name, vid: bridge.type === 'unaware' ? null : vid, mac, port, kind };
    return { ...s, config: { ...s.config, fdbEntries: [...s.config.fdbEntries.filter((e) => e.mac !== mac), added] } };
  };

const learnedOn =
  (port: string): Spoil =>
  (s, _r, vid) => {
    const unaware = s.config.bridges[0].type === 'unaware';
    return { ...s, learned: [{ mac: DST, port, ...(unaware ? {} : { vid }) }] };
  };

const without = (port: PortConfig, vid: number) => port.members.filter((member) => member.vid !== vid);
const otherVid = (r: Random, vid: number) => r.pick(VIDS.filter((each) => each !== vid));
const moved = (vid: number): Partial<PortConfig> => ({ pvid: vid, members: [{ vid, untagged: true }] });

export const SPOILS: Readonly<Record<string, Spoil>> = {
  'p2 not in the VLAN': ofPort('p2', (port, _r, vid) => ({ members: without(port, vid) })),
  'p1 not in the VLAN': ofPort('p1', (port, _r, vid) => ({ members: without(port, vid) })),
  'p2 in another VLAN': ofPort('p2', (port, r, vid) => (port.mode === 'access' ? moved(otherVid(r, vid)) : {})),
  'p1 in another VLAN': ofPort('p1', (port, r, vid) => (port.mode === 'access' ? moved(otherVid(r, vid)) : {})),
  'p1 without PVID': ofPort('p1', (port) => (port.mode === 'access' ? {} : { pvid: null })),
  'p1 with another PVID': ofPort('p1', (_port, r, vid) => ({ pvid: otherVid(r, vid) })),
  'p1 takes tagged only': ofPort('p1', () => ({ acceptFrames: 'tagged' })),
  'p1 takes untagged only': ofPort('p1', () => ({ acceptFrames: 'untagged' })),
  'p1 discards': ofPort('p1', () => ({ state: 'discarding' })),
  'p1 only learns': ofPort('p1', () => ({ state: 'learning' })),
  'p2 discards': ofPort('p2', () => ({ state: 'discarding' })),
  isolated: both(() => ({ isolated: true })),
  'split horizon': both(() => ({ splitHorizonGroup: 7 })),
  'small MTU on p1': ofPort('p1', () => ({ mtu: 68 })),
  'small MTU on p2': ofPort('p2', () => ({ mtu: 68 })),
  'p2 takes no unknown': ofPort('p2', () => ({ unknownUnicastFlood: false })),
  'p2 takes no groups': ofPort('p2', () => ({ multicastFlood: false })),
  'p2 takes no broadcast': ofPort('p2', () => ({ broadcastFlood: false })),
  'no unknown': ofBridge({ unknownUnicastFlood: false }),
  'no groups': ofBridge({ multicastFlood: false }),
  'no broadcast': ofBridge({ broadcastFlood: false }),
  'reserved addresses': ofBridge({ reservedMac: 'c-vlan' }),
  'blackhole destination': entry('blackhole', DST, null),
  'blackhole source': entry('blackhole', SRC, null),
  'destination is local': entry('local', DST, null),
  'destination configured on p3': entry('static', DST, 'p3'),
  'destination configured on p1': entry('sticky', DST, 'p1'),
  'source configured on p3': (s, r, vid) => {
    const fdb = { ...s.config.bridges[0].fdb, staticViolation: 'drop' as const };
    return ofBridge({ fdb })(entry('static', SRC, 'p3')(s, r, vid), r, vid);
  },
  'destination learned on p3': learnedOn('p3'),
  'destination learned on p1': learnedOn('p1'),
  'p1 is down': (s) => ({ ...s, down: [...s.down, 'p1'] }),
  'p2 is down': (s) => ({ ...s, down: [...s.down, 'p2'] }),
  'p1 carries other customers': ofPort('p1', (port) => (port.mode === 'dot1q-tunnel' ? { tunnelCvids: [99] } : {})),
  'p2 on another bridge': ofPort('p2', () => ({ bridge: 'other' })),
  'p1 is an access port': ofPort('p1', (port, r) =>
    port.mode === 'trunk' ? { mode: 'access', acceptFrames: 'untagged', ...moved(r.pick(VIDS)) } : {},
  ),
};
