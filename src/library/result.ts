/**
 * What became of a frame that was sent: the batch's columns in words.
 */

import type { Batch } from '../dataplane/batch.ts';
import { DROP_NONE, reasonName } from '../dataplane/reasons.ts';

/** From the destination address on, without FCS. */
export type FrameInput = Uint8Array;

export interface SendOptions {
  /** The bytes are only the beginning of the frame, as in a cut capture: it is dropped, never forwarded as whole. */
  truncated?: boolean;
}

export interface SendResult {
  /**
   * forward: to the port where its destination is; flood: to a flood set; consume: it was for the switch itself;
   * drop: for `reason`; queued: sent from a listener or hook, it is forwarded after the frame under way.
   */
  verdict: 'forward' | 'flood' | 'consume' | 'drop' | 'queued';
  /** Name of the drop reason; null unless dropped. */
  reason: string | null;
  /** Its VLAN; null where it had none: dropped before, or on a VLAN-unaware bridge. */
  vid: number | null;
  /** Ports that it left by. */
  ports: string[];
}

export const QUEUED: Readonly<SendResult> = { verdict: 'queued', reason: null, vid: null, ports: [] };

/** VID of frame i, null where it has none. */
export function vidOf(b: Batch, i: number): number | null {
  return b.fid[i] === 0 || b.vid[i] === 0 ? null : b.vid[i];
}

/** Result of frame i of a batch that has been forwarded. */
export function resultOf(b: Batch, i: number, ports: string[]): SendResult {
  const vid = vidOf(b, i);
  if (b.reason[i] !== DROP_NONE) return { verdict: 'drop', reason: reasonName(b.reason[i]), vid, ports };
  if (b.copies[i] === 0) return { verdict: 'consume', reason: null, vid, ports };
  return { verdict: b.to[i] >= 0 ? 'forward' : 'flood', reason: null, vid, ports };
}
