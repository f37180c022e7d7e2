/**
 * What leaves into the underlay: a batch of its own, of outer frames.
 *
 * A frame to one remote is encapsulated in place: the header goes into its headroom, and the row is the frame itself.
 * Copies to several remotes share the payload: each row has its header in the arena's scratch, and the words in
 * `list` say SHAPE_ALT, as for a frame that leaves in two shapes.
 *
 *   slot:     | headroom .... |outer header| inner frame ........ |      one remote
 *   scratch:  |outer header [head of the other shape]|  +  payload       several
 *
 * Rows live until the flush, which comes when the batch is full and at the end of every turn.
 */

import { SCRATCH_HEADERS } from '../arena.ts';
import { type Batch, createBatch } from '../batch.ts';

export interface Underlay {
  readonly batch: Batch;
  readonly list: Int32Array;
}

export function createUnderlay(): Underlay {
  return { batch: createBatch(SCRATCH_HEADERS), list: new Int32Array(SCRATCH_HEADERS) };
}
