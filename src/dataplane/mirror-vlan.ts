/**
 * Mirror into a VLAN (RSPAN): copies that carry the VLAN's tag instead of their own, to all of its members.
 *
 * Frames of that VLAN are not copied into it again, and reserved addresses never are, so that copies do not go round
 * and no neighbour takes another switch's BPDUs for this one's.
 */

import { hasBit } from '../tables/bitmap.ts';
import { PORT_MIRROR_OUTPUT, PORT_STATE_FORWARDS, PORT_UP } from '../tables/port-table.ts';
import { frameStart, releaseAll, takeFor } from './arena.ts';
import { type Batch, INDEX_MASK, SHAPE_ALT } from './batch.ts';
import type { Dataplane } from './dataplane.ts';
import type { Chosen } from './mirror.ts';
import { shapeBoth } from './stages/shape.ts';

const ADDRESSES = 12;
const TAG = 4;
const TPID_C = 0x8100;
const TPID_S = 0x88a8;
const VID_MASK = 0xfff;
const RESERVED_HIGH = 0x0180;
const RESERVED_LOW = 0xc2000000 | 0;

/**
 * Copies chosen frames from `next` on into the rows of `copies`, in both shapes: the main one without the tag.
 * Returns the index of the first that had no room there.
 */
export function copyForVlan(
  dp: Dataplane,
  b: Batch,
  mirror: number,
  chosen: Chosen,
  next: number,
  copies: Batch,
): number {
  copies.count = 0;
  let k = next;
  for (; k < chosen.count && copies.count < copies.capacity; k++) copyFrame(dp, b, mirror, chosen.list[k], copies);
  return k;
}

function copyFrame(dp: Dataplane, b: Batch, mirror: number, word: number, copies: Batch): void {
  const { arena, mirrors } = dp;
  const { view, bytes } = arena;
  const i = word & INDEX_MASK;
  const alt = (word & SHAPE_ALT) !== 0;
  const head = alt ? b.altHeadOff[i] : b.off[i];
  const length = alt ? b.altHeadLen[i] + b.altLen[i] : b.len[i];
  if (length < ADDRESSES + 2) return;
  const type = view.getUint16(head + ADDRESSES);
  const tagged = (type === TPID_C || type === TPID_S) && length >= ADDRESSES + TAG + 2;
  const tci = tagged ? view.getUint16(head + ADDRESSES + 2) : 0;
  const vid = mirrors.outputVid[mirror];
  if (tagged && (tci & VID_MASK) === vid) return;
  if (view.getUint16(head) === RESERVED_HIGH && (view.getInt32(head + 2) & ~0xf) === RESERVED_LOW) return;
  const slot = takeFor(arena, length);
  if (slot < 0) return;
  const row = copies.count++;
  const off = frameStart(arena, slot);
  const skip = tagged ? TAG : 0;
  bytes.copyWithin(off, head, head + ADDRESSES);
  // Behind the addresses and the tag the two shapes of a frame are the same bytes.
  const bodyAt = b.off[i] + b.len[i] - (length - ADDRESSES - skip);
  bytes.copyWithin(off + ADDRESSES, bodyAt, b.off[i] + b.len[i]);
  copies.slot[row] = slot;
  copies.off[row] = off;
  copies.len[row] = length - skip;
  copies.port[row] = b.port[i];
  copies.timeUs[row] = b.timeUs[i];
  copies.nowMs[row] = b.nowMs[i];
  copies.gso[row] = b.gso[i];
  copies.csum[row] = b.csum[i] === 0 ? 0 : b.csum[i] + copies.len[row] - b.len[i];
  copies.rxFlags[row] = 0;
  copies.fid[row] = mirrors.outputFid[mirror];
  copies.vid[row] = vid;
  copies.tci[row] = tci & ~VID_MASK;
  copies.tagLen[row] = 0;
  shapeBoth(view, copies, row, mirrors.outputTpid[mirror]);
}

/** Whether copies leave by `port`, and how. */
export function isMemberForCopies(dp: Dataplane, mirror: number, port: number): boolean {
  const { ports, vlans, mirrors } = dp;
  if (!hasBit(vlans.member, vlans.width, mirrors.outputFid[mirror], port)) return false;
  const wanted = PORT_UP | PORT_STATE_FORWARDS;
  return (ports.flags[port] & (wanted | PORT_MIRROR_OUTPUT)) === wanted;
}

/** The words of all copies in the shape that `port` gets; returns how many. */
export function listCopies(dp: Dataplane, mirror: number, port: number, copies: Batch, list: Int32Array): number {
  const { vlans, mirrors } = dp;
  const shape = hasBit(vlans.untagged, vlans.width, mirrors.outputFid[mirror], port) ? 0 : SHAPE_ALT;
  for (let i = 0; i < copies.count; i++) list[i] = i | shape;
  return copies.count;
}

export function releaseCopies(dp: Dataplane, copies: Batch): void {
  releaseAll(dp.arena, copies.slot, copies.count);
  copies.count = 0;
}
