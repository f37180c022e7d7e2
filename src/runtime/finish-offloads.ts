/**
 * Frames that come in with more offload than is in force: finished here, before anything else sees them.
 *
 * When offloads are turned off, frames that the kernel had queued before still come without a checksum. It is
 * computed, and the frame is an ordinary one. A super-frame gets its checksum as well: as one long segment it is
 * valid, and if it is longer than the MTU, the ordinary rule drops it (PARSE_TOO_LONG) and TCP sends it again.
 *
 *   virtio: checksum over [csum start, end of frame), stored at csum start + csum offset, where the sum of the
 *   pseudo header is already (virtio 1.2 §5.1.6.2)
 */

import { OFFLOAD_CSUM, OFFLOAD_TSO4, OFFLOAD_TSO6, OFFLOAD_USO } from '../adapters/adapter.ts';
import type { Batch } from '../dataplane/batch.ts';

const NEEDS_CSUM = 1;
const GSO_TCPV4 = 1;
const GSO_TCPV6 = 4;
const GSO_UDP_L4 = 5;
/** Congestion-window-reduced segments keep their type and carry this bit. */
const GSO_ECN = 0x80;

/** Finishes the frames of rows [begin, end) that need something outside `allowed` (OFFLOAD_*). */
export function finishOffloads(view: DataView, b: Batch, begin: number, end: number, allowed: number): void {
  for (let i = begin; i < end; i++) {
    if (b.gso[i] !== 0 && (neededBy(b.gso[i]) & ~allowed) !== 0) finish(view, b, i);
  }
}

function neededBy(gso: number): number {
  const type = (gso >>> 8) & 0xff & ~GSO_ECN;
  if (type === 0) return OFFLOAD_CSUM;
  if (type === GSO_TCPV4) return OFFLOAD_CSUM | OFFLOAD_TSO4;
  if (type === GSO_TCPV6) return OFFLOAD_CSUM | OFFLOAD_TSO6;
  if (type === GSO_UDP_L4) return OFFLOAD_CSUM | OFFLOAD_USO;
  return -1;
}

function finish(view: DataView, b: Batch, i: number): void {
  if ((b.gso[i] & NEEDS_CSUM) !== 0) complete(view, b.off[i], b.len[i], b.csum[i] & 0xffff, b.csum[i] >>> 16);
  b.gso[i] = 0;
  b.csum[i] = 0;
}

function complete(view: DataView, off: number, len: number, start: number, field: number): void {
  if (start + field + 2 > len) return; // no such place in the frame: the receiver will refuse it
  let sum = 0;
  let at = off + start;
  const end = off + len;
  for (; at + 2 <= end; at += 2) sum += view.getUint16(at);
  if (at < end) sum += view.getUint8(at) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  // A computed 0 is sent as 0xffff: for UDP 0 means "no checksum" (RFC 768), for TCP both are the same number.
  view.setUint16(off + start + field, ~sum & 0xffff || 0xffff);
}
