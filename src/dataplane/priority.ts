/**
 * Priorities: the PCP that a frame has inside the switch, from its tag, its DSCP or its port (802.1Q-2022 §6.9.4), and the PCP that
 * its tag has outside (§6.9.3 in reverse). DEI stays as it is.
 */

import {
  PORT_TUNNEL,
  type PortTable,
  PRIORITY_ARRIVING,
  PRIORITY_DSCP,
  PRIORITY_LEAVING,
  PRIORITY_WORDS,
  TRUST_DSCP,
  TRUST_NONE,
} from '../tables/port-table.ts';
import type { Batch } from './batch.ts';
import type { Dataplane } from './dataplane.ts';

const ADDRESSES = 12;
const ETHERNET_HEADER = 14;
const TAG = 4;
const TPID_C = 0x8100;
const TPID_S = 0x88a8;
const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;
const PCP_SHIFT = 13;
const NOT_PCP = 0x1fff;

/** Gives frame i, which has been parsed, the priority that its port's settings say. */
export function regenerate(dp: Dataplane, b: Batch, i: number): void {
  const { ports, arena } = dp;
  const { view } = arena;
  const port = b.port[i];
  const row = port * PRIORITY_WORDS;
  const settings = ports.priority[row];
  const trust = settings & 3;
  const off = b.off[i];
  let tci = b.tagLen[i] !== 0 ? b.tci[i] : -1;
  // The service tag takes its priority from the customer's.
  if (tci < 0 && (ports.flags[port] & PORT_TUNNEL) !== 0 && b.len[i] >= ETHERNET_HEADER + TAG) {
    const type = view.getUint16(off + ADDRESSES);
    if (type === TPID_C || type === TPID_S) tci = view.getUint16(off + ADDRESSES + 2);
  }
  const dscp = trust === TRUST_DSCP ? dscpAt(view, off, b.len[i]) : -1;
  let pcp = settings >>> 2;
  if (dscp >= 0) pcp = entry(ports.priority, row + PRIORITY_DSCP, dscp);
  else if (trust !== TRUST_NONE && tci >= 0) pcp = entry(ports.priority, row + PRIORITY_ARRIVING, tci >>> PCP_SHIFT);
  b.tci[i] = (b.tci[i] & NOT_PCP) | (pcp << PCP_SHIFT);
  if (b.tagLen[i] !== 0) view.setUint16(off + ADDRESSES + 2, b.tci[i]);
}

/** The 64 code points of the packet behind any tags; -1 where there is no IP packet. */
function dscpAt(view: DataView, off: number, len: number): number {
  const end = off + len;
  let at = off + ADDRESSES;
  while (at + TAG + 2 <= end && (view.getUint16(at) === TPID_C || view.getUint16(at) === TPID_S)) at += TAG;
  if (at + 4 > end) return -1;
  const type = view.getUint16(at);
  if (type === TYPE_IPV4) return view.getUint8(at + 3) >>> 2;
  return type === TYPE_IPV6 ? (view.getUint16(at + 2) >>> 6) & 0x3f : -1;
}

/** Maps the priority of the outermost tag of a frame that leaves by the port. */
export function mapLeaving(ports: PortTable, port: number, view: DataView, off: number, len: number): void {
  if (len < ETHERNET_HEADER + TAG || view.getUint16(off + ADDRESSES) !== ports.pushTpid[port]) return;
  const tci = view.getUint16(off + ADDRESSES + 2);
  const pcp = entry(ports.priority, port * PRIORITY_WORDS + PRIORITY_LEAVING, tci >>> PCP_SHIFT);
  view.setUint16(off + ADDRESSES + 2, (tci & NOT_PCP) | (pcp << PCP_SHIFT));
}

/** Entry n of a map of 4 bits an entry. */
function entry(words: Int32Array, at: number, n: number): number {
  return (words[at + (n >>> 3)] >>> ((n & 7) << 2)) & 7;
}
