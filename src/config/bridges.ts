/**
 * Bridges and their VLANs while a configuration is read: the default bridge from `switch:` and `vlans:`, further ones
 * from `bridges:`, and the VLANs that ports bring with them.
 */
import { ConfigError, didYouMean, type Path, type Source, show } from './error.ts';
import { readPrivateVlans } from './private-vlans.ts';
import type { RawBridge, RawVlans } from './schema/bridge.ts';
import type { RawConfig } from './schema/schema.ts';
import type { BridgeConfig, SecondaryVlan, VlanConfig } from './types.ts';
import { expandVlans, isVid } from './vlan-range.ts';

/** The tables of the data plane index (bridge, VLAN) with 16 bits; 0 and 65,535 are theirs. */
export const MAX_BRIDGE_VLANS = 65_534;
/** Learned entries of all bridges, which share one table: what its largest size holds beside the configured ones. */
const MAX_LEARNED = 12 * 1024 * 1024;
const MAX_BRIDGES = 1024; // as many as ports: a bridge without one has nothing to do

export class Bridge {
  readonly name: string;
  readonly type: BridgeConfig['type'];
  readonly #settings: Omit<BridgeConfig, 'name' | 'vlans'>;
  readonly #vlans: (VlanConfig | undefined)[] = [];
  #secondaries: ReadonlyMap<number, SecondaryVlan> = new Map();

  constructor(name: string, raw: Omit<RawBridge, 'vlans'>) {
    const { type, fdb, hub, learning, unknownUnicastFlood, multicastFlood, broadcastFlood } = raw;
    const reservedMac = raw.reservedMac ?? (type === 's-vlan' ? 's-vlan' : 'c-vlan');
    this.name = name;
    this.type = type;
    this.#settings = {
      type,
      fdb: { ...fdb },
      reservedMac,
      hub,
      learning,
      unknownUnicastFlood,
      multicastFlood,
      broadcastFlood,
    };
  }

  get isHub(): boolean {
    return this.#settings.hub;
  }

  /** Secondaries of its private VLANs, by VID. */
  get secondaries(): ReadonlyMap<number, SecondaryVlan> {
    return this.#secondaries;
  }

  secondary(vid: number): SecondaryVlan | undefined {
    return this.#secondaries.get(vid);
  }

  has(vid: number): boolean {
    return this.#vlans[vid] !== undefined;
  }

  /** A VLAN that a port names exists. */
  ensure(vid: number): void {
    this.#vlans[vid] ??= { vid, name: defaultName(vid), fdbMaxEntries: 0 };
  }

  configure(raw: RawVlans, path: Path, source: Source): void {
    const names = new Map<string, number>();
    for (const [key, settings] of Object.entries(raw)) {
      const here = [...path, key];
      if (this.type === 'unaware') {
        throw new ConfigError(source.place(here), `bridge ${this.name} is unaware: it has no VLANs; remove them`);
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
        if (this.has(vid)) throw new ConfigError(source.place(here), `VLAN ${vid} is configured twice`);
        this.#vlans[vid] = { vid, name: settings.name ?? defaultName(vid), fdbMaxEntries: settings.fdbMaxEntries };
      }
    }
    this.#secondaries = readPrivateVlans(raw, path, source);
    for (const [vid, secondary] of this.#secondaries) {
      this.ensure(vid);
      this.#vlans[vid] = { ...this.#vlans[vid]!, secondary };
    }
  }

  get vlanCount(): number {
    let count = 0;
    for (const vlan of this.#vlans) if (vlan !== undefined) count++;
    return count;
  }

  normalised(): BridgeConfig {
    const vlans = this.#vlans.filter((vlan) => vlan !== undefined);
    return { name: this.name, ...this.#settings, vlans };
  }
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
    this.#default = this.#add(config.switch.name, config.switch);
    this.#default.configure(config.vlans, ['vlans'], source);
    const further = Object.entries(config.bridges);
    if (further.length >= MAX_BRIDGES) {
      throw this.#error(['bridges'], `there are ${further.length} bridges; valid are at most ${MAX_BRIDGES - 1}`);
    }
    for (const [name, raw] of further) {
      if (this.#byName.has(name)) {
        throw this.#error(['bridges', name], `${show(name)} is the name of the switch and of its default bridge`);
      }
      this.#add(name, raw).configure(raw.vlans, ['bridges', name, 'vlans'], source);
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

  normalised(): BridgeConfig[] {
    const bridges = [...this.#byName.values()];
    const count = bridges.reduce((sum, bridge) => sum + bridge.vlanCount, 0);
    if (count > MAX_BRIDGE_VLANS) {
      const problem = `there are ${count} VLANs in ${bridges.length} bridges; valid are at most ${MAX_BRIDGE_VLANS} in all`;
      throw this.#error(['bridges'], problem);
    }
    const normalised = bridges.map((bridge) => bridge.normalised());
    const learned = normalised.reduce((sum, { fdb }) => sum + fdb.maxEntries, 0);
    if (learned > MAX_LEARNED) {
      const problem = `fdb.maxEntries of all ${bridges.length} bridges are ${learned} together; valid are at most ${MAX_LEARNED}`;
      throw this.#error(['bridges'], problem);
    }
    return normalised;
  }

  #add(name: string, raw: Omit<RawBridge, 'vlans'>): Bridge {
    const bridge = new Bridge(name, raw);
    this.#byName.set(name, bridge);
    return bridge;
  }

  #error(path: Path, problem: string): ConfigError {
    return new ConfigError(this.#source.place(path), problem);
  }
}
