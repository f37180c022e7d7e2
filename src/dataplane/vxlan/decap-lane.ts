/**
 * The fast way out of a tunnel: a plain VXLAN datagram over untagged IPv4, without a UDP checksum, from a peer, for the
 * one VTEP of its uplink. Every other frame it leaves to decap.ts, untouched, which takes any and is the readable reference.
 *
 * A closure for the reason that fast-lane.ts gives. What frames in a row have in common (peer, VNI) is looked up once.
 * The source's record, which learn-lane.ts is going to need, is looked at here, between so much other work that nobody
 * waits for it (bench S4). Where it says what the frame would teach, learning has nothing to do but to believe it.
 */

import { GENERATION_SHIFT } from '../../tables/fdb/fdb.ts';
import { BLOCK_BITS } from '../../tables/fdb/hash.ts';
import { REFRESH_MS } from '../../tables/fdb/learn.ts';
import { PORT_UP } from '../../tables/port-table.ts';
import {
  findRemote,
  PEER_COUNTERS,
  PEER_RX_BYTES,
  PEER_RX_FRAMES,
  REMOTE_ADDRESS,
  REMOTE_ALLOWED,
  REMOTE_FLAGS,
  REMOTE_LIST,
  REMOTE_VTEP,
  REMOTE_WORDS,
} from '../../tables/remote-table.ts';
import {
  findVni,
  VNI_COUNTERS,
  VNI_PORT,
  VNI_RX_BYTES,
  VNI_RX_FRAMES,
  VNI_TAG,
  VNI_WORDS,
} from '../../tables/vni-table.ts';
import { ADDRESS_WORDS, VTEP_ANY_MAC, VTEP_IPV6, VTEP_OWNED } from '../../tables/vtep-table.ts';
import { type Batch, RX_CSUM_VERIFIED, SOURCE_KNOWN } from '../batch.ts';
import { CONSUMED, PORT_COUNTERS, RX_BYTES, RX_FRAMES } from '../counters.ts';
import type { Dataplane } from '../dataplane.ts';

/** Decapsulates frames from `first` on, all of one uplink, as far as they are for it; returns where it stopped. */
export type DecapLane = (first: number) => number;

const OUTER_BYTES = 50;
/** Outer headers, an inner Ethernet header and the beginning of a packet: what is read without looking. */
const SHORTEST = OUTER_BYTES + 14 + 28;
const I_FLAG = 0x0800_0000;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const UDP = 17;
const TAG = 4;
// Of this file, not imported: see fast-lane.ts.
const VERIFIED = RX_CSUM_VERIFIED;
const REMOTE_ROW = REMOTE_WORDS;
const PEER_ROW = PEER_COUNTERS;
const RX_PEER_FRAMES = PEER_RX_FRAMES;
const RX_PEER_BYTES = PEER_RX_BYTES;
const ALLOWED = REMOTE_ALLOWED;
/** A list has no address. */
const PEER_MASK = REMOTE_ALLOWED | REMOTE_LIST;
const ADDRESS = REMOTE_ADDRESS;
const VTEP = REMOTE_VTEP;
/** Rows of remotes met lately, by the last bits of their addresses: a guess, which the row itself confirms. */
const RECENT = 63;
const FLAGS = REMOTE_FLAGS;
const BLOCK = BLOCK_BITS;
const GENERATION = GENERATION_SHIFT;
const FRESH_MS = REFRESH_MS;
const KNOWN = SOURCE_KNOWN;

