/**
 * Classify: which VLAN a frame belongs to, and whether its port may bring it (802.1Q-2022 §6.9, §8.6.1-3).
 *
 * VID 0 is a priority, not a VLAN: such a frame counts as untagged and gets the PVID. Ingress filtering asks
 * the member set. Everything here depends on configuration only, never on an earlier frame.
 */

import { hasBit } from '../../tables/bitmap.ts';
import {
  CUSTOMER_PVID,
  CUSTOMER_STRIP,
  PORT_ACCEPT_TAGGED,
  PORT_ACCEPT_UNTAGGED,
  PORT_CLASSIFIES,
  PORT_INGRESS_FILTERING,
  PORT_MIRROR_OUTPUT,
  PORT_REGENERATES,
  PORT_STATE_LEARNS,
  PORT_TUNNEL,
  PORT_TUNNEL_CVIDS,
  PORT_UP,
  type PortTable,
  TUNNEL_ROW,
} from '../../tables/port-table.ts';
import { fidAt, type VlanTable } from '../../tables/vlan-table.ts';
import type { Batch } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import {
  DROP_NONE,
  INGRESS_FRAME_TYPE,
  INGRESS_MIRROR_OUTPUT,
  INGRESS_NO_PVID,
  INGRESS_PORT_DOWN,
  INGRESS_PORT_STATE,
  INGRESS_RESERVED_MAC,
  INGRESS_TUNNEL_CVID,
  INGRESS_VID_RESERVED,
  INGRESS_VLAN,
} from '../reasons.ts';
import { classifyBy } from './classify-by.ts';
import { shapeUntagged } from './shape.ts';

/** The 16 reserved addresses 01-80-C2-00-00-0X: first two bytes, last four without the nibble. */
const RESERVED_HIGH = 0x0180;
const RESERVED_LOW = 0xc2000000 | 0;
const VID_MASK = 0xfff;
const VID_RESERVED = 0xfff;
const TPID_C_TAG = 0x8100;
const PRIORITY_MASK = 0xf000;

export function classify(dp: Dataplane, b: Batch, i: number): number {
  const { ports, vlans } = dp;
  const port = b.port[i];
  const flags = ports.flags[port];
  if ((flags & PORT_MIRROR_OUTPUT) !== 0) return INGRESS_MIRROR_OUTPUT;
  if ((flags & PORT_UP) === 0) return INGRESS_PORT_DOWN;
  let vid = b.tci[i] & VID_MASK;
  const customer = (flags & PORT_TUNNEL_CVIDS) === 0 ? CUSTOMER_PVID : customerEntry(ports, dp.arena.view, b, i);
  if (customer !== 0 && (customer & VID_MASK) !== CUSTOMER_PVID) {
    vid = customer & VID_MASK;
  } else if (vid === 0) {
    if ((flags & PORT_ACCEPT_UNTAGGED) === 0) return INGRESS_FRAME_TYPE;
    vid = (flags & PORT_CLASSIFIES) === 0 ? -1 : classifyBy(dp, b, i);
    if (vid < 0) vid = ports.pvid[port];
    if (vid < 0) return customer === 0 ? INGRESS_TUNNEL_CVID : INGRESS_NO_PVID;
  } else if (vid === VID_RESERVED) {
    return INGRESS_VID_RESERVED;
  } else if ((flags & PORT_ACCEPT_TAGGED) === 0) {
    return INGRESS_FRAME_TYPE;
  }
  const fid = fidAt(vlans, ports.vlanBase[port] + vid);
  if (fid === 0) return INGRESS_VLAN;
  if ((flags & PORT_INGRESS_FILTERING) !== 0 && !mayBring(vlans, fid, port, ports.pvid[port])) return INGRESS_VLAN;
  const high = b.dstHigh[i];
  const low = b.dstLow[i];
  const reserved = high === RESERVED_HIGH && (low & ~0xf) === RESERVED_LOW;
  const filtered = reserved && ((ports.reservedMac[port] >>> (low & 0xf)) & 1) !== 0;
  const learns = (flags & PORT_STATE_LEARNS) !== 0;
  if (learns && !filtered && customer === 0) return (flags & PORT_TUNNEL) !== 0 ? INGRESS_TUNNEL_CVID : INGRESS_VLAN;
  b.vid[i] = vid;
  b.fid[i] = fid;
  if (!learns) return INGRESS_PORT_STATE;
  if (filtered) return INGRESS_RESERVED_MAC;
  if ((customer & CUSTOMER_STRIP) !== 0) stripCustomerTag(dp, b, i);
  return DROP_NONE;
}

/** Ingress filtering. An isolated host sends into its VLAN and is no member of it: nobody may send there to it. */
export function mayBring(vlans: VlanTable, fid: number, port: number, pvid: number): boolean {
  return hasBit(vlans.member, vlans.width, fid, port) || (vlans.fdbFid[fid] !== fid && vlans.vid[fid] === pvid);
}

/** What the row says of the outermost tag: on a dot1q-tunnel that of a customer, on a trunk of private VLANs the port's own. */
export function customerEntry(ports: PortTable, view: DataView, b: Batch, i: number): number {
  const port = b.port[i];
  const tpid = (ports.flags[port] & PORT_TUNNEL) !== 0 ? TPID_C_TAG : ports.tpid[port];
  const tagged = b.len[i] >= 18 && view.getUint16(b.off[i] + 12) === tpid;
  const vid = tagged ? view.getUint16(b.off[i] + 14) & VID_MASK : 0;
  return ports.tunnelCvids[ports.tunnelRow[port] * TUNNEL_ROW + vid];
}

/** The service tag stands for the customer's, and takes its priority. */
function stripCustomerTag(dp: Dataplane, b: Batch, i: number): void {
  const { view } = dp.arena;
  if ((dp.ports.flags[b.port[i]] & PORT_REGENERATES) === 0) {
    b.tci[i] = view.getUint16(b.off[i] + 14) & PRIORITY_MASK;
  }
  shapeUntagged(view, b, i);
}
