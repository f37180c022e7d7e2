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
