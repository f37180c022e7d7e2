/**
 * The document after an edit (edit.ts).
 *
 * An edit leaves the very objects alone that it does not change, and what they mean is remembered (remembered.ts): the others are read. Where that is a few
 * FDB entries or VXLAN entries, as a control plane adds and moves them, nothing else is looked at: their time does not depend on how many ports and VLANs there are.
 * With something wrong the whole is read: then errors are the same.
 */
import { changedPart } from './changed-part.ts';
import { ConfigError, type Path, type Source, show } from './error.ts';
import { type EntryBridge, type EntryBridges, readFdbEntries } from './fdb-entries.ts';
import { type ConfigDocument, documentOf } from './load.ts';
import { normaliseValid } from './normalise.ts';
import { plainCopy, valueSource } from './plain.ts';
import {
  type ConfigInput,
  type FdbEntryInput,
  MAX_FDB_CONFIGURED,
  validateFdbEntry,
  validateParts,
  validateVxlanEntry,
} from './schema/schema.ts';
import { MAX_VXLAN_CONFIGURED, type VxlanFdbInput } from './schema/vxlan.ts';
import type { BridgeConfig, SecondaryVlan, SwitchConfig } from './types.ts';
import { readVxlanEntries } from './vxlan-entries.ts';

/** With more of them the whole is read: the others are searched for each. */
const FEW = 32;

type List = 'fdb' | 'vxlanFdb';
const LISTS: readonly string[] = ['fdb', 'vxlanFdb'] satisfies List[];

/** `file` is the name that errors carry. */
export function editedDocument(before: ConfigDocument, raw: ConfigInput, file: string): ConfigDocument {
  try {
    const source = valueSource(file);
    const entries = withEntries(before, raw, source);
    if (entries !== null) return entries;
    const copy = plainCopy(raw, source, [], before.raw) as ConfigInput;
    const stays = (section: string) => LISTS.includes(section) && copy[section as List] === before.raw[section as List];
    const config = normaliseValid(validateParts(copy, source, stays), source, { config: before.config, stays });
    return { raw: copy, config, source };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
  }
  return documentOf(raw, file);
}

/** Sections that are not the very objects. */
function differing(before: ConfigInput, raw: ConfigInput): (keyof ConfigInput)[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(raw)] as (keyof ConfigInput)[]);
  return [...keys].filter((key) => raw[key] !== before[key]);
}

/** Null where more than a few entries differ, or anything else. */
function withEntries(before: ConfigDocument, raw: ConfigInput, source: Source): ConfigDocument | null {
  const differ = differing(before.raw, raw);
  if (!differ.every((key) => LISTS.includes(key))) return null;
  let edited: ConfigDocument | null = { ...before, raw, source };
  if (differ.includes('fdb')) edited = withFdb(edited, before.raw.fdb ?? []);
  if (differ.includes('vxlanFdb') && edited !== null) edited = withVxlanFdb(edited, before.raw.vxlanFdb ?? []);
  return edited;
}

function withFdb({ raw, config, source }: ConfigDocument, was: readonly FdbEntryInput[]): ConfigDocument | null {
  const part = freshPart('fdb', was, raw.fdb ?? [], MAX_FDB_CONFIGURED, source);
  if (part === null) return null;
  const { fresh, from } = part;
  const read = readFdbEntries(
    fresh.map((entry, i) => validateFdbEntry(entry, source, from + i)),
    new StandingBridges(config, source),
    config.ports,
    config.interfaces,
    source,
    {
      first: from,
      taken: (bridge, vid, mac) =>
        part.among(config.fdbEntries, (each) => each.mac === mac && each.vid === vid && each.bridge === bridge),
    },
  );
  return {
    raw: withKey(raw, 'fdb', part.join(was, fresh)),
    config: { ...config, fdbEntries: part.join(config.fdbEntries, read) },
    source,
  };
}

function withVxlanFdb({ raw, config, source }: ConfigDocument, was: readonly VxlanFdbInput[]): ConfigDocument | null {
  const part = freshPart('vxlanFdb', was, raw.vxlanFdb ?? [], MAX_VXLAN_CONFIGURED, source);
  if (part === null) return null;
  const { fresh, from } = part;
  const read = readVxlanEntries(
    fresh.map((entry, i) => validateVxlanEntry(entry, source, from + i)),
    config.ports,
    config.vteps,
    source,
    {
      first: from,
      taken: (port, vni, mac) =>
        part.among(config.vxlanEntries, (each) => each.mac === mac && each.vni === vni && each.port === port),
    },
  );
  return {
    raw: withKey(raw, 'vxlanFdb', part.join(was, fresh)),
    config: { ...config, vxlanEntries: part.join(config.vxlanEntries, read) },
    source,
  };
}

function withKey<K extends keyof ConfigInput>(raw: ConfigInput, key: K, value: ConfigInput[K]): ConfigInput {
  return Object.assign(Object.create(null), raw, { [key]: value }) as ConfigInput;
}

/** What is new in a list, copied; null where that is more than a few, or the list too long. */
function freshPart<T>(key: List, was: readonly T[], is: readonly T[], most: number, source: Source) {
  const { from, wasEnd, isEnd } = changedPart(was, is);
  if (is.length > most || isEnd - from > FEW) return null;
  return {
    from,
    fresh: is.slice(from, isEnd).map((entry, i) => plainCopy(entry, source, [key, from + i]) as T),
    join: <E>(list: readonly E[], part: readonly E[]) => [...list.slice(0, from), ...part, ...list.slice(wasEnd)],
    /** Where one of the others is, in the new list. */
    among: <E>(list: readonly E[], isIt: (each: E) => boolean): number | undefined => {
      const at = list.findIndex((each, i) => (i < from || i >= wasEnd) && isIt(each));
      return at < 0 ? undefined : at < from ? at : at - wasEnd + isEnd;
    },
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
