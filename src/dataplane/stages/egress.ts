/**
 * Egress: which of the wanted ports a frame may leave by, in which shape, and the frame's line in the ledger
 * (802.1Q-2022 §8.6.4, §8.8, §9).
 *
 * A port gets the frame when the ingress port may reach it, it is in the VLAN's member set and the frame fits
 * its MTU; it leaves untagged where the untagged set says so. The shape is written once, however many ports
 * take it; two shapes share the payload.
 */

import { hasBit } from '../../tables/bitmap.ts';
import { PORT_STATE_FORWARDS, PORT_UP } from '../../tables/port-table.ts';
import type { Batch } from '../batch.ts';
import { CONSUMED, DELIVERED, FID_COUNTERS, PORT_COUNTERS, RX_BYTES, RX_FRAMES } from '../counters.ts';
import { type Dataplane, LIMIT_MIN_MTU } from '../dataplane.ts';
import {
  DROP_NONE,
  EGRESS_ISOLATED,
  EGRESS_PORT_DOWN,
  EGRESS_PORT_STATE,
  EGRESS_TOO_LONG,
  EGRESS_VLAN,
  INGRESS_PORT_STATE,
  LOOKUP_BLACKHOLE,
  LOOKUP_REFLECTION,
  REASON_COUNT,
} from '../reasons.ts';
import { flood } from './flood.ts';
import { tooLong } from './frame-length.ts';
import { TO_BLACKHOLE, TO_FLOOD, TO_LOCAL } from './relay.ts';
import { shapeTagged, shapeUntagged } from './shape.ts';

const ETHERNET_HEADER = 14;
const TAG = 4;
const VID_MASK = 0xfff;
const PRIORITY_MASK = 0xf000;

export function egress(dp: Dataplane, b: Batch): void {
  for (let i = 0; i < b.count; i++) {
    i = egressKnown(dp, b, i);
    if (i < b.count) egressUnusual(dp, b, i);
  }
}

/**
 * Sends out known unicast frames from `first` on, until one is to be flooded, consumed or dropped, and returns
 * its index. No call in the loop: see parse.
 */
function egressKnown(dp: Dataplane, b: Batch, first: number): number {
  const { flags: flagsOf, reach, width, pushTpid } = dp.ports;
  const { member, untagged } = dp.vlans;
  const { list, count, capacity } = dp.egress;
  const { port: portCounters, fid: fidCounters } = dp.counters;
  const view = dp.arena.view;
  const longerThanAny = dp.limits[LIMIT_MIN_MTU] + ETHERNET_HEADER;
  const { reason: reasons, port: portOf, fid: fids, to: tos, off: offs, len: lens, tagLen, tci, vid: vids, csum } = b;
  const { copies } = b;
  const n = b.count;
  for (let i = first; i < n; i++) {
    const from = portOf[i];
    const to = tos[i];
    if (reasons[i] !== DROP_NONE || to < 0 || lens[i] > longerThanAny) return i;
    const fid = fids[i];
    const word = to >> 5;
    const row = fid * width + word;
    const bit = to & 31;
    if ((((reach[from * width + word] & member[row]) >>> bit) & 1) === 0) return i;
    if ((flagsOf[from] & PORT_STATE_FORWARDS) === 0) return i;
    const fidRow = fid * FID_COUNTERS;
    fidCounters[fidRow + RX_FRAMES]++;
    fidCounters[fidRow + RX_BYTES] += lens[i];
    fidCounters[fidRow + DELIVERED]++;
    portCounters[from * PORT_COUNTERS + DELIVERED]++;
    const untag = ((untagged[row] >>> bit) & 1) !== 0;
    if (untag !== (tagLen[i] === 0) || (!untag && (tci[i] & VID_MASK) !== vids[i])) {
      // The tag is pushed, popped or given its VID: see shape.ts, which says the same in words.
      let off = offs[i];
      const a = view.getInt32(off);
      const c = view.getInt32(off + 4);
      const d = view.getInt32(off + 8);
      const delta = untag ? -TAG : TAG - tagLen[i];
      off -= delta;
      view.setInt32(off, a);
      view.setInt32(off + 4, c);
      view.setInt32(off + 8, d);
      if (!untag) {
        view.setUint16(off + 12, pushTpid[from]);
        view.setUint16(off + 14, (tci[i] & PRIORITY_MASK) | vids[i]);
      }
      offs[i] = off;
      lens[i] += delta;
      tagLen[i] += delta;
      if (csum[i] !== 0) csum[i] += delta;
    }
    const sent = count[to];
    list[to * capacity + sent] = i;
    count[to] = sent + 1;
    copies[i] = 1;
  }
  return n;
}

/** Frame i is flooded, consumed, dropped, or long enough to look at the MTU of its port. */
function egressUnusual(dp: Dataplane, b: Batch, i: number): void {
  const from = b.port[i];
  const fid = b.fid[i];
  const { port: portCounters, fid: fidCounters, portDrops, fidDrops } = dp.counters;
  fidCounters[fid * FID_COUNTERS + RX_FRAMES]++;
  fidCounters[fid * FID_COUNTERS + RX_BYTES] += b.len[i];
  b.copies[i] = 0;
  let reason = b.reason[i];
  let outcome = DELIVERED;
  if (reason === DROP_NONE) {
    const to = b.to[i];
    if ((dp.ports.flags[from] & PORT_STATE_FORWARDS) === 0) reason = INGRESS_PORT_STATE;
    else if (to >= 0) reason = egressUnicast(dp, b, i, to);
    else if (to > TO_LOCAL) reason = flood(dp, b, i, TO_FLOOD - to);
    else if (to === TO_BLACKHOLE) reason = LOOKUP_BLACKHOLE;
    else outcome = CONSUMED;
  }
  if (reason === DROP_NONE) {
    portCounters[from * PORT_COUNTERS + outcome]++;
    fidCounters[fid * FID_COUNTERS + outcome]++;
  } else {
    b.reason[i] = reason;
    portDrops[from * REASON_COUNT + reason]++;
    fidDrops[fid * REASON_COUNT + reason]++;
  }
}

function egressUnicast(dp: Dataplane, b: Batch, i: number, to: number): number {
  const { ports, vlans } = dp;
  const from = b.port[i];
  const fid = b.fid[i];
  const mayReach = hasBit(ports.reach, ports.width, from, to) && hasBit(vlans.member, vlans.width, fid, to);
  if (!mayReach) return whyNot(dp, fid, from, to);
  if (tooLong(dp, b, i, to)) return EGRESS_TOO_LONG;
  if (hasBit(vlans.untagged, vlans.width, fid, to)) {
    if (b.tagLen[i] !== 0) shapeUntagged(dp.arena.view, b, i);
  } else {
    shapeTagged(dp.arena.view, b, i, ports.pushTpid[from]);
  }
  dp.egress.list[to * dp.egress.capacity + dp.egress.count[to]++] = i;
  b.copies[i] = 1;
  return DROP_NONE;
}

/** The reason why `from` may not send to `to` in this VLAN. */
function whyNot(dp: Dataplane, fid: number, from: number, to: number): number {
  const { ports, vlans } = dp;
  if (from === to) return LOOKUP_REFLECTION;
  if ((ports.flags[to] & PORT_UP) === 0) return EGRESS_PORT_DOWN;
  if ((ports.flags[to] & PORT_STATE_FORWARDS) === 0) return EGRESS_PORT_STATE;
  if (((vlans.member[fid * vlans.width + (to >> 5)] >>> (to & 31)) & 1) === 0) return EGRESS_VLAN;
  return EGRESS_ISOLATED;
}
