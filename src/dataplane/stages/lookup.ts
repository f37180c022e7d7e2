/**
 * Look up: where the destination is, into `b.to`: a port, or one of TO_* (802.1Q-2022 §8.8).
 */

import {
  isLive,
  KIND_BLACKHOLE,
  KIND_LOCAL,
  KIND_MASK,
  KIND_SHIFT,
  keyHigh,
  PORT_MASK,
  probe,
  startSlot,
} from '../../tables/fdb/fdb.ts';
import {
  FLOOD_BROADCAST,
  FLOOD_MULTICAST,
  FLOOD_UNKNOWN_UNICAST,
  PORT_HUB,
  PORT_STATE_FORWARDS,
} from '../../tables/port-table.ts';
import type { Batch } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { DROP_NONE, INGRESS_PORT_STATE, LOOKUP_BLACKHOLE } from '../reasons.ts';
import { GROUP_BIT } from './parse.ts';

/** TO_FLOOD - FLOOD_*: to the flood set of that kind. */
export const TO_FLOOD = -1;
/** For the switch itself. */
export const TO_LOCAL = -8;

export function lookup(dp: Dataplane, b: Batch, i: number): number {
  const flags = dp.ports.flags[b.port[i]];
  if ((flags & PORT_STATE_FORWARDS) === 0) return INGRESS_PORT_STATE;
  const high = b.dstHigh[i];
  const low = b.dstLow[i];
  b.to[i] = TO_FLOOD - FLOOD_UNKNOWN_UNICAST;
  if ((flags & PORT_HUB) !== 0) return DROP_NONE;
  if ((high & GROUP_BIT) !== 0) {
    b.to[i] = TO_FLOOD - (high === 0xffff && low === -1 ? FLOOD_BROADCAST : FLOOD_MULTICAST);
    return DROP_NONE;
  }
  const { fdb } = dp;
  const key = keyHigh(high, dp.vlans.fdbFid[b.fid[i]]);
  const slot = probe(fdb, low, key, startSlot(fdb, low, key));
  if (slot < 0 || !isLive(fdb, slot, b.nowMs[i])) return DROP_NONE;
  const word3 = fdb.rec[(slot << 2) + 3];
  const kind = (word3 & KIND_MASK) >> KIND_SHIFT;
  if (kind === KIND_BLACKHOLE) return LOOKUP_BLACKHOLE;
  b.to[i] = kind === KIND_LOCAL ? TO_LOCAL : word3 & PORT_MASK;
  return DROP_NONE;
}
