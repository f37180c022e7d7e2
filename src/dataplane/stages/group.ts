/** What frames of all groups have in common, whatever tells children apart (macvlan.ts, ipvlan.ts). */

import {
  CHILD_WORDS,
  GROUP_CHILD_COUNT,
  GROUP_CHILDREN,
  GROUP_PARENT,
  GROUP_ROLE_PARENT,
  GROUP_VID,
  GROUP_WORDS,
  type GroupTable,
  groupOfVid,
} from '../../tables/group-table.ts';
import { PORT_UP } from '../../tables/port-table.ts';
import { type Batch, INDEX_MASK, SHAPE_ALT } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { DROP_NONE, EGRESS_PORT_DOWN, EGRESS_TOO_LONG } from '../reasons.ts';
import { countFloods } from './flood.ts';
import { tooLong } from './frame-length.ts';
import { TO_FLOOD } from './lookup.ts';
import { shapeBoth, shapeTagged, shapeUntagged } from './shape.ts';

const VID_MASK = 0xfff;
const TPID = 0x8100;
/** No port. */
export const NOBODY = -1;

/** The group that a frame of one of its ports belongs to, or -1. */
export function groupOfFrame(table: GroupTable, b: Batch, i: number): number {
  const port = b.port[i];
  if (table.role[port] !== GROUP_ROLE_PARENT) return table.groupOf[port];
  return groupOfVid(table, port, b.tagLen[i] === 0 ? 0 : b.tci[i] & VID_MASK);
}

/** To all children but one whose mode is among `modes`. */
export function floodChildren(
  dp: Dataplane,
  b: Batch,
  i: number,
  table: GroupTable,
  group: number,
  but: number,
  modes: number,
): number {
  const { groups, children } = table;
  const first = groups[group * GROUP_WORDS + GROUP_CHILDREN];
  const end = first + groups[group * GROUP_WORDS + GROUP_CHILD_COUNT] * CHILD_WORDS;
  let reason = DROP_NONE;
  for (let at = first; at < end; at += CHILD_WORDS) {
    if (children[at] !== but && (children[at + 1] & modes) !== 0) reason = give(dp, b, i, children[at]);
  }
  return reason;
}

/** One copy a port, however many rules say so: a port's list has room for one. */
export function give(dp: Dataplane, b: Batch, i: number, to: number): number {
  const { list, count, stride } = dp.egress;
  if ((dp.ports.flags[to] & PORT_UP) === 0) return EGRESS_PORT_DOWN;
  if (tooLong(dp, b, i, to)) return EGRESS_TOO_LONG;
  const at = to * stride + count[to];
  if (count[to] > 0 && (list[at - 1] & INDEX_MASK) === i) return DROP_NONE;
  list[at] = i;
  count[to]++;
  b.copies[i]++;
  b.to[i] = to;
  return DROP_NONE;
}

/** Settles what was given: why nobody has it, or what floods count as, and the shapes that parent and children want. */
export function settleGroup(
  dp: Dataplane,
  b: Batch,
  i: number,
  table: GroupTable,
  group: number,
  reason: number,
): number {
  const copies = b.copies[i];
  if (copies === 0) return reason;
  if (copies > 1) {
    b.to[i] = TO_FLOOD;
    countFloods(dp, b, i, 1, copies);
  }
  const row = group * GROUP_WORDS;
  if (table.groups[row + GROUP_VID] !== 0) {
    shape(dp, b, i, table.role[b.port[i]] === GROUP_ROLE_PARENT, table.groups[row + GROUP_PARENT]);
  }
  return DROP_NONE;
}

/** Takes the tag of the group's VLAN off, or puts it on where the frame leaves by the parent. */
function shape(dp: Dataplane, b: Batch, i: number, fromParent: boolean, parent: number): void {
  const { list, count, stride } = dp.egress;
  const view = dp.arena.view;
  if (fromParent) {
    shapeUntagged(view, b, i);
    return;
  }
  const at = parent * stride + count[parent] - 1;
  if (count[parent] === 0 || (list[at] & INDEX_MASK) !== i) return;
  if (b.copies[i] === 1) {
    shapeTagged(view, b, i, TPID);
    return;
  }
  shapeBoth(view, b, i, TPID);
  list[at] |= SHAPE_ALT;
}
