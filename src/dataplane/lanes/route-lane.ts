/**
 * The route lane: what nearly every routed packet does, beside the fast lane and as it is built (fast-lane.ts says why
 * these are closures and why their constants are their own).
 *
 * It takes IPv4 without options and IPv6, without offloads, from a known source, to a neighbor that is known and whose
 * port is known, by one next hop or by several: one hop less, two MACs, the tag. Some packets are taken at once, in steps:
 *
 *   judge    is it an ordinary packet for the interface? (route-judge.ts)      each step is a short loop over all of them and
 *   ask      its route (route-ask.ts)                                          ends at the first that is not for the lane; the
 *   ways     where the next hop is                                             steps behind it see only those before, so that
 *   sources  is its source known where it came from?                           the last one, which writes, has nothing left
 *   send     header, columns, egress list                                      to decide
 *
 * One loop for the last three was 600 instructions a packet, for which V8 has too few registers (bench routing, 10,000 IPv4
 * routes: 62 ns a frame, in steps 58). The first packet that is not for the lane ends it, untouched, and is for the slow
 * lane, whose stages say the same in words (stages/route.ts); test/unit/routing/lanes.test.ts holds the two together.
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
} from '../../tables/fdb/fdb.ts';
import { REFRESH_MS, refreshSource } from '../../tables/fdb/learn.ts';
import {
  ADJ_GROUP,
  READY_DUE,
  READY_FRAME,
  READY_LONGEST,
  READY_MTU,
  READY_SHIFT,
  READY_STAMP,
  READY_TAG,
  READY_TO,
  READY_VID,
  READY_WAY,
} from '../../tables/router-table.ts';
import { type Batch, RX_GENERATED } from '../batch.ts';
import { CONSUMED, DELIVERED, FID_COUNTERS, GENERATED, PORT_COUNTERS, RX_BYTES, RX_FRAMES } from '../counters.ts';
import type { Dataplane } from '../dataplane.ts';
import { createRouteAsk } from './route-ask.ts';
import { createRouteColumns, createRouteJudge } from './route-judge.ts';
import { createPickMembers } from './route-members.ts';

/** Routes frames from `first` on and returns the index of the first it leaves alone, or the batch's count. */
export type RouteLane = (first: number) => number;

/** So many are asked for at once; fewer behind a packet for the slow lane, which has the rest asked for again. */
const WINDOW = 128;
const SMALL_WINDOW = 16;

const ETHERNET_HEADER = 14;
const TAG = 4;
const PRIORITY_MASK = 0xf000;
/** How long a configured entry is good for: to the end of the call. */
const LONG_MS = 1 << 30;

// Of this file, not imported: see fast-lane.ts.
const GENERATION = GENERATION_SHIFT;
const FRESH_MS = REFRESH_MS;
const MADE_HERE = RX_GENERATED;
const SHIFT = READY_SHIFT;
const WAY = READY_WAY;
const FRAME = READY_FRAME;
const VID = READY_VID;
const TAG_WORD = READY_TAG;
const MTU = READY_MTU;
const STAMP = READY_STAMP;
const TO = READY_TO;
const DUE = READY_DUE;
const LONGEST = READY_LONGEST;
const GROUP = ADJ_GROUP;
const PORT_ROW = PORT_COUNTERS;
const FID_ROW = FID_COUNTERS;
const FRAMES = RX_FRAMES;
const BYTES = RX_BYTES;
const CONSUMPTIONS = CONSUMED;
const GENERATIONS = GENERATED;
const DELIVERIES = DELIVERED;

