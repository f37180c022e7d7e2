/**
 * Mirror: choose the frames that a mirror copies, and send the copies (SPAN and RSPAN; the semantics are those of
 * Open vSwitch).
 *
 * Received frames are copied before the pipeline touches them, as they came; sent frames when the egress lists are
 * complete, as they leave. A copy is one more word for the bytes that are there; only a copy into a VLAN, which has
 * another tag, has bytes of its own (mirror-vlan.ts). A frame goes to one place once, whatever chose it.
 *
 * Copies are in no column of the ledger but their own: they are of a frame that has its line there.
 */

import { hasBit } from '../tables/bitmap.ts';
import {
  MIRROR_COUNTERS,
  MIRROR_LOST,
  MIRROR_VLAN_WORDS,
  MIRRORED_BYTES,
  MIRRORED_FRAMES,
  type MirrorTable,
} from '../tables/mirror-table.ts';
import { PORT_SENDS } from '../tables/port-table.ts';
import { fidAt } from '../tables/vlan-table.ts';
import { type Batch, INDEX_MASK, RX_DONE, RX_GENERATED, SHAPE_ALT } from './batch.ts';
import { MIRROR_COPIES, MIRROR_COPIES_LOST, PORT_COUNTERS, TX_BYTES, TX_FRAMES } from './counters.ts';
import type { Dataplane } from './dataplane.ts';
import { tooLong } from './stages/frame-length.ts';
import type { Sender } from './transmit.ts';

const ETHERNET_HEADER = 14;
const TAG = 4;
const TYPE_AT = 12;
const VID_MASK = 0xfff;
const TPID_C = 0x8100;
const TPID_S = 0x88a8;
const NO_VLAN = -1;

/** Frames that a mirror has chosen: words as in `Egress`. */
export interface Chosen {
  readonly list: Int32Array;
  count: number;
}

export function createChosen(capacity: number): Chosen {
  return { list: new Int32Array(capacity), count: 0 };
}

/** Chooses from frames that have just been received and not been looked at. */
export function chooseReceived(dp: Dataplane, b: Batch, mirror: number, chosen: Chosen): void {
  const { mirrors } = dp;
  for (let i = 0; i < b.count; i++) {
    if ((b.rxFlags[i] & (RX_GENERATED | RX_DONE)) !== 0) continue;
    if (!hasBit(mirrors.src, mirrors.width, mirror, b.port[i])) continue;
    if (mirrors.byVlan[mirror] !== 0 && !listsVlan(mirrors, mirror, receivedVid(dp, b, i))) continue;
    // Nothing has classified it: the column still says what the row held before.
    if (mirrors.outputFid[mirror] !== 0 && receivedFid(dp, b, i) === mirrors.outputFid[mirror]) continue;
    choose(dp, b, mirror, i, chosen);
  }
}

/** Chooses from the frames that are about to leave by `port`: list[start .. start+count), words as in `Egress`. */
export function chooseSent(
  dp: Dataplane,
  b: Batch,
  mirror: number,
  port: number,
  list: Int32Array,
  start: number,
  count: number,
  chosen: Chosen,
): void {
  const { mirrors } = dp;
  if (!hasBit(mirrors.dst, mirrors.width, mirror, port)) return;
  for (let k = start; k < start + count; k++) {
    const i = list[k] & INDEX_MASK;
    if (mirrors.byVlan[mirror] !== 0 && !listsVlan(mirrors, mirror, b.vid[i] || outerVid(dp, b, i))) continue;
    if (mirrors.outputFid[mirror] !== 0 && b.fid[i] === mirrors.outputFid[mirror]) continue;
    choose(dp, b, mirror, list[k], chosen);
  }
}

function choose(dp: Dataplane, b: Batch, mirror: number, word: number, chosen: Chosen): void {
  const i = word & INDEX_MASK;
  if ((b.mirrored[i] & (1 << mirror)) !== 0) return;
  b.mirrored[i] |= dp.mirrors.twins[mirror];
  chosen.list[chosen.count++] = word;
}

function listsVlan({ vlans }: MirrorTable, mirror: number, vid: number): boolean {
  return vid !== NO_VLAN && ((vlans[mirror * MIRROR_VLAN_WORDS + (vid >> 5)] >>> (vid & 31)) & 1) !== 0;
}

/** The VLAN that a received frame belongs to by its tag and its port, whether or not it may be there. */
function receivedVid(dp: Dataplane, b: Batch, i: number): number {
  const { ports } = dp;
  const port = b.port[i];
  const pvid = ports.pvid[port];
  if (b.len[i] < ETHERNET_HEADER) return NO_VLAN;
  // On a bridge without VLANs the frame's outermost tag, if any.
  if (pvid === 0) return outerVid(dp, b, i);
  const tagged = b.len[i] >= ETHERNET_HEADER + TAG && dp.arena.view.getUint16(b.off[i] + TYPE_AT) === ports.tpid[port];
  return (tagged && dp.arena.view.getUint16(b.off[i] + TYPE_AT + 2) & VID_MASK) || pvid;
}

/** The FID of that VLAN, 0 where its bridge has none. */
function receivedFid(dp: Dataplane, b: Batch, i: number): number {
  const { ports, vlans } = dp;
  const vid = receivedVid(dp, b, i);
  return vid < 0 ? 0 : fidAt(vlans, ports.vlanBase[b.port[i]] + vid);
}

/** VID of the first tag, 0 where there is none. */
function outerVid(dp: Dataplane, b: Batch, i: number): number {
  const { view } = dp.arena;
  if (b.len[i] < ETHERNET_HEADER + TAG) return 0;
  const type = view.getUint16(b.off[i] + TYPE_AT);
  return type === TPID_C || type === TPID_S ? view.getUint16(b.off[i] + TYPE_AT + 2) & VID_MASK : 0;
}

/**
 * Sends copies, words of list[0 .. count) of this batch, out of `port`. The list is used up. `sender` null loses all, and
 * so does a port that is down.
 */
export function transmitCopies(
  dp: Dataplane,
  b: Batch,
  mirror: number,
  list: Int32Array,
  count: number,
  port: number,
  sender: Sender | null,
): void {
  let fit = 0;
  for (let k = 0; k < count; k++) {
    const word = list[k];
    if (!tooLong(dp, b, word & INDEX_MASK, port)) list[fit++] = word;
  }
  const isUp = (dp.ports.flags[port] & PORT_SENDS) !== 0;
  const sent = sender === null || !isUp ? 0 : Math.min(fit, Math.max(0, sender.send(b, list, 0, fit)));
  let bytes = 0;
  for (let k = 0; k < sent; k++) {
    const i = list[k] & INDEX_MASK;
    bytes += list[k] < SHAPE_ALT ? b.len[i] : b.altHeadLen[i] + b.altLen[i];
  }
  const { port: ports } = dp.counters;
  const row = port * PORT_COUNTERS;
  ports[row + TX_FRAMES] += sent;
  ports[row + TX_BYTES] += bytes;
  ports[row + MIRROR_COPIES] += sent;
  ports[row + MIRROR_COPIES_LOST] += count - sent;
  const { counters } = dp.mirrors;
  const at = mirror * MIRROR_COUNTERS;
  counters[at + MIRRORED_FRAMES] += sent;
  counters[at + MIRRORED_BYTES] += bytes;
  counters[at + MIRROR_LOST] += count - sent;
}
