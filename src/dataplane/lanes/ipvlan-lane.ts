/**
 * The ipvlan lane: unicast between the ports of ipvlan groups, to stages/ipvlan.ts what the fast lane is to the slow one.
 *
 * Whatever has one receiver within its group it takes: between children in any mode, of a child or the host to the parent, from the
 * parent to a child or the host, with the tag of the group's VLAN put on or taken off. Floods, drops, ARP and frames of no IP that
 * would have to be looked up, IPv4 options and odd frames it leaves to the slow lane, untouched. What children send to the router
 * has a lane of its own (ipvlan-leave-lane.ts), as what comes to them by it (ipvlan-deliver-lane.ts).
 * test/unit/dataplane/ipvlan-lanes.test.ts holds them to the stages.
 *
 * It is built as the macvlan lane is, and looks as that does at port, group and counters once a run (bench micro, "ipvlan, child to
 * child").
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
  ADDRESS_PORT,
  ADDRESS_WORDS,
  addressKey,
  GROUP_FLAG,
  GROUP_INTERFACE,
  GROUP_MAC_HIGH,
  GROUP_MAC_LOW,
  GROUP_SCOPE,
  IPVLAN_PRIVATE,
  IPVLAN_VEPA,
} from '../../tables/ipvlan-table.ts';
import { PORT_IPVLAN, PORT_REGENERATES, PORT_UP } from '../../tables/port-table.ts';
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
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const ICMPV6 = 58;
/** ND is of the types 133 to 136 of ICMPv6 (RFC 4861 4). */
const ND_FIRST = 133;
const ND_TYPES = 4;
const GROUP_BIT = 0x0100;
const VID_MASK = 0xfff;
const TPID = 0x8100;
const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;
/** Tags are 0 for none, or TPID and TCI; no frame has this one. */
const NO_TAG = 1;

/** An ordinary port of a group: these bits set, and of all these only those. */
const ORDINARY = PORT_UP | PORT_IPVLAN;
const ORDINARY_MASK = ORDINARY | PORT_REGENERATES;

// An imported constant is read and checked anew at every use, one of this file is an immediate.
const UP = PORT_UP;
const ALIVE = DROP_NONE;
const NONE = NOBODY;
const RECORD = ADDRESS_WORDS;
const OWNER = ADDRESS_PORT;
const KEPT_APART = IPVLAN_PRIVATE;
const VEPA = IPVLAN_VEPA;
const PARENT = GROUP_ROLE_PARENT;
const HOST = GROUP_ROLE_HOST;

