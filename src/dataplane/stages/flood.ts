/**
 * Flood: frames to every port of their flood set, as words in the egress lists; no payload byte is copied.
 *
 * The set is what the ingress port may reach AND the VLAN's members AND the ports that take this kind of flood.
 * Frames that follow each other with the same set are flooded together, port by port: a copy is then one store
 * (bench S5).
 */

import { type Batch, SHAPE_ALT } from '../batch.ts';
import { FID_COUNTERS, FLOOD_COPIES, FLOODED, PORT_COUNTERS } from '../counters.ts';
import { type Dataplane, LIMIT_MIN_MTU, LIMIT_TUNNEL_MTU } from '../dataplane.ts';
import { DROP_NONE, EGRESS_NO_PORT, EGRESS_TOO_LONG } from '../reasons.ts';
import { accountRun } from './account.ts';
import { tooLong } from './frame-length.ts';
import { TO_FLOOD } from './lookup.ts';
import { shapeBoth, shapeTagged, shapeUntagged } from './shape.ts';

const ETHERNET_HEADER = 14;
/** log2 of SHAPE_ALT. */
const ALT_BIT = 31 - Math.clz32(SHAPE_ALT);

/** Floods frames [first, end) of the fast lane, as `floodRun` says, and enters them in the ledger. */
export function relayFloods(dp: Dataplane, b: Batch, first: number, end: number, to: number): void {
  let bytes = 0;
  for (let i = first; i < end; i++) bytes += b.len[i];
  const reason = floodRun(dp, b, first, end, TO_FLOOD - to);
  for (let i = first; i < end; i++) {
    b.reason[i] = reason;
    if (reason !== DROP_NONE) b.copies[i] = 0;
  }
  accountRun(dp, b, first, end - first, bytes);
}

/** Floods frame i. `kind` is a FLOOD_* row of the port table. Returns a drop reason when no port takes it. */
export function flood(dp: Dataplane, b: Batch, i: number, kind: number): number {
  const mtu = Math.min(dp.limits[LIMIT_MIN_MTU], dp.limits[LIMIT_TUNNEL_MTU]);
  if (b.len[i] <= mtu + ETHERNET_HEADER) return floodRun(dp, b, i, i + 1, kind);
  return floodLong(dp, b, i, kind);
}

/**
 * Floods frames [first, end), which have port, VLAN and tag in common and fit every port's MTU. Returns a drop
 * reason, for all of them, when no port takes them.
 */
export function floodRun(dp: Dataplane, b: Batch, first: number, end: number, kind: number): number {
  const { width, reach, flood: takes } = dp.ports;
  const { member, untagged } = dp.vlans;
  const { list, count, stride } = dp.egress;
  const reachRow = b.port[first] * width;
  const memberRow = b.fid[first] * width;
  const floodRow = kind * width;
  const altOf = shapeRun(dp, b, first, end, floodRow);
  if (altOf === NO_PORT_AT_ALL) return EGRESS_NO_PORT;
  const frames = end - first;
  let ports = 0;
  for (let w = 0; w < width; w++) {
    let set = reach[reachRow + w] & member[memberRow + w] & takes[floodRow + w];
    const alt = altOf === ALT_UNTAGGED ? untagged[memberRow + w] : altOf === ALT_TAGGED ? ~untagged[memberRow + w] : 0;
    // No call in here: see fast-lane.ts.
    while (set !== 0) {
      const bit = 31 - Math.clz32(set & -set);
      set &= set - 1;
      const to = (w << 5) + bit;
      const shape = ((alt >>> bit) & 1) << ALT_BIT;
      const sent = count[to];
      const at = (Math.imul(to, stride) + sent - first) | 0;
      for (let i = first; i < end; i++) list[at + i] = i | shape;
      count[to] = sent + frames;
      ports++;
    }
  }
  for (let i = first; i < end; i++) b.copies[i] = ports;
  countFloods(dp, b, first, frames, ports);
  return DROP_NONE;
}

