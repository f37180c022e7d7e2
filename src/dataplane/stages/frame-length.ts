/**
 * How long a frame may be: the MTU, the Ethernet header, and 4 bytes for each tag it carries, of any TPID.
 */

import type { Batch } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { csumStart, GSO_TCPV4, GSO_TCPV6, gsoSize, gsoType } from '../offload/needs.ts';

const ETHERNET_HEADER = 14;
const UDP_HEADER = 8;
/** Byte of a TCP header whose upper half counts its 32-bit words. */
const TCP_OFFSET_AT = 12;

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

/** Whether frame i, or the segments that it will be cut into, are too long for port `to`. */
export function tooLong(dp: Dataplane, b: Batch, i: number, to: number): boolean {
  const view = dp.arena.view;
  const limit = dp.ports.mtu[to] + ETHERNET_HEADER;
  const len = b.len[i];
  if (len <= limit) return false;
  const bytes = b.gso[i] >>> 8 === 0 ? len : segmentBytes(view, b, i);
  return bytes > limit && bytes > limit + tagBytes(view, b.off[i], len);
}

/**
 * Length of the segments of an offloaded super-frame (virtio 1.2 §5.1.6.2): its headers, up to the end of the TCP or
 * UDP header, which begins where the checksum starts, and `gso_size` bytes each.
 */
export function segmentBytes(view: DataView, b: Batch, i: number): number {
  const len = b.len[i];
  const size = gsoSize(b.gso[i]);
  const transport = csumStart(b.csum[i]);
  const type = gsoType(b.gso[i]);
  if (transport + TCP_OFFSET_AT >= len) return len;
  const isTcp = type === GSO_TCPV4 || type === GSO_TCPV6;
  const header = isTcp ? (view.getUint8(b.off[i] + transport + TCP_OFFSET_AT) >>> 4) * 4 : UDP_HEADER;
  return Math.min(len, transport + header + size);
}
