/**
 * Whole IP packets through the package `raw-socket`: what leaves is what was written, but for the IPv4 checksum and an
 * identification of 0, which the kernel fills in.
 *
 * Only for a main thread: the package crashes the process when a worker loads it first.
 */

import { createRequire } from 'node:module';

/** What this file uses of the package, which has no types. */
interface RawSocketPackage {
  createSocket(options: { protocol: number; addressFamily: number; bufferSize?: number }): RawSocket;
}

export interface RawSocket {
  send(buffer: Buffer, offset: number, length: number, address: string, done: (error: Error | null) => void): void;
  setOption(level: number, option: number, value: number): void;
  pauseRecv(): void;
  close(): void;
  on(event: 'error', listener: (error: Error) => void): void;
}

const RAW_IPV4 = 1;
const RAW_IPV6 = 2;
const PROTO_UDP = 17;
const IPPROTO_IP = 0;
const IPPROTO_IPV6 = 41;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const IP_HDRINCL = 3;
const IPV6_HDRINCL = 36;
/** A socket that sends whole IP packets and receives nothing. Throws what the package throws. */
export function openRawSocket(v4: boolean): RawSocket {
  const raw = createRequire(import.meta.url)('raw-socket') as RawSocketPackage;
  const socket = raw.createSocket({ protocol: PROTO_UDP, addressFamily: v4 ? RAW_IPV4 : RAW_IPV6 });
  // It would be given a copy of every UDP datagram of the machine.
  socket.pauseRecv();
  socket.setOption(SOL_SOCKET, SO_RCVBUF, 1);
  if (v4) socket.setOption(IPPROTO_IP, IP_HDRINCL, 1);
  else socket.setOption(IPPROTO_IPV6, IPV6_HDRINCL, 1);
  return socket;
}

/** The destination of the packet at `at`, as text. */
export function packetDestination(packet: Buffer, at: number, v4: boolean): string {
  if (v4) return packet.subarray(at + 16, at + 20).join('.');
  const words: string[] = [];
  for (let i = 24; i < 40; i += 2) words.push(packet.readUInt16BE(at + i).toString(16));
  return words.join(':');
}