/** The same for one frame that does not fit every port. */
function floodLong(dp: Dataplane, b: Batch, i: number, kind: number): number {
  const { width, reach, flood: takes } = dp.ports;
  const { member, untagged } = dp.vlans;
  const { list, count, stride } = dp.egress;
  const reachRow = b.port[i] * width;
  const memberRow = b.fid[i] * width;
  const floodRow = kind * width;
  const fits = fitsSome(dp, b, i, floodRow);
  if (fits !== DROP_NONE) return fits;
  const altOf = shapeRun(dp, b, i, i + 1, floodRow);
  let ports = 0;
  for (let w = 0; w < width; w++) {
    let set = reach[reachRow + w] & member[memberRow + w] & takes[floodRow + w];
    const alt = altOf === ALT_UNTAGGED ? untagged[memberRow + w] : altOf === ALT_TAGGED ? ~untagged[memberRow + w] : 0;
    for (; set !== 0; set &= set - 1) {
      const bit = 31 - Math.clz32(set & -set);
      const to = (w << 5) + bit;
      if (tooLong(dp, b, i, to)) continue;
      list[to * stride + count[to]++] = i | (((alt >>> bit) & 1) << ALT_BIT);
      ports++;
    }
  }
  b.copies[i] = ports;
  countFloods(dp, b, i, 1, ports);
  return DROP_NONE;
}

/** Asked before the frame is shaped: a drop is sampled as it came. */
function fitsSome(dp: Dataplane, b: Batch, i: number, floodRow: number): number {
  const { width, reach, flood: takes } = dp.ports;
  const { member } = dp.vlans;
  let reason = EGRESS_NO_PORT;
  for (let w = 0; w < width; w++) {
    let set = reach[b.port[i] * width + w] & member[b.fid[i] * width + w] & takes[floodRow + w];
    for (; set !== 0; set &= set - 1) {
      if (!tooLong(dp, b, i, (w << 5) + 31 - Math.clz32(set & -set))) return DROP_NONE;
      reason = EGRESS_TOO_LONG;
    }
  }
  return reason;
}

/** Which ports take the alternative shape: none, those of the untagged set, or the others; or there is no port. */
const ALT_NONE = 0;
const ALT_UNTAGGED = 1;
const ALT_TAGGED = 2;
const NO_PORT_AT_ALL = 3;

/**
 * Gives the frames the shapes that their set wants. The main shape keeps the tag that a frame came with, or not;
 * in a mixed set the others get the alternative.
 */
function shapeRun(dp: Dataplane, b: Batch, first: number, end: number, floodRow: number): number {
  const { width, reach, flood: takes, pushTpid } = dp.ports;
  const { member, untagged } = dp.vlans;
  const view = dp.arena.view;
  const port = b.port[first];
  const reachRow = port * width;
  const memberRow = b.fid[first] * width;
  let untaggedSeen = 0;
  let taggedSeen = 0;
  for (let w = 0; w < width; w++) {
    const set = reach[reachRow + w] & member[memberRow + w] & takes[floodRow + w];
    untaggedSeen |= set & untagged[memberRow + w];
    taggedSeen |= set & ~untagged[memberRow + w];
  }
  if ((untaggedSeen | taggedSeen) === 0) return NO_PORT_AT_ALL;
  const mainIsTagged = b.tagLen[first] !== 0;
  const tpid = pushTpid[port];
  if (untaggedSeen !== 0 && taggedSeen !== 0) {
    for (let i = first; i < end; i++) shapeBoth(view, b, i, tpid);
    return mainIsTagged ? ALT_UNTAGGED : ALT_TAGGED;
  }
  if (taggedSeen !== 0) {
    for (let i = first; i < end; i++) shapeTagged(view, b, i, tpid);
  } else if (mainIsTagged) {
    for (let i = first; i < end; i++) shapeUntagged(view, b, i);
  }
  return ALT_NONE;
}

export function countFloods(dp: Dataplane, b: Batch, first: number, frames: number, ports: number): void {
  const { port, fid } = dp.counters;
  const portRow = b.port[first] * PORT_COUNTERS;
  const fidRow = b.fid[first] * FID_COUNTERS;
  const further = (ports - 1) * frames;
  port[portRow + FLOODED] += frames;
  port[portRow + FLOOD_COPIES] += further;
  fid[fidRow + FLOODED] += frames;
  fid[fidRow + FLOOD_COPIES] += further;
}
