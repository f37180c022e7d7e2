/**
 * How long a frame may be: the MTU, the Ethernet header, and 4 bytes for each tag it carries, of any TPID.
 */

import type { Batch } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';

const ETHERNET_HEADER = 14;

/** Bytes of VLAN tags (0x8100, 0x88A8) that follow the addresses. Reads only inside [off, off + len). */
export function tagBytes(view: DataView, off: number, len: number): number {
  let bytes = 0;
  for (let at = 12; at + 6 <= len; at += 4) {
    const type = view.getUint16(off + at);
    if (type !== 0x8100 && type !== 0x88a8) break;
    bytes += 4;
  }
  return bytes;
}

/** Whether frame i is too long for port `to`. An offloaded super-frame is cut to segments behind it: it fits. */
export function tooLong(dp: Dataplane, b: Batch, i: number, to: number): boolean {
  if (b.gso[i] >>> 8 !== 0) return false;
  const limit = dp.ports.mtu[to] + ETHERNET_HEADER;
  const len = b.len[i];
  return len > limit && len > limit + tagBytes(dp.arena.view, b.off[i], len);
}
