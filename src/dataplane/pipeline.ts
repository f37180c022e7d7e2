/**
 * A frame's way through the switch.
 *
 *   rx ▸ fast lane: read ▸ learn ▸ look up ▸ send or flood ────────────────────▸ tx
 *          ├ routed  ▸ route lane: read ▸ longest prefix ▸ rewrite ▸ send ────▸│
 *          ├ macvlan ▸ macvlan lane: read ▸ whose address ▸ send ─────────────▸│
 *          ├ ipvlan  ▸ ipvlan lanes: the same, and to and from the router ────▸│
 *          └ unusual ▸ parse ▸ classify ▸ learn ▸ look up ▸ route ▸ egress ▸ account ┘
 *
 * Frames are taken in their order, each seeing what the frame before it taught, so the result does not depend on
 * how they fall into batches. The fast lane runs until it meets a frame that is not for it; the slow lane takes
 * that one, and the fast lane goes on behind it. No frame allocates, throws or waits.
 *
 * A frame for control (punt.ts) ends the call: what control does about it happens before the next frame is looked at.
 *
 * What comes out of tunnels has come before (vxlan/decap.ts); what goes into them is done behind (vxlan/tunnels.ts), when the
 * lists of other ports are sent. Who calls these in turn is runtime/forwarding.ts.
 */

import { type Fdb, META_USED, STAT_LEARNED } from '../tables/fdb/fdb.ts';
import { PORT_IPVLAN, PORT_MACVLAN } from '../tables/port-table.ts';
import type { Batch } from './batch.ts';
import { type Dataplane, LIMIT_CHILDREN, LIMIT_INTERFACES, LIMIT_TOUCH } from './dataplane.ts';
import { createFastLane, type FastLane } from './lanes/fast-lane.ts';
import { createIpvlanDeliverLane } from './lanes/ipvlan-deliver-lane.ts';
import { createIpvlanLane } from './lanes/ipvlan-lane.ts';
import { createIpvlanLeaveLane } from './lanes/ipvlan-leave-lane.ts';
import { createMacvlanLane } from './lanes/macvlan-lane.ts';
import { createRouteLane, type RouteLane } from './lanes/route-lane.ts';
import { slowLane } from './lanes/slow-lane.ts';
import { createTouch } from './touch.ts';

/** What is compiled for one batch of one data plane. */
interface Lane {
  readonly dp: Dataplane;
  readonly batch: Batch;
  readonly fast: FastLane;
  readonly route: RouteLane;
  readonly macvlan: FastLane;
  readonly ipvlan: FastLane;
  readonly leave: FastLane;
  readonly deliver: FastLane;
  readonly touch: (manyNew: boolean) => void;
  /** Addresses that had been learned before its last batch. */
  learned: number;
}

/** So many new addresses in a batch, and the next one will bring more. */
const STORM = 16;
/** Records are touched for new addresses from an eighth of LIMIT_TOUCH on: each writes to its record and to its links. */
const STORM_SHIFT = 3;

const lanes = new WeakMap<Batch, Lane>();
let current: Lane | undefined;

/**
 * Forwards frames from `first` on into the egress lists, which must be empty or belong to this batch. Returns the index
 * behind the last one that was taken: less than the batch's count when `b.punted` is for control.
 */
export function forwardBatch(dp: Dataplane, b: Batch, first: number = 0): number {
  const lane = current !== undefined && current.dp === dp && current.batch === b ? current : laneOf(dp, b);
  if (dp.fdb.slots > dp.limits[LIMIT_TOUCH] >> STORM_SHIFT) touchRecords(lane, dp.fdb, dp.limits[LIMIT_TOUCH]);
  b.learned = -1;
  b.punted = -1;
  let i = first;
  while (i < b.count && b.punted < 0) {
    i = lane.fast(i);
    if (i >= b.count) break;
    const flags = dp.ports.flags[b.port[i]];
    let next = i;
    if ((flags & PORT_MACVLAN) !== 0) next = lane.macvlan(i);
    else if ((flags & PORT_IPVLAN) !== 0) {
      next = lane.ipvlan(i);
      if (next === i && dp.limits[LIMIT_CHILDREN] !== 0) next = lane.leave(i);
    } else if (dp.limits[LIMIT_INTERFACES] !== 0) {
      next = lane.route(i);
      if (next === i && dp.limits[LIMIT_CHILDREN] !== 0) next = lane.deliver(i);
    }
    if (next !== i) {
      i = next;
      continue;
    }
    slowLane(dp, b, i++);
  }
  // A call that carries nothing but an empty loop. When the lane's code is taken back while V8 still has its loop
  // compiled alone (on-stack replacement), every call enters that loop from interpreted code, and nothing counts
  // towards compiling the whole with its tables built in: 115 ns a frame for good instead of 20, one start in four
  // (bench S1 without this line). The empty loop counts, and costs 0.1 ns a frame.
  lane.fast(b.count);
  return i;
}

/** In a table that is full enough, or that a storm of new addresses fills: empty slots are as far away as others. */
function touchRecords(lane: Lane, { meta, stats }: Fdb, limit: number): void {
  const learned = stats[STAT_LEARNED];
  const storms = learned - lane.learned >= STORM;
  lane.learned = learned;
  if (storms || meta[META_USED] > limit) lane.touch(storms);
}

/** The same by the slow lane alone: what tests hold the fast lane against, and the way of frames that are injected. */
export function forwardBatchSlowly(dp: Dataplane, b: Batch, first: number = 0): number {
  b.learned = -1;
  b.punted = -1;
  let i = first;
  while (i < b.count && b.punted < 0) slowLane(dp, b, i++);
  return i;
}

function laneOf(dp: Dataplane, b: Batch): Lane {
  let lane = lanes.get(b);
  if (lane === undefined || lane.dp !== dp) {
    lane = {
      dp,
      batch: b,
      fast: createFastLane(dp, b),
      route: createRouteLane(dp, b),
      macvlan: createMacvlanLane(dp, b),
      ipvlan: createIpvlanLane(dp, b),
      leave: createIpvlanLeaveLane(dp, b),
      deliver: createIpvlanDeliverLane(dp, b),
      touch: createTouch(dp, b),
      learned: 0,
    };
    lanes.set(b, lane);
  }
  current = lane;
  return lane;
}
