/**
 * Random switches: configurations of every kind, as the text that a user would write, so that what is fuzzed is
 * what can be configured. Named by a seed.
 */
import { ConfigError, loadConfig } from '../../src/config/load.ts';
import type { SwitchConfig } from '../../src/config/types.ts';
import type { Prng } from '../unit/pcap/mutate.ts';

export const VIDS = [1, 2, 10, 20, 33, 100, 200, 4094];
/** Hosts of a world have the addresses 02:00:00:00:00:00 to :1f. */
export const HOSTS = 32;

export type Raw = Record<string, unknown>;

/** A configuration that the loader takes; most of what is rolled is valid. */
export function randomConfig(random: Prng): SwitchConfig {
  for (;;) {
    const text = JSON.stringify(rollConfig(random));
    try {
      return loadConfig(text, 'fuzz.json');
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
    }
  }
}

export const pick = <T>(random: Prng, items: readonly T[]): T => items[random.below(items.length)];
export const chance = (random: Prng, percent: number): boolean => random.below(100) < percent;

export function vidSet(random: Prng): string {
  if (chance(random, 10)) return '1-300';
  const n = 1 + random.below(5);
  return [...new Set(Array.from({ length: n }, () => pick(random, VIDS)))].join(',');
}

export function rollConfig(random: Prng): Raw {
  const bridges = 1 + (chance(random, 30) ? random.below(3) : 0);
  const types = Array.from({ length: bridges }, () =>
    pick(random, ['c-vlan', 'c-vlan', 'c-vlan', 's-vlan', 'unaware']),
  );
  const ports: Record<string, Raw> = {};
  const isPrivate = types[0] !== 'unaware' && chance(random, 30);
  const count = chance(random, 15) ? 30 + random.below(50) : 2 + random.below(9);
  for (let n = 0; n < count; n++) {
    const b = random.below(bridges);
    ports[`p${n}`] = rollPort(random, b, types[b]);
    if (isPrivate && b === 0 && chance(random, 60)) makePrivate(random, ports[`p${n}`]);
  }
  const config: Raw = { switch: { name: 'b0', hashSeed: random.next(), ...rollBridge(random, types[0]) }, ports };
  if (isPrivate) config.vlans = { 1000: { isolated: 1001, communities: '1002,1003' } };
  const more: Record<string, Raw> = {};
  for (let b = 1; b < bridges; b++) more[`b${b}`] = rollBridge(random, types[b]);
  if (bridges > 1) config.bridges = more;
  const fdb: Raw[] = [];
  for (let n = random.below(6); n > 0; n--) {
    const b = random.below(bridges);
    const kind = pick(random, ['static', 'sticky', 'local', 'external', 'blackhole']);
    const entry: Raw = { mac: macText(random.below(HOSTS)), kind };
    if (types[b] !== 'unaware') entry.vlan = pick(random, VIDS);
    if (kind === 'blackhole' || (kind === 'local' && chance(random, 50))) entry.bridge = `b${b}`;
    else entry.port = `p${random.below(count)}`;
    fdb.push(entry);
  }
  // An entry that fits no port fails the load of all of them: give that up more often than not.
  if (chance(random, 60)) config.fdb = fdb;
  // Nothing looks at the copies here; an output drops what arrives on it and what is sent to it.
  const output = fdb.find((entry) => entry.port !== undefined)?.port ?? `p${random.below(count)}`;
  if (chance(random, 40)) config.mirrors = [{ name: 'm', output, selectAll: true }];
  if (chance(random, 25)) rollMacvlan(random, config, ports);
  if (chance(random, 25)) rollIpvlan(random, config, ports);
  return config;
}

/** Five ports of their own for a group, the first its parent, the last its host. */
function rollGroupPorts(random: Prng, letter: string, ports: Record<string, Raw>): void {
  for (let n = 0; n < 5; n++) {
    ports[`${letter}${n}`] = { adapter: 'memory' };
    if (chance(random, 20)) ports[`${letter}${n}`].mtu = pick(random, [68, 1504, 9000]);
  }
}

/** Ports that share a parent, or a VLAN of it, and its MAC, with hosts' IP addresses. */
function rollIpvlan(random: Prng, config: Raw, ports: Record<string, Raw>): void {
  rollGroupPorts(random, 'i', ports);
  const children: Record<string, Raw> = {};
  for (let n = 1; n < 4; n++) {
    children[`i${n}`] = { addresses: [`10.0.0.${8 * n}`, `10.0.0.${8 * n + 1}`, `2001:db8::${(8 * n).toString(16)}`] };
    if (chance(random, 40))
      children[`i${n}`].multicast = pick(random, [[], ['224.0.0.1'], ['ff02::1:2', '224.0.0.251']]);
  }
  const flag = pick(random, ['bridge', 'private', 'vepa']);
  const group: Raw = { parent: 'i0', mac: macText(0), flag, children };
  if (chance(random, 40)) group.vlan = pick(random, VIDS);
  if (chance(random, 50)) Object.assign(group, { host: { port: 'i4' }, hostAccess: chance(random, 50) });
  config.ipvlan = { group };
}

