/**
 * macvlan: who of a group gets a frame of its parent, of a child, or of the host. Nothing is learned; the configuration
 * says where every MAC is.
 *
 * The rules are those of the kernel's driver (drivers/net/macvlan.c): `arrive` is macvlan_handle_frame, `leave`
 * macvlan_queue_xmit, `flood` macvlan_broadcast. The host stands for the network stack above the parent. Two things are
 * different on purpose: children take every group address, as nobody tells which ones they listen to, and `hostAccess`
 * joins host and children.
 *
 * Children have frames without the VLAN of their group, the parent with it.
 */

import {
  CHILD_WORDS,
  GROUP_CHILD_COUNT,
  GROUP_CHILDREN,
  GROUP_HOST,
  GROUP_HOST_ACCESS,
  GROUP_PARENT,
  GROUP_PASSTHRU,
  GROUP_SOURCE_COUNT,
  GROUP_SOURCES,
  GROUP_VID,
  GROUP_WORDS,
  groupOfVid,
  MACVLAN_HOST,
  MACVLAN_PARENT,
  MODE_BRIDGE,
  MODE_PASSTHRU,
  MODE_PRIVATE,
  MODE_SOURCE,
  MODE_VEPA,
  SOURCE_WORDS,
  stationAt,
} from '../../tables/macvlan-table.ts';
import { PORT_UP } from '../../tables/port-table.ts';
import { type Batch, INDEX_MASK, SHAPE_ALT } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import {
  DROP_NONE,
  EGRESS_PORT_DOWN,
  EGRESS_TOO_LONG,
  INGRESS_PORT_DOWN,
  LOOKUP_REFLECTION,
  MACVLAN_NO_CHILD,
  MACVLAN_NO_GROUP,
} from '../reasons.ts';
import { countFloods } from './flood.ts';
import { tooLong } from './frame-length.ts';
import { TO_FLOOD } from './lookup.ts';
import { GROUP_BIT } from './parse.ts';
import { shapeBoth, shapeTagged, shapeUntagged } from './shape.ts';

const VID_MASK = 0xfff;
const TPID = 0x8100;
const NOBODY = -1;
const ALL_MODES = MODE_PRIVATE | MODE_VEPA | MODE_BRIDGE | MODE_PASSTHRU;
/** Their own frames that come back from outside are for nobody but themselves. */
const SOLITARY = MODE_PRIVATE | MODE_PASSTHRU | MODE_SOURCE;

/** To be called for frames of ports that belong to a group. */
export function macvlan(dp: Dataplane, b: Batch, i: number): number {
  const table = dp.macvlan;
  const port = b.port[i];
  if ((dp.ports.flags[port] & PORT_UP) === 0) return INGRESS_PORT_DOWN;
  const fromParent = table.role[port] === MACVLAN_PARENT;
  const tag = b.tagLen[i] === 0 ? 0 : b.tci[i] & VID_MASK;
  const group = fromParent ? groupOfVid(table, port, tag) : table.groupOf[port];
  if (group < 0) return MACVLAN_NO_GROUP;
  const vid = table.groups[group * GROUP_WORDS + GROUP_VID];
  b.vid[i] = vid;
  const reason = fromParent
    ? arrive(dp, b, i, group)
    : table.role[port] === MACVLAN_HOST
      ? leaveHost(dp, b, i, group)
      : leave(dp, b, i, group, port);
  const copies = b.copies[i];
  if (copies === 0) return reason;
  if (copies > 1) {
    b.to[i] = TO_FLOOD;
    countFloods(dp, b, i, 1, copies);
  }
  if (vid !== 0) shape(dp, b, i, fromParent, table.groups[group * GROUP_WORDS + GROUP_PARENT]);
  return DROP_NONE;
}

