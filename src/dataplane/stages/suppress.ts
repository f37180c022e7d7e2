/**
 * Suppress: questions of hosts to a VLAN that a tunnel is to be spared (ARP requests, neighbor solicitations). Control
 * gets them instead of the VLAN: it answers in place of the host, or sends the question on.
 */

import { PORT_SUPPRESS } from '../../tables/port-table.ts';
import { type Batch, RX_GENERATED } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { PUNT_SUPPRESS, punt } from '../punt.ts';
import { GROUP_BIT } from './parse.ts';

const ETHERNET_HEADER = 14;
const TYPE_ARP = 0x0806;
const TYPE_IPV6 = 0x86dd;
const ARP_OPERATION = 6;
const ARP_REQUEST = 1;
const ARP_BYTES = 28;
const IPV6_HEADER = 40;
const IPV6_NEXT = 6;
const NEXT_ICMPV6 = 58;
const NEIGHBOR_SOLICITATION = 135;

/** Whether the frame is such a question and control has it now. */
export function suppress(dp: Dataplane, b: Batch, i: number): boolean {
  if ((dp.ports.flags[b.port[i]] & PORT_SUPPRESS) === 0 || (b.rxFlags[i] & RX_GENERATED) !== 0) return false;
  if ((b.dstHigh[i] & GROUP_BIT) === 0) return false;
  const view = dp.arena.view;
  const packet = b.off[i] + ETHERNET_HEADER + b.tagLen[i];
  const bytes = b.off[i] + b.len[i] - packet;
  const type = view.getUint16(packet - 2);
  const isQuestion =
    (type === TYPE_ARP && bytes >= ARP_BYTES && view.getUint16(packet + ARP_OPERATION) === ARP_REQUEST) ||
    (type === TYPE_IPV6 &&
      bytes > IPV6_HEADER &&
      view.getUint8(packet + IPV6_NEXT) === NEXT_ICMPV6 &&
      view.getUint8(packet + IPV6_HEADER) === NEIGHBOR_SOLICITATION);
  if (isQuestion) punt(b, i, PUNT_SUPPRESS);
  return isQuestion;
}