export function createDecapLane(dp: Dataplane, b: Batch): DecapLane {
  const { arena, counters, vxlan, ports } = dp;
  const { fdb, vteps, vnis, remotes } = vxlan;
  const [s0, s1, s2, s3] = fdb.seed;
  const met = { recent: new Int32Array(RECENT + 1) };

  /** Frames of a VNI that have arrived. */
  const countVni = (vni: number, frames: number, bytes: number): void => {
    vnis.counters[vni * VNI_COUNTERS + VNI_RX_FRAMES] += frames;
    vnis.counters[vni * VNI_COUNTERS + VNI_RX_BYTES] += bytes;
  };

  const countUplink = (port: number, frames: number, bytes: number): void => {
    const row = port * PORT_COUNTERS;
    counters.port[row + RX_FRAMES] += frames;
    counters.port[row + RX_BYTES] += bytes;
    counters.port[row + CONSUMED] += frames;
    counters.fid[RX_FRAMES] += frames;
    counters.fid[RX_BYTES] += bytes;
    counters.fid[CONSUMED] += frames;
  };

  return (first) => {
    const view = arena.view;
    const { words, counters: peers } = remotes;
    const { recent } = met;
    const { rec, slots, shift, portGeneration, fidGeneration } = fdb;
    const { off: offs, len: lens, port: portOf, rxFlags, gso, csum, nowMs } = b;
    const { remote: remoteOf, vni: vniOf, sourceHash } = b;
    const blocks = slots >>> shift;
    const n = b.count;
    let i = first | 0;
    const uplink = portOf[i];
    const vtep = vteps.firstOf[uplink];
    const isPlain = (vteps.flags[vtep] & (VTEP_IPV6 | VTEP_OWNED)) === VTEP_OWNED && vteps.vid[vtep] === 0;
    if (!isPlain || vteps.next[vtep] >= 0 || (ports.flags[uplink] & PORT_UP) === 0) return i;
    const anyMac = (vteps.flags[vtep] & VTEP_ANY_MAC) !== 0;
    const macHigh = vteps.macHigh[vtep];
    const macLow = vteps.macLow[vtep];
    const local = vteps.address[vtep * ADDRESS_WORDS];
    const localSum = (local >>> 16) + (local & 0xffff);
    const udpPort = vteps.udpPort[vtep];
    let segment = 0;
    let vni = 0;
    let port = 0;
    let tag = 0;
    let generation = 0;
    let vniFrames = 0;
    let vniBytes = 0;
    let bytes = 0;
    for (; i < n && portOf[i] === uplink; i = (i + 1) | 0) {
      const len = lens[i];
      if (len < SHORTEST || (rxFlags[i] & ~VERIFIED) !== 0 || gso[i] !== 0 || csum[i] !== 0) break;
      const off = offs[i];
      if (!anyMac && (view.getUint16(off) !== macHigh || view.getInt32(off + 2) !== macLow)) break;
      // Untagged IPv4 without options, not congested, as long as the frame; not a fragment; UDP.
      const typeWord = view.getInt32(off + 12);
      if ((typeWord & ~0xfc) !== 0x0800_4500) break;
      const lengthWord = view.getInt32(off + 16);
      const fragmentWord = view.getInt32(off + 20);
      if (lengthWord >>> 16 !== ((len - 14) | 0) || (fragmentWord & 0x3fff_00ff) !== UDP) break;
      const from = view.getInt32(off + 26);
      if (view.getInt32(off + 30) !== local || from === local) break;
      let sum =
        (localSum + (typeWord & 0xffff) + (lengthWord >>> 16) + (lengthWord & 0xffff) + (fragmentWord >>> 16)) | 0;
      sum = (sum + (fragmentWord & 0xffff) + view.getUint16(off + 24) + (from >>> 16) + (from & 0xffff)) | 0;
      sum = (sum & 0xffff) + (sum >>> 16);
      if (((sum + (sum >>> 16)) & 0xffff) !== 0xffff) break;
      // Its whole payload is a datagram without a checksum, and a VXLAN header with nothing but I flag and VNI.
      if (view.getUint16(off + 36) !== udpPort || view.getInt32(off + 38) !== ((len - 34) | 0) << 16) break;
      const segmentWord = view.getInt32(off + 46);
      if (view.getInt32(off + 42) !== I_FLAG || (segmentWord & 0xff) !== 0) break;
      let peer = recent[from & RECENT];
      let r = Math.imul(peer, REMOTE_ROW);
      if (words[(r + ADDRESS) | 0] !== from || words[(r + VTEP) | 0] !== vtep) {
        peer = findRemote(remotes, vtep, from, 0, 0, 0);
        if (peer < 0) break;
        recent[from & RECENT] = peer;
        r = Math.imul(peer, REMOTE_ROW);
      }
      if ((words[(r + FLAGS) | 0] & PEER_MASK) !== ALLOWED) break;
      if (segmentWord !== segment || vni === 0) {
        if (vniFrames !== 0) countVni(vni, vniFrames, vniBytes);
        vniFrames = 0;
        vniBytes = 0;
        segment = segmentWord;
        vni = findVni(vnis, vtep, segmentWord);
        if (vni === 0) break;
        port = vnis.words[vni * VNI_WORDS + VNI_PORT];
        tag = vnis.words[vni * VNI_WORDS + VNI_TAG];
        generation = fidGeneration[vni];
      }
      // The inner frame: no tag, not our own, not VXLAN again.
      const inner = (off + OUTER_BYTES) | 0;
      const type = view.getUint16(inner + 12);
      if (type === 0x8100 || type === 0x88a8 || type === 0x9100) break;
      if (!anyMac && view.getUint16(inner + 6) === macHigh && view.getInt32(inner + 8) === macLow) break;
      if (type === IPV4) {
        if (view.getUint8(inner + 23) === UDP && view.getUint16(inner + 36) === udpPort) break;
        // With options the ports lie elsewhere.
        if (view.getUint8(inner + 14) !== 0x45) break;
      } else if (type === IPV6) {
        break;
      }

      // fdb/hash.ts
      const low = view.getInt32(inner + 8);
      const high = view.getUint16(inner + 6);
      let h =
        (Math.imul((s0 + (low & 0xffff)) | 0, (s1 + (low >>> 16)) | 0) + Math.imul((s2 + vni) | 0, (s3 + high) | 0)) |
        0;
      h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
      const at = (((Math.imul(h >>> 12, blocks) >>> 20) << shift) | ((h & 0xfff) >>> (BLOCK - shift))) << 2;
      if (h === KNOWN) h = 0;
      if (rec[(at + 1) | 0] === ((high << 16) | vni) && rec[at] === low) {
        const here = (((portGeneration[peer] + generation) & 0xffff) << GENERATION) | peer;
        if (rec[(at + 3) | 0] === here && (nowMs[i] - rec[(at + 2) | 0]) >>> 0 < FRESH_MS) h = KNOWN;
      }
      sourceHash[i] = h;

      const innerBytes = (len - OUTER_BYTES) | 0;
      bytes = (bytes + len) | 0;
      vniFrames = (vniFrames + 1) | 0;
      vniBytes = (vniBytes + innerBytes) | 0;
      const p = Math.imul(peer, PEER_ROW);
      peers[(p + RX_PEER_FRAMES) | 0] += 1;
      peers[(p + RX_PEER_BYTES) | 0] += innerBytes;
      rxFlags[i] = 0;
      portOf[i] = port;
      remoteOf[i] = peer;
      vniOf[i] = vni;
      if (tag === 0) {
        offs[i] = inner;
        lens[i] = innerBytes;
      } else {
        const head = (inner - TAG) | 0;
        const a = view.getInt32(inner);
        const c = view.getInt32(inner + 4);
        const d = view.getInt32(inner + 8);
        view.setInt32(head, a);
        view.setInt32(head + 4, c);
        view.setInt32(head + 8, d);
        view.setInt32(head + 12, tag);
        offs[i] = head;
        lens[i] = (innerBytes + TAG) | 0;
      }
    }
    if (vniFrames !== 0) countVni(vni, vniFrames, vniBytes);
    if (i !== first) countUplink(uplink, i - first, bytes);
    return i;
  };
}
