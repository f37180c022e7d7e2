/**
 * Flood: a frame to every port of its flood set, as words in their egress lists; no payload byte is copied.
 *
 * The set is what the ingress port may reach AND the VLAN's members AND the ports that take this kind of flood.
 */

import type { Batch } from '../batch.ts';
import { SHAPE_ALT } from '../batch.ts';
import { FID_COUNTERS, FLOOD_COPIES, FLOODED, PORT_COUNTERS } from '../counters.ts';
import { type Dataplane, LIMIT_MIN_MTU } from '../dataplane.ts';
import { DROP_NONE, EGRESS_NO_PORT, EGRESS_TOO_LONG } from '../reasons.ts';
import { tooLong } from './frame-length.ts';
import { shapeBoth, shapeTagged, shapeUntagged } from './shape.ts';

const ETHERNET_HEADER = 14;

/** `kind` is a FLOOD_* row of the port table. Returns a drop reason when no port takes the frame. */
export function flood(dp: Dataplane, b: Batch, i: number, kind: number): number {
  const { width, reach, flood: takes, pushTpid } = dp.ports;
  const { member, untagged } = dp.vlans;
  const { list, count, stride } = dp.egress;
  const view = dp.arena.view;
  const port = b.port[i];
  const reachRow = port * width;
  const memberRow = b.fid[i] * width;
  const floodRow = kind * width;
  let untaggedSeen = 0;
  let taggedSeen = 0;
  for (let w = 0; w < width; w++) {
    const set = reach[reachRow + w] & member[memberRow + w] & takes[floodRow + w];
    untaggedSeen |= set & untagged[memberRow + w];
    taggedSeen |= set & ~untagged[memberRow + w];
  }
  if ((untaggedSeen | taggedSeen) === 0) return EGRESS_NO_PORT;
  const mixed = untaggedSeen !== 0 && taggedSeen !== 0;
  // The main shape keeps the tag that the frame came with, or not; in a mixed set the others get the alternative.
  const mainIsTagged = b.tagLen[i] !== 0;
  if (mixed) shapeBoth(view, b, i, pushTpid[port]);
  else if (taggedSeen !== 0) shapeTagged(view, b, i, pushTpid[port]);
  else if (mainIsTagged) shapeUntagged(view, b, i);

  const checkLength = b.len[i] > dp.limits[LIMIT_MIN_MTU] + ETHERNET_HEADER;
  let copies = 0;
  for (let w = 0; w < width; w++) {
    let set = reach[reachRow + w] & member[memberRow + w] & takes[floodRow + w];
    const alt = mixed ? (mainIsTagged ? untagged[memberRow + w] : ~untagged[memberRow + w]) : 0;
    while (set !== 0) {
      const bit = 31 - Math.clz32(set & -set);
      set &= set - 1;
      const to = (w << 5) + bit;
      if (checkLength && tooLong(dp, b, i, to)) continue;
      list[to * stride + count[to]++] = i | (((alt >>> bit) & 1) * SHAPE_ALT);
      copies++;
    }
  }
  if (copies === 0) return EGRESS_TOO_LONG;
  b.copies[i] = copies;
  const { port: portCounters, fid: fidCounters } = dp.counters;
  portCounters[port * PORT_COUNTERS + FLOODED]++;
  portCounters[port * PORT_COUNTERS + FLOOD_COPIES] += copies - 1;
  fidCounters[b.fid[i] * FID_COUNTERS + FLOODED]++;
  fidCounters[b.fid[i] * FID_COUNTERS + FLOOD_COPIES] += copies - 1;
  return DROP_NONE;
}
