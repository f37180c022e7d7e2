/**
 * Decapsulate: frames that arrived on an underlay port become frames of a tunnel port, in place, before the lanes
 * look at the batch.
 *
 *   off ▸| dst src [tag] 0800 | IPv4 | UDP | VXLAN | inner frame ........ |
 *                                      off of the tunnel port's frame ▸|      (a tag of its VLAN pushed in front)
 *
 * What is for no VTEP, broken, or from somebody who is not allowed is a drop of the underlay port. What is for the VTEP
 * itself (ARP, ND, ICMP) is punted. From the moment the VNI is known, the underlay port has consumed the frame, and
 * the tunnel port has received it: what is dropped after that is a drop of the tunnel port.
 *
 * Nothing here depends on what an earlier frame taught: the whole batch can be done at once. Learning follows in the
 * order of the frames, with what leaves (tunnels.ts). Where any peer is welcome, the row of a new one is there before its
 * frame's turn: an ICMP error about it earlier in the batch finds it already.
 */

import { PORT_UP } from '../../tables/port-table.ts';
import {
  findRemote,
  PEER_COUNTERS,
  PEER_RESERVED_BITS,
  PEER_UNKNOWN_VNI,
  REMOTE_ALLOWED,
  REMOTE_FLAGS,
  REMOTE_JOINED,
  REMOTE_WORDS,
} from '../../tables/remote-table.ts';
import { findVni, VNI_PORT, VNI_RESERVED, VNI_WORDS } from '../../tables/vni-table.ts';
import {
  ADDRESS_WORDS,
  VTEP_ANY_MAC,
  VTEP_ANY_PEER,
  VTEP_IPV6,
  VTEP_OWNED,
  VTEP_UDP6_ZERO,
  type VtepTable,
} from '../../tables/vtep-table.ts';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../../wire/ethernet.ts';
import { ipv4ChecksumOk, ipv4Fits, ipv4IsFragment, PROTO_ICMP, PROTO_UDP } from '../../wire/ipv4.ts';
import { ipv6Fits, NEXT_FRAGMENT, NEXT_ICMPV6 } from '../../wire/ipv6.ts';
import { UDP_BYTES, udpChecksum, udpChecksumOkIpv4, udpChecksumOkIpv6, udpDst, udpFits } from '../../wire/udp.ts';
import { VXLAN_BYTES } from '../../wire/vxlan.ts';
import { type Batch, RX_CSUM_VERIFIED, RX_DONE, RX_PUNTED, RX_TRUNCATED } from '../batch.ts';
import { CONSUMED, PORT_COUNTERS, RX_BYTES, RX_FRAMES } from '../counters.ts';
import { type Dataplane, LIMIT_TOLD, LIMIT_VTEPS } from '../dataplane.ts';
import {
  DROP_NONE,
  INGRESS_PORT_DOWN,
  PARSE_RUNT,
  PARSE_TAG_TRUNCATED,
  PARSE_TRUNCATED_CAPTURE,
  REASON_COUNT,
  VXLAN_CHECKSUM,
  VXLAN_FRAGMENT,
  VXLAN_LOOP,
  VXLAN_NO_I_FLAG,
  VXLAN_NOT_FOR_VTEP,
  VXLAN_OUTER_MALFORMED,
  VXLAN_RESERVED_BITS,
  VXLAN_UNKNOWN_PEER,
  VXLAN_UNKNOWN_VNI,
} from '../reasons.ts';
import { sampleDrop } from '../samples.ts';
import { admit, enterTunnel, judgeInner, refuse } from './inner.ts';
import { lanesOf } from './lanes.ts';
import { markTold } from './told.ts';

const ETHERNET_HEADER = 14;
const TAG = 4;
const VID_MASK = 0xfff;
const TPID_C = 0x8100;
const GROUP_BIT = 0x0100;
const IPV6_BYTES = 40;
/** What a judgement says beside a drop reason: it is for control. */
const PUNTED = -1;

/** I flag in the first word of the header; all of the word that is neither that nor, in a longer form, a policy. */
const I_FLAG = 0x0800_0000;
const RESERVED_WORD = ~I_FLAG;
/** virtio: kinds of super-frames, without the ECN bit. */
const GSO_KIND = 0x7f;

