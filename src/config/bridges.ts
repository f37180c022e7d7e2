/**
 * Bridges and their VLANs while a configuration is read: the default bridge from `switch:` and `vlans:`, further ones
 * from `bridges:`, and the VLANs that ports bring with them.
 */
import { ConfigError, didYouMean, type Path, type Source, show } from './error.ts';
import { readPrivateVlans } from './private-vlans.ts';
import { Remembered } from './remembered.ts';
import type { RawBridge, RawVlans } from './schema/bridge.ts';
import type { RawConfig } from './schema/schema.ts';
import type { BridgeConfig, SecondaryVlan, VlanConfig } from './types.ts';
import { expandVlans, isVid, MAX_VID, MIN_VID } from './vlan-range.ts';

/** The tables of the data plane index (bridge, VLAN) with 16 bits; 0 and 65,535 are theirs. */
export const MAX_BRIDGE_VLANS = 65_534;
/** Learned entries of all bridges, which share one table: what its largest size holds beside the configured ones. */
const MAX_LEARNED = 12 * 1024 * 1024;
const MAX_BRIDGES = 1024; // as many as ports: a bridge without one has nothing to do

/** VID v is bit v & 31 of word v >> 5; words that are not there are zero. */
export type VidBits = readonly number[];

const WORDS = (MAX_VID >> 5) + 1;

function isIn(bits: VidBits, vid: number): boolean {
  return (((bits[vid >> 5] ?? 0) >>> (vid & 31)) & 1) !== 0;
}

type Configured = { vlans: readonly (VlanConfig | undefined)[]; secondaries: ReadonlyMap<number, SecondaryVlan> };

const configured = new Remembered<Configured>();
const normalised = new Remembered<BridgeConfig>();

export class Bridge {
  readonly name: string;
  readonly type: BridgeConfig['type'];
  /** All that readers of other sections may depend on, but for which VLANs there are. */
  readonly nature: string;
  readonly #raw: Omit<RawBridge, 'vlans'>;
  readonly #configured: Configured;
  /** VLANs that ports and others bring. */
  readonly #brought: number[] = new Array(WORDS).fill(0);

  constructor(name: string, raw: Omit<RawBridge, 'vlans'>, vlans: RawVlans, path: Path, source: Source) {
    this.name = name;
    this.type = raw.type;
    this.#raw = raw;
    this.#configured = configured.of(vlans, [name, raw.type], () => readVlans(name, raw.type, vlans, path, source));
    const { secondaries } = this.#configured;
    this.nature = `${name} ${raw.type} ${raw.hub} ${secondaries.size === 0 ? '' : JSON.stringify([...secondaries])}`;
  }

  get isHub(): boolean {
    return this.#raw.hub;
  }

  /** Secondaries of its private VLANs, by VID. */
  get secondaries(): ReadonlyMap<number, SecondaryVlan> {
    return this.#configured.secondaries;
  }

  secondary(vid: number): SecondaryVlan | undefined {
    return this.secondaries.get(vid);
  }

