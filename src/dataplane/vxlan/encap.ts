/**
 * Encapsulate: one frame of a tunnel port's egress list to its remote, or to all remotes of a list.
 *
 * The VXLAN FDB says where the destination is; what it does not know goes to the VNI's flood list.
 */

import {
  isLive,
  KIND_BLACKHOLE,
  KIND_MASK,
  KIND_SHIFT,
  keyHigh,
  NO_PORT,
  PORT_MASK,
  probe,
  startSlot,
} from '../../tables/fdb/fdb.ts';
import {
  PEER_COUNTERS,
  PEER_TX_BYTES,
  PEER_TX_FRAMES,
  PEER_UNSENT,
  REMOTE_FLAGS,
  REMOTE_IPV6,
  REMOTE_LIST,
  REMOTE_LIST_HEAD,
  REMOTE_MAX_IP,
  REMOTE_PORT,
  REMOTE_RESOLVED,
  REMOTE_WANTED,
  REMOTE_WORDS,
} from '../../tables/remote-table.ts';
import {
  VIDS,
  VNI_COUNTERS,
  VNI_FLAGS,
  VNI_FLOOD,
  VNI_KEEPS_TAG,
  VNI_TX_BYTES,
  VNI_TX_FRAMES,
  VNI_TX_UNSENT,
  VNI_WORDS,
} from '../../tables/vni-table.ts';
import { isTagType } from '../../wire/vlan.ts';
import { SCRATCH_HEADER_BYTES } from '../arena.ts';
import { type Batch, INDEX_MASK, SHAPE_ALT } from '../batch.ts';
import { PORT_COUNTERS, TX_BYTES, TX_FRAMES } from '../counters.ts';
import type { Dataplane } from '../dataplane.ts';
import { GSO_IN_TUNNEL } from '../offload/needs.ts';
import {
  DROP_NONE,
  LOOKUP_BLACKHOLE,
  VXLAN_INNER_TAG,
  VXLAN_MTU,
  VXLAN_NO_REMOTE,
  VXLAN_UNRESOLVED,
} from '../reasons.ts';
import { segmentBytes } from '../stages/frame-length.ts';
import { loseCopy } from '../transmit.ts';
import { flushUnderlay, type SenderOf } from './flush-underlay.ts';
import { readFlow } from './inner-flow.ts';
import { flow, headerBytes, writeOuter } from './outer.ts';

const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
/** UDP and VXLAN. */
const TUNNEL_BYTES = 16;
/** virtio: kinds of super-frames, without the ECN bit. */
const GSO_KIND = 0x7f;

/** Puts a frame of the tunnel's list into the underlay batch, once for each remote; a full batch is flushed. */
export function encap(dp: Dataplane, b: Batch, word: number, port: number, senderOf: SenderOf): void {
  const i = word & INDEX_MASK;
  const alt = (word & SHAPE_ALT) !== 0;
  const { vnis, remotes } = dp.vxlan;
  const view = dp.arena.view;
  const head = alt ? b.altHeadOff[i] : b.off[i];
  const length = alt ? b.altHeadLen[i] + b.altLen[i] : b.len[i];
  const vni = vnis.rowOf[vnis.tunnelOf[port] * VIDS + b.vid[i]];
  if (vni === 0) {
    lose(dp, b, i, port, vni, VXLAN_NO_REMOTE);
    return;
  }
  const typeAt = !alt || b.altHeadLen[i] > 12 ? head + 12 : b.altOff[i];
  if ((vnis.words[vni * VNI_WORDS + VNI_FLAGS] & VNI_KEEPS_TAG) === 0 && isTagType(view.getUint16(typeAt))) {
    lose(dp, b, i, port, vni, VXLAN_INNER_TAG);
    return;
  }
  const to = remoteOf(dp, b, i, head, vni);
  if (to === NOTHING || to === BLACKHOLE) {
    lose(dp, b, i, port, vni, to === BLACKHOLE ? LOOKUP_BLACKHOLE : VXLAN_NO_REMOTE);
    return;
  }
  // Behind a head of its own the type of what the frame carries stands at the payload's beginning.
  readFlow(view, head, alt ? b.altOff[i] : typeAt, alt ? b.altOff[i] + b.altLen[i] : head + length, flow);
  const inPlace = !alt && b.copies[i] === 1;
  const first = to >= 0 ? -1 : FIRST_NODE - to;
  let sent = 0;
  let why = DROP_NONE;
  if (first < 0 || remotes.nodeNext[first] < 0) {
    const remote = first < 0 ? to : remotes.nodeRemote[first];
    why = encapTo(dp, b, i, alt, inPlace, length, vni, remote, senderOf);
    if (why === DROP_NONE) sent++;
  } else {
    for (let node = first; node >= 0; node = remotes.nodeNext[node]) {
      const reason = encapTo(dp, b, i, alt, false, length, vni, remotes.nodeRemote[node], senderOf);
      if (reason === DROP_NONE) sent++;
      else why = reason;
    }
  }
  if (sent === 0) lose(dp, b, i, port, vni, why);
  else count(dp, port, vni, length);
}

