/**
 * Edits of a configuration as it is written: one port, one VLAN, one entry, one peer. Each returns a new document and
 * leaves the old one alone. What comes out is checked like any other configuration afterwards; only what an edit itself
 * cannot do throws, as `EditError`.
 */
import { noSuch } from './error.ts';
import { canonicalIp } from './ip.ts';
import type { MirrorInput } from './schema/mirror.ts';
import type { PortInput } from './schema/port.ts';
import type { ConfigInput, FdbEntryInput } from './schema/schema.ts';
import type { VxlanFdbInput } from './schema/vxlan.ts';
import { holderOf } from './vlan-holders.ts';
import { compressVlans, expandVlans, MAX_VID, type VlanSpec } from './vlan-range.ts';

/** The document has nothing to edit there, or the edit would take away what another part needs. */
export class EditError extends Error {
  override readonly name = 'EditError';
}

type VlanSettings = NonNullable<ConfigInput['vlans']>[string];

/** Adds the port, or replaces it. */
export function putPort(raw: ConfigInput, name: string, port: PortInput): ConfigInput {
  return { ...raw, ports: withKey(raw.ports, name, port) };
}

/** Keys that belong to one mode or another. */
const MODE_KEYS = ['vlan', 'vlans', 'native', 'tagged', 'untagged', 'cvids', 'serviceVlans', 'pvid'] as const;

/** Changes keys of a port; null takes a key away. With another `mode` its VLANs start anew. */
export function patchPort(raw: ConfigInput, name: string, patch: Record<string, unknown>): ConfigInput {
  const port: Record<string, unknown> = { ...portOf(raw, name) };
  if (patch.mode !== undefined && patch.mode !== (port.mode ?? 'access')) for (const key of MODE_KEYS) delete port[key];
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete port[key];
    else port[key] = value;
  }
  return putPort(raw, name, port as PortInput);
}

/** Takes the port away, and the entries on it. */
export function removePort(raw: ConfigInput, name: string): ConfigInput {
  portOf(raw, name);
  return {
    ...raw,
    ports: withoutKey(raw.ports, name),
    ...(raw.fdb && { fdb: withoutItems(raw.fdb, (entry) => entry.port === name) }),
    ...(raw.vxlanFdb && { vxlanFdb: withoutItems(raw.vxlanFdb, (entry) => entry.port === name) }),
  };
}

function portOf(raw: ConfigInput, name: string): PortInput {
  const port = Object.hasOwn(raw.ports ?? {}, name) ? raw.ports![name] : undefined;
  if (port === undefined) throw new EditError(noSuch('port', name, Object.keys(raw.ports ?? {})));
  return port;
}

/** Lists the VLAN in its bridge (null: the default one), or gives it another name and limit. What is not said of it stays. */
export function putVlan(raw: ConfigInput, bridge: string | null, vid: number, settings: VlanSettings): ConfigInput {
  const all = vlansOf(raw, bridge);
  const key = Object.keys(all).find((each) => {
    const vids = expandVlans(each);
    return Array.isArray(vids) && vids.includes(vid);
  });
  const before = key === undefined ? {} : all[key];
  return withVlans(raw, bridge, withKey(withoutVid(all, vid), String(vid), { ...before, ...settings }));
}

/**
 * Takes the VLAN out of its bridge, out of the lists of trunk and hybrid ports, and its FDB entries. Whoever else needs it is in the way:
 * interfaces, ports that have no other VLAN, VNIs of it, rules of `classify`.
 */
export function removeVlan(raw: ConfigInput, bridge: string | null, vid: number): ConfigInput {
  const defaultName = raw.switch?.name ?? DEFAULT_NAME;
  const own = bridge ?? defaultName;
  const isHere = (name?: string) => (name ?? defaultName) === own;
  const holder = holderOf(raw, isHere, vid);
  if (holder !== null) throw new EditError(holder);
  const texts = new Map<VlanSpec, number[]>();
  const ports = mapped(raw.ports ?? {}, (port) => (isHere(port.bridge) ? portWithout(port, vid, texts) : port));
  const entryBridge = (entry: FdbEntryInput) =>
    entry.bridge ?? (entry.port === undefined ? undefined : raw.ports?.[entry.port]?.bridge);
  const goes = (entry: FdbEntryInput) => entry.vlan === vid && isHere(entryBridge(entry));
  const without = { ...raw, ports, ...(raw.fdb && { fdb: withoutItems(raw.fdb, goes) }) };
  return withVlans(without, bridge, withoutSecondary(withoutVid(vlansOf(raw, bridge), vid), vid));
}

