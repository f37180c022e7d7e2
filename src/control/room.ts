/**
 * Whether a configuration fits into the tables that were made at the start: asked before anything is changed, so that
 * want of room never stops a plan half-way.
 */

import type { SwitchConfig } from '../config/types.ts';
import type { DataplaneShared } from '../dataplane/dataplane.ts';
import { TUNNEL_ROW_WORDS } from '../tables/port-table.ts';
import { ControlError } from './model.ts';

/** Throws ControlError when it does not. */
export function requireRoom({ ports, vlans }: DataplaneShared, to: SwitchConfig): void {
  const domains = to.bridges.reduce((sum, { type, vlans }) => sum + (type === 'unaware' ? 1 : vlans.length), 0);
  const tunnels = to.ports.filter(({ tunnelCvids }) => tunnelCvids !== null).length;
  need('ports', to.ports.length, ports.capacity);
  need('bridges', to.bridges.length, vlans.bridges);
  need('VLANs of all bridges', domains, vlans.capacity - 1);
  need('tunnel ports with a list of customer VLANs', tunnels, ports.tunnelCvids.length / TUNNEL_ROW_WORDS);
}

function need(what: string, wanted: number, room: number): void {
  if (wanted <= room) return;
  throw new ControlError(
    `${wanted} ${what} do not fit into the running switch, which has room for ${room}; restart it`,
  );
}