  has(vid: number): boolean {
    return isIn(this.#brought, vid) || this.#configured.vlans[vid] !== undefined;
  }

  /** A VLAN that a port names exists. */
  ensure(vid: number): void {
    this.#brought[vid >> 5] |= 1 << (vid & 31);
  }

  ensureAll(vids: VidBits): void {
    for (let n = 0; n < vids.length; n++) this.#brought[n] |= vids[n] ?? 0;
  }

  normalised(): BridgeConfig {
    const { vlans } = this.#configured;
    return normalised.of(this.#configured, [this.#raw, ...this.#brought], () => {
      const all = [...vlans];
      for (let vid = MIN_VID; vid <= MAX_VID; vid++) if (isIn(this.#brought, vid)) all[vid] ??= defaultVlan(vid);
      return { name: this.name, ...settingsOf(this.#raw), vlans: all.filter((vlan) => vlan !== undefined) };
    });
  }
}

function settingsOf(raw: Omit<RawBridge, 'vlans'>): Omit<BridgeConfig, 'name' | 'vlans'> {
  const { type, fdb, hub, learning, unknownUnicastFlood, multicastFlood, broadcastFlood } = raw;
  const reservedMac = raw.reservedMac ?? (type === 's-vlan' ? 's-vlan' : 'c-vlan');
  return { type, fdb: { ...fdb }, reservedMac, hub, learning, unknownUnicastFlood, multicastFlood, broadcastFlood };
}

/** VLANs that are configured, by VID. */
function readVlans(bridge: string, type: BridgeConfig['type'], raw: RawVlans, path: Path, source: Source): Configured {
  const vlans: (VlanConfig | undefined)[] = [];
  const names = new Map<string, number>();
  for (const [key, settings] of Object.entries(raw)) {
    const here = [...path, key];
    if (type === 'unaware') {
      throw new ConfigError(source.place(here), `bridge ${bridge} is unaware: it has no VLANs; remove them`);
    }
    const vids = expandVlans(key);
    if (!Array.isArray(vids)) throw new ConfigError(source.place(here), vids.problem);
    if (settings.name !== undefined && vids.length !== 1) {
      const problem = `a name belongs to one VLAN, ${show(key)} are ${vids.length}; valid is a key with one VLAN ID`;
      throw new ConfigError(source.place([...here, 'name']), problem);
    }
    if (settings.name !== undefined) {
      const owner = names.get(settings.name) ?? ownerOfDefault(settings.name);
      if (owner !== null && owner !== vids[0]) {
        throw new ConfigError(source.place([...here, 'name']), `${show(settings.name)} is the name of VLAN ${owner}`);
      }
      names.set(settings.name, vids[0]!);
    }
    for (const vid of vids) {
      if (vlans[vid] !== undefined) throw new ConfigError(source.place(here), `VLAN ${vid} is configured twice`);
      vlans[vid] = { vid, name: settings.name ?? defaultName(vid), fdbMaxEntries: settings.fdbMaxEntries };
    }
  }
  const secondaries = readPrivateVlans(raw, path, source);
  for (const [vid, secondary] of secondaries) {
    vlans[vid] = { ...(vlans[vid] ?? defaultVlan(vid)), secondary };
  }
  return { vlans, secondaries };
}

function defaultVlan(vid: number): VlanConfig {
  return { vid, name: defaultName(vid), fdbMaxEntries: 0 };
}

function defaultName(vid: number): string {
  return `vlan${vid}`;
}

/** The VLAN that has this name unless it is given another: a name may not lead to two VLANs. */
function ownerOfDefault(name: string): number | null {
  const vid = Number(/^vlan([1-9]\d{0,3})$/.exec(name)?.[1]);
  return isVid(vid) ? vid : null;
}

/** All bridges by name; the first one is the default bridge. */
export class Bridges {
  readonly #byName = new Map<string, Bridge>();
  readonly #default: Bridge;
  readonly #source: Source;

  constructor(config: RawConfig, source: Source) {
    this.#source = source;
    this.#default = this.#add(config.switch.name, config.switch, config.vlans, ['vlans']);
    const further = Object.entries(config.bridges);
    if (further.length >= MAX_BRIDGES) {
      throw this.#error(['bridges'], `there are ${further.length} bridges; valid are at most ${MAX_BRIDGES - 1}`);
    }
    for (const [name, raw] of further) {
      if (this.#byName.has(name)) {
        throw this.#error(['bridges', name], `${show(name)} is the name of the switch and of its default bridge`);
      }
      this.#add(name, raw, raw.vlans, ['bridges', name, 'vlans']);
    }
  }

  /** `undefined` is the default bridge. */
  find(name: string | undefined, path: Path): Bridge {
    if (name === undefined) return this.#default;
    const bridge = this.#byName.get(name);
    if (bridge !== undefined) return bridge;
    const names = [...this.#byName.keys()];
    const valid = names.length > 16 ? `${names.slice(0, 16).join(', ')}, …` : names.join(', ');
    throw this.#error(path, `there is no bridge ${show(name)}${didYouMean(name, names)}; valid are ${valid}`);
  }

  /** The nature of each. */
  get natures(): string[] {
    return Array.from(this.#byName.values(), ({ nature }) => nature);
  }

  normalised(): BridgeConfig[] {
    const bridges = Array.from(this.#byName.values(), (bridge) => bridge.normalised());
    const count = bridges.reduce((sum, { vlans }) => sum + vlans.length, 0);
    if (count > MAX_BRIDGE_VLANS) {
      const problem = `there are ${count} VLANs in ${bridges.length} bridges; valid are at most ${MAX_BRIDGE_VLANS} in all`;
      throw this.#error(['bridges'], problem);
    }
    const learned = bridges.reduce((sum, { fdb }) => sum + fdb.maxEntries, 0);
    if (learned > MAX_LEARNED) {
      const problem = `fdb.maxEntries of all ${bridges.length} bridges are ${learned} together; valid are at most ${MAX_LEARNED}`;
      throw this.#error(['bridges'], problem);
    }
    return bridges;
  }

  #add(name: string, raw: Omit<RawBridge, 'vlans'>, vlans: RawVlans, path: Path): Bridge {
    const bridge = new Bridge(name, raw, vlans, path, this.#source);
    this.#byName.set(name, bridge);
    return bridge;
  }

  #error(path: Path, problem: string): ConfigError {
    return new ConfigError(this.#source.place(path), problem);
  }
}
