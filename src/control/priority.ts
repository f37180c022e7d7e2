/** `priority:` of a port, compiled into its row of maps. */

import { NO_PRIORITY } from '../config/priority.ts';
import type { PriorityConfig } from '../config/types.ts';
import {
  PORT_MAPS_PRIORITY,
  PORT_REGENERATES,
  type PortTable,
  PRIORITY_ARRIVING,
  PRIORITY_DSCP,
  PRIORITY_LEAVING,
  PRIORITY_WORDS,
  TRUST_DSCP,
  TRUST_NONE,
  TRUST_PCP,
} from '../tables/port-table.ts';

const TRUSTS = { none: TRUST_NONE, pcp: TRUST_PCP, dscp: TRUST_DSCP };

/** Writes the row; returns the flags of what it makes different. In a tunnel the service tag has a priority only by it. */
export function compilePriority(
  { priority }: PortTable,
  port: number,
  config: PriorityConfig | null,
  inTunnel: boolean,
): number {
  const { trust, default: otherwise, pcp, dscp, egress } = config ?? NO_PRIORITY;
  const row = port * PRIORITY_WORDS;
  priority.fill(0, row, row + PRIORITY_WORDS);
  priority[row] = TRUSTS[trust] | (otherwise << 2);
  const write = (at: number, map: readonly number[]) => {
    map.forEach((to, from) => {
      priority[row + at + (from >> 3)] |= to << ((from & 7) << 2);
    });
  };
  write(PRIORITY_ARRIVING, pcp);
  write(PRIORITY_LEAVING, egress);
  write(PRIORITY_DSCP, dscp);
  const same = (map: readonly number[]) => map.every((to, from) => to === from);
  const arriving = config !== null && (inTunnel || !(trust === 'pcp' && otherwise === 0 && same(pcp)));
  return (arriving ? PORT_REGENERATES : 0) | (same(egress) ? 0 : PORT_MAPS_PRIORITY);
}
