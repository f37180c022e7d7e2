/** A frame of an egress list as memory of its own, for what keeps it longer than the call. */

import type { Arena } from '../dataplane/arena.ts';
import { type Batch, INDEX_MASK, SHAPE_ALT } from '../dataplane/batch.ts';

/** `word` as in `Egress`. */
export function frameCopy({ bytes }: Arena, batch: Batch, word: number): Buffer {
  const i = word & INDEX_MASK;
  if ((word & SHAPE_ALT) === 0) return Buffer.from(bytes.subarray(batch.off[i], batch.off[i] + batch.len[i]));
  const head = batch.altHeadOff[i];
  const headLen = batch.altHeadLen[i];
  const body = batch.altOff[i];
  const frame = Buffer.allocUnsafe(headLen + batch.altLen[i]);
  frame.set(bytes.subarray(head, head + headLen));
  frame.set(bytes.subarray(body, body + batch.altLen[i]), headLen);
  return frame;
}

/** Bytes of the frame of a word of an egress list. */
export function lengthOf(batch: Batch, word: number): number {
  const i = word & INDEX_MASK;
  return (word & SHAPE_ALT) === 0 ? batch.len[i] : batch.altHeadLen[i] + batch.altLen[i];
}

/** Row i is a frame that needs nothing, in a slot that it was copied to. */
export function enterCopy(
  b: Batch,
  i: number,
  slot: number,
  off: number,
  len: number,
  port: number,
  rxFlags: number,
): void {
  b.slot[i] = slot;
  b.off[i] = off;
  b.len[i] = len;
  b.port[i] = port;
  b.rxFlags[i] = rxFlags;
  b.gso[i] = 0;
  b.csum[i] = 0;
  b.count = i + 1;
}
