/**
 * What a VXLAN underlay on kernel sockets takes and promises, whichever way it is made.
 *
 * It is a port that carries outer Ethernet frames like any other. Frames that it receives have headers that were made
 * up from what the kernel says, with checksums already verified (RX_CSUM_VERIFIED).
 */

import type { Adapter } from './adapter.ts';

export interface VxlanUdpOptions {
  /** IPv4 or IPv6 address that datagrams come from and go to; `0.0.0.0` and `::` stand for all. */
  local: string;
  /** Where datagrams are received: 4789, 8472 or any other; 0 lets the system choose. */
  port: number;
  /** Interface of link-local addresses and of groups that name none. */
  interface?: string;
  /** Bytes after the outer Ethernet header that the interface carries. */
  mtu: number;
  /**
   * A TCP packet inside that is longer and has no checksum yet is a super-frame, and is cut to this where it has to be:
   * the kernel does not say how long its segments were. At most the MTU of every port behind the tunnel; 1,280 unless told.
   */
  innerMtu?: number;
  /** First and last outer source port; 49152 to 65535 unless told. */
  sourcePorts?: readonly [number, number];
  /** Sockets that the source ports are spread over, at most 64; 32 unless told. */
  sockets?: number;
  groups?: readonly VxlanGroup[];
  /** Take UDP datagrams over IPv6 whose checksum is 0 (RFC 6935). */
  zeroChecksum6?: boolean;
  /** Threads that have a socket each, among which the kernel shares out the flows (default 1). */
  workers?: number;
  /** It is the socket of a further thread. */
  joins?: boolean;
  /** `off`: one datagram per call and no coalescing on receipt. */
  offloads?: 'auto' | 'off';
}

export interface VxlanGroup {
  address: string;
  interface?: string;
}

/** What a membership is known by. */
export function groupKey(address: string, interfaceName: string | undefined): string {
  return `${address}%${interfaceName ?? ''}`;
}

export interface VxlanUdpCounters {
  /** Frames that the kernel refused to send: no route, no such address. */
  refused: number;
  /** Frames longer than the path takes. */
  tooLong: number;
  /** Errors that the network sent back for earlier datagrams: port or host unreachable. */
  unreachable: number;
  /** Datagrams that no slot could hold. */
  framesTooLong: number;
  /** Datagrams that the kernel did not keep: no room, or a wrong checksum. */
  kernelDrops: number;
}

export interface VxlanUdpAdapter extends Adapter {
  /** `native`: the addon; `dgram`: node:dgram, slower, no TOS; `raw-socket`: sends IP packets through that package. */
  readonly transport: 'native' | 'dgram' | 'raw-socket';
  /** The port it receives on. */
  readonly port: number;
  readonly counters: Readonly<VxlanUdpCounters>;
  /**
   * Receives a multicast group from now on; again where its interface was made anew since. Whether there was anything to
   * do. Throws errors with `code`.
   */
  join(group: VxlanGroup): boolean;
  /** Whether it was joined. */
  leave(group: VxlanGroup): boolean;
  /** Bytes of the longest IP packet that can go to the address now, as far as the kernel knows; 0 without a route. */
  pathMtu(address: string): number;
}

export const FIRST_SOURCE_PORT = 49_152;
export const LAST_SOURCE_PORT = 65_535;

/** Whether the adapter is an underlay on sockets, whichever way it is made. */
export function isVxlanSocket(adapter: Adapter): adapter is VxlanUdpAdapter {
  return 'join' in adapter && 'transport' in adapter;
}
