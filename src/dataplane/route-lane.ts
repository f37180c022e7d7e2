/**
 * The route lane: what nearly every routed packet does, as two loops, beside the fast lane and as it is built
 * (fast-lane.ts says why these are closures and why their constants are their own).
 *
 * It takes IPv4 without options and IPv6, without offloads, from a known source, to a neighbor that is known and whose
 * port is known, by one next hop or by several. The first loop (route-ask.ts) asks for the routes of some packets, the
 * second, here, judges each and sends it on: one hop less, two MACs, the tag. The first that is not for the lane ends it,
 * untouched, and is for the slow lane, whose stages say the same in words (stages/route.ts);
 * test/unit/routing/lanes.test.ts holds the two together.
 *
 * What a neighbor's frames begin with is written out by control (`ready`, tables/router-table.ts); the port that they
 * leave by is looked up once a call and neighbor, since no table changes while the lane runs but in the times of records.
 */

import {
  GENERATION_SHIFT,
  generationOf,
  KIND_BLACKHOLE,
  KIND_LOCAL,
  KIND_MASK,
  KIND_SHIFT,
  keyHigh,
  NO_PORT,
  PORT_MASK,
  probe,
  startSlot,
} from '../tables/fdb.ts';
import { REFRESH_MS, refreshSource } from '../tables/fdb-learn.ts';
import {
  PORT_ACCEPT_TAGGED,
  PORT_ACCEPT_UNTAGGED,
  PORT_CLASSIFIES,
  PORT_HUB,
  PORT_LEARNING,
  PORT_MIRROR_OUTPUT,
  PORT_REGENERATES,
  PORT_STATE_FORWARDS,
  PORT_STATE_LEARNS,
  PORT_TRANSLATES,
  PORT_TUNNEL_CVIDS,
  PORT_UP,
} from '../tables/port-table.ts';
import {
  ADJ_GROUP,
  GROUP_MIX,
  OWN_MIX_A,
  OWN_MIX_B,
  OWN_MIX_C,
  READY_DUE,
  READY_FRAME,
  READY_LONGEST,
  READY_MTU,
  READY_SHIFT,
  READY_STAMP,
  READY_TAG,
  READY_TO,
  READY_WAY,
} from '../tables/router-table.ts';
import { type Batch, RX_GENERATED } from './batch.ts';
import { CONSUMED, DELIVERED, FID_COUNTERS, GENERATED, PORT_COUNTERS, RX_BYTES, RX_FRAMES } from './counters.ts';
import { type Dataplane, LIMIT_MIN_MTU } from './dataplane.ts';
import { createRouteAsk, ROUTE_SHORTEST } from './route-ask.ts';

/** Routes frames from `first` on and returns the index of the first it leaves alone, or the batch's count. */
export type RouteLane = (first: number) => number;

/** So many are asked for at once: few, since a packet for the slow lane has the rest asked for again. */
const WINDOW = 32;

const ETHERNET_HEADER = 14;
const TAG = 4;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;
const UDP = 17;
const TCP = 6;
const GROUP_BIT = 0x0100;
const VID_MASK = 0xfff;
const PRIORITY_MASK = 0xf000;
const ORDINARY = PORT_UP | PORT_STATE_LEARNS | PORT_STATE_FORWARDS | PORT_LEARNING;
const ORDINARY_MASK =
  ORDINARY | PORT_TUNNEL_CVIDS | PORT_HUB | PORT_MIRROR_OUTPUT | PORT_TRANSLATES | PORT_CLASSIFIES | PORT_REGENERATES;
/** How long a configured entry is good for: to the end of the call. */
const LONG_MS = 1 << 30;

// Of this file, not imported: see fast-lane.ts.
const SHORTEST = ROUTE_SHORTEST;
const GENERATION = GENERATION_SHIFT;
const MIN_MTU = LIMIT_MIN_MTU;
const GROUP = ADJ_GROUP;
const MIX_GROUP = GROUP_MIX;
const MIX_A = OWN_MIX_A;
const MIX_B = OWN_MIX_B;
const MIX_C = OWN_MIX_C;
const FRESH_MS = REFRESH_MS;
const MADE_HERE = RX_GENERATED;
const SHIFT = READY_SHIFT;
const WAY = READY_WAY;
const FRAME = READY_FRAME;
const TAG_WORD = READY_TAG;
const MTU = READY_MTU;
const STAMP = READY_STAMP;
const TO = READY_TO;
const DUE = READY_DUE;
const LONGEST = READY_LONGEST;

