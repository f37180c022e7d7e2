/**
 * The macvlan lane: unicast between the ports of macvlan groups, to stages/macvlan.ts what the fast lane is to the slow one.
 *
 * Whatever has one receiver it takes: between children, of a child or the host to the parent, from the parent to a child
 * or the host, with the tag of the group's VLAN put on or taken off. Floods, drops, groups with children in mode source, offloaded super-frames
 * and odd frames it leaves to the slow lane, untouched. test/unit/dataplane/macvlan-lane.test.ts holds the two together.
 *
 * As in the fast lane, frames in a row from one port with one tag are a run, for which port, group and counters are looked at once, and
 * the whole is a closure that exists once, with addresses of tables built in by V8 (bench micro, "macvlan, child to child": 115 ns to 37).
 */

import {
  GROUP_HOST,
  GROUP_HOST_ACCESS,
  GROUP_PARENT,
  GROUP_ROLE_HOST,
  GROUP_ROLE_PARENT,
  GROUP_VID,
  GROUP_WORDS,
  groupOfVid,
} from '../../tables/group-table.ts';
import {
  GROUP_PASSTHRU,
  GROUP_SOURCE_COUNT,
  MODE_BRIDGE,
  MODE_SOURCE,
  STATION_WORDS,
} from '../../tables/macvlan-table.ts';
import { PORT_MACVLAN, PORT_REGENERATES, PORT_UP } from '../../tables/port-table.ts';
import type { Batch } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { DROP_NONE } from '../reasons.ts';
import { accountRun } from '../stages/account.ts';
import { NOBODY } from '../stages/group.ts';
import type { FastLane } from './fast-lane.ts';

const ETHERNET_HEADER = 14;
const TAG = 4;
/** Addresses, a tag, a type: a shorter frame could end inside its tag. */
const SHORTEST = ETHERNET_HEADER + TAG;
const GROUP_BIT = 0x0100;
const VID_MASK = 0xfff;
const TPID = 0x8100;
/** Tags are 0 for none, or TPID and TCI; no frame has this one. */
const NO_TAG = 1;

/** An ordinary port of a group: these bits set, and of all these only those. */
const ORDINARY = PORT_UP | PORT_MACVLAN;
const ORDINARY_MASK = ORDINARY | PORT_REGENERATES;

// An imported constant is read and checked anew at every use, one of this file is an immediate.
const UP = PORT_UP;
const ALIVE = DROP_NONE;
const NONE = NOBODY;
const STATION = STATION_WORDS;
const BRIDGE = MODE_BRIDGE;
const SOURCE = MODE_SOURCE;
const PARENT = GROUP_ROLE_PARENT;
const HOST = GROUP_ROLE_HOST;