/** A copy to one remote; DROP_NONE, or why it cannot go there. */
function encapTo(
  dp: Dataplane,
  b: Batch,
  i: number,
  alt: boolean,
  inPlace: boolean,
  length: number,
  vni: number,
  remote: number,
  senderOf: SenderOf,
): number {
  const reason = mayLeave(dp, b, i, length, remote);
  if (reason !== DROP_NONE) {
    dp.vxlan.remotes.counters[remote * PEER_COUNTERS + PEER_UNSENT]++;
    return reason;
  }
  if (dp.underlay.batch.count === dp.underlay.batch.capacity) flushUnderlay(dp, senderOf);
  // In place only where nobody else needs what lies in front of the frame.
  if (inPlace) encapInPlace(dp, b, i, length, vni, remote);
  else encapCopy(dp, b, i, alt, length, vni, remote);
  return DROP_NONE;
}

/** `remoteOf`: a row (0 and above), a list of nodes (FIRST_NODE - node), or nothing. */
const NOTHING = -2;
const BLACKHOLE = -1;
const FIRST_NODE = -3;

function remoteOf(dp: Dataplane, b: Batch, i: number, head: number, vni: number): number {
  const view = dp.arena.view;
  const { fdb, vnis, remotes } = dp.vxlan;
  const low = view.getInt32(head + 2);
  const key = keyHigh(view.getUint16(head), vni);
  const slot = probe(fdb, low, key, startSlot(fdb, low, key));
  if (slot >= 0 && isLive(fdb, slot, b.nowMs[i])) {
    const word3 = fdb.rec[(slot << 2) + 3];
    if ((word3 & KIND_MASK) >> KIND_SHIFT === KIND_BLACKHOLE) return BLACKHOLE;
    const row = word3 & PORT_MASK;
    if (row !== NO_PORT) {
      const at = row * REMOTE_WORDS;
      if ((remotes.words[at + REMOTE_FLAGS] & REMOTE_LIST) === 0) return row;
      const node = remotes.words[at + REMOTE_LIST_HEAD];
      return node < 0 ? NOTHING : FIRST_NODE - node;
    }
  }
  const node = vnis.words[vni * VNI_WORDS + VNI_FLOOD];
  return node < 0 ? NOTHING : FIRST_NODE - node;
}

/** DROP_NONE, or why the frame cannot go to this remote. */
function mayLeave(dp: Dataplane, b: Batch, i: number, length: number, remote: number): number {
  const { words } = dp.vxlan.remotes;
  const at = remote * REMOTE_WORDS;
  const flags = words[at + REMOTE_FLAGS];
  if ((flags & REMOTE_RESOLVED) === 0) {
    words[at + REMOTE_FLAGS] = flags | REMOTE_WANTED;
    return VXLAN_UNRESOLVED;
  }
  const overhead = (flags & REMOTE_IPV6) !== 0 ? IPV6_BYTES + TUNNEL_BYTES : IPV4_BYTES + TUNNEL_BYTES;
  const room = words[at + REMOTE_MAX_IP] - overhead;
  if (length <= room) return DROP_NONE;
  return ((b.gso[i] >>> 8) & GSO_KIND) !== 0 && segmentBytes(dp.arena.view, b, i) <= room ? DROP_NONE : VXLAN_MTU;
}