export function createRouteLane(dp: Dataplane, b: Batch): RouteLane {
  const { arena, ports, vlans, fdb, egress, counters, limits, router, gate } = dp;
  const rows = new Int32Array(b.capacity);
  const slots = new Int32Array(b.capacity);
  const ask = createRouteAsk(dp, b, rows, slots);
  /** Frames that an interface's port sent and that are not in the ledger yet, and which ports these are. */
  const sentBy = new Int32Array(ports.flags.length);
  const senders = new Int32Array(b.capacity);
  /** Of this call: what was found about a neighbor's port in another one is not believed. */
  let stamp = 0;
  /**
   * Where this worker notes it: worker 0 in the adjacency's own cache line, others in rows of their own. A note that two
   * wrote at once, each with what it had found, would be neither's.
   */
  let ways = gate.worker === 0 ? router.adj.ready : new Int32Array(router.adj.ready.length);

  /** The VLAN that frames with this VID (0: none) of the port belong to, when it is the router's; else 0. */
  const vlanOf = (from: number, tagged: number): number => {
    const flags = ports.flags[from];
    if ((flags & (tagged !== 0 ? PORT_ACCEPT_TAGGED : PORT_ACCEPT_UNTAGGED)) === 0) return 0;
    const vid = tagged !== 0 ? tagged : ports.pvid[from];
    if (vid < 0 || vid === VID_MASK) return 0;
    const fid = vlans.fidOf[ports.vlanBase[from] + vid];
    const iface = router.ifaceOf[fid];
    if (((vlans.member[fid * vlans.width + (from >> 5)] >>> (from & 31)) & 1) === 0 || iface === 0) return 0;
    // What is for a child of an ipvlan group is not for a route.
    if (router.children[iface] !== 0) return 0;
    const low = router.macLow[iface];
    const high = keyHigh(router.macHigh[iface], fid);
    const slot = probe(fdb, low, high, startSlot(fdb, low, high));
    return slot >= 0 && (fdb.rec[(slot << 2) + 3] & KIND_MASK) >> KIND_SHIFT === KIND_LOCAL ? fid : 0;
  };

  /** Finds the port behind which a neighbor is, for this call; false when the slow lane has to say. */
  const findWay = (row: number, nowMs: number): boolean => {
    const { iface: ifaceOfRow, macHigh, macLow, at: recordOf } = router.adj;
    const { rec } = fdb;
    const iface = ifaceOfRow[row];
    const fid = router.fid[iface];
    const low = macLow[row];
    const high = keyHigh(macHigh[row], fid);
    // The record is where it was the last time, unless it has moved.
    let slot = recordOf[row];
    if (rec[(slot << 2) + 1] !== high || rec[slot << 2] !== low) {
      slot = probe(fdb, low, high, startSlot(fdb, low, high));
      if (slot < 0) return false;
      recordOf[row] = slot;
    }
    const target = rec[(slot << 2) + 3];
    const kind = (target & KIND_MASK) >> KIND_SHIFT;
    const to = target & PORT_MASK;
    let due = (nowMs + LONG_MS) | 0;
    if (kind === 0) {
      if (target >>> GENERATION !== generationOf(fdb, to, fid)) return false;
      due = (rec[(slot << 2) + 2] + fdb.fidAgeMs[fid]) | 0;
      if (((nowMs - due) | 0) > 0) return false;
    } else if (kind === KIND_LOCAL || kind === KIND_BLACKHOLE || to === NO_PORT) return false;
    const word = to >> 5;
    const set = ports.reach[router.port[iface] * ports.width + word] & vlans.member[fid * vlans.width + word];
    if (((set >>> (to & 31)) & 1) === 0) return false;
    const at = row << SHIFT;
    ways[at + TO] = to;
    ways[at + DUE] = due;
    ways[at + LONGEST] = ports.mtu[to] + ETHERNET_HEADER;
    const untag = (vlans.untagged[fid * vlans.width + word] >>> (to & 31)) & 1;
    const tag = (ports.pushTpid[router.port[iface]] << 16) | router.vid[iface];
    ways[at + TAG_WORD] = untag === 1 ? 0 : tag;
    ways[at + STAMP] = stamp;
    return true;
  };

  /** Stamps have come round: none of before may be taken for one of now. */
  const forgetWays = (): void => {
    for (let at = STAMP; at < ways.length; at += 1 << SHIFT) ways[at] = 0;
    stamp = 1;
  };

  /** Enters frames that were consumed where they came in. */
  const countIn = (from: number, fid: number, frames: number, bytes: number): void => {
    const port = counters.port;
    const vlan = counters.fid;
    port[from * PORT_COUNTERS + RX_FRAMES] += frames;
    port[from * PORT_COUNTERS + RX_BYTES] += bytes;
    port[from * PORT_COUNTERS + CONSUMED] += frames;
    vlan[fid * FID_COUNTERS + RX_FRAMES] += frames;
    vlan[fid * FID_COUNTERS + RX_BYTES] += bytes;
    vlan[fid * FID_COUNTERS + CONSUMED] += frames;
  };

  /** Enters frames that were generated by the interfaces they left by. */
  const countOut = (count: number): void => {
    for (let k = 0; k < count; k++) {
      const port = senders[k] & 0xffff;
      const fid = senders[k] >>> 16;
      const frames = sentBy[port];
      sentBy[port] = 0;
      counters.port[port * PORT_COUNTERS + GENERATED] += frames;
      counters.port[port * PORT_COUNTERS + DELIVERED] += frames;
      counters.fid[fid * FID_COUNTERS + GENERATED] += frames;
      counters.fid[fid * FID_COUNTERS + DELIVERED] += frames;
    }
  };

  /** Sends on frames of one port from `first` to `end`, and returns where it stopped. */
  const carry = (first: number, end: number): number => {
    const view = arena.view;
    const { rec, slots: fdbSlots, portGeneration, fidGeneration } = fdb;
    const { list, count: listed, stride } = egress;
    const { off: offs, len: lens, port: portOf, rxFlags, gso, nowMs, csum } = b;
    const { fid: fids, vid: vids, to: tos, reason: reasons, copies } = b;
    const { adj, own, ifaceOf, vrf: vrfOf, macHigh, macLow } = router;
    const { ready, kind: kinds, used, first: firstMember, count: memberCount, members } = adj;
    const notes = ways;
    const longest = limits[MIN_MTU] + ETHERNET_HEADER;
    const from = portOf[first];
    const tpid = ports.tpid[from];
    const call = stamp;
    // What holds for a VID.
    let vid = -1;
    let fid = 0;
    let gatewayHigh = 0;
    let gatewayLow = 0;
    let here = 0;
    let ownSeed = 0;
    // For the ledger.
    let since = first;
    let inBytes = 0;
    let sending = 0;
    let i = first | 0;

    for (; i < end; i = (i + 1) | 0) {
      const off = offs[i];
      const len = lens[i];
      if ((rxFlags[i] | gso[i]) !== 0 || len < SHORTEST) break;
      const word = view.getInt32(off + 12);
      const isTagged = word >>> 16 === tpid;
      const tagLen = isTagged ? TAG : 0;
      const nowVid = isTagged ? word & VID_MASK : 0;
      if (nowVid !== vid) {
        const next = vlanOf(from, nowVid);
        if (next === 0) break;
        countIn(from, fid, i - since, inBytes);
        since = i;
        inBytes = 0;
        vid = nowVid;
        fid = next;
        const iface = ifaceOf[fid];
        gatewayHigh = macHigh[iface];
        gatewayLow = macLow[iface];
        ownSeed = Math.imul(vrfOf[iface], MIX_A);
        here = (((portGeneration[from] + fidGeneration[fid]) & 0xffff) << GENERATION) | from;
      }
      if (len > longest + tagLen) break;
      if (view.getUint16(off) !== gatewayHigh || view.getInt32(off + 2) !== gatewayLow) break;
      const ip = (off + ETHERNET_HEADER + tagLen) | 0;
      const type = isTagged ? view.getUint16(ip - 2) : word >>> 16;
      const room = (len - ETHERNET_HEADER - tagLen) | 0;
      const w0 = view.getInt32(ip);
      const w1 = view.getInt32(ip + 4);
      const w2 = view.getInt32(ip + 8);
      let row = rows[i];
      let bytes = 0;
      let mine = 0;
      if (type === TYPE_IPV4) {
        bytes = w0 & 0xffff;
        if (w0 >>> 24 !== 0x45 || bytes < IPV4_HEADER || bytes > room) break;
        const src = view.getInt32(ip + 12);
        const dst = view.getInt32(ip + 16);
        // The header's checksum: ten 16-bit words.
        let sum = (w0 >>> 16) + bytes + (w1 >>> 16) + (w1 & 0xffff) + (w2 >>> 16) + (w2 & 0xffff);
        sum += (src >>> 16) + (src & 0xffff) + (dst >>> 16) + (dst & 0xffff);
        sum = (sum & 0xffff) + (sum >>> 16);
        if ((((sum & 0xffff) + (sum >>> 16)) & 0xffff) !== 0xffff) break;
        // No groups, nor networks 0 and 127.
        const srcFirst = src >>> 24;
        const dstFirst = dst >>> 24;
        if (w2 >>> 24 <= 1 || dstFirst >= 224 || dstFirst === 127 || dstFirst === 0) break;
        if (srcFirst >= 224 || srcFirst === 0 || srcFirst === 127) break;
        mine = Math.imul(src ^ ownSeed, MIX_C) >>> 16;
        if (ready[row << SHIFT] === 0 && kinds[row] === GROUP) {
          // wire/flow-hash.ts
          let k = Math.imul(src, 0xcc9e2d51);
          let h = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
          h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
          k = Math.imul(dst, 0xcc9e2d51);
          h ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593);
          h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
          if ((w1 & 0x3fff) === 0) {
            const protocol = (w2 >>> 16) & 0xff;
            k = Math.imul(protocol, 0xcc9e2d51);
            h ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593);
            h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
            if ((protocol === UDP || protocol === TCP) && bytes >= IPV4_HEADER + 4) {
              k = Math.imul(view.getInt32(ip + IPV4_HEADER), 0xcc9e2d51);
              h ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593);
              h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
            }
          }
          h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
          h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
          h ^= h >>> 16;
          row = members[firstMember[row] + (Math.imul(Math.imul(h, MIX_GROUP) >>> 16, memberCount[row]) >>> 16)];
        }
      } else if (type === TYPE_IPV6) {
        if (w0 >>> 28 !== 6 || room < IPV6_HEADER) break;
        bytes = IPV6_HEADER + (w1 >>> 16);
        if (bytes > room || (w1 & 0xff) <= 1) break;
        const a0 = w2;
        const a1 = view.getInt32(ip + 12);
        const a2 = view.getInt32(ip + 16);
        const a3 = view.getInt32(ip + 20);
        const d0 = view.getInt32(ip + 24);
        // Groups, link-local and reserved addresses.
        const aTop = a0 >>> 22;
        const dTop = d0 >>> 22;
        if (aTop >= 0x3fa && (aTop === 0x3fa || aTop >= 0x3fc)) break;
        if (dTop >= 0x3fa && (dTop === 0x3fa || dTop >= 0x3fc)) break;
        if ((a0 | a1 | a2) === 0 && a3 >>> 0 <= 1) break;
        if (d0 === 0 && (view.getInt32(ip + 28) | view.getInt32(ip + 32)) === 0) break;
        let h = Math.imul(a0 ^ ownSeed, MIX_B);
        h = Math.imul((h + a1) | 0, MIX_B);
        h = Math.imul((h + a2) | 0, MIX_B);
        mine = Math.imul((h + a3) | 0, MIX_C) >>> 16;
        if (ready[row << SHIFT] === 0 && kinds[row] === GROUP) {
          // wire/flow-hash.ts
          h = 0;
          for (let at = ip + 8; at < ip + IPV6_HEADER; at = (at + 4) | 0) {
            const k = Math.imul(view.getInt32(at), 0xcc9e2d51);
            h ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593);
            h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
          }
          const protocol = (w1 >>> 8) & 0xff;
          const hasPorts = protocol === UDP || protocol === TCP;
          let k = Math.imul(hasPorts ? protocol : w0 & 0xfffff, 0xcc9e2d51);
          h ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593);
          h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
          if (hasPorts && room >= IPV6_HEADER + 4) {
            k = Math.imul(view.getInt32(ip + IPV6_HEADER), 0xcc9e2d51);
            h ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593);
            h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
          }
          h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
          h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
          h ^= h >>> 16;
          row = members[firstMember[row] + (Math.imul(Math.imul(h, MIX_GROUP) >>> 16, memberCount[row]) >>> 16)];
        }
      } else {
        break;
      }
      // An own address as the source, or one that looks like it; a route that leads to no neighbor that is known.
      const way = row << SHIFT;
      const outs = ready[way + WAY];
      if (((own[mine >>> 5] >>> (mine & 31)) & 1) !== 0 || outs === 0) break;

      // Is the source's MAC known here?
      const srcHigh = view.getUint16(off + 6);
      const srcLow = view.getInt32(off + 8);
      const key = (srcHigh << 16) | fid;
      let slot = slots[i];
      let at = slot << 2;
      let found = rec[at + 1];
      while (found !== key || rec[at] !== srcLow) {
        if (found === 0) break;
        slot = (slot + 1) | 0;
        if (slot === fdbSlots) slot = 0;
        at = slot << 2;
        found = rec[at + 1];
      }
      if (found === 0 || rec[at + 3] !== here || (srcHigh & GROUP_BIT) !== 0) break;

      // Where is the next hop?
      const now = nowMs[i];
      if (notes[way + STAMP] !== call || ((now - notes[way + DUE]) | 0) > 0) {
        if (!findWay(row, now)) break;
      }
      if (bytes > ready[way + MTU] || len - tagLen > notes[way + LONGEST]) break;
      const to = notes[way + TO];
      const tag = notes[way + TAG_WORD];
      const grows = tag === 0 ? -tagLen : TAG - tagLen;
      if (isTagged && ports.pushTpid[outs & 0xffff] !== tpid) break;
      if ((now - rec[at + 2]) >>> 0 >= FRESH_MS) refreshSource(fdb, slot, from, now);

      // One hop: TTL and checksum (RFC 1624), the MACs, the tag of the VLAN it goes to.
      if (type === TYPE_IPV4) {
        let sum = (w2 & 0xffff) + 0x100;
        sum = (sum & 0xffff) + (sum >>> 16);
        view.setInt32(ip + 8, ((w2 - 0x1000000) & 0xffff0000) | (sum === 0xffff ? 0 : sum));
      } else {
        view.setInt32(ip + 4, w1 - 1);
      }
      const head = (off - grows) | 0;
      view.setInt32(head, ready[way + FRAME]);
      view.setInt32(head + 4, ready[way + FRAME + 1]);
      view.setInt32(head + 8, ready[way + FRAME + 2]);
      if (tag !== 0) view.setInt32(head + 12, tag | (isTagged ? word & PRIORITY_MASK : 0));
      if (grows !== 0) {
        offs[i] = head;
        lens[i] = (len + grows) | 0;
        if (csum[i] !== 0) csum[i] += grows;
      }
      used[row] = 1;
      const outPort = outs & 0xffff;
      portOf[i] = outPort;
      rxFlags[i] = MADE_HERE;
      fids[i] = outs >>> 16;
      vids[i] = ready[way + FRAME + 3];
      tos[i] = to;
      reasons[i] = 0;
      copies[i] = 1;
      const sent = listed[to];
      list[(Math.imul(to, stride) + sent) | 0] = i;
      listed[to] = (sent + 1) | 0;
      inBytes = (inBytes + len) | 0;
      const before = sentBy[outPort];
      sentBy[outPort] = (before + 1) | 0;
      if (before === 0) {
        senders[sending] = outs;
        sending = (sending + 1) | 0;
      }
    }
    countIn(from, fid, i - since, inBytes);
    countOut(sending);
    return i;
  };

  return (first) => {
    const n = b.count;
    const portOf = b.port;
    const { ready } = router.adj;
    if (gate.worker === 0) ways = ready;
    else if (ways.length !== ready.length) ways = new Int32Array(ready.length);
    stamp = (stamp + 1) | 0;
    if (stamp === 0) forgetWays();
    let i = first;
    while (i < n) {
      const from = portOf[i];
      if ((ports.flags[from] & ORDINARY_MASK) !== ORDINARY) return i;
      const most = Math.min(n, i + WINDOW);
      let end = i + 1;
      while (end < most && portOf[end] === from) end++;
      ask(i, end);
      const next = carry(i, end);
      if (next < end) return next;
      i = next;
    }
    return n;
  };
}
