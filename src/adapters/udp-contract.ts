/** What the two ways to a UDP port have in common: options, counters, and endpoints as text. */

import type { Adapter } from './adapter.ts';

export interface UdpOptions {
  /** `host:port` or `[v6]:port`; where frames are received. */
  local: string;
  /** Where frames go and whence alone they are taken. */
  remote: string;
  mtu: number;
  /** Without the addon: received frames that wait for the switch; 1,024 unless told. */
  queueFrames?: number;
}

export type UdpCounters = {
  /** Received while the queue, or the socket's memory, was full, and thrown away. */
  queueFull: number;
  /** From a sender that is not the peer, where that shows: the kernel discards them unseen. */
  foreign: number;
  /** Longer than a datagram (or the path's MTU) can be. */
  tooLong: number;
  /** Other failures of sending or receiving. */
  errors: number;
};

export interface UdpAdapter extends Adapter {
  /** A system call a burst, or node:dgram. */
  readonly transport: 'native' | 'dgram';
  readonly counters: Readonly<UdpCounters>;
  /** What the socket is bound to, with the port the system chose where 0 was asked for. */
  readonly local: Endpoint;
}

export interface Endpoint {
  host: string;
  port: number;
}

/** Reads `host:port` or `[v6]:port`; throws a TypeError that says what is wrong. */
export function parseEndpoint(text: string): Endpoint {
  const match = /^(?:\[([^\][]+)\]|([^\][:\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) throw new TypeError(`"${text}" is not host:port or [ipv6]:port`);
  return { host, port };
}

/** `127.0.0.1:5001`, `[::1]:5001`. */
export function endpointText({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
