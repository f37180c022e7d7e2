/**
 * Private VLANs (RFC 5517): a VLAN with `isolated` or `communities` is the primary, the VLANs named there are its
 * secondaries. A VLAN is secondary of one primary at most, and none of itself.
 */
import { ConfigError, type Path, type Source } from './error.ts';
import type { RawVlans } from './schema-bridge.ts';
import type { PortMode, SecondaryVlan } from './types.ts';
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

/** Why a port of one VLAN cannot be in this one in this mode, or null: it would hear one half of a private VLAN. */
export function whyNotSingle(secondaries: Secondaries, mode: PortMode, vlan: number): string | null {
  const own = secondaries.get(vlan);
  if (own !== undefined) {
    return `VLAN ${vlan} is ${wordsFor(own)}; its hosts are ports of mode private-host instead of ${mode}`;
  }
  const isPrimary = [...secondaries.values()].some(({ primary }) => primary === vlan);
  return isPrimary ? `VLAN ${vlan} is private; its ports are of mode promiscuous instead of ${mode}` : null;
}
