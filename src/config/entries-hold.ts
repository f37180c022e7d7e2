/**
 * Whether entries of the FDB and the VXLAN FDB that have been read still mean the same beside ports and bridges that have changed: what they hang on is asked,
 * and not every one of them.
 */
import { changedPart } from './changed-part.ts';
import { byName } from './remembered.ts';
import type { FdbEntryConfig } from './types/fdb.ts';
import type { BridgeConfig, PortConfig, SwitchConfig } from './types.ts';

type Around = Pick<SwitchConfig, 'bridges' | 'ports' | 'interfaces' | 'vteps'>;

export function fdbEntriesHold({ fdbEntries, ...before }: SwitchConfig, after: Around): boolean {
  if (fdbEntries.length === 0) return true;
  if (before.interfaces !== after.interfaces) return false;
  const moved = differing(before.ports, after.ports, (a, b) => a.members === b.members && a.bridge === b.bridge);
  if (moved.size > 0 && !areMembers(fdbEntries, moved, before.ports, after.ports)) return false;
  const bridges = differing(before.bridges, after.bridges, (a, b) => a === b);
  if (bridges.size === 0) return true;
  const there = new Map(after.bridges.map((bridge) => [bridge.name, bridge]));
  const types = new Map(before.bridges.map(({ name, type }) => [name, type]));
  for (const name of bridges) {
    const bridge = there.get(name);
    if (bridge === undefined || bridge.type !== types.get(name) || !haveVlans(fdbEntries, bridge)) return false;
  }
  return true;
}

/** Ports of entries among `moved` are in the bridge that they were in, and in the VLANs of their entries. */
function areMembers(
  entries: readonly FdbEntryConfig[],
  moved: ReadonlySet<string>,
  before: readonly PortConfig[],
  after: readonly PortConfig[],
): boolean {
  const was = byName(before);
  const vids = new Map<string, ReadonlySet<number | null>>();
  for (const { name, bridge, members } of after) {
    if (!moved.has(name) || was.get(name)?.bridge !== bridge) continue;
    vids.set(name, new Set([null, ...members.map(({ vid }) => vid)]));
  }
  return entries.every(({ port, vid }) => port === null || !moved.has(port) || vids.get(port)?.has(vid) === true);
}

/** Entries of the bridge are in VLANs that it has and that are not private. */
function haveVlans(entries: readonly FdbEntryConfig[], { name, vlans }: BridgeConfig): boolean {
  const ordinary = new Set(vlans.flatMap(({ vid, secondary }) => (secondary === undefined ? vid : [])));
  return entries.every(({ bridge, vid }) => bridge !== name || vid === null || ordinary.has(vid));
}

export function vxlanEntriesHold({ vxlanEntries, ...before }: SwitchConfig, after: Around): boolean {
  if (vxlanEntries.length === 0) return true;
  if (differing(before.vteps, after.vteps, (a, b) => a.local === b.local).size > 0) return false;
  const isSame = (a: PortConfig, b: PortConfig) =>
    a.tunnel?.vtep === b.tunnel?.vtep && a.tunnel?.vnis === b.tunnel?.vnis;
  const moved = differing(before.ports, after.ports, isSame);
  return moved.size === 0 || !vxlanEntries.some(({ port }) => moved.has(port));
}

/** Names that are on one side alone, or stand for what is not the same. */
function differing<T extends { name: string }>(
  before: readonly T[],
  after: readonly T[],
  isSame: (a: T, b: T) => boolean,
): Set<string> {
  const { from, wasEnd, isEnd } = changedPart(before, after);
  const was = new Map(before.slice(from, wasEnd).map((each) => [each.name, each]));
  const names = new Set<string>();
  for (const each of after.slice(from, isEnd)) {
    const old = was.get(each.name);
    if (old === undefined || (old !== each && !isSame(old, each))) names.add(each.name);
    was.delete(each.name);
  }
  for (const name of was.keys()) names.add(name);
  return names;
}
