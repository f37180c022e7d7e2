/**
 * `etherloom check -c FILE`: whether a configuration is right, without a switch.
 */

import { type AskIo, answering, pretty, TERMINAL } from './asking.ts';
import { readRunConfig } from './run-config.ts';
import { vidList } from './vid-list.ts';

export function check(options: { config: string; json: boolean }, io: AskIo = TERMINAL): Promise<number> {
  return answering(io, async () => {
    const { config } = readRunConfig({ config: options.config, ports: [] });
    const { name, ports, bridges, interfaces, routes, vteps, macvlan, ipvlan, mirrors, fdbEntries } = config;
    if (options.json) return pretty({ valid: true, config });
    const count = (n: number, one: string, many: string) => `${n} ${n === 1 ? one : many}`;
    const vids = vidList(bridges.flatMap(({ vlans }) => vlans.map(({ vid }) => vid)));
    const parts = [
      count(ports.length, 'port', 'ports'),
      count(bridges.length, 'bridge', 'bridges'),
      vids === '' ? 'no VLANs' : `VLANs ${vids}`,
      ...[
        [interfaces.length, 'interface', 'interfaces'] as const,
        [routes.length, 'static route', 'static routes'] as const,
        [vteps.length, 'VTEP', 'VTEPs'] as const,
        [macvlan.length, 'macvlan group', 'macvlan groups'] as const,
        [ipvlan.length, 'ipvlan group', 'ipvlan groups'] as const,
        [mirrors.length, 'mirror', 'mirrors'] as const,
        [fdbEntries.length, 'FDB entry', 'FDB entries'] as const,
      ].flatMap(([n, one, many]) => (n === 0 ? [] : [count(n, one, many)])),
    ];
    return `${options.config}: valid: switch ${name}, ${parts.join(', ')}\n`;
  });
}
