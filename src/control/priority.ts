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
/** Of nearly every port, and many are written in one go. */
const PLAIN = wordsOf(NO_PRIORITY);

/** Writes the row; returns the flags of what it makes different. In a tunnel the service tag has a priority only by it. */
export function compilePriority(
  { priority }: PortTable,
  port: number,
  config: PriorityConfig | null,
  inTunnel: boolean,
): number {
  const row = port * PRIORITY_WORDS;
  if (config === null) {
    priority.set(PLAIN, row);
    return 0;
  }
  priority.set(wordsOf(config), row);
  const { trust, default: otherwise, pcp, egress } = config;
  const arriving = inTunnel || !(trust === 'pcp' && otherwise === 0 && isPlain(pcp));
  return (arriving ? PORT_REGENERATES : 0) | (isPlain(egress) ? 0 : PORT_MAPS_PRIORITY);
}

function wordsOf({ trust, default: otherwise, pcp, dscp, egress }: PriorityConfig): Int32Array {
  const words = new Int32Array(PRIORITY_WORDS);
  words[0] = TRUSTS[trust] | (otherwise << 2);
  const write = (at: number, map: readonly number[]) => {
    map.forEach((to, from) => {
      words[at + (from >> 3)] |= to << ((from & 7) << 2);
    });
  };
  write(PRIORITY_ARRIVING, pcp);
  write(PRIORITY_LEAVING, egress);
  write(PRIORITY_DSCP, dscp);
  return words;
}

function isPlain(map: readonly number[]): boolean {
  return map.every((to, from) => to === from);
}
