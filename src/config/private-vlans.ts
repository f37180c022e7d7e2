/**
 * Private VLANs (RFC 5517): a VLAN with `isolated` or `communities` is the primary, the VLANs named there are its
 * secondaries. A VLAN is secondary of one primary at most, and none of itself.
 */
import { ConfigError, type Path, type Source } from './error.ts';
import type { RawVlans } from './schema/bridge.ts';
import type { PortMode, PrivateTrunk, SecondaryVlan } from './types.ts';
import { expandVlans } from './vlan-range.ts';

/** By VID. */
type Secondaries = ReadonlyMap<number, SecondaryVlan>;

/** Secondaries by VID. `path` is that of the VLANs, which have been checked one by one. */
export function readPrivateVlans(raw: RawVlans, path: Path, source: Source): Map<number, SecondaryVlan> {
  const found = new Map<number, SecondaryVlan>();
  const primaries = new Map<number, Path>();
  const error = (at: Path, problem: string) => new ConfigError(source.place([...path, ...at]), problem);
  for (const [key, { isolated, communities }] of Object.entries(raw)) {
    if (isolated === undefined && communities === undefined) continue;
    const first = isolated === undefined ? 'communities' : 'isolated';
    const [primary, ...others] = expandVlans(key) as number[];
    if (others.length > 0) {
      throw error([key, first], `a primary is one VLAN, the key ${JSON.stringify(key)} is ${others.length + 1}`);
    }
    primaries.set(primary!, [key, first]);
    const add = (vid: number, kind: SecondaryVlan['kind'], at: Path) => {
      const owner = found.get(vid);
      if (vid === primary) throw error(at, `VLAN ${vid} cannot be a secondary of itself`);
      if (owner !== undefined) throw error(at, `VLAN ${vid} is ${wordsFor(owner)} already`);
      found.set(vid, { primary: primary!, kind });
    };
    if (isolated !== undefined) add(isolated, 'isolated', [key, 'isolated']);
    if (communities === undefined) continue;
    const vids = expandVlans(communities);
    if (!Array.isArray(vids)) {
      throw error([key, 'communities', ...(vids.index === null ? [] : [vids.index])], vids.problem);
    }
    for (const vid of vids) add(vid, 'community', [key, 'communities']);
  }
  for (const [primary, at] of primaries) {
    const owner = found.get(primary);
    if (owner !== undefined) throw error(at, `VLAN ${primary} is ${wordsFor(owner)} and cannot be a primary itself`);
  }
  return found;
}

/** `the isolated VLAN of VLAN 100` */
function wordsFor({ primary, kind }: SecondaryVlan): string {
  return kind === 'isolated' ? `the isolated VLAN of VLAN ${primary}` : `a community of VLAN ${primary}`;
}

/** VLANs of one private VLAN that a port of this mode and VLAN is a member of; a text says why it cannot be. */
export function privateMembers(
  secondaries: Secondaries,
  mode: 'promiscuous' | 'private-host',
  vlan: number,
): number[] | string {
  const own = secondaries.get(vlan);
  if (mode === 'private-host') {
    if (own === undefined) return `VLAN ${vlan} is no isolated VLAN and no community; name it in a VLAN of "vlans"`;
    return own.kind === 'isolated' ? [own.primary] : [own.primary, vlan].sort((a, b) => a - b);
  }
  if (own !== undefined)
    return `VLAN ${vlan} is ${wordsFor(own)}; a promiscuous port is in the primary, ${own.primary}`;
  const vids = [...secondaries].filter(([, { primary }]) => primary === vlan).map(([vid]) => vid);
  if (vids.length === 0) return `VLAN ${vlan} is no private VLAN; give it "isolated" or "communities" in "vlans"`;
  return [vlan, ...vids].sort((a, b) => a - b);
}

/** Whether the VLAN is a primary. */
function isPrimary(secondaries: Secondaries, vlan: number): boolean {
  return [...secondaries.values()].some(({ primary }) => primary === vlan);
}

/**
 * A trunk that lists these VLANs, private ones among them, and the VLANs it is a member of; a text says why it cannot be. To a
 * promiscuous trunk a private VLAN is its primary, whatever VLAN a frame is of; to a trunk of hosts it is the secondary that they are in.
 */
export function readPrivateTrunk(
  secondaries: Secondaries,
  mode: 'promiscuous' | 'private-host',
  vids: readonly number[],
): { trunk: PrivateTrunk; members: number[] } | string {
  const members = new Set<number>();
  const leaves: PrivateTrunk['leaves'] = [];
  for (const vid of vids) {
    const own = secondaries.get(vid);
    if (mode === 'promiscuous') {
      if (own !== undefined)
        return `VLAN ${vid} is ${wordsFor(own)}; a promiscuous trunk lists the primary, ${own.primary}`;
      members.add(vid);
      for (const [each, { primary }] of secondaries) {
        if (primary !== vid) continue;
        members.add(each);
        leaves.push({ vid: each, tag: vid });
      }
      continue;
    }
    if (own === undefined) {
      if (isPrimary(secondaries, vid)) return `VLAN ${vid} is private; a trunk of hosts lists one secondary of it`;
      members.add(vid);
      continue;
    }
    const { primary, kind } = own;
    const other = leaves.find((each) => each.vid === primary);
    if (other !== undefined)
      return `VLANs ${other.tag} and ${vid} are both of private VLAN ${primary}; a trunk of hosts lists one`;
    // Nothing of an isolated VLAN leaves to its hosts.
    if (kind === 'community') members.add(vid);
    members.add(primary);
    leaves.push({ vid: primary, tag: vid });
  }
  if (leaves.length === 0) return 'none of these VLANs is private; a trunk of ordinary VLANs is of mode trunk';
  return { trunk: { takes: [...vids], leaves }, members: [...members].sort((a, b) => a - b) };
}

/** Why such a trunk cannot have this native VLAN, or null. */
export function whyNotNative(secondaries: Secondaries, vlan: number): string | null {
  const own = secondaries.get(vlan);
  if (own === undefined && !isPrimary(secondaries, vlan)) return null;
  return `VLAN ${vlan} is ${own === undefined ? 'private' : wordsFor(own)}; the native VLAN of such a trunk is an ordinary one`;
}

/** Why a port of one VLAN cannot be in this one in this mode, or null: it would hear one half of a private VLAN. */
export function whyNotSingle(secondaries: Secondaries, mode: PortMode, vlan: number): string | null {
  const own = secondaries.get(vlan);
  if (own !== undefined) {
    return `VLAN ${vlan} is ${wordsFor(own)}; its hosts are ports of mode private-host instead of ${mode}`;
  }
  return isPrimary(secondaries, vlan)
    ? `VLAN ${vlan} is private; its ports are of mode promiscuous instead of ${mode}`
    : null;
}
