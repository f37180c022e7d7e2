/**
 * The slow lane: one frame's way through the switch, one line a stage. It takes every frame, and is the
 * reference for the fast lane.
 *
 * A stage returns why the frame ends there, or DROP_NONE. What it finds out is in the batch's columns. The same
 * stages stand in `SLOW_STAGES`, for a trace that looks at the columns between them; a test holds the two orders
 * together.
 */

import { PORT_IN_GROUP, PORT_MACVLAN } from '../../tables/port-table.ts';
import { type Batch, RX_DONE, RX_PUNTED, RX_TOLD } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { PUNT_TOLD, PUNT_UNDERLAY, punt } from '../punt.ts';
import { account } from '../stages/account.ts';
import { classify } from '../stages/classify.ts';
import { egress } from '../stages/egress.ts';
import { ipvlan } from '../stages/ipvlan.ts';
import { learn } from '../stages/learn.ts';
import { lookup } from '../stages/lookup.ts';
import { macvlan } from '../stages/macvlan.ts';
import { parse } from '../stages/parse.ts';
import { route } from '../stages/route.ts';

export function slowLane(dp: Dataplane, b: Batch, i: number): void {
  const rxFlags = b.rxFlags[i];
  if ((rxFlags & RX_DONE) !== 0) {
    if ((rxFlags & RX_PUNTED) !== 0) punt(b, i, PUNT_UNDERLAY);
    return;
  }
  const length = b.len[i];
  b.fid[i] = 0;
  b.copies[i] = 0;
  b.reason[i] =
    parse(dp, b, i) || // addresses and tag
    ((dp.ports.flags[b.port[i]] & PORT_IN_GROUP) !== 0 ? inGroup(dp, b, i) : bridge(dp, b, i));
  account(dp, b, i, length);
  if ((rxFlags & RX_TOLD) !== 0 && b.punted < 0) punt(b, i, PUNT_TOLD);
}

function bridge(dp: Dataplane, b: Batch, i: number): number {
  return (
    classify(dp, b, i) || // its VLAN, and whether its port may bring it
    learn(dp, b, i) || // the source
    lookup(dp, b, i) || // the destination
    route(dp, b, i) || // the next VLAN, where the destination is its interface
    egress(dp, b, i) // out of one port, or flooded
  );
}

function inGroup(dp: Dataplane, b: Batch, i: number): number {
  if ((dp.ports.flags[b.port[i]] & PORT_MACVLAN) !== 0) return macvlan(dp, b, i);
  return (
    ipvlan(dp, b, i) || // who has the address
    route(dp, b, i) || // the next VLAN, where the parent is an interface
    egress(dp, b, i)
  );
}

export interface SlowStage {
  readonly name: string;
  readonly run: (dp: Dataplane, b: Batch, i: number) => number;
}

/** What `slowLane` does before it accounts; calls through a list would cost it 25 ns a frame. */
const SLOW_STAGES: readonly SlowStage[] = [
  { name: 'parse', run: parse },
  { name: 'classify', run: classify },
  { name: 'learn', run: learn },
  { name: 'lookup', run: lookup },
  { name: 'route', run: route },
  { name: 'egress', run: egress },
];

const MACVLAN_STAGES: readonly SlowStage[] = [
  { name: 'parse', run: parse },
  { name: 'macvlan', run: macvlan },
];

const IPVLAN_STAGES: readonly SlowStage[] = [
  { name: 'parse', run: parse },
  { name: 'ipvlan', run: ipvlan },
  { name: 'route', run: route },
  { name: 'egress', run: egress },
];

/** The stages that frames of this port pass. */
export function stagesOf(dp: Dataplane, port: number): readonly SlowStage[] {
  const flags = dp.ports.flags[port];
  if ((flags & PORT_IN_GROUP) === 0) return SLOW_STAGES;
  return (flags & PORT_MACVLAN) !== 0 ? MACVLAN_STAGES : IPVLAN_STAGES;
}