/** Turns the frames of underlay ports into frames of tunnel ports, or decides their fate. */
export function decapBatch(dp: Dataplane, b: Batch): void {
  b.decapped = 0;
  if (dp.limits[LIMIT_VTEPS] === 0) return;
  const lane = lanesOf(dp, b).decap;
  const { firstOf } = dp.vxlan.vteps;
  const { port: portOf } = b;
  const n = b.count;
  let outside = -1;
  for (let i = 0; i < n; i++) {
    const port = portOf[i];
    if (port === outside) continue;
    if (firstOf[port] < 0) {
      outside = port;
      continue;
    }
    const stop = lane(i);
    b.decapped += stop - i;
    i = stop;
    if (i < n && firstOf[portOf[i]] >= 0) decapSlowly(dp, b, i);
  }
  if (dp.limits[LIMIT_TOLD] !== 0 && b.decapped !== 0) markTold(dp, b);
}

/** The same for any frame: what the lane is held against. */
export function decapSlowly(dp: Dataplane, b: Batch, i: number): void {
  if ((b.rxFlags[i] & RX_DONE) !== 0) return;
  const { port: ports, fid: fids, portDrops, fidDrops } = dp.counters;
  const port = b.port[i];
  const bytes = b.len[i];
  const isUp = (dp.ports.flags[port] & PORT_UP) !== 0;
  const fate = isUp ? decap(dp, b, i, dp.vxlan.vteps.firstOf[port]) : INGRESS_PORT_DOWN;
  const row = port * PORT_COUNTERS;
  ports[row + RX_FRAMES]++;
  ports[row + RX_BYTES] += bytes;
  fids[RX_FRAMES]++;
  fids[RX_BYTES] += bytes;
  if (fate <= 0) {
    ports[row + CONSUMED]++;
    fids[CONSUMED]++;
  }
  if (fate === DROP_NONE) {
    b.decapped++;
    return;
  }
  b.rxFlags[i] = fate === PUNTED ? RX_DONE | RX_PUNTED : RX_DONE;
  b.reason[i] = fate === PUNTED ? DROP_NONE : fate;
  b.fid[i] = 0;
  b.vid[i] = 0;
  b.copies[i] = 0;
  if (fate === PUNTED) return;
  portDrops[port * REASON_COUNT + fate]++;
  fidDrops[fate]++;
  sampleDrop(dp.samples, dp.arena, b, i, fate, 0);
}

/** DROP_NONE: the row is the tunnel port's now; PUNTED; or why it is dropped. */
function decap(dp: Dataplane, b: Batch, i: number, first: number): number {
  const view = dp.arena.view;
  const { vteps } = dp.vxlan;
  const off = b.off[i];
  const len = b.len[i];
  const end = off + len;
  if ((b.rxFlags[i] & RX_TRUNCATED) !== 0) return PARSE_TRUNCATED_CAPTURE;
  if (len < ETHERNET_HEADER) return PARSE_RUNT;
  let ip = off + ETHERNET_HEADER;
  let type = view.getUint16(off + 12);
  let vid = 0;
  if (type === TPID_C) {
    if (len < ETHERNET_HEADER + TAG) return PARSE_TAG_TRUNCATED;
    vid = view.getUint16(off + 14) & VID_MASK;
    type = view.getUint16(off + 16);
    ip += TAG;
  }
  if (!reachesVtep(vteps, first, view, off, vid)) return VXLAN_NOT_FOR_VTEP;
  if (type === ETHERTYPE_IPV4) return decapIpv4(dp, b, i, first, ip, end, vid);
  if (type === ETHERTYPE_IPV6) return decapIpv6(dp, b, i, first, ip, end, vid);
  return type === ETHERTYPE_ARP && (vteps.flags[first] & VTEP_ANY_MAC) === 0 ? PUNTED : VXLAN_NOT_FOR_VTEP;
}

/** Whether the frame is for the MAC and VLAN of a VTEP of the port, or for a group in its VLAN. */
function reachesVtep(vteps: VtepTable, first: number, view: DataView, off: number, vid: number): boolean {
  const high = view.getUint16(off);
  const low = view.getInt32(off + 2);
  for (let v = first; v >= 0; v = vteps.next[v]) {
    if (vteps.vid[v] !== vid) continue;
    if ((high & GROUP_BIT) !== 0 || (vteps.flags[v] & VTEP_ANY_MAC) !== 0) return true;
    if (vteps.macHigh[v] === high && vteps.macLow[v] === low) return true;
  }
  return false;
}

