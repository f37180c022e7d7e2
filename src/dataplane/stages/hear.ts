/**
 * Hear: questions to a whole VLAN that its interface may have to answer. ARP, neighbor discovery and router
 * solicitations sent to a group go on to every port as ever, and control gets to see them too; so does DHCP where the
 * interface relays it.
 */

import { METER_NEIGHBOR, RELAY_V4, RELAY_V6, takeMeter } from '../../tables/router-table.ts';
import type { Batch } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { PUNT_ROUTER, punt } from '../punt.ts';
import { DROP_NONE, EGRESS_NO_PORT } from '../reasons.ts';
import { GROUP_BIT } from './parse.ts';

const ETHERNET_HEADER = 14;
const IPV6_HEADER = 40;
const IPV6_NEXT = 6;
const NEXT_ICMPV6 = 58;
const UDP = 17;
const TYPE_IPV4 = 0x0800;
const DHCP_SERVER = 67;
const DHCPV6_SERVER = 547;
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
  const end = b.off[i] + b.len[i];
  const relay = dp.router.relay[iface];
  if (!isQuestion(view, packet, end) && (relay === 0 || !isForRelay(view, packet, end, relay))) return reason;
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

/** DHCP for servers; fragments and options are not taken for it. */
function isForRelay(view: DataView, packet: number, end: number, relay: number): boolean {
  const type = view.getUint16(packet - 2);
  if (type === TYPE_IPV4) {
    if ((relay & RELAY_V4) === 0 || end - packet < 28 || view.getUint8(packet) !== 0x45) return false;
    return view.getUint8(packet + 9) === UDP && view.getUint16(packet + 22) === DHCP_SERVER;
  }
  if (type !== TYPE_IPV6 || (relay & RELAY_V6) === 0 || end - packet < IPV6_HEADER + 8) return false;
  return view.getUint8(packet + IPV6_NEXT) === UDP && view.getUint16(packet + IPV6_HEADER + 2) === DHCPV6_SERVER;
}
