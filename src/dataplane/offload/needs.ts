/**
 * What a frame needs from the port it leaves by, and what a port can give: the numbers of virtio 1.2 §5.1.6.2.
 *
 *   gso column   | size 16 | type 8 | flags 8 |    0 = a plain frame with valid checksums
 *   csum column  | offset 16 | start 16 |          the sum over [start, end of frame) belongs at start + offset,
 *                                                  where the sum of the pseudo header is already
 */

/** What a port can take beyond plain frames. Bit set of `Adapter.offloads`. */
export const OFFLOAD_CSUM = 1 << 0;
export const OFFLOAD_TSO4 = 1 << 1;
export const OFFLOAD_TSO6 = 1 << 2;
export const OFFLOAD_USO = 1 << 3;
/** All of these for a frame inside a tunnel, which no Linux device takes by them. */
export const OFFLOAD_TUNNEL = 1 << 4;
/** All that a device can have. */
export const ALL_OFFLOADS = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | OFFLOAD_USO;

/** Flag: the checksum is not there yet. */
export const NEEDS_CSUM = 1;
/** Flag, not of virtio: a tunnel's headers are in front of those that need something. */
export const GSO_IN_TUNNEL = 0x80;

export const GSO_NONE = 0;
export const GSO_TCPV4 = 1;
export const GSO_TCPV6 = 4;
export const GSO_UDP_L4 = 5;
/** Super-frames whose first segment carries CWR keep their type and have this bit. */
const GSO_ECN = 0x80;

export function gsoType(gso: number): number {
  return (gso >>> 8) & 0xff & ~GSO_ECN;
}

/** Payload bytes of each segment. */
export function gsoSize(gso: number): number {
  return gso >>> 16;
}

export function gsoWord(type: number, size: number): number {
  return NEEDS_CSUM | (type << 8) | (size << 16);
}

export function csumWord(start: number, offset: number): number {
  return start | (offset << 16);
}

export function csumStart(csum: number): number {
  return csum & 0xffff;
}

export function csumOffset(csum: number): number {
  return csum >>> 16;
}

/** OFFLOAD_* that a port must have to take the frame as it is; -1 for a type that nobody knows. */
export function offloadsNeeded(gso: number): number {
  if (gso === 0) return 0;
  if ((gso & GSO_IN_TUNNEL) !== 0) return OFFLOAD_TUNNEL;
  switch (gsoType(gso)) {
    case GSO_NONE:
      return OFFLOAD_CSUM;
    case GSO_TCPV4:
      return OFFLOAD_CSUM | OFFLOAD_TSO4;
    case GSO_TCPV6:
      return OFFLOAD_CSUM | OFFLOAD_TSO6;
    case GSO_UDP_L4:
      return OFFLOAD_CSUM | OFFLOAD_USO;
    default:
      return -1;
  }
}
