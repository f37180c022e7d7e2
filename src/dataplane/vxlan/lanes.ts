/** What is compiled for one batch of one data plane: the fast ways in and out of tunnels. */

import type { Batch } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { createDecapLane, type DecapLane } from './decap-lane.ts';
import { createEncapLane, type EncapLane } from './encap-lane.ts';
import { createLearnLane, type LearnLane } from './learn-lane.ts';

export interface TunnelLanes {
  readonly dp: Dataplane;
  readonly batch: Batch;
  readonly decap: DecapLane;
  readonly learn: LearnLane;
  readonly encap: EncapLane;
}

const lanes = new WeakMap<Batch, TunnelLanes>();
let current: TunnelLanes | undefined;

export function lanesOf(dp: Dataplane, b: Batch): TunnelLanes {
  if (current !== undefined && current.dp === dp && current.batch === b) return current;
  let made = lanes.get(b);
  if (made === undefined || made.dp !== dp) {
    made = {
      dp,
      batch: b,
      decap: createDecapLane(dp, b),
      learn: createLearnLane(dp, b),
      encap: createEncapLane(dp, b),
    };
    lanes.set(b, made);
  }
  current = made;
  return made;
}
