/**
 * Parse: addresses and the bridge's own tag, out of the frames into columns.
 *
 *   off  0      6      12     14
 *        | dst  | src  | type | ...          untagged for this bridge
 *        | dst  | src  | TPID | TCI | type   tagged: TPID is the one the bridge knows (802.1Q-2022 §9.6)
 *
 * A tag of any other TPID is payload. FCS never comes with a frame; frames under 60 bytes are ordinary.
 *
 * Like every stage this is one loop over the batch, with its columns in local constants and without a call:
 * V8 then keeps their addresses and lengths in registers, where a single call, even one never made, has them
 * loaded again for every access (bench micro: 15 ns a frame against 6). What needs a call is done afterwards.
 */

import { type Batch, RX_TRUNCATED } from '../batch.ts';
import { PORT_COUNTERS, RX_BYTES, RX_FRAMES } from '../counters.ts';
import type { Dataplane } from '../dataplane.ts';
import {
  DROP_NONE,
  PARSE_GROUP_SOURCE,
  PARSE_RUNT,
  PARSE_TAG_TRUNCATED,
  PARSE_TOO_LONG,
  PARSE_TRUNCATED_CAPTURE,
} from '../reasons.ts';
import { tagBytes } from './frame-length.ts';

const ETHERNET_HEADER = 14;
const TAG = 4;
/** The individual/group bit of an address's first byte, seen in its first two bytes. */
const GROUP_BIT = 0x0100;

export function parse(dp: Dataplane, b: Batch): void {
  const view = dp.arena.view;
  const { mtu, tpid } = dp.ports;
  const counters = dp.counters.port;
  const { off: offs, len: lens, port: portOf, rxFlags, gso, dstHigh, dstLow, srcHigh, srcLow, tagLen, tci } = b;
  const { reason: reasons } = b;
  const n = b.count;
  let long = 0;
  for (let i = 0; i < n; i++) {
    const off = offs[i];
    const len = lens[i];
    const port = portOf[i];
    counters[port * PORT_COUNTERS + RX_FRAMES]++;
    counters[port * PORT_COUNTERS + RX_BYTES] += len;
    tagLen[i] = 0;
    tci[i] = 0;
    if (len < ETHERNET_HEADER) {
      reasons[i] = PARSE_RUNT;
      continue;
    }
    if ((rxFlags[i] & RX_TRUNCATED) !== 0) {
      reasons[i] = PARSE_TRUNCATED_CAPTURE;
      continue;
    }
    const source = view.getUint16(off + 6);
    dstHigh[i] = view.getUint16(off);
    dstLow[i] = view.getInt32(off + 2);
    srcHigh[i] = source;
    srcLow[i] = view.getInt32(off + 8);
    let reason = (source & GROUP_BIT) === 0 ? DROP_NONE : PARSE_GROUP_SOURCE;
    if (view.getUint16(off + 12) === tpid[port]) {
      if (len < ETHERNET_HEADER + TAG) {
        reason = PARSE_TAG_TRUNCATED;
      } else {
        tagLen[i] = TAG;
        tci[i] = view.getUint16(off + 14);
      }
    }
    // An offloaded super-frame (gso type set) is as long as it likes: its segments are not.
    if (reason === DROP_NONE && len > mtu[port] + ETHERNET_HEADER && gso[i] >>> 8 === 0) {
      reason = PARSE_TOO_LONG;
      long++;
    }
    reasons[i] = reason;
  }
  if (long !== 0) admitTagged(dp, b);
}

/** A frame that is too long only by its tags is not too long. */
function admitTagged(dp: Dataplane, b: Batch): void {
  const { off, len, port, reason } = b;
  for (let i = 0; i < b.count; i++) {
    if (reason[i] !== PARSE_TOO_LONG) continue;
    const limit = dp.ports.mtu[port[i]] + ETHERNET_HEADER;
    if (len[i] <= limit + tagBytes(dp.arena.view, off[i], len[i])) reason[i] = DROP_NONE;
  }
}
