/**
 * `etherloom check -c FILE`: whether a configuration is right, without a switch.
 */

import { unsuited } from '../runtime/live/adapters.ts';
import { type AskIo, answering, pretty, TERMINAL } from './asking.ts';
import { readConfigFile } from './run-config.ts';
import { UsageError } from './usage-error.ts';
import { vidList } from './vid-list.ts';

export function check(options: { config: string; json: boolean }, io: AskIo = TERMINAL): Promise<number> {
  return answering(io, async () => {
    const { config } = readConfigFile(options.config);
    const problem = unsuited(config.ports.filter(({ adapter }) => adapter.kind !== 'pcap'));
    if (problem !== null) throw new UsageError(`${options.config}: ${problem}`);
    const captured = config.ports.find(({ adapter }) => adapter.kind === 'pcap');
    const { name, ports, bridges, interfaces, routes, vteps, macvlan, ipvlan, mirrors, fdbEntries } = config;
    if (options.json) return pretty({ valid: true, for: captured === undefined ? 'run' : 'replay', config });
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
    const use =
      captured === undefined ? '' : ` for replay (port ${captured.name} is a capture, which no running switch takes)`;
    return `${options.config}: valid${use}: switch ${name}, ${parts.join(', ')}\n`;
  });
}
