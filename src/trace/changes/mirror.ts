/** What might be changed of mirrors: that keep a port to themselves, or that copy other frames than the one that is missed. */

import type { MirrorConfig, PortConfig } from '../../config/types.ts';
import { compressVlans } from '../../config/vlan-range.ts';
import type { Situation } from '../situation.ts';
import type { Trace } from '../types.ts';
import type { Change } from './change.ts';

/** The port is left to the bridge: no mirror sends copies out of it. */
export function endMirrors(s: Situation, port: PortConfig): Change {
  const { mirrors } = s.config;
  const first = s.file.mirrors.findIndex((mirror) => mirror.output === port.name);
  const ends = mirrors.filter((mirror) => mirror.output === port.name).map((mirror) => mirror.name);
  const make = (before: Situation): Situation => ({
    ...before,
    config: { ...before.config, mirrors: before.config.mirrors.filter((mirror) => mirror.output !== port.name) },
  });
  return {
    path: `mirrors[${first}]`,
    value: null,
    condition: `${port.name} were not the output of mirror ${ends.join(', ')}`,
    cost: Math.max(1, ends.length),
    make,
  };
}

/** `to` is the output of a mirror: it also copies frames of this port, or of this VLAN. */
export function selectChanges(s: Situation, trace: Trace, to: PortConfig): Change[] {
  const port = trace.tunnel ?? trace.port;
  return s.config.mirrors
    .filter(({ output }) => output === to.name)
    .flatMap((mirror) => {
      const { name, selectSrc, selectAll, selectVlan } = mirror;
      const sources = [...selectSrc, port];
      const vids = [...selectVlan, trace.vid ?? 0].sort((a, b) => a - b);
      const from =
        selectAll || selectSrc.includes(port)
          ? []
          : [
              changeMirror(
                s,
                mirror,
                { selectSrc: sources },
                `[${sources.join(', ')}]`,
                `mirror ${name} copied what ${port} receives`,
              ),
            ];
      const misses = trace.vid !== null && selectVlan.length > 0 && !selectVlan.includes(trace.vid);
      const condition = `VLAN ${trace.vid} were among the VLANs of mirror ${name}`;
      return [
        ...from,
        ...(misses ? [changeMirror(s, mirror, { selectVlan: vids }, compressVlans(vids), condition)] : []),
      ];
    });
}

function changeMirror(
  s: Situation,
  { name }: MirrorConfig,
  patch: Partial<MirrorConfig>,
  value: string,
  condition: string,
): Change {
  const at = s.file.mirrors.findIndex((each) => each.name === name);
  return {
    path: `mirrors[${at}].${Object.keys(patch)[0]}`,
    value,
    condition,
    cost: 1,
    make: (before) => {
      const mirrors = before.config.mirrors.map((each) => (each.name === name ? { ...each, ...patch } : each));
      return { ...before, config: { ...before.config, mirrors } };
    },
  };
}