function decapIpv4(dp: Dataplane, b: Batch, i: number, first: number, ip: number, end: number, vid: number): number {
  const view = dp.arena.view;
  if (!ipv4Fits(view, ip, end)) return VXLAN_OUTER_MALFORMED;
  const words = view.getUint16(ip);
  const dst = view.getInt32(ip + 16);
  const owner = ownerOf(dp, first, vid, 0, dst, 0, 0, 0);
  if (owner < 0) return VXLAN_NOT_FOR_VTEP;
  const checked = (b.rxFlags[i] & RX_CSUM_VERIFIED) !== 0;
  if (!checked && !ipv4ChecksumOk(view, ip)) return VXLAN_CHECKSUM;
  if (ipv4IsFragment(view, ip)) return VXLAN_FRAGMENT;
  const protocol = view.getUint8(ip + 9);
  if (protocol !== PROTO_UDP) {
    return protocol === PROTO_ICMP && (dp.vxlan.vteps.flags[owner] & VTEP_ANY_MAC) === 0 ? PUNTED : VXLAN_NOT_FOR_VTEP;
  }
  const udp = ip + ((words >>> 6) & 0x3c);
  if (!udpFits(view, udp, ip + view.getUint16(ip + 2))) return VXLAN_OUTER_MALFORMED;
  const vtep = servedBy(dp.vxlan.vteps, owner, udpDst(view, udp));
  if (vtep < 0) return VXLAN_NOT_FOR_VTEP;
  const unchecked = checked || udpChecksum(view, udp) === 0 || startsAt(b, i, udp);
  if (!unchecked && !udpChecksumOkIpv4(view, ip, udp)) return VXLAN_CHECKSUM;
  const source = view.getInt32(ip + 12);
  if (source === dst) return VXLAN_LOOP;
  const peer = findRemote(dp.vxlan.remotes, vtep, source, 0, 0, 0);
  return decapDatagram(dp, b, i, vtep, peer, udp, words & 3, source, 0, 0, 0);
}

function decapIpv6(dp: Dataplane, b: Batch, i: number, first: number, ip: number, end: number, vid: number): number {
  const view = dp.arena.view;
  const { vteps, remotes } = dp.vxlan;
  if (!ipv6Fits(view, ip, end)) return VXLAN_OUTER_MALFORMED;
  const next = view.getUint8(ip + 6);
  const d0 = view.getInt32(ip + 24);
  const d1 = view.getInt32(ip + 28);
  const d2 = view.getInt32(ip + 32);
  const d3 = view.getInt32(ip + 36);
  // Neighbor discovery asks groups that no VTEP has to know: control sorts that out.
  if (next === NEXT_ICMPV6) return (vteps.flags[first] & VTEP_ANY_MAC) === 0 ? PUNTED : VXLAN_NOT_FOR_VTEP;
  const owner = ownerOf(dp, first, vid, VTEP_IPV6, d0, d1, d2, d3);
  if (owner < 0) return VXLAN_NOT_FOR_VTEP;
  if (next === NEXT_FRAGMENT) return VXLAN_FRAGMENT;
  if (next !== PROTO_UDP) return VXLAN_NOT_FOR_VTEP;
  const udp = ip + IPV6_BYTES;
  if (!udpFits(view, udp, udp + view.getUint16(ip + 4))) return VXLAN_OUTER_MALFORMED;
  const vtep = servedBy(vteps, owner, udpDst(view, udp));
  if (vtep < 0) return VXLAN_NOT_FOR_VTEP;
  if ((b.rxFlags[i] & RX_CSUM_VERIFIED) === 0 && !startsAt(b, i, udp)) {
    const mayBeZero = udpChecksum(view, udp) === 0 && (vteps.flags[vtep] & VTEP_UDP6_ZERO) !== 0;
    if (!mayBeZero && !udpChecksumOkIpv6(view, ip, udp)) return VXLAN_CHECKSUM;
  }
  const s0 = view.getInt32(ip + 8);
  const s1 = view.getInt32(ip + 12);
  const s2 = view.getInt32(ip + 16);
  const s3 = view.getInt32(ip + 20);
  if (s0 === d0 && s1 === d1 && s2 === d2 && s3 === d3) return VXLAN_LOOP;
  const peer = findRemote(remotes, vtep, s0, s1, s2, s3);
  return decapDatagram(dp, b, i, vtep, peer, udp, (view.getUint8(ip + 1) >>> 4) & 3, s0, s1, s2, s3);
}

