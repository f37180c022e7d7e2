/**
 * `fdb:` entries against the bridges and ports of the same file: an entry that could never match (an unknown port, a
 * VLAN the port is not in, a group address) is an error, not a silence.
 */
import { ConfigError, didYouMean, type Path, type Source, show } from './error.ts';
import { byName, Remembered } from './remembered.ts';
import type { RawConfig } from './schema/schema.ts';
import type { FdbEntryConfig } from './types/fdb.ts';
import type { InterfaceConfig } from './types/routing.ts';
import type { BridgeConfig, PortConfig, SecondaryVlan } from './types.ts';

type RawEntry = RawConfig['fdb'][number];

/** A bridge, as far as entries are concerned. */
export interface EntryBridge {
  readonly name: string;
  readonly type: BridgeConfig['type'];
  secondary(vid: number): SecondaryVlan | undefined;
  has(vid: number): boolean;
}

export interface EntryBridges {
  /** `undefined` is the default bridge. Throws ConfigError. */
  find(name: string | undefined, path: Path): EntryBridge;
}

/** Entries that are a part of a list. */
export interface EntriesPlace {
  /** Where the first of them stands. */
  first: number;
  /** Where the others have an address. */
  taken(bridge: string, vid: number | null, mac: string): number | undefined;
}

const WHOLE: EntriesPlace = { first: 0, taken: () => undefined };

/** Interfaces by bridge, VLAN and MAC. */
const ownersOfMacs = new Remembered<ReadonlyMap<string, string>>();

export function readFdbEntries(
  raw: RawEntry[],
  bridges: EntryBridges,
  ports: readonly PortConfig[],
  interfaces: readonly InterfaceConfig[],
  source: Source,
  { first: start, taken }: EntriesPlace = WHOLE,
): FdbEntryConfig[] {
  if (raw.length === 0) return [];
  const named = byName(ports);
  const owners = ownersOfMacs.of(interfaces, [], () => {
    return new Map(interfaces.map(({ bridge, vid, mac, name }) => [`${bridge} ${vid} ${mac}`, name]));
  });
  const members = new Map<string, Set<number>>();
  const seen = new Map<string, number>();
  const error = (path: Path, problem: string) => new ConfigError(source.place(path), problem);

  const findPort = (entry: RawEntry, path: Path): PortConfig | null => {
    if (entry.port === undefined) {
      if (entry.kind === 'blackhole' || entry.kind === 'local') return null;
      throw error([...path, 'port'], `is missing; an entry of kind ${entry.kind} has a port`);
    }
    if (entry.kind === 'blackhole') throw error([...path, 'port'], 'a blackhole entry has no port; remove "port"');
    const port = named.get(entry.port);
    if (port !== undefined) return port;
    const hint = didYouMean(entry.port, [...named.keys()].slice(0, 1024));
    throw error([...path, 'port'], `there is no port ${show(entry.port)}${hint}; valid is a name under "ports"`);
  };

  const findBridge = (entry: RawEntry, port: PortConfig | null, path: Path): EntryBridge => {
    if (port?.bridge === null) throw error([...path, 'port'], `port ${port.name} is in no bridge`);
    const bridge = bridges.find(entry.bridge ?? port?.bridge, [...path, 'bridge']);
    if (port !== null && port.bridge !== bridge.name) {
      throw error([...path, 'bridge'], `port ${port.name} belongs to bridge ${port.bridge}, not to ${bridge.name}`);
    }
    return bridge;
  };

  const findVid = ({ vlan }: RawEntry, bridge: EntryBridge, port: PortConfig | null, path: Path): number | null => {
    if (bridge.type === 'unaware') {
      if (vlan === undefined) return null;
      throw error([...path, 'vlan'], `bridge ${bridge.name} is unaware: it has no VLANs; remove "vlan"`);
    }
    if (vlan === undefined) throw error([...path, 'vlan'], 'is missing; valid are 1-4094');
    const secondary = bridge.secondary(vlan);
    if (secondary !== undefined) {
      const problem = `VLAN ${vlan} is private: its addresses are those of its primary; write ${secondary.primary}`;
      throw error([...path, 'vlan'], problem);
    }
    if (port !== null) {
      const vids = members.get(port.name) ?? new Set(port.members.map(({ vid }) => vid));
      members.set(port.name, vids);
      if (!vids.has(vlan)) throw error([...path, 'vlan'], `port ${port.name} is not a member of VLAN ${vlan}`);
    } else if (!bridge.has(vlan)) {
      throw error([...path, 'vlan'], `bridge ${bridge.name} has no VLAN ${vlan}; add it to "vlans" or to a port`);
    }
    return vlan;
  };

  return raw.map((entry, i) => {
    const index = start + i;
    const path: Path = ['fdb', index];
    const mac = entry.mac.toLowerCase().replaceAll('-', ':');
    if (mac === '00:00:00:00:00:00')
      throw error([...path, 'mac'], 'the zero address is nobody; valid is a unicast MAC');
    if ((Number.parseInt(mac.slice(0, 2), 16) & 1) === 1) {
      throw error([...path, 'mac'], `${mac} is a group address; valid is a unicast MAC (even first byte)`);
    }
    const port = findPort(entry, path);
    const bridge = findBridge(entry, port, path);
    const vid = findVid(entry, bridge, port, path);
    const key = `${bridge.name} ${vid} ${mac}`;
    const owner = owners.get(key);
    if (owner !== undefined) {
      const where = vid === null ? '' : ` in VLAN ${vid}`;
      throw error([...path, 'mac'], `${mac} is the MAC of interface ${owner}${where}; change or remove the interface`);
    }
    const first = seen.get(key) ?? taken(bridge.name, vid, mac);
    if (first !== undefined) {
      const where = vid === null ? `bridge ${bridge.name}` : `VLAN ${vid} of bridge ${bridge.name}`;
      throw error([...path, 'mac'], `${mac} is configured twice in ${where}; the first one is fdb[${first}]`);
    }
    seen.set(key, index);
    return { bridge: bridge.name, vid, mac, port: port?.name ?? null, kind: entry.kind };
  });
}