export function createRouteLane(dp: Dataplane, b: Batch): RouteLane {
  const { arena, ports, vlans, fdb, egress, counters, router, gate } = dp;
  const columns = createRouteColumns(b.capacity);
  const judge = createRouteJudge(dp, b, columns);
  const ask = createRouteAsk(dp, columns);
  const pickMembers = createPickMembers(dp, columns);
  /** Frames that an interface's port sent and that are not in the ledger yet, and which ports these are. */
  const sentBy = new Int32Array(ports.flags.length);
  const senders = new Int32Array(b.capacity);
  /** Of this call: what was found about a neighbor's port in another one is not believed. */
  let stamp = 0;
  let window = SMALL_WINDOW;
  /**
   * Where this worker notes it, beside what `ready` says: worker 0 in `ready` itself, others in rows of their own. A note
   * that two wrote at once, each with what it had found, would be neither's.
   */
  const own = { notes: gate.worker === 0 ? router.adj.ready : new Int32Array(router.adj.ready.length) };

  /** Finds the port behind which a neighbor is, for this call; false when the slow lane has to say. */
  const findWay = (row: number, nowMs: number): boolean => {
    const { iface: ifaceOfRow, macHigh, macLow, at: recordOf, ready, used } = router.adj;
    const { rec } = fdb;
    const { notes } = own;
    const at = row << SHIFT;
    if (ready[at + WAY] === 0) return false;
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
    if (notes !== ready) for (let k = at; k <= at + MTU; k++) notes[k] = ready[k];
    used[row] = 1;
    notes[at + TO] = to;
    notes[at + DUE] = due;
    notes[at + LONGEST] = Math.min(ready[at + MTU], ports.mtu[to]);
    const untag = (vlans.untagged[fid * vlans.width + word] >>> (to & 31)) & 1;
    const tag = (ports.pushTpid[router.port[iface]] << 16) | router.vid[iface];
    notes[at + TAG_WORD] = untag === 1 ? 0 : tag;
    notes[at + STAMP] = stamp;
    return true;
  };

  /** Stamps have come round: none of before may be taken for one of now. */
  const forgetWays = (): void => {
    const { notes } = own;
    for (let at = STAMP; at < notes.length; at += 1 << SHIFT) notes[at] = 0;
    stamp = 1;
  };

  /** Enters frames that were consumed where they came in. */
  const countIn = (from: number, fid: number, frames: number, bytes: number): void => {
    const port = counters.port;
    const vlan = counters.fid;
    const portRow = Math.imul(from, PORT_ROW);
    const fidRow = Math.imul(fid, FID_ROW);
    port[(portRow + FRAMES) | 0] += frames;
    port[(portRow + BYTES) | 0] += bytes;
    port[(portRow + CONSUMPTIONS) | 0] += frames;
    vlan[(fidRow + FRAMES) | 0] += frames;
    vlan[(fidRow + BYTES) | 0] += bytes;
    vlan[(fidRow + CONSUMPTIONS) | 0] += frames;
  };

  /** Enters frames that were generated by the interfaces they left by. */
  const countOut = (count: number): void => {
    const { port: portCounters, fid: fidCounters } = counters;
    for (let k = 0; k < count; k = (k + 1) | 0) {
      const port = senders[k] & 0xffff;
      const portRow = Math.imul(port, PORT_ROW);
      const fidRow = Math.imul(senders[k] >>> 16, FID_ROW);
      const frames = sentBy[port];
      sentBy[port] = 0;
      portCounters[(portRow + GENERATIONS) | 0] += frames;
      portCounters[(portRow + DELIVERIES) | 0] += frames;
      fidCounters[(fidRow + GENERATIONS) | 0] += frames;
      fidCounters[(fidRow + DELIVERIES) | 0] += frames;
    }
  };

  /** Where the next hops are. */
  const findWays = (first: number, end: number): number => {
    const { row: rows, ip: ips, room: rooms, key: keys } = columns;
    const { ifaceOf, redirects } = router;
    const { off: offs, port: portOf, nowMs } = b;
    const { kind: kinds } = router.adj;
    const all = own.notes;
    const call = stamp;
    const redirecting = redirects[0];
    let i = first | 0;
    for (; i < end; i = (i + 1) | 0) {
      let at = rows[i] << SHIFT;
      if (all[(at + STAMP) | 0] !== call || ((nowMs[i] - all[(at + DUE) | 0]) | 0) > 0) {
        if (kinds[rows[i]] === GROUP) {
          pickMembers(i, end);
          at = rows[i] << SHIFT;
        }
        const isKnown = all[(at + STAMP) | 0] === call && ((nowMs[i] - all[(at + DUE) | 0]) | 0) <= 0;
        if (!isKnown && !findWay(rows[i], nowMs[i])) break;
      }
      if (rooms[i] > all[(at + LONGEST) | 0]) break;
      if (redirecting !== 0) {
        const from = ifaceOf[keys[i] & 0xffff];
        if (redirects[from] !== 0 && ifaceOf[all[at] >>> 16] === from) break;
      }
      const tagLen = ((ips[i] >> 1) - offs[i] - ETHERNET_HEADER) | 0;
      if (tagLen !== 0 && ports.pushTpid[all[at] & 0xffff] !== ports.tpid[portOf[i]]) break;
    }
    return i;
  };

  /** Are the MACs that packets come from known there? Counts those that are in. */
  const checkSources = (first: number, end: number): number => {
    const { view } = arena;
    const { rec, slots: fdbSlots, portGeneration, fidGeneration } = fdb;
    const { key: keys, slot: slots } = columns;
    const { off: offs, len: lens, port: portOf, nowMs } = b;
    let from = -1;
    let fid = 0;
    let here = 0;
    let since = first | 0;
    let bytes = 0;
    let i = first | 0;
    for (; i < end; i = (i + 1) | 0) {
      const key = keys[i];
      if ((key & 0xffff) !== fid || portOf[i] !== from) {
        if (i > since) countIn(from, fid, i - since, bytes);
        since = i;
        bytes = 0;
        from = portOf[i];
        fid = key & 0xffff;
        here = (((portGeneration[from] + fidGeneration[fid]) & 0xffff) << GENERATION) | from;
      }
      const srcLow = view.getInt32(offs[i] + 8);
      let slot = slots[i];
      let at = slot << 2;
      let found = rec[(at + 1) | 0];
      while (found !== key || rec[at] !== srcLow) {
        if (found === 0) break;
        slot = (slot + 1) | 0;
        if (slot === fdbSlots) slot = 0;
        at = slot << 2;
        found = rec[(at + 1) | 0];
      }
      if (found === 0 || rec[(at + 3) | 0] !== here) break;
      if ((nowMs[i] - rec[(at + 2) | 0]) >>> 0 >= FRESH_MS) refreshSource(fdb, slot, from, nowMs[i]);
      bytes = (bytes + lens[i]) | 0;
    }
    if (i > since) countIn(from, fid, i - since, bytes);
    return i;
  };

  /** One hop: TTL and checksum (RFC 1624), the MACs, the tag of the VLAN it goes to. */
  const send = (first: number, end: number): void => {
    const { view } = arena;
    const { list, count: listed, stride } = egress;
    const { ip: ips, row: rows, life: lives } = columns;
    const { off: offs, len: lens, port: portOf, rxFlags, csum } = b;
    const { fid: fids, vid: vids, to: tos, reason: reasons, copies } = b;
    const all = own.notes;
    let sending = 0;
    for (let i = first | 0; i < end; i = (i + 1) | 0) {
      const at = rows[i] << SHIFT;
      const off = offs[i];
      const ip = ips[i] >> 1;
      // All is read before anything is written: after a write to the frame V8 asks anew where every array lies.
      const outs = all[at];
      const f0 = all[(at + FRAME) | 0];
      const f1 = all[(at + FRAME + 1) | 0];
      const f2 = all[(at + FRAME + 2) | 0];
      const vid = all[(at + VID) | 0];
      const to = all[(at + TO) | 0];
      const tag = all[(at + TAG_WORD) | 0];
      const tagLen = (ip - off - ETHERNET_HEADER) | 0;
      const isIpv4 = (ips[i] & 1) === 0;
      const life = (isIpv4 ? ip + 8 : ip + 4) | 0;
      const less = lives[i];
      let head = off;
      if ((tag | tagLen) !== 0) {
        // Leaves with a tag, or came with one.
        const priority = tagLen === 0 ? 0 : view.getInt32(off + 12) & PRIORITY_MASK;
        const grows = ((tag === 0 ? 0 : TAG) - tagLen) | 0;
        head = (off - grows) | 0;
        if (tag !== 0) view.setInt32(head + 12, tag | priority);
        offs[i] = head;
        lens[i] = (lens[i] + grows) | 0;
        if (csum[i] !== 0) csum[i] += grows;
      }
      view.setInt32(life, less);
      view.setInt32(head, f0);
      view.setInt32((head + 4) | 0, f1);
      view.setInt32((head + 8) | 0, f2);
      const outPort = outs & 0xffff;
      portOf[i] = outPort;
      rxFlags[i] = MADE_HERE;
      fids[i] = outs >>> 16;
      vids[i] = vid;
      tos[i] = to;
      reasons[i] = 0;
      copies[i] = 1;
      const sent = listed[to];
      list[(Math.imul(to, stride) + sent) | 0] = i;
      listed[to] = (sent + 1) | 0;
      const before = sentBy[outPort];
      sentBy[outPort] = (before + 1) | 0;
      if (before === 0) {
        senders[sending] = outs;
        sending = (sending + 1) | 0;
      }
    }
    countOut(sending);
  };

  return (first) => {
    const n = b.count;
    const { ready } = router.adj;
    if (gate.worker === 0) {
      if (own.notes !== ready) own.notes = ready;
    } else if (own.notes.length !== ready.length) own.notes = new Int32Array(ready.length);
    stamp = (stamp + 1) | 0;
    if (stamp === 0) forgetWays();
    let i = first;
    while (i < n) {
      const end = Math.min(n, i + window);
      let good = judge(i, end);
      if (good > i) {
        ask(i, good);
        good = findWays(i, good);
        good = checkSources(i, good);
        send(i, good);
      }
      window = good < end ? SMALL_WINDOW : WINDOW;
      if (good < end) return good;
      i = good;
    }
    return n;
  };
}