/** The first VTEP of the list that has the address, or has joined the group; -1 for none. */
function ownerOf(
  dp: Dataplane,
  first: number,
  vid: number,
  family: number,
  a: number,
  b: number,
  c: number,
  d: number,
): number {
  const { vteps, remotes } = dp.vxlan;
  const { address, flags, next } = vteps;
  for (let v = first; v >= 0; v = next[v]) {
    if ((flags[v] & (VTEP_IPV6 | VTEP_OWNED)) !== (family | VTEP_OWNED) || vteps.vid[v] !== vid) continue;
    const at = v * ADDRESS_WORDS;
    if (address[at] === a && address[at + 1] === b && address[at + 2] === c && address[at + 3] === d) return v;
    const group = family === 0 ? a >>> 28 === 0xe : a >>> 24 === 0xff;
    if (!group) continue;
    const row = findRemote(remotes, v, a, b, c, d);
    if (row >= 0 && (remotes.words[row * REMOTE_WORDS + REMOTE_FLAGS] & REMOTE_JOINED) !== 0) return v;
  }
  return -1;
}

/** Of the VTEPs from `owner` on that share its address and VLAN, the one that listens on this UDP port; -1 for none. */
function servedBy(vteps: VtepTable, owner: number, udpPort: number): number {
  const { address } = vteps;
  const own = owner * ADDRESS_WORDS;
  for (let v = owner; v >= 0; v = vteps.next[v]) {
    const at = v * ADDRESS_WORDS;
    if (vteps.udpPort[v] !== udpPort || vteps.vid[v] !== vteps.vid[owner]) continue;
    if (address[at] === address[own] && address[at + 3] === address[own + 3] && address[at + 1] === address[own + 1]) {
      return v;
    }
  }
  return -1;
}

/**
 * A sender on this machine left this very checksum to be completed, or one behind it: there is nothing to verify yet. The
 * outer one is right as soon as the inner one is (local checksum offload).
 */
function startsAt(b: Batch, i: number, transport: number): boolean {
  return b.csum[i] !== 0 && (b.csum[i] & 0xffff) >= transport - b.off[i];
}

/** From the UDP header on. `peer` is the sender's row or -1, the words are its address. */
function decapDatagram(
  dp: Dataplane,
  b: Batch,
  i: number,
  vtep: number,
  known: number,
  udp: number,
  ecn: number,
  s0: number,
  s1: number,
  s2: number,
  s3: number,
): number {
  const view = dp.arena.view;
  const { vteps, vnis, remotes } = dp.vxlan;
  const flags = vteps.flags[vtep];
  let peer = known;
  if (peer < 0 || (remotes.words[peer * REMOTE_WORDS + REMOTE_FLAGS] & REMOTE_ALLOWED) === 0) {
    if ((flags & VTEP_ANY_PEER) === 0) return VXLAN_UNKNOWN_PEER;
    if (peer < 0) peer = dp.newPeer(vtep, s0, s1, s2, s3);
  }
  const header = udp + UDP_BYTES;
  const end = udp + view.getUint16(udp + 4);
  if (end - header < VXLAN_BYTES) return VXLAN_OUTER_MALFORMED;
  const first = view.getInt32(header);
  const second = view.getInt32(header + 4);
  if ((first & I_FLAG) === 0) return VXLAN_NO_I_FLAG;
  const inner = header + VXLAN_BYTES;
  // A super-frame is one of the inner frame, or it is a train of datagrams that nobody has taken apart.
  if (((b.gso[i] >>> 8) & GSO_KIND) !== 0 && (b.csum[i] & 0xffff) < inner - b.off[i]) return VXLAN_OUTER_MALFORMED;
  const vni = findVni(vnis, vtep, second & ~0xff);
  if (vni === 0) {
    if (peer >= 0) remotes.counters[peer * PEER_COUNTERS + PEER_UNKNOWN_VNI]++;
    return VXLAN_UNKNOWN_VNI;
  }
  enterTunnel(b, i, inner, end, vnis.words[vni * VNI_WORDS + VNI_PORT], vni, peer);
  const reserved = (first & RESERVED_WORD) !== 0 || (second & 0xff) !== 0;
  if (reserved && peer >= 0) remotes.counters[peer * PEER_COUNTERS + PEER_RESERVED_BITS]++;
  const mask = vni * VNI_WORDS + VNI_RESERVED;
  const isStrict = ((first & vnis.words[mask]) | (second & vnis.words[mask + 1])) !== 0;
  const reason = isStrict ? VXLAN_RESERVED_BITS : judgeInner(dp, b, i, vtep, vni, ecn);
  if (reason === DROP_NONE) admit(dp, b, i, vni, peer);
  else refuse(dp, b, i, vni, peer, reason);
  return DROP_NONE;
}
