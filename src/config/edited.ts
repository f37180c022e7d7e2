/**
 * The document after an edit (edit.ts).
 *
 * An edit leaves the very objects alone that it does not change, so that what is new can be found by looking for them. Where that is a few
 * FDB entries, as a control plane adds and moves them, they alone are read: their time does not depend on how many ports and VLANs there are.
 * Every other edit is read as a whole, and so is one with something wrong: then errors are the same.
 */
import { changedPart } from './changed-part.ts';
import { ConfigError, type Path, type Source, show } from './error.ts';
import { type EntryBridge, type EntryBridges, readFdbEntries } from './fdb-entries.ts';
import { type ConfigDocument, documentOf } from './load.ts';
import { plainCopy, valueSource } from './plain.ts';
import { type ConfigInput, MAX_FDB_CONFIGURED, validateFdbEntry } from './schema.ts';
import type { BridgeConfig, FdbEntryConfig, SecondaryVlan, SwitchConfig } from './types.ts';

/** With more of them the whole is read: the others are searched for each. */
const FEW = 32;

/** `file` is the name that errors carry. */
export function editedDocument(before: ConfigDocument, raw: ConfigInput, file: string): ConfigDocument {
  try {
    const edited = withEntries(before, raw, valueSource(file));
    if (edited !== null) return edited;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
  }
  return documentOf(raw, file);
}

/** Null where more than a few entries differ. */
function withEntries(before: ConfigDocument, raw: ConfigInput, source: Source): ConfigDocument | null {
  const keys = new Set([...Object.keys(before.raw), ...Object.keys(raw)] as (keyof ConfigInput)[]);
  for (const key of keys) if (key !== 'fdb' && raw[key] !== before.raw[key]) return null;
  const was = before.raw.fdb ?? [];
  const is = raw.fdb ?? [];
  const { from, wasEnd, isEnd } = changedPart(was, is);
  if (is.length > MAX_FDB_CONFIGURED || isEnd - from > FEW) return null;
  const fresh = is.slice(from, isEnd).map((entry, i) => plainCopy(entry, source, ['fdb', from + i]));
  const { config } = before;
  const taken = (bridge: string, vid: number | null, mac: string): number | undefined => {
    const isIt = (entry: FdbEntryConfig) => entry.mac === mac && entry.vid === vid && entry.bridge === bridge;
    const at = config.fdbEntries.findIndex((entry, i) => (i < from || i >= wasEnd) && isIt(entry));
    return at < 0 ? undefined : at < from ? at : at - wasEnd + isEnd;
  };
  const read = readFdbEntries(
    fresh.map((entry, i) => validateFdbEntry(entry, source, from + i)),
    new StandingBridges(config, source),
    config.ports,
    source,
    { first: from, taken },
  );
  const joined = <T>(list: readonly T[], part: readonly T[]) => [
    ...list.slice(0, from),
    ...part,
    ...list.slice(wasEnd),
  ];
  const fdb = joined(was, fresh as typeof was);
  return {
    raw: Object.assign(Object.create(null), raw, { fdb }) as ConfigInput,
    config: { ...config, fdbEntries: joined(config.fdbEntries, read) },
    source,
  };
}

/** Bridges of a configuration that was read. */
class StandingBridges implements EntryBridges {
  readonly #config: SwitchConfig;
  readonly #source: Source;

  constructor(config: SwitchConfig, source: Source) {
    this.#config = config;
    this.#source = source;
  }

  find(name: string | undefined, path: Path): EntryBridge {
    const { bridges } = this.#config;
    const bridge = name === undefined ? bridges[0] : bridges.find((each) => each.name === name);
    if (bridge !== undefined) return new StandingBridge(bridge);
    throw new ConfigError(this.#source.place(path), `there is no bridge ${show(name)}`);
  }
}

class StandingBridge implements EntryBridge {
  readonly #bridge: BridgeConfig;

  constructor(bridge: BridgeConfig) {
    this.#bridge = bridge;
  }

  get name(): string {
    return this.#bridge.name;
  }

  get type(): BridgeConfig['type'] {
    return this.#bridge.type;
  }

  secondary(vid: number): SecondaryVlan | undefined {
    return this.#bridge.vlans.find((vlan) => vlan.vid === vid)?.secondary;
  }

  has(vid: number): boolean {
    return this.#bridge.vlans.some((vlan) => vlan.vid === vid);
  }
}