/** Ports of their own that share a parent, or a VLAN of it, with hosts' addresses. */
function rollMacvlan(random: Prng, config: Raw, ports: Record<string, Raw>): void {
  rollGroupPorts(random, 'm', ports);
  const children: Record<string, Raw> = {};
  for (let n = 1; n < 4; n++) {
    const mode = pick(random, ['bridge', 'bridge', 'vepa', 'private', 'source']);
    children[`m${n}`] = { mode, macs: [macText(8 * n), macText(8 * n + random.below(3) + 1)] };
    if (mode === 'source') children[`m${n}`].sources = [macText(random.below(HOSTS))];
  }
  const group: Raw = { parent: 'm0', children };
  if (chance(random, 40)) group.vlan = pick(random, VIDS);
  if (chance(random, 50))
    Object.assign(group, { host: { port: 'm4', mac: macText(1) }, hostAccess: chance(random, 50) });
  config.macvlan = { group };
}

export function macText(host: number): string {
  return `02:00:00:00:00:${host.toString(16).padStart(2, '0')}`;
}

function rollBridge(random: Prng, type: string): Raw {
  const bridge: Raw = {
    type,
    fdb: {
      ageSeconds: pick(random, [10, 60, 300]),
      maxEntries: pick(random, [1, 3, 16, 100, 1000]),
      overflow: pick(random, ['fair', 'lru', 'refuse']),
      staticViolation: pick(random, ['forward', 'drop']),
    },
    reservedMac: pick(random, ['c-vlan', 's-vlan', 'tpmr', 'transparent']),
  };
  if (chance(random, 5)) bridge.hub = true;
  if (chance(random, 5)) bridge.learning = false;
  for (const key of ['unknownUnicastFlood', 'multicastFlood', 'broadcastFlood']) {
    if (chance(random, 5)) bridge[key] = false;
  }
  return bridge;
}

function rollPort(random: Prng, b: number, type: string): Raw {
  const port: Raw = { adapter: 'memory', bridge: `b${b}` };
  if (type !== 'unaware') rollVlans(random, port);
  if (chance(random, 30)) port.mtu = pick(random, [68, 100, 1496, 1504, 9000, 65_535]);
  if (chance(random, 5)) port.state = pick(random, ['discarding', 'learning']);
  for (const key of ['learning', 'unknownUnicastFlood', 'multicastFlood', 'broadcastFlood']) {
    if (chance(random, 5)) port[key] = false;
  }
  if (chance(random, 15)) port.isolated = true;
  if (chance(random, 15)) port.splitHorizonGroup = 1 + random.below(2);
  if (chance(random, 10)) port.hairpin = true;
  if (chance(random, 15)) port.fdbMaxEntries = 1 + random.below(5);
  return port;
}

/** A port of the private VLAN 1000. */
function makePrivate(random: Prng, port: Raw): void {
  for (const key of VLAN_KEYS) delete port[key];
  const kind = random.below(8);
  if (kind === 0) Object.assign(port, { mode: 'promiscuous', vlan: 1000 });
  else if (kind === 1) Object.assign(port, { mode: 'trunk', vlans: '1000-1003', native: 1000 + random.below(4) });
  else if (kind === 6) Object.assign(port, { mode: 'promiscuous', vlans: '10,1000' });
  else if (kind === 7) Object.assign(port, { mode: 'private-host', vlans: `10,${1001 + random.below(3)}` });
  else Object.assign(port, { mode: 'private-host', vlan: 1001 + random.below(3) });
}

const VLAN_KEYS = [
  ...['vlan', 'vlans', 'native', 'tagged', 'untagged', 'pvid', 'cvids', 'serviceVlans'],
  ...['acceptFrames', 'ingressFiltering'],
];

function rollVlans(random: Prng, port: Raw): void {
  const mode = pick(random, ['access', 'access', 'trunk', 'trunk', 'hybrid', 'dot1q-tunnel']);
  port.mode = mode;
  if (mode === 'access' || mode === 'dot1q-tunnel') port.vlan = pick(random, VIDS);
  if (mode === 'dot1q-tunnel' && chance(random, 40)) port.cvids = vidSet(random);
  else if (mode === 'dot1q-tunnel' && chance(random, 50)) {
    port.serviceVlans = { '1-9': pick(random, VIDS), '10-99': 3998, 100: { vlan: 3999, keepTag: false } };
  }
  if (chance(random, 20)) {
    const trust = pick(random, ['pcp', 'dscp', 'none']);
    port.priority = { trust, default: random.below(8), dscp: { '0-7': random.below(8) }, egress: { 5: 6, 0: 1 } };
  }
  if (mode === 'trunk') {
    port.vlans = vidSet(random);
    if (chance(random, 50)) port.native = pick(random, VIDS);
  }
  if (mode === 'hybrid') {
    const [one, two] = [pick(random, VIDS), pick(random, VIDS)];
    port.untagged = String(one);
    if (two !== one) port.tagged = String(two);
    port.pvid = pick(random, [one, one, two, 'none']);
  }
  if (chance(random, 20)) port.acceptFrames = pick(random, ['all', 'untagged', 'tagged']);
  if (chance(random, 20)) port.ingressFiltering = false;
}
