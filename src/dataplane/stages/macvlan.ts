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
  GROUP_HOST,
  GROUP_HOST_ACCESS,
  GROUP_PARENT,
  GROUP_ROLE_HOST,
  GROUP_ROLE_PARENT,
  GROUP_VID,
  GROUP_WORDS,
} from '../../tables/group-table.ts';
import {
  GROUP_PASSTHRU,
  GROUP_SOURCE_COUNT,
  GROUP_SOURCES,
  MODE_BRIDGE,
  MODE_PASSTHRU,
  MODE_PRIVATE,
  MODE_SOURCE,
  MODE_VEPA,
  SOURCE_WORDS,
  stationAt,
} from '../../tables/macvlan-table.ts';
import { PORT_UP } from '../../tables/port-table.ts';
import type { Batch } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { DROP_NONE, INGRESS_PORT_DOWN, LOOKUP_REFLECTION, MACVLAN_NO_CHILD, MACVLAN_NO_GROUP } from '../reasons.ts';
import { floodChildren, give, groupOfFrame, NOBODY, settleGroup } from './group.ts';
import { GROUP_BIT } from './parse.ts';

const ALL_MODES = MODE_PRIVATE | MODE_VEPA | MODE_BRIDGE | MODE_PASSTHRU;
/** Their own frames that come back from outside are for nobody but themselves. */
const SOLITARY = MODE_PRIVATE | MODE_PASSTHRU | MODE_SOURCE;

/** To be called for frames of ports that belong to a group. */
export function macvlan(dp: Dataplane, b: Batch, i: number): number {
  const table = dp.macvlan;
  const port = b.port[i];
  if ((dp.ports.flags[port] & PORT_UP) === 0) return INGRESS_PORT_DOWN;
  const group = groupOfFrame(table, b, i);
  if (group < 0) return MACVLAN_NO_GROUP;
  b.vid[i] = table.groups[group * GROUP_WORDS + GROUP_VID];
  const role = table.role[port];
  const reason =
    role === GROUP_ROLE_PARENT
      ? arrive(dp, b, i, group)
      : role === GROUP_ROLE_HOST
        ? leaveHost(dp, b, i, group)
        : leave(dp, b, i, group, port);
  return settleGroup(dp, b, i, table, group, reason);
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
  return floodChildren(dp, b, i, dp.macvlan, group, but, modes);
}
