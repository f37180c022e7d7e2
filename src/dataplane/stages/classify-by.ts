/**
 * The VLAN of an untagged frame by what it is, on ports that ask for it: source MAC, subnet of the source address (of the
 * IP packet, or of the sender of ARP), EtherType; in the configured order. -1: none of them says.
 */

import {
  BY_MAC,
  BY_SUBNET,
  type ClassifyTable,
  MAC_WORDS,
  MASKED_WORDS,
  macSlot,
  PROTOCOL_WORDS,
} from '../../tables/classify-table.ts';
import { lookup4, lookup6 } from '../../tables/lpm/lpm.ts';
import type { Batch } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';

const ETHERNET_HEADER = 14;
const TYPE_IPV4 = 0x0800;
const TYPE_ARP = 0x0806;
const TYPE_IPV6 = 0x86dd;

export function classifyBy(dp: Dataplane, b: Batch, i: number): number {
  const table = dp.classify;
  const { order } = table;
  const packet = b.off[i] + ETHERNET_HEADER + b.tagLen[i];
  for (let k = 0; k < order.length; k++) {
    const by = order[k];
    if (by === 0) break;
    const vid =
      by === BY_MAC
        ? byMac(table, b.srcHigh[i], b.srcLow[i])
        : by === BY_SUBNET
          ? bySubnet(table, dp.arena.view, packet, b.off[i] + b.len[i])
          : byProtocol(table, dp.arena.view.getUint16(packet - 2));
    if (vid > 0) return vid;
  }
  return -1;
}

function byMac({ macs, masked }: ClassifyTable, high: number, low: number): number {
  const slots = macs.length / MAC_WORDS;
  for (let slot = macSlot(high, low, slots); macs[slot * MAC_WORDS + 2] !== 0; slot = (slot + 1) & (slots - 1)) {
    const at = slot * MAC_WORDS;
    if (macs[at] === low && macs[at + 1] === high) return macs[at + 2];
  }
  for (let at = 0; at + MASKED_WORDS <= masked.length; at += MASKED_WORDS) {
    if ((high & masked[at]) === masked[at + 2] && (low & masked[at + 1]) === masked[at + 3]) return masked[at + 4];
  }
  return 0;
}

function bySubnet({ subnets4, subnets6 }: ClassifyTable, view: DataView, packet: number, end: number): number {
  const type = view.getUint16(packet - 2);
  if (type === TYPE_IPV4 && end - packet >= 20 && subnets4.roots.length > 1) {
    return lookup4(subnets4, 0, view.getUint32(packet + 12));
  }
  if (type === TYPE_ARP && end - packet >= 28 && subnets4.roots.length > 1) {
    return lookup4(subnets4, 0, view.getUint32(packet + 14));
  }
  if (type === TYPE_IPV6 && end - packet >= 40 && subnets6.roots.length > 1)
    return lookup6(subnets6, 0, view, packet + 8);
  return 0;
}

function byProtocol({ protocols }: ClassifyTable, type: number): number {
  for (let at = 0; at + PROTOCOL_WORDS <= protocols.length; at += PROTOCOL_WORDS) {
    if (protocols[at] === type) return protocols[at + 1];
  }
  return 0;
}
