/**
 * What the outer header takes from the inner packet: a hash of its flow for the source port (RFC 7348 section 5), its
 * DSCP and ECN, its TTL and its DF bit.
 *
 * The hash is of addresses, protocol and ports; of addresses and protocol for a fragment, since only the first one has
 * ports and all must take one path; of the Ethernet addresses and type for what is not IP. It is the same on every
 * run and every machine. Only bytes inside [off, end) are read.
 */

import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../../wire/ethernet.ts';
import { PROTO_TCP, PROTO_UDP } from '../../wire/ipv4.ts';

/** Columns of a flow. */
export const FLOW_HASH = 0;
/** DSCP and ECN in one byte; -1 when the frame is not IP. */
export const FLOW_TOS = 1;
export const FLOW_TTL = 2;
/** 1 when the packet may not be fragmented: DF, or IPv6. */
export const FLOW_DF = 3;
const COLUMNS = 4;

const PROTO_SCTP = 132;
const PROTO_UDPLITE = 136;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const PORTS_BYTES = 4;

export function createFlow(): Int32Array {
  return new Int32Array(COLUMNS);
}

/** Fills `flow`. The Ethernet addresses are at `head`, the EtherType at `typeAt`, behind all tags of our own. */
export function readFlow(view: DataView, head: number, typeAt: number, end: number, flow: Int32Array): void {
  let at = typeAt;
  let type = view.getUint16(at);
  while ((type === 0x8100 || type === 0x88a8) && at + 6 <= end) {
    at += 4;
    type = view.getUint16(at);
  }
  const ip = at + 2;
  if (type === ETHERTYPE_IPV4 && end - ip >= IPV4_BYTES) {
    const first = view.getUint16(ip);
    const fragment = view.getUint16(ip + 6);
    const ttl = view.getUint16(ip + 8);
    const protocol = ttl & 0xff;
    const upper = ip + ((first >>> 6) & 0x3c);
    let h = Math.imul(view.getInt32(ip + 12), 0x9e3779b1) ^ view.getInt32(ip + 16);
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) ^ protocol;
    if ((fragment & 0x3fff) === 0 && hasPorts(protocol) && upper + PORTS_BYTES <= end) h ^= view.getInt32(upper);
    flow[FLOW_HASH] = finish(h);
    flow[FLOW_TOS] = first & 0xff;
    flow[FLOW_TTL] = ttl >>> 8;
    flow[FLOW_DF] = (fragment >>> 14) & 1;
    return;
  }
  if (type === ETHERTYPE_IPV6 && end - ip >= IPV6_BYTES) {
    const word = view.getInt32(ip);
    const ttl = view.getUint16(ip + 6);
    const protocol = ttl >>> 8;
    let h = protocol;
    for (let n = 8; n < IPV6_BYTES; n += 4) h = Math.imul(h ^ (h >>> 15), 0x9e3779b1) ^ view.getInt32(ip + n);
    const upper = ip + IPV6_BYTES;
    // Behind an extension header the ports are not looked for: then addresses alone have to do.
    if (hasPorts(protocol) && upper + PORTS_BYTES <= end) {
      h = Math.imul(h ^ (h >>> 13), 0x85ebca6b) ^ view.getInt32(upper);
    }
    flow[FLOW_HASH] = finish(h);
    flow[FLOW_TOS] = (word >>> 20) & 0xff;
    flow[FLOW_TTL] = ttl & 0xff;
    flow[FLOW_DF] = 1;
    return;
  }
  let h = Math.imul(view.getInt32(head), 0x9e3779b1) ^ view.getInt32(head + 4);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) ^ view.getInt32(head + 8);
  flow[FLOW_HASH] = finish(Math.imul(h ^ (h >>> 13), 0x27d4eb2f) ^ type);
  flow[FLOW_TOS] = -1;
  flow[FLOW_TTL] = 0;
  flow[FLOW_DF] = 0;
}

function hasPorts(protocol: number): boolean {
  return protocol === PROTO_TCP || protocol === PROTO_UDP || protocol === PROTO_SCTP || protocol === PROTO_UDPLITE;
}

function finish(h: number): number {
  const mixed = Math.imul(h ^ (h >>> 16), 0xc2b2ae35);
  return mixed ^ (mixed >>> 15);
}
