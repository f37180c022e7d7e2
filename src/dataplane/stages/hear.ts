/**
 * Hear: questions to a whole VLAN that its interface may have to answer. ARP, neighbor discovery and router
 * solicitations sent to a group go on to every port as ever, and control gets to see them too.
 */

import { METER_NEIGHBOR, takeMeter } from '../../tables/router-table.ts';
import type { Batch } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { PUNT_ROUTER, punt } from '../punt.ts';
import { DROP_NONE, EGRESS_NO_PORT } from '../reasons.ts';
import { GROUP_BIT } from './parse.ts';

const ETHERNET_HEADER = 14;
const IPV6_HEADER = 40;
const IPV6_NEXT = 6;
const NEXT_ICMPV6 = 58;
const TYPE_ARP = 0x0806;
const TYPE_IPV6 = 0x86dd;
/** Router solicitation, router and neighbor advertisement and solicitation: ICMPv6 types 133 to 136. */
const ND_FIRST = 133;
const ND_LAST = 136;

/** To be called for a frame that is flooded, with what egress said about it: heard by the switch it is no drop. */
export function hear(dp: Dataplane, b: Batch, i: number, reason: number): number {
  const iface = dp.router.ifaceOf[b.fid[i]];
  // What the interface itself says needs no answer from it.
  if (iface === 0 || dp.router.port[iface] === b.port[i] || (b.dstHigh[i] & GROUP_BIT) === 0) return reason;
  const view = dp.arena.view;
  const packet = b.off[i] + ETHERNET_HEADER + b.tagLen[i];
  if (!isQuestion(view, packet, b.off[i] + b.len[i])) return reason;
  if (!takeMeter(dp.router, b.port[i], METER_NEIGHBOR, b.nowMs[i])) return reason;
  punt(b, i, PUNT_ROUTER);
  return reason === EGRESS_NO_PORT ? DROP_NONE : reason;
}

function isQuestion(view: DataView, packet: number, end: number): boolean {
  const type = view.getUint16(packet - 2);
  if (type === TYPE_ARP) return true;
  if (type !== TYPE_IPV6 || end - packet <= IPV6_HEADER || view.getUint8(packet + IPV6_NEXT) !== NEXT_ICMPV6)
    return false;
  const kind = view.getUint8(packet + IPV6_HEADER);
  return kind >= ND_FIRST && kind <= ND_LAST;
}