export function createIpvlanLane(dp: Dataplane, b: Batch): FastLane {
  const { arena, ports, egress, ipvlan } = dp;
  const { role: roles, groupOf } = ipvlan;

  return (first) => {
    const view = arena.view;
    const { flags: flagsOf, tpid: tpids, mtu: mtus } = ports;
    const { groups, addresses } = ipvlan;
    const { list, count: listed, stride } = egress;
    const { off: offs, len: lens, port: portOf, rxFlags, csum } = b;
    const { fid: fids, vid: vids, to: tos, reason: reasons, copies } = b;
    const slotMask = ((addresses.length / ADDRESS_WORDS) | 0) - 1;
    const n = b.count;
    let i = first | 0;

    while (i < n) {
      // A run of frames from one port.
      const from = portOf[i];
      if ((flagsOf[from] & ORDINARY_MASK) !== ORDINARY) return i;
      const role = roles[from];
      const tpid = tpids[from];
      const longest = mtus[from] + ETHERNET_HEADER;
      const runStart = i;
      let bytes = 0;
      // The group of frames with this tag, -1 = they are not for this lane.
      let tag = NO_TAG;
      let group = NONE;
      let vid = 0;
      let parent = NONE;
      let host = NONE;
      let shared = 0;
      let flag = 0;
      let routed = 0;
      let macHigh = 0;
      let macLow = 0;
      let key4 = 0;
      let key6 = 0;

      while (i < n && portOf[i] === from) {
        const len = lens[i];
        if (len < SHORTEST || rxFlags[i] !== 0) break;
        const off = offs[i];
        let word = view.getInt32(off + 12);
        let type = word >>> 16;
        if (type !== tpid) word = 0;
        if (word !== tag) {
          tag = word;
          group = role === PARENT ? groupOfVid(ipvlan, from, word & VID_MASK) : word === 0 ? groupOf[from] : NONE;
          if (group >= 0) {
            const row = Math.imul(group, GROUP_WORDS);
            vid = groups[row + GROUP_VID];
            parent = groups[row + GROUP_PARENT];
            host = groups[row + GROUP_HOST];
            shared = groups[row + GROUP_HOST_ACCESS];
            flag = groups[row + GROUP_FLAG];
            routed = groups[row + GROUP_INTERFACE];
            macHigh = groups[row + GROUP_MAC_HIGH];
            macLow = groups[row + GROUP_MAC_LOW];
            key4 = addressKey(groups[row + GROUP_SCOPE], false);
            key6 = addressKey(groups[row + GROUP_SCOPE], true);
          }
        }
        if (group < 0) break;
        const tagRoom = word === 0 ? 0 : TAG;
        const dstHigh = view.getUint16(off);
        const srcHigh = view.getUint16(off + 6);
        if (((dstHigh | srcHigh) & GROUP_BIT) !== 0 || len > longest + tagRoom) break;
        const dstLow = view.getInt32(off + 2);

        // Who has it? stages/ipvlan.ts says why.
        const isForMac = dstHigh === macHigh && dstLow === macLow;
        let to = parent;
        if (role === HOST ? shared !== 0 && isForMac : role === PARENT || routed !== 0 || (isForMac && flag !== VEPA)) {
          if (role === PARENT ? !isForMac : routed !== 0 && flag === VEPA) break;
          // Whose address is it? stages/ipvlan-address.ts says the same in words.
          const packet = (off + ETHERNET_HEADER + tagRoom) | 0;
          const room = (len - ETHERNET_HEADER - tagRoom) | 0;
          if (word !== 0) type = view.getUint16(packet - 2);
          let key = key4;
          let w0 = 0;
          let w1 = 0;
          let w2 = 0;
          let w3 = 0;
          if (type === TYPE_IPV4) {
            if (room < IPV4_HEADER) break;
            const start = view.getInt32(packet);
            const total = start & 0xffff;
            if (start >>> 24 !== 0x45 || total < IPV4_HEADER || total > room) break;
            w0 = view.getInt32(packet + 16);
          } else if (type === TYPE_IPV6) {
            if (room < IPV6_HEADER || view.getInt32(packet) >>> 28 !== 6) break;
            const second = view.getInt32(packet + 4);
            key = key6;
            w0 = view.getInt32(packet + 24);
            w1 = view.getInt32(packet + 28);
            w2 = view.getInt32(packet + 32);
            w3 = view.getInt32(packet + 36);
            // Who has no address yet asks for itself.
            const isIcmp = ((second >>> 8) & 0xff) === ICMPV6;
            if (isIcmp && view.getInt32(packet + 8) === 0) break;
            if (routed !== 0) {
              if (IPV6_HEADER + (second >>> 16) > room || w0 >>> 22 === 0x3fa) break;
              if (isIcmp && room > IPV6_HEADER && (view.getUint8(packet + 40) - ND_FIRST) >>> 0 < ND_TYPES) break;
            }
          } else break;
          let h = Math.imul(w0 ^ Math.imul(key, 0x9e3779b1), 0x85ebca6b);
          h = Math.imul(h ^ (h >>> 15) ^ w1, 0xcc9e2d51);
          h = Math.imul(h ^ (h >>> 13) ^ w2, 0x85ebca6b);
          h = Math.imul(h ^ (h >>> 15) ^ w3, 0x9e3779b1);
          let slot = (h ^ (h >>> 16)) & slotMask;
          let at = Math.imul(slot, RECORD);
          let of = addresses[at];
          while (
            of !== 0 &&
            (of !== key ||
              addresses[at + 1] !== w0 ||
              addresses[at + 2] !== w1 ||
              addresses[at + 3] !== w2 ||
              addresses[at + 4] !== w3)
          ) {
            slot = (slot + 1) & slotMask;
            at = Math.imul(slot, RECORD);
            of = addresses[at];
          }
          if (of !== 0) {
            to = addresses[at + OWNER];
            if (to === from || (flag === KEPT_APART && role !== PARENT && role !== HOST)) break;
          } else {
            if (routed !== 0 || role === HOST) break;
            to = host;
          }
        }
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
