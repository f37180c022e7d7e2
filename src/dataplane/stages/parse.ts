/**
 * Parse: addresses and the bridge's own tag, out of the frame into columns.
 *
 *   off  0      6      12     14
 *        | dst  | src  | type | ...          untagged for this bridge
 *        | dst  | src  | TPID | TCI | type   tagged: TPID is the one the bridge knows (802.1Q-2022 §9.6)
 *
 * A tag of any other TPID is payload. FCS never comes with a frame; frames under 60 bytes are ordinary.
 */

import { PORT_REGENERATES, PORT_TRANSLATES, PORT_VXLAN } from '../../tables/port-table.ts';
import { type Batch, RX_TRUNCATED } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { regenerate } from '../priority.ts';
import {
  DROP_NONE,
  PARSE_GROUP_SOURCE,
  PARSE_RUNT,
  PARSE_TAG_TRUNCATED,
  PARSE_TOO_LONG,
  PARSE_TRUNCATED_CAPTURE,
} from '../reasons.ts';
import { translateArriving } from '../translate.ts';
import { tooLong } from './frame-length.ts';

const ETHERNET_HEADER = 14;
const TAG = 4;
/** The individual/group bit of an address's first byte, seen in its first two bytes. */
export const GROUP_BIT = 0x0100;

export function parse(dp: Dataplane, b: Batch, i: number): number {
  const view = dp.arena.view;
  const port = b.port[i];
  if ((dp.ports.flags[port] & PORT_TRANSLATES) !== 0) translateArriving(dp, b, i);
  const off = b.off[i];
  const len = b.len[i];
  if (len < ETHERNET_HEADER) return PARSE_RUNT;
  if ((b.rxFlags[i] & RX_TRUNCATED) !== 0) return PARSE_TRUNCATED_CAPTURE;
  b.dstHigh[i] = view.getUint16(off);
  b.dstLow[i] = view.getInt32(off + 2);
  b.srcHigh[i] = view.getUint16(off + 6);
  b.srcLow[i] = view.getInt32(off + 8);
  b.tagLen[i] = 0;
  b.tci[i] = 0;
  if (view.getUint16(off + 12) === dp.ports.tpid[port]) {
    if (len < ETHERNET_HEADER + TAG) return PARSE_TAG_TRUNCATED;
    b.tagLen[i] = TAG;
    b.tci[i] = view.getUint16(off + 14);
  }
  if ((dp.ports.flags[port] & PORT_REGENERATES) !== 0) regenerate(dp, b, i);
  if ((b.srcHigh[i] & GROUP_BIT) !== 0) return PARSE_GROUP_SOURCE;
  const isTunnel = (dp.ports.flags[port] & PORT_VXLAN) !== 0;
  return !isTunnel && tooLong(dp, b, i, port) ? PARSE_TOO_LONG : DROP_NONE;
}
