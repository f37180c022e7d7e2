/**
 * One row per broadcast domain: a VLAN of a bridge, or a whole VLAN-unaware bridge.
 *
 * A row's number is its FID (filtering identifier), the key under which addresses are learned. FID 0 means
 * "no such VLAN" and is also the ledger's row for frames that were dropped before they had a VLAN.
 *
 * The secondaries of a private VLAN (RFC 5517) are rows of their own, with member sets of their own, and share the
 * addresses of their primary: `fdbFid` says under which row they are learned. The fast lane takes a row for the key, so
 * secondaries are not in `fidOf` but in `secondaryOf`, which only the slow lane asks.
 */

import { bitmapWidth } from './bitmap.ts';
import { sharedInt32, sharedUint16 } from './shared.ts';

export const VIDS_PER_BRIDGE = 4096;
/** FIDs are 16 bits of the FDB key. */
export const MAX_FIDS = 65536;

export interface VlanTable {
  /** Rows, FID 0 included. */
  readonly capacity: number;
  readonly bridges: number;
  /** 32-bit words in one port set. */
  readonly width: number;
  /** [bridge * 4096 + vid] -> FID, 0 = no such VLAN. Vid 0 is the one domain of an unaware bridge. */
  readonly fidOf: Uint16Array;
  /** The same for secondaries of private VLANs, which `fidOf` does not know. */
  readonly secondaryOf: Uint16Array;
  /** Row per FID: the FID under which its addresses are learned, its own unless it is a secondary. */
  readonly fdbFid: Uint16Array;
  readonly vid: Int32Array;
  readonly bridge: Int32Array;
  /** Row per FID: ports that the VID may leave by. */
  readonly member: Int32Array;
  /** Row per FID: those of them where it leaves without a tag. */
  readonly untagged: Int32Array;
}

export function createVlanTable(capacity: number, bridges: number, ports: number): VlanTable {
  const width = bitmapWidth(ports);
  const fdbFid = sharedUint16(capacity);
  for (let fid = 0; fid < capacity; fid++) fdbFid[fid] = fid;
  return {
    capacity,
    bridges,
    width,
    fidOf: sharedUint16(bridges * VIDS_PER_BRIDGE),
    secondaryOf: sharedUint16(bridges * VIDS_PER_BRIDGE),
    fdbFid,
    vid: sharedInt32(capacity),
    bridge: sharedInt32(capacity),
    member: sharedInt32(capacity * width),
    untagged: sharedInt32(capacity * width),
  };
}

/** FID of a VLAN of either kind, at `bridge * 4096 + vid`; 0 = no such VLAN. */
export function fidAt({ fidOf, secondaryOf }: VlanTable, at: number): number {
  const fid = fidOf[at];
  return fid !== 0 ? fid : secondaryOf[at];
}