export function createMacvlanLane(dp: Dataplane, b: Batch): FastLane {
  const { arena, ports, egress, macvlan } = dp;
  const { role: roles, groupOf, mode: modes } = macvlan;

  return (first) => {
    const view = arena.view;
    const { flags: flagsOf, tpid: tpids, mtu: mtus } = ports;
    const { groups, macs } = macvlan;
    const { list, count: listed, stride } = egress;
    const { off: offs, len: lens, port: portOf, rxFlags, csum } = b;
    const { fid: fids, vid: vids, to: tos, reason: reasons, copies } = b;
    const slotMask = ((macs.length / STATION_WORDS) | 0) - 1;
    const n = b.count;
    let i = first | 0;

    while (i < n) {
      // A run of frames from one port.
      const from = portOf[i];
      if ((flagsOf[from] & ORDINARY_MASK) !== ORDINARY) return i;
      const role = roles[from];
      const tpid = tpids[from];
      const bridges = modes[from] === BRIDGE;
      const longest = mtus[from] + ETHERNET_HEADER;
      const runStart = i;
      let bytes = 0;
      // The group of frames with this tag, -1 = they are not for this lane.
      let tag = NO_TAG;
      let group = NONE;
      let vid = 0;
      let parent = NONE;
      let host = NONE;
      let passthru = NONE;
      let shared = 0;

      while (i < n && portOf[i] === from) {
        const len = lens[i];
        if (len < SHORTEST || rxFlags[i] !== 0) break;
        const off = offs[i];
        let word = view.getInt32(off + 12);
        if (word >>> 16 !== tpid) word = 0;
        if (word !== tag) {
          tag = word;
          group = role === PARENT ? groupOfVid(macvlan, from, word & VID_MASK) : word === 0 ? groupOf[from] : NONE;
          if (group >= 0) {
            const row = Math.imul(group, GROUP_WORDS);
            vid = groups[row + GROUP_VID];
            parent = groups[row + GROUP_PARENT];
            host = groups[row + GROUP_HOST];
            shared = groups[row + GROUP_HOST_ACCESS];
            passthru = groups[row + GROUP_PASSTHRU];
            if (groups[row + GROUP_SOURCE_COUNT] !== 0) group = NONE;
          }
        }
        if (group < 0) break;
        const tagRoom = word === 0 ? 0 : TAG;
        const dstHigh = view.getUint16(off);
        const srcHigh = view.getUint16(off + 6);
        if (((dstHigh | srcHigh) & GROUP_BIT) !== 0 || len > longest + tagRoom) break;

        // Whose address is it? stationAt says the same in words.
        const dstLow = view.getInt32(off + 2);
        let h = Math.imul(dstLow ^ Math.imul(dstHigh ^ (group << 16), 0x9e3779b1), 0x85ebca6b);
        h = (h ^ (h >>> 15)) & slotMask;
        let at = Math.imul(h, STATION);
        let of = macs[at + 2];
        while (of !== 0 && (of !== group + 1 || macs[at] !== dstLow || macs[at + 1] !== dstHigh)) {
          h = (h + 1) & slotMask;
          at = Math.imul(h, STATION);
          of = macs[at + 2];
        }
        const station = of === 0 ? NONE : macs[at + 3];
        const mode = macs[at + 4];

        // Who has it? stages/macvlan.ts says why.
        let to = parent;
        if (role === PARENT) {
          if (passthru !== NONE) to = passthru;
          else if (of !== 0 && mode !== SOURCE) to = station;
          else to = host;
        } else if (role === HOST) {
          if (shared !== 0 && of !== 0 && station !== from) to = station;
        } else if (of !== 0 && ((shared !== 0 && station === host) || (bridges && mode === BRIDGE))) to = station;
        if (to === NONE || to === from) break;
        if ((flagsOf[to] & UP) === 0 || len > mtus[to] + ETHERNET_HEADER + tagRoom) break;

        bytes = (bytes + len) | 0;
        if (vid !== 0 && (role === PARENT || to === parent)) {
          // stages/shape.ts says the same in words; children and hosts have no tag of their own.
          const srcLow = view.getInt32(off + 8);
          const delta = role === PARENT ? -TAG : TAG;
          const head = (off - delta) | 0;
          view.setUint16(head, dstHigh);
          view.setInt32(head + 2, dstLow);
          view.setUint16(head + 6, srcHigh);
          view.setInt32(head + 8, srcLow);
          if (role !== PARENT) view.setInt32(head + 12, (TPID << 16) | vid);
          offs[i] = head;
          lens[i] = (len + delta) | 0;
          if (csum[i] !== 0) csum[i] += delta;
        }
        const sent = listed[to];
        list[(Math.imul(to, stride) + sent) | 0] = i;
        listed[to] = (sent + 1) | 0;
        fids[i] = 0;
        vids[i] = vid;
        reasons[i] = ALIVE;
        copies[i] = 1;
        tos[i] = to;
        i = (i + 1) | 0;
      }

      if (i === runStart) return i;
      accountRun(dp, b, runStart, i - runStart, bytes);
    }
    return n;
  };
}
