/**
 * Shape: with or without the bridge's tag, by moving the addresses, never the payload (802.1Q-2022 §9.6).
 *
 *   untagged        off ▸| dst src | type payload
 *   tagged    off - 4 ▸| dst src | TPID TCI | type payload
 *
 * PCP and DEI are those that the frame came with; a frame without a tag has both zero.
 */

import type { Batch } from '../batch.ts';

const ADDRESSES = 12;
const TAG = 4;
const PRIORITY_MASK = 0xf000;
/** Where the head of an alternative shape is put, before the frame: inside the headroom of every slot. */
const ALT_BEFORE = 32;

/** Removes the tag in place. */
export function shapeUntagged(view: DataView, b: Batch, i: number): void {
  const off = b.off[i];
  moveAddresses(view, off, off + TAG);
  b.off[i] = off + TAG;
  b.len[i] -= TAG;
  b.tagLen[i] = 0;
  if (b.csum[i] !== 0) b.csum[i] -= TAG;
}

/** Gives the frame its VLAN's tag in place, or corrects the VID of the one it has (a priority tag). */
export function shapeTagged(view: DataView, b: Batch, i: number, tpid: number): void {
  const tci = (b.tci[i] & PRIORITY_MASK) | b.vid[i];
  if (b.tagLen[i] !== 0) {
    if (tci !== b.tci[i]) view.setUint16(b.off[i] + ADDRESSES + 2, tci);
    return;
  }
  const off = b.off[i] - TAG;
  moveAddresses(view, off + TAG, off);
  view.setUint16(off + ADDRESSES, tpid);
  view.setUint16(off + ADDRESSES + 2, tci);
  b.off[i] = off;
  b.len[i] += TAG;
  b.tagLen[i] = TAG;
  if (b.csum[i] !== 0) b.csum[i] += TAG;
}

/** Makes the shape that the frame does not have beside the one it has. */
export function shapeBoth(view: DataView, b: Batch, i: number, tpid: number): void {
  const off = b.off[i];
  const head = off - ALT_BEFORE;
  moveAddresses(view, off, head);
  b.altHeadOff[i] = head;
  if (b.tagLen[i] !== 0) {
    shapeTagged(view, b, i, tpid);
    b.altHeadLen[i] = ADDRESSES;
    b.altOff[i] = off + ADDRESSES + TAG;
    b.altLen[i] = b.len[i] - ADDRESSES - TAG;
  } else {
    view.setUint16(head + ADDRESSES, tpid);
    view.setUint16(head + ADDRESSES + 2, (b.tci[i] & PRIORITY_MASK) | b.vid[i]);
    b.altHeadLen[i] = ADDRESSES + TAG;
    b.altOff[i] = off + ADDRESSES;
    b.altLen[i] = b.len[i] - ADDRESSES;
  }
}

export function moveAddresses(view: DataView, from: number, to: number): void {
  // All three words are read before any is written: the two places overlap.
  const a = view.getInt32(from);
  const c = view.getInt32(from + 4);
  const d = view.getInt32(from + 8);
  view.setInt32(to, a);
  view.setInt32(to + 4, c);
  view.setInt32(to + 8, d);
}
