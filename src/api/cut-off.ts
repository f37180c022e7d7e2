/** What a change brings with it and may not be meant: hosts that are cut off. */

import type { MirrorConfig } from '../config/types.ts';
import { fdbEntries } from './fdb-view.ts';
import type { ApiSwitch } from './switch.ts';

/** Whom ports leave without a switch that become outputs of mirrors; asked before the change. */
export function cutOff(sw: ApiSwitch, mirrors: readonly { output?: MirrorConfig['output'] | undefined }[]): string[] {
  const { config } = sw.document;
  const before = new Set(config.mirrors.map(({ output }) => output));
  const bridged = new Set(config.ports.flatMap(({ name, bridge }) => (bridge === null ? [] : [name])));
  return [...new Set(mirrors.map(({ output }) => output))].flatMap((output) => {
    if (output == null || before.has(output) || !bridged.has(output)) return [];
    let hosts = 0;
    for (const { kind } of fdbEntries(sw.readable, { port: output }, sw.nowMs())) if (kind === 'dynamic') hosts++;
    if (hosts === 0) return [];
    const have = `${hosts} address${hosts === 1 ? ' was' : 'es were'} learned on port ${output}`;
    return [
      `${have}: it is the output of a mirror now and takes part in nothing else, so that these hosts are cut off`,
    ];
  });
}