const DEFAULT_NAME = 'loom0';

/** The very port where it is not in the VLAN. `texts`: lists that have been read, which ports often share. */
function portWithout(port: PortInput, vid: number, texts: Map<VlanSpec, number[]>): PortInput {
  const { mode } = port;
  if (mode !== 'trunk' && mode !== 'hybrid') return port;
  const without: Partial<PortInput> = {};
  const lists = mode === 'trunk' ? (['vlans'] as const) : (['tagged', 'untagged'] as const);
  for (const list of lists) {
    const spec: VlanSpec | undefined = port[list] ?? (mode === 'trunk' ? `1-${MAX_VID}` : undefined);
    if (spec === undefined) continue;
    const vids = texts.get(spec) ?? vidsOf(spec);
    texts.set(spec, vids);
    if (!vids.includes(vid)) continue;
    const rest = vids.filter((other) => other !== vid);
    without[list] = rest.length === 0 ? [] : compressVlans(rest);
  }
  if ((port.pvid ?? (mode === 'hybrid' ? 1 : undefined)) === vid) without.pvid = 'none';
  if (port.native !== vid) return Object.keys(without).length === 0 ? port : { ...port, ...without };
  const { native, ...others } = port;
  return { ...others, ...without };
}

/** None of a list that is not right. */
function vidsOf(spec: VlanSpec): number[] {
  const vids = expandVlans(spec);
  return Array.isArray(vids) ? vids : [];
}

/** The keys without this VID: a range that holds it is written as what is left of it. */
function withoutVid(vlans: Record<string, VlanSettings>, vid: number): Record<string, VlanSettings> {
  const rest: Record<string, VlanSettings> = Object.create(null);
  for (const [key, settings] of Object.entries(vlans)) {
    const vids = vidsOf(key);
    if (!vids.includes(vid)) rest[key] = settings;
    else if (vids.length > 1) rest[compressVlans(vids.filter((other) => other !== vid))] = settings;
  }
  return rest;
}

/** Primaries without this one among their secondaries. */
function withoutSecondary(vlans: Record<string, VlanSettings>, vid: number): Record<string, VlanSettings> {
  return mapped(vlans, (settings) => {
    const { isolated, communities, ...others } = settings;
    const vids = communities === undefined ? [] : vidsOf(communities);
    if (isolated !== vid && !vids.includes(vid)) return settings;
    const left = compressVlans(vids.filter((other) => other !== vid));
    return {
      ...others,
      ...(isolated === undefined || isolated === vid ? {} : { isolated }),
      ...(left === '' ? {} : { communities: left }),
    };
  });
}

function vlansOf(raw: ConfigInput, bridge: string | null): Record<string, VlanSettings> {
  return (isDefault(raw, bridge) ? raw.vlans : raw.bridges?.[bridge!]?.vlans) ?? {};
}

function withVlans(raw: ConfigInput, bridge: string | null, vlans: Record<string, VlanSettings>): ConfigInput {
  if (isDefault(raw, bridge)) return { ...raw, vlans };
  const settings = raw.bridges?.[bridge!];
  if (settings === undefined) throw new EditError(`there is no bridge ${bridge}`);
  const changed: typeof settings = { ...settings, vlans };
  return { ...raw, bridges: withKey(raw.bridges, bridge!, changed) };
}

function isDefault(raw: ConfigInput, bridge: string | null): boolean {
  return bridge === null || bridge === (raw.switch?.name ?? DEFAULT_NAME);
}

/** Appends the entry; `index` is that of the one it replaces. */
export function putEntry(raw: ConfigInput, entry: FdbEntryInput, index = -1): ConfigInput {
  return { ...raw, fdb: withItem(raw.fdb, entry, index) };
}

