/**
 * The first step of the route lane: is the packet one for it, and what has to be asked about it?
 *
 * Whatever the packet's own bytes and the VLAN's interface say is judged here, once: after it only tables can refuse a
 * packet. It is said by stages/route.ts in words. What the next steps need of a packet goes into columns of the lane's own
 * (RouteColumns); no table of many entries is read but that of own addresses.
 */

import { KIND_LOCAL, KIND_MASK, KIND_SHIFT, keyHigh, probe, startSlot } from '../../tables/fdb/fdb.ts';
import { BLOCK_BITS } from '../../tables/fdb/hash.ts';
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
} from '../../tables/port-table.ts';
import { OWN_MIX_A, OWN_MIX_B, OWN_MIX_C } from '../../tables/router-table.ts';
import type { Batch } from '../batch.ts';
import { type Dataplane, LIMIT_MIN_MTU } from '../dataplane.ts';

/** Judges frames [first, end) and returns the index of the first that is not for the lane, or `end`. */
export type RouteJudge = (first: number, end: number) => number;

/** What the steps of the route lane tell each other, one element a frame of the batch. */
export interface RouteColumns {
  /** Where the packet begins, << 1, and whether it is IPv6. */
  readonly ip: Int32Array;
  /** Bytes of the frame from there on. */
  readonly room: Int32Array;
  /** The word of its header that tells how far it may go, one hop further: IPv4's with the checksum. */
  readonly life: Int32Array;
  /** Of the source's MAC: the upper word of its key in the FDB (its FID below), and where the search begins. */
  readonly key: Int32Array;
  readonly slot: Int32Array;
  /** IPv4: the destination. IPv6: where it lies. */
  readonly dst: Int32Array;
  /** Where in the roots its lookup begins. */
  readonly root: Int32Array;
  /** The adjacency that was found. */
  readonly row: Int32Array;
}

export function createRouteColumns(capacity: number): RouteColumns {
  const column = () => new Int32Array(capacity);
  return {
    ip: column(),
    room: column(),
    life: column(),
    key: column(),
    slot: column(),
    dst: column(),
    root: column(),
    row: column(),
  };
}

const ETHERNET_HEADER = 14;
const TAG = 4;
/** Shorter frames are for the slow lane. */
const SHORTEST = ETHERNET_HEADER + TAG + 20;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;
const GROUP_BIT = 0x0100;
const VID_MASK = 0xfff;
/** An ordinary port: these bits set, and of all of the mask only those. */
const ORDINARY = PORT_UP | PORT_STATE_LEARNS | PORT_STATE_FORWARDS | PORT_LEARNING;
const ORDINARY_MASK =
  ORDINARY | PORT_TUNNEL_CVIDS | PORT_HUB | PORT_MIRROR_OUTPUT | PORT_TRANSLATES | PORT_CLASSIFIES | PORT_REGENERATES;
/** What is in `next` when a frame is of another port than the one before it. */
const OTHER_PORT = -2;
/** 1 / 65,535 modulo 2 ** 32, and the largest multiple: a word is a multiple when its product with the one is not above the other. */
const PER_65535 = -65_537;
const MULTIPLES = 65_537;

// Of this file, not imported: see fast-lane.ts.
const MIN_MTU = LIMIT_MIN_MTU;
const BLOCK = BLOCK_BITS;
const MIX_A = OWN_MIX_A;
const MIX_B = OWN_MIX_B;
const MIX_C = OWN_MIX_C;

