/**
 * Suppress: questions of hosts to a VLAN that a tunnel is to be spared (ARP requests, neighbor solicitations), and what
 * hosts tell it of themselves (ARP replies, advertisements). Control gets them instead of the VLAN: it answers in place
 * of the host, or sends the frame on.
 */

import { PORT_SUPPRESS } from '../../tables/port-table.ts';
import { METER_SUPPRESS, takeMeter } from '../../tables/router-table.ts';
import { type Batch, RX_GENERATED } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { PUNT_SUPPRESS, punt } from '../punt.ts';
import { GROUP_BIT } from './parse.ts';

const ETHERNET_HEADER = 14;
const TYPE_ARP = 0x0806;
const TYPE_IPV6 = 0x86dd;
const ARP_OPERATION = 6;
const ARP_REQUEST = 1;
const ARP_REPLY = 2;
const ARP_BYTES = 28;
const IPV6_HEADER = 40;
const IPV6_NEXT = 6;
const NEXT_ICMPV6 = 58;
const NEIGHBOR_SOLICITATION = 135;
const NEIGHBOR_ADVERTISEMENT = 136;

/** Whether the frame is such a one and control has it now. */
export function suppress(dp: Dataplane, b: Batch, i: number): boolean {
  if ((dp.ports.flags[b.port[i]] & PORT_SUPPRESS) === 0 || (b.rxFlags[i] & RX_GENERATED) !== 0) return false;
  if ((b.dstHigh[i] & GROUP_BIT) === 0) return false;
  const packet = b.off[i] + ETHERNET_HEADER + b.tagLen[i];
  if (!isAboutNeighbors(dp.arena.view, packet, b.off[i] + b.len[i])) return false;
  if (!takeMeter(dp.router, b.port[i], METER_SUPPRESS, b.nowMs[i])) return false;
  punt(b, i, PUNT_SUPPRESS);
  return true;
}

/** Whether the packet, whose EtherType lies in front of it, asks for or tells a MAC address. */
export function isAboutNeighbors(view: DataView, packet: number, end: number): boolean {
  const type = view.getUint16(packet - 2);
  if (type === TYPE_ARP) {
    if (end - packet < ARP_BYTES) return false;
    const operation = view.getUint16(packet + ARP_OPERATION);
    return operation === ARP_REQUEST || operation === ARP_REPLY;
  }
  if (type !== TYPE_IPV6 || end - packet <= IPV6_HEADER || view.getUint8(packet + IPV6_NEXT) !== NEXT_ICMPV6) {
    return false;
  }
  const kind = view.getUint8(packet + IPV6_HEADER);
  return kind === NEIGHBOR_SOLICITATION || kind === NEIGHBOR_ADVERTISEMENT;
}