function encapInPlace(dp: Dataplane, b: Batch, i: number, length: number, vni: number, remote: number): void {
  const { words } = dp.vxlan.remotes;
  const bytes = headerBytes(words, remote);
  const start = b.off[i] - bytes;
  const row = addRow(dp, b, i, remote, bytes, length);
  const u = dp.underlay.batch;
  u.off[row] = start;
  dp.underlay.list[row] = row;
  writeOuter(dp, start, length, vni, remote, b.off[i], length, 0, 0, u.gso[row] !== 0);
}

function encapCopy(
  dp: Dataplane,
  b: Batch,
  i: number,
  alt: boolean,
  length: number,
  vni: number,
  remote: number,
): void {
  const { arena, underlay } = dp;
  const bytes = headerBytes(dp.vxlan.remotes.words, remote);
  const row = addRow(dp, b, i, remote, bytes, length);
  const u = underlay.batch;
  const at = arena.scratch + row * SCRATCH_HEADER_BYTES;
  // The inner head is 12 bytes, or 16 with a tag: with it the payload is one piece.
  const innerHead = alt ? b.altHeadOff[i] : b.off[i];
  const innerHeadBytes = alt ? b.altHeadLen[i] : 12;
  for (let n = 0; n < innerHeadBytes; n += 4) {
    arena.view.setInt32(at + bytes + n, arena.view.getInt32(innerHead + n));
  }
  const payload = alt ? b.altOff[i] : b.off[i] + 12;
  u.off[row] = payload;
  u.altHeadOff[row] = at;
  u.altHeadLen[row] = bytes + innerHeadBytes;
  u.altOff[row] = payload;
  u.altLen[row] = length - innerHeadBytes;
  underlay.list[row] = row | SHAPE_ALT;
  const rest = length - innerHeadBytes;
  writeOuter(dp, at, length, vni, remote, at + bytes, innerHeadBytes, payload, rest, u.gso[row] !== 0);
}

/** A row of the underlay batch, without where its bytes are. */
function addRow(dp: Dataplane, b: Batch, i: number, remote: number, bytes: number, length: number): number {
  const u = dp.underlay.batch;
  const row = u.count++;
  u.slot[row] = b.slot[i];
  u.port[row] = dp.vxlan.remotes.words[remote * REMOTE_WORDS + REMOTE_PORT];
  u.len[row] = bytes + length;
  u.nowMs[row] = b.nowMs[i];
  u.timeUs[row] = b.timeUs[i];
  u.gso[row] = b.gso[i] === 0 ? 0 : b.gso[i] | GSO_IN_TUNNEL;
  // The checksum's place counts from the first byte of the main shape.
  u.csum[row] = b.csum[i] === 0 ? 0 : b.csum[i] + bytes + length - b.len[i];
  dp.vxlan.remotes.counters[remote * PEER_COUNTERS + PEER_TX_FRAMES]++;
  dp.vxlan.remotes.counters[remote * PEER_COUNTERS + PEER_TX_BYTES] += length;
  return row;
}

/** The inner frame has left by the tunnel port. */
function count(dp: Dataplane, port: number, vni: number, length: number): void {
  const { port: ports } = dp.counters;
  const { counters } = dp.vxlan.vnis;
  ports[port * PORT_COUNTERS + TX_FRAMES]++;
  ports[port * PORT_COUNTERS + TX_BYTES] += length;
  counters[vni * VNI_COUNTERS + VNI_TX_FRAMES]++;
  counters[vni * VNI_COUNTERS + VNI_TX_BYTES] += length;
}

function lose(dp: Dataplane, b: Batch, i: number, port: number, vni: number, reason: number): void {
  dp.vxlan.vnis.counters[vni * VNI_COUNTERS + VNI_TX_UNSENT]++;
  loseCopy(dp, b, i, port, reason);
}