export function createRouteJudge(dp: Dataplane, b: Batch, columns: RouteColumns): RouteJudge {
  const { arena, ports, vlans, fdb, limits, router } = dp;
  const [s0, s1, s2, s3] = fdb.seed;

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

  return (first, end) => {
    const view = arena.view;
    const { slots: fdbSlots, shift } = fdb;
    const { off: offs, len: lens, port: portOf, rxFlags, gso } = b;
    const { ip: ips, room: rooms, life: lives, key: keys, slot: slots, dst: dsts, root: rootOf } = columns;
    const { own, ifaceOf, vrf: vrfOf, macHigh, macLow } = router;
    const blocks = fdbSlots >>> shift;
    const longest = limits[MIN_MTU];
    // What holds for a port, and for a VID of it.
    let from = -1;
    let tpid = 0;
    let vid = -1;
    let next = -1;
    let fid = 0;
    let gatewayHigh = 0;
    let gatewayLow = 0;
    let ownSeed = 0;
    let fidSeed = 0;
    let root = 0;
    let i = first | 0;

    for (;;) {
      for (; i < end; i = (i + 1) | 0) {
        if (portOf[i] !== from) {
          next = OTHER_PORT;
          break;
        }
        const len = lens[i];
        if ((rxFlags[i] | gso[i]) !== 0 || len < SHORTEST) break;
        const off = offs[i];
        const word = view.getInt32(off + 12);
        let type = word >>> 16;
        let ip = (off + ETHERNET_HEADER) | 0;
        let room = (len - ETHERNET_HEADER) | 0;
        next = 0;
        if (type === tpid) {
          next = word & VID_MASK;
          type = view.getUint16(off + ETHERNET_HEADER + 2);
          ip = (ip + TAG) | 0;
          room = (room - TAG) | 0;
        }
        // Another VLAN, which is looked at outside this loop: a call in it costs every frame.
        if (next !== vid) break;
        if (room > longest || view.getUint16(off) !== gatewayHigh || view.getInt32(off + 2) !== gatewayLow) break;
        const srcHigh = view.getUint16(off + 6);
        const srcLow = view.getInt32(off + 8);
        if ((srcHigh & GROUP_BIT) !== 0) break;
        // tables/fdb/hash.ts
        let hash =
          (Math.imul((s0 + (srcLow & 0xffff)) | 0, (s1 + (srcLow >>> 16)) | 0) +
            Math.imul(fidSeed, (s3 + srcHigh) | 0)) |
          0;
        hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
        const slot = ((Math.imul(hash >>> 12, blocks) >>> 20) << shift) | ((hash & 0xfff) >>> (BLOCK - shift));
        const w0 = view.getInt32(ip);
        const w1 = view.getInt32(ip + 4);
        let mine = 0;
        if (type === TYPE_IPV4) {
          const bytes = w0 & 0xffff;
          if (w0 >>> 24 !== 0x45 || bytes < IPV4_HEADER || bytes > room) break;
          const w2 = view.getInt32(ip + 8);
          const src = view.getInt32(ip + 12);
          const dst = view.getInt32(ip + 16);
          // The header's checksum: the sum of ten 16-bit words is a multiple of 65,535.
          let check = ((w0 >>> 16) + bytes + (w1 >>> 16) + (w1 & 0xffff) + (w2 >>> 16) + (w2 & 0xffff)) | 0;
          check = (check + (src >>> 16) + (src & 0xffff) + (dst >>> 16) + (dst & 0xffff)) | 0;
          if (Math.imul(check, PER_65535) >>> 0 > MULTIPLES) break;
          // No groups, nor networks 0 and 127.
          const srcFirst = src >>> 24;
          const dstFirst = dst >>> 24;
          if (w2 >>> 24 <= 1 || dstFirst >= 224 || dstFirst === 127 || dstFirst === 0) break;
          if (srcFirst >= 224 || srcFirst === 0 || srcFirst === 127) break;
          mine = Math.imul(src ^ ownSeed, MIX_C) >>> 16;
          // RFC 1624: one from the TTL is 0x100 to the checksum, and the carry of that; none is 0xffff.
          let less = (w2 - 0xffff00) | 0;
          if ((w2 & 0xffff) >= 0xfeff) {
            const sum = ((w2 & 0xffff) + 0x100) | 0;
            less = ((w2 - 0x1000000) & 0xffff0000) | (sum === 0xffff ? 0 : (sum + (sum >>> 16)) & 0xffff);
          }
          lives[i] = less;
          ips[i] = ip << 1;
          dsts[i] = dst;
          rootOf[i] = root | (dst >>> 16);
        } else if (type === TYPE_IPV6) {
          if (w0 >>> 28 !== 6 || room < IPV6_HEADER) break;
          const bytes = IPV6_HEADER + (w1 >>> 16);
          if (bytes > room || (w1 & 0xff) <= 1) break;
          const a0 = view.getInt32(ip + 8);
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
          lives[i] = (w1 - 1) | 0;
          ips[i] = (ip << 1) | 1;
          dsts[i] = (ip + 24) | 0;
          rootOf[i] = root | (d0 >>> 16);
        } else {
          break;
        }
        // An own address as the source, or one that looks like it.
        if (((own[mine >>> 5] >>> (mine & 31)) & 1) !== 0) break;
        rooms[i] = room;
        keys[i] = (srcHigh << 16) | fid;
        slots[i] = slot;
      }
      if (i >= end || next === vid) break;
      if (next === OTHER_PORT) {
        from = portOf[i];
        if ((ports.flags[from] & ORDINARY_MASK) !== ORDINARY) break;
        tpid = ports.tpid[from];
        vid = -1;
        next = -1;
        continue;
      }
      fid = vlanOf(from, next);
      if (fid === 0) break;
      vid = next;
      const iface = ifaceOf[fid];
      gatewayHigh = macHigh[iface];
      gatewayLow = macLow[iface];
      ownSeed = Math.imul(vrfOf[iface], MIX_A);
      fidSeed = (s2 + fid) | 0;
      root = vrfOf[iface] << 16;
    }
    return i;
  };
}
