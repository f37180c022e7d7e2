/** What moves frames of a running switch, by name; apart from what opens it, for who only has to know. */

import type { PortConfig } from '../../config/types.ts';

/** Adapters that a running switch opens; a `memory` port stays without a device there. */
export const LIVE_ADAPTERS: readonly string[] = [
  'tap',
  'af-packet',
  'af-xdp',
  'cap',
  'udp',
  'vxlan-udp',
  'vxlan-raw-socket',
];
/** Without a device of their own: a tunnel's frames move through the uplink of its VTEP. */
export const TUNNEL_ADAPTER = 'vxlan';
/** Those of them on an interface that may vanish and come back. */
export const LINKED_ADAPTERS: readonly string[] = ['tap', 'af-packet', 'af-xdp', 'cap'];

const DEVICELESS: readonly string[] = ['memory', TUNNEL_ADAPTER];

/** Adapters that no running switch can serve, as a line, or null. */
export function unsuited(ports: readonly PortConfig[]): string | null {
  const port = ports.find(({ adapter }) => !DEVICELESS.includes(adapter.kind) && !LIVE_ADAPTERS.includes(adapter.kind));
  return port === undefined
    ? null
    : `ports.${port.name}.adapter: "${port.adapter.kind}" is not for a running switch; valid are ${[...LIVE_ADAPTERS.filter((kind) => !kind.startsWith('vxlan-')), ...DEVICELESS].join(', ')} (captures go through etherloom replay)`;
}
