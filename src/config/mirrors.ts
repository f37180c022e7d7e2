/**
 * `mirrors:` against the bridges and ports of the same file. An output does nothing else, so it can be no source; a
 * mirror that selects nothing, or copies to nowhere, is an error.
 */
import type { Bridges } from './bridges.ts';
import { ConfigError, didYouMean, type Path, type Source, show } from './error.ts';
import type { RawMirror } from './schema/mirror.ts';
import type { MirrorConfig, PortConfig } from './types.ts';
import { expandVlans } from './vlan-range.ts';

export function readMirrors(raw: RawMirror[], bridges: Bridges, ports: PortConfig[], source: Source): MirrorConfig[] {
  if (raw.length === 0) return [];
  const error = (path: Path, problem: string) => new ConfigError(source.place(path), problem);
  const known = new Set(ports.map((port) => port.name));
  const firstOf = new Map<string, number>();
  const checkPort = (port: string, path: Path): string => {
    if (known.has(port)) return port;
    const hint = didYouMean(port, [...known]);
    throw error(path, `there is no port ${show(port)}${hint}; valid is a name under "ports"`);
  };

  const read = (entry: RawMirror, index: number): MirrorConfig => {
    const path: Path = ['mirrors', index];
    const first = firstOf.get(entry.name);
    if (first !== undefined) throw error([...path, 'name'], `${show(entry.name)} is the name of mirrors[${first}]`);
    firstOf.set(entry.name, index);
    const bridge = bridges.find(entry.bridge, [...path, 'bridge']);
    const { output = null, outputVlan = null, selectAll } = entry;
    if (output !== null) checkPort(output, [...path, 'output']);
    if (output !== null && outputVlan !== null) {
      throw error([...path, 'outputVlan'], 'the copies leave by a port already; valid is "output" or "outputVlan"');
    }
    if (output === null && outputVlan === null) {
      throw error([...path, 'output'], 'is missing; valid is a port, or "outputVlan" with a VLAN ID');
    }
    if (outputVlan !== null && !bridge.has(outputVlan)) {
      const problem = `bridge ${bridge.name} has no VLAN ${outputVlan}; add it to "vlans" or to a port`;
      throw error([...path, 'outputVlan'], problem);
    }
    const selectVlan = readVlans(entry.selectVlan, [...path, 'selectVlan']);
    if (outputVlan !== null && selectVlan.includes(outputVlan)) {
      const problem = `is among the VLANs that are copied, and a VLAN is not copied into itself; take it out of "selectVlan"`;
      throw error([...path, 'outputVlan'], problem);
    }
    const selectSrc = entry.selectSrc.map((port, i) => checkPort(port, [...path, 'selectSrc', i]));
    const selectDst = entry.selectDst.map((port, i) => checkPort(port, [...path, 'selectDst', i]));
    if (selectSrc.length + selectDst.length + selectVlan.length === 0 && !selectAll) {
      throw error(path, 'selects nothing; valid are selectSrc, selectDst, selectVlan or selectAll: true');
    }
    return { name: entry.name, bridge: bridge.name, selectSrc, selectDst, selectAll, selectVlan, output, outputVlan };
  };

  const readVlans = (raw: RawMirror['selectVlan'], path: Path): number[] => {
    if (raw === undefined) return [];
    const vids = expandVlans(raw);
    if (!Array.isArray(vids)) throw error(path, vids.problem);
    return vids;
  };

  const mirrors = raw.map(read);
  const outputs = new Map(mirrors.flatMap(({ name, output }) => (output === null ? [] : [[output, name] as const])));
  mirrors.forEach((mirror, index) => {
    for (const key of ['selectSrc', 'selectDst'] as const) {
      const at = mirror[key].findIndex((port) => outputs.has(port));
      if (at < 0) continue;
      const port = mirror[key][at]!;
      throw error(['mirrors', index, key, at], `port ${port} is the output of mirror ${outputs.get(port)}`);
    }
  });
  return mirrors;
}
