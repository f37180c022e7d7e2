/**
 * Mirrors: which frames are copied, and where to. One row per mirror; a frame remembers by one bit of a word which
 * mirrors have it.
 */

import { bitmapWidth } from './bitmap.ts';
import { ownFloat64, sharedInt32 } from './shared.ts';

export const MAX_MIRRORS = 16;
/** Words of one set of VIDs. */
export const MIRROR_VLAN_WORDS = 128;
/** `output` of a mirror that copies into a VLAN, or whose port is not there. */
export const NO_OUTPUT = -1;

// Columns of a mirror's counters.
export const MIRRORED_FRAMES = 0;
export const MIRRORED_BYTES = 1;
/** Copies that their port could not send. */
export const MIRROR_LOST = 2;
export const MIRROR_COUNTERS = 4;

export interface MirrorTable {
  /** 32-bit words in one port set. */
  readonly width: number;
  /** [0]: a bit for each mirror in force. 0 is all that forwarding looks at where nobody mirrors. */
  readonly inForce: Int32Array;
  /** Row per mirror: ports whose received frames are copied, and whose sent frames. */
  readonly src: Int32Array;
  readonly dst: Int32Array;
  /** 1: only frames of the VLANs in its row of `vlans`. */
  readonly byVlan: Int32Array;
  readonly vlans: Int32Array;
  readonly output: Int32Array;
  /** FID of the VLAN that is copied into (RSPAN), its VID and the TPID of its bridge; FID 0 = none. */
  readonly outputFid: Int32Array;
  readonly outputVid: Int32Array;
  readonly outputTpid: Int32Array;
  /** Bits of the mirrors that copy to the same place, its own included: a frame goes there once. */
  readonly twins: Int32Array;
  /** This worker's, and each one's (`sumAt`). */
  readonly counters: Float64Array;
  readonly countersOf: readonly Float64Array[];
}

export function createMirrorTable(ports: number, workers: number): MirrorTable {
  const countersOf = ownFloat64(MAX_MIRRORS * MIRROR_COUNTERS, workers);
  const width = bitmapWidth(ports);
  return {
    width,
    inForce: sharedInt32(1),
    src: sharedInt32(MAX_MIRRORS * width),
    dst: sharedInt32(MAX_MIRRORS * width),
    byVlan: sharedInt32(MAX_MIRRORS),
    vlans: sharedInt32(MAX_MIRRORS * MIRROR_VLAN_WORDS),
    output: sharedInt32(MAX_MIRRORS).fill(NO_OUTPUT),
    outputFid: sharedInt32(MAX_MIRRORS),
    outputVid: sharedInt32(MAX_MIRRORS),
    outputTpid: sharedInt32(MAX_MIRRORS),
    twins: sharedInt32(MAX_MIRRORS),
    counters: countersOf[0],
    countersOf,
  };
}