export function removeEntry(raw: ConfigInput, index: number): ConfigInput {
  return { ...raw, fdb: withoutItem(raw.fdb, index) };
}

/** Appends the entry of the VXLAN FDB; `index` is that of the one it replaces. */
export function putVxlanEntry(raw: ConfigInput, entry: VxlanFdbInput, index = -1): ConfigInput {
  return { ...raw, vxlanFdb: withItem(raw.vxlanFdb, entry, index) };
}

export function removeVxlanEntry(raw: ConfigInput, index: number): ConfigInput {
  return { ...raw, vxlanFdb: withoutItem(raw.vxlanFdb, index) };
}

/** Adds the mirror, or replaces the one of this name. */
export function putMirror(raw: ConfigInput, name: string, mirror: MirrorInput): ConfigInput {
  return { ...raw, mirrors: withItem(raw.mirrors, { name, ...mirror }, mirrorIndex(raw, name)) };
}

export function removeMirror(raw: ConfigInput, name: string): ConfigInput {
  const index = mirrorIndex(raw, name);
  if (index < 0) throw new EditError(`there is no mirror ${name}`);
  return { ...raw, mirrors: withoutItem(raw.mirrors, index) };
}

/** -1 where there is none of that name. */
export function mirrorIndex({ mirrors = [] }: ConfigInput, name: string): number {
  return mirrors.findIndex((mirror) => mirror.name === name);
}

/** Appends the address to the peers of the VTEP. */
export function putPeer(raw: ConfigInput, vtep: string, address: string): ConfigInput {
  const peers = peersOf(raw, vtep);
  if (peers.some((peer) => isSame(peer, address))) throw new EditError(`${address} is a peer of VTEP ${vtep} already`);
  return withPeers(raw, vtep, [...peers, address]);
}

export function removePeer(raw: ConfigInput, vtep: string, address: string): ConfigInput {
  const peers = peersOf(raw, vtep);
  const rest = peers.filter((peer) => !isSame(peer, address));
  if (rest.length === peers.length) throw new EditError(`${address} is not among the peers of VTEP ${vtep}`);
  return withPeers(raw, vtep, rest);
}

/** Of two ways to write an address. */
function isSame(a: string, b: string): boolean {
  return a === b || (canonicalIp(a) ?? a) === canonicalIp(b);
}

function peersOf(raw: ConfigInput, vtep: string): readonly string[] {
  if (!Object.hasOwn(raw.vteps ?? {}, vtep)) throw new EditError(`there is no VTEP ${vtep}`);
  return raw.vteps![vtep]!.peers ?? [];
}

function withPeers(raw: ConfigInput, vtep: string, peers: string[]): ConfigInput {
  return { ...raw, vteps: withKey(raw.vteps, vtep, { ...raw.vteps![vtep]!, peers }) };
}

function withItem<T>(list: readonly T[] | undefined, item: NoInfer<T>, index: number): T[] {
  const copy = [...(list ?? [])];
  if (index < 0) copy.push(item);
  else copy[index] = item;
  return copy;
}

function withoutItem<T>(list: readonly T[] | undefined, index: number): T[] {
  return (list ?? []).filter((_, i) => i !== index);
}

/** The very list where none goes. */
function withoutItems<T>(list: T[], goes: (item: T) => boolean): T[] {
  return list.some(goes) ? list.filter((item) => !goes(item)) : list;
}

/** Maps without a prototype: names are the user's. */
function mapped<T>(map: Readonly<Record<string, T>>, make: (value: T, key: string) => T): Record<string, T> {
  const made: Record<string, T> = Object.create(null);
  // Much faster than Object.assign, which takes a long time for a thousand keys.
  for (const key of Object.keys(map)) made[key] = make(map[key]!, key);
  return made;
}

function withKey<T>(map: Readonly<Record<string, T>> | undefined, key: string, value: NoInfer<T>): Record<string, T> {
  const copy = mapped(map ?? {}, (each) => each);
  copy[key] = value;
  return copy;
}

function withoutKey<T>(map: Readonly<Record<string, T>> | undefined, key: string): Record<string, T> {
  const copy = mapped(map ?? {}, (each) => each);
  delete copy[key];
  return copy;
}
