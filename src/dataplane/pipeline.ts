/**
 * A frame's way through the switch.
 *
 *   rx ▸ parse ▸ classify ▸ locate ▸ relay (learn, look up) ▸ egress ▸ tx
 *
 * Each stage is one loop over the batch. Only `relay` has a memory, and it takes the frames one after the
 * other: the result is the same for every batch size. What a stage decides is in the batch's columns; a frame
 * whose `reason` is set is passed over by the stages that follow, until `egress` enters it in the ledger.
 * No frame allocates, throws or waits.
 *
 * Later rooms have their place: guard before relay, route after it, encap behind egress.
 */

import type { Batch } from './batch.ts';
import type { Dataplane } from './dataplane.ts';
import { classify } from './stages/classify.ts';
import { egress } from './stages/egress.ts';
import { locate } from './stages/locate.ts';
import { parse } from './stages/parse.ts';
import { relay } from './stages/relay.ts';

/** Forwards every frame of the batch into the egress lists, which must be empty or belong to this batch. */
export function forwardBatch(dp: Dataplane, b: Batch): void {
  parse(dp, b);
  classify(dp, b);
  locate(dp, b);
  relay(dp, b);
  egress(dp, b);
}
