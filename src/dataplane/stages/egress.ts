/**
 * Egress: by which of the wanted ports a frame may leave, and in which shape (802.1Q-2022 §8.6.4, §8.8, §9).
 *
 * A port gets the frame when the ingress port may reach it, it is in the VLAN's member set and the frame fits
 * its MTU; it leaves untagged where the untagged set says so. The shape is written once, however many ports
 * take it; two shapes share the payload.
 */

import { hasBit } from '../../tables/bitmap.ts';
import { NO_PORT } from '../../tables/fdb/fdb.ts';
import { PORT_MIRROR_OUTPUT, PORT_STATE_FORWARDS, PORT_UP, PORT_VXLAN } from '../../tables/port-table.ts';
import type { Batch } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { PUNT_TOO_BIG, punt } from '../punt.ts';
import {
  DROP_NONE,
  EGRESS_ISOLATED,
  EGRESS_MIRROR_OUTPUT,
  EGRESS_PORT_DOWN,
  EGRESS_PORT_STATE,
  EGRESS_PRIVATE_VLAN,
  EGRESS_TOO_LONG,
  EGRESS_VLAN,
  LOOKUP_REFLECTION,
  VXLAN_MTU,
} from '../reasons.ts';
import { flood } from './flood.ts';
import { tooLong } from './frame-length.ts';
import { hear } from './hear.ts';
import { TO_FLOOD, TO_LOCAL } from './lookup.ts';
import { shapeTagged, shapeUntagged } from './shape.ts';
import { suppress } from './suppress.ts';

export function egress(dp: Dataplane, b: Batch, i: number): number {
  // Children of groups have been given it.
  if (b.copies[i] !== 0) return DROP_NONE;
  const to = b.to[i];
  if (to >= 0) return unicast(dp, b, i, to);
  if (to === TO_LOCAL || suppress(dp, b, i)) return DROP_NONE;
  const reason = flood(dp, b, i, TO_FLOOD - to);
  return dp.router.ifaceOf[b.fid[i]] === 0 ? reason : hear(dp, b, i, reason);
}

function unicast(dp: Dataplane, b: Batch, i: number, to: number): number {
  const { ports, vlans, egress } = dp;
  const from = b.port[i];
  const fid = b.fid[i];
  // A configured entry that names no port.
  if (to === NO_PORT) return EGRESS_PORT_DOWN;
  const mayReach = hasBit(ports.reach, ports.width, from, to) && hasBit(vlans.member, vlans.width, fid, to);
  if (!mayReach) return whyNot(dp, fid, from, to);
  if (tooLong(dp, b, i, to)) return refuseTooLong(dp, b, i, to);
  if (!hasBit(vlans.untagged, vlans.width, fid, to)) shapeTagged(dp.arena.view, b, i, ports.pushTpid[from]);
  else if (b.tagLen[i] !== 0) shapeUntagged(dp.arena.view, b, i);
  egress.list[to * egress.stride + egress.count[to]++] = i;
  b.copies[i] = 1;
  return DROP_NONE;
}

/** A tunnel never fragments: who sent a packet that does not fit is told what would. */
function refuseTooLong(dp: Dataplane, b: Batch, i: number, to: number): number {
  if ((dp.ports.flags[to] & PORT_VXLAN) === 0) return EGRESS_TOO_LONG;
  punt(b, i, PUNT_TOO_BIG);
  return VXLAN_MTU;
}

/** The reason why `from` may not send to `to` in this VLAN. */
export function whyNot(dp: Dataplane, fid: number, from: number, to: number): number {
  const { ports, vlans } = dp;
  if (from === to) return LOOKUP_REFLECTION;
  if ((ports.flags[to] & PORT_MIRROR_OUTPUT) !== 0) return EGRESS_MIRROR_OUTPUT;
  if ((ports.flags[to] & PORT_UP) === 0) return EGRESS_PORT_DOWN;
  if ((ports.flags[to] & PORT_STATE_FORWARDS) === 0) return EGRESS_PORT_STATE;
  if (hasBit(vlans.member, vlans.width, fid, to)) return EGRESS_ISOLATED;
  const primary = vlans.fdbFid[fid];
  return primary !== fid && hasBit(vlans.member, vlans.width, primary, to) ? EGRESS_PRIVATE_VLAN : EGRESS_VLAN;
}
