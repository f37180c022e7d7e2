/**
 * `etherloom check -c FILE`: whether a configuration is right, without a switch.
 */

import { type AskIo, answering, pretty, TERMINAL } from './asking.ts';
import { readRunConfig } from './run-config.ts';
import { vidList } from './vid-list.ts';

export function check(options: { config: string; json: boolean }, io: AskIo = TERMINAL): Promise<number> {
  return answering(io, async () => {
    const { config } = readRunConfig({ config: options.config, ports: [] });
    const { name, ports, bridges, fdbEntries } = config;
    if (options.json) return pretty({ valid: true, config });
    const count = (n: number, one: string, many: string) => `${n} ${n === 1 ? one : many}`;
    const vids = vidList(bridges.flatMap(({ vlans }) => vlans.map(({ vid }) => vid)));
    const parts = [
      count(ports.length, 'port', 'ports'),
      count(bridges.length, 'bridge', 'bridges'),
      vids === '' ? 'no VLANs' : `VLANs ${vids}`,
      count(fdbEntries.length, 'FDB entry', 'FDB entries'),
    ];
    return `${options.config}: valid: switch ${name}, ${parts.join(', ')}\n`;
  });
}