/** Of the parent: from outside. */
function arrive(dp: Dataplane, b: Batch, i: number, group: number): number {
  const { groups, macs } = dp.macvlan;
  const row = group * GROUP_WORDS;
  const host = groups[row + GROUP_HOST];
  let reason = toSources(dp, b, i, group);
  if ((b.dstHigh[i] & GROUP_BIT) !== 0) {
    const src = stationAt(dp.macvlan, group, b.srcHigh[i], b.srcLow[i]);
    const mode = macs[src + 2] === 0 ? 0 : macs[src + 4];
    if ((mode & SOLITARY) !== 0) return give(dp, b, i, macs[src + 3]);
    // Children in bridge mode have had it from each other on its way out.
    const modes = mode === 0 ? ALL_MODES : mode === MODE_VEPA ? MODE_VEPA | MODE_BRIDGE : MODE_VEPA;
    const flooded = flood(dp, b, i, group, mode === 0 ? NOBODY : macs[src + 3], modes);
    if (flooded !== DROP_NONE) reason = flooded;
    return host === NOBODY ? reason : give(dp, b, i, host);
  }
  const passthru = groups[row + GROUP_PASSTHRU];
  if (passthru !== NOBODY) return give(dp, b, i, passthru);
  const dst = stationAt(dp.macvlan, group, b.dstHigh[i], b.dstLow[i]);
  if (macs[dst + 2] !== 0 && macs[dst + 4] !== MODE_SOURCE) return give(dp, b, i, macs[dst + 3]);
  return host === NOBODY ? reason : give(dp, b, i, host);
}

/** Of a child. */
function leave(dp: Dataplane, b: Batch, i: number, group: number, port: number): number {
  const { groups, macs, mode } = dp.macvlan;
  const row = group * GROUP_WORDS;
  const isGroup = (b.dstHigh[i] & GROUP_BIT) !== 0;
  const host = groups[row + GROUP_HOST_ACCESS] === 0 ? NOBODY : groups[row + GROUP_HOST];
  const dst = stationAt(dp.macvlan, group, b.dstHigh[i], b.dstLow[i]);
  const to = isGroup || macs[dst + 2] === 0 ? NOBODY : macs[dst + 3];
  if (host !== NOBODY && to === host) return give(dp, b, i, host);
  if (mode[port] === MODE_BRIDGE) {
    if (isGroup) flood(dp, b, i, group, port, MODE_BRIDGE);
    else if (to === port) return LOOKUP_REFLECTION;
    else if (to !== NOBODY && macs[dst + 4] === MODE_BRIDGE) {
      toSources(dp, b, i, group);
      return give(dp, b, i, to);
    }
  }
  if (isGroup && host !== NOBODY) give(dp, b, i, host);
  return give(dp, b, i, groups[row + GROUP_PARENT]);
}

/** Of the host: past the children, as the kernel does it, unless it is to reach them. */
function leaveHost(dp: Dataplane, b: Batch, i: number, group: number): number {
  const { groups, macs } = dp.macvlan;
  const row = group * GROUP_WORDS;
  if (groups[row + GROUP_HOST_ACCESS] !== 0) {
    if ((b.dstHigh[i] & GROUP_BIT) !== 0) flood(dp, b, i, group, NOBODY, ALL_MODES | MODE_SOURCE);
    else {
      const dst = stationAt(dp.macvlan, group, b.dstHigh[i], b.dstLow[i]);
      if (macs[dst + 2] !== 0 && macs[dst + 3] !== b.port[i]) return give(dp, b, i, macs[dst + 3]);
    }
  }
  return give(dp, b, i, groups[row + GROUP_PARENT]);
}

/** Children in source mode take what comes from addresses of their lists, whatever it is for, and others have it as well. */
function toSources(dp: Dataplane, b: Batch, i: number, group: number): number {
  const { groups, sources } = dp.macvlan;
  const first = groups[group * GROUP_WORDS + GROUP_SOURCES];
  const end = first + groups[group * GROUP_WORDS + GROUP_SOURCE_COUNT] * SOURCE_WORDS;
  let reason = MACVLAN_NO_CHILD;
  for (let at = first; at < end; at += SOURCE_WORDS) {
    if (sources[at] !== b.srcLow[i] || sources[at + 1] !== b.srcHigh[i]) continue;
    reason = give(dp, b, i, sources[at + 2]);
  }
  return reason;
}

function flood(dp: Dataplane, b: Batch, i: number, group: number, but: number, modes: number): number {
  const { groups, children } = dp.macvlan;
  const first = groups[group * GROUP_WORDS + GROUP_CHILDREN];
  const end = first + groups[group * GROUP_WORDS + GROUP_CHILD_COUNT] * CHILD_WORDS;
  let reason = DROP_NONE;
  for (let at = first; at < end; at += CHILD_WORDS) {
    if (children[at] !== but && (children[at + 1] & modes) !== 0) reason = give(dp, b, i, children[at]);
  }
  return reason;
}

/** One copy a port, however many rules say so: a port's list has room for one. */
function give(dp: Dataplane, b: Batch, i: number, to: number): number {
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
