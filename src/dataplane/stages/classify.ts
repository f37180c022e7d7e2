/**
 * Classify: which VLAN a frame belongs to, and whether its port may bring it (802.1Q-2022 §6.9, §8.6.1-3).
 *
 * VID 0 is a priority, not a VLAN: such a frame counts as untagged and gets the PVID. Ingress filtering asks
 * the member set. Everything here depends on configuration only, never on an earlier frame.
 */

import {
  PORT_ACCEPT_TAGGED,
  PORT_ACCEPT_UNTAGGED,
  PORT_INGRESS_FILTERING,
  PORT_STATE_LEARNS,
  PORT_TUNNEL_CVIDS,
  PORT_UP,
  type PortTable,
  TUNNEL_ROW_WORDS,
} from '../../tables/port-table.ts';
import type { Batch } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import {
  DROP_NONE,
  INGRESS_FRAME_TYPE,
  INGRESS_NO_PVID,
  INGRESS_PORT_DOWN,
  INGRESS_PORT_STATE,
  INGRESS_RESERVED_MAC,
  INGRESS_TUNNEL_CVID,
  INGRESS_VID_RESERVED,
  INGRESS_VLAN,
} from '../reasons.ts';

/** The 16 reserved addresses 01-80-C2-00-00-0X: first two bytes, last four without the nibble. */
const RESERVED_HIGH = 0x0180;
const RESERVED_LOW = 0xc2000000 | 0;
const VID_MASK = 0xfff;
const VID_RESERVED = 0xfff;
const TPID_C_TAG = 0x8100;

export function classify(dp: Dataplane, b: Batch): void {
  const { ports, vlans } = dp;
  const { flags: flagsOf, pvid, vlanBase, reservedMac } = ports;
  const { fidOf, member, width } = vlans;
  const { port: portOf, reason: reasons, tci, fid: fids, vid: vids, dstHigh, dstLow } = b;
  const n = b.count;
  let tunnelled = 0;
  for (let i = 0; i < n; i++) {
    fids[i] = 0;
    if (reasons[i] !== DROP_NONE) continue;
    const port = portOf[i];
    const flags = flagsOf[port];
    let vid = tci[i] & VID_MASK;
    if ((flags & PORT_UP) === 0) {
      reasons[i] = INGRESS_PORT_DOWN;
      continue;
    }
    if (vid === 0) {
      vid = pvid[port];
      if ((flags & PORT_ACCEPT_UNTAGGED) === 0) {
        reasons[i] = INGRESS_FRAME_TYPE;
        continue;
      }
      if (vid < 0) {
        reasons[i] = INGRESS_NO_PVID;
        continue;
      }
      tunnelled |= flags & PORT_TUNNEL_CVIDS;
    } else if (vid === VID_RESERVED) {
      reasons[i] = INGRESS_VID_RESERVED;
      continue;
    } else if ((flags & PORT_ACCEPT_TAGGED) === 0) {
      reasons[i] = INGRESS_FRAME_TYPE;
      continue;
    }
    const fid = fidOf[vlanBase[port] + vid];
    if (
      fid === 0 ||
      ((flags & PORT_INGRESS_FILTERING) !== 0 && ((member[fid * width + (port >> 5)] >>> (port & 31)) & 1) === 0)
    ) {
      reasons[i] = INGRESS_VLAN;
      continue;
    }
    vids[i] = vid;
    fids[i] = fid;
    if (dstHigh[i] === RESERVED_HIGH && (dstLow[i] & ~0xf) === RESERVED_LOW) {
      if (((reservedMac[port] >>> (dstLow[i] & 0xf)) & 1) !== 0) reasons[i] = INGRESS_RESERVED_MAC;
    }
    if ((flags & PORT_STATE_LEARNS) === 0) reasons[i] = INGRESS_PORT_STATE;
  }
  if (tunnelled !== 0) refuseCustomerVids(dp, b);
}

/** Ports with a list of customer VIDs refuse frames of others. */
function refuseCustomerVids(dp: Dataplane, b: Batch): void {
  for (let i = 0; i < b.count; i++) {
    if (b.reason[i] !== DROP_NONE || (dp.ports.flags[b.port[i]] & PORT_TUNNEL_CVIDS) === 0) continue;
    if (!carriesCustomerVid(dp.ports, dp.arena.view, b, i)) {
      b.reason[i] = INGRESS_TUNNEL_CVID;
      b.fid[i] = 0;
    }
  }
}

/** dot1q-tunnel with a list: the outermost customer tag must carry a VID of the list. */
function carriesCustomerVid(ports: PortTable, view: DataView, b: Batch, i: number): boolean {
  if (b.len[i] < 18 || view.getUint16(b.off[i] + 12) !== TPID_C_TAG) return false;
  const vid = view.getUint16(b.off[i] + 14) & VID_MASK;
  const word = ports.tunnelRow[b.port[i]] * TUNNEL_ROW_WORDS + (vid >> 5);
  return ((ports.tunnelCvids[word] >>> (vid & 31)) & 1) !== 0;
}
