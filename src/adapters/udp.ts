/**
 * A port that is a UDP socket, one Ethernet frame per datagram: what QEMU speaks, without any privilege.
 *
 *   qemu-system-x86_64 ... -netdev dgram,id=n0,local.type=inet,local.host=127.0.0.1,local.port=5002,
 *                                  remote.type=inet,remote.host=127.0.0.1,remote.port=5001
 *   qemu-system-x86_64 ... -netdev socket,id=n0,udp=127.0.0.1:5001,localaddr=127.0.0.1:5002
 *
 * With the addon a burst is one or two system calls (udp-native.ts), without it node:dgram does what it can (udp-dgram.ts),
 * and `transport` says which. The socket is connected, so that the kernel discards what other senders aim at it. A datagram
 * too short or too long to be a frame is passed on, since to judge frames is the pipeline's work.
 *
 * There is no link to lose: a peer that is not there yet (ECONNREFUSED) is ordinary.
 */

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { AdapterContext } from './adapter.ts';
import { nativeAvailable } from './native.ts';
import { type Endpoint, parseEndpoint, type UdpAdapter, type UdpOptions } from './udp-contract.ts';
import { openDgram } from './udp-dgram.ts';
import { openNative } from './udp-native.ts';

export { type Endpoint, endpointText, parseEndpoint, type UdpAdapter, type UdpOptions } from './udp-contract.ts';

/** Binds and connects. Rejects with errors that have `code` (EADDRINUSE, ENOTFOUND, ...). */
export async function openUdp(
  options: UdpOptions,
  context: AdapterContext,
  transport: UdpAdapter['transport'] = nativeAvailable().ok ? 'native' : 'dgram',
): Promise<UdpAdapter> {
  const remote = await resolve(parseEndpoint(options.remote), 0);
  const family = isIP(remote.host) === 6 ? 6 : 4;
  const local = await resolve(parseEndpoint(options.local), family);
  if ((isIP(local.host) === 6 ? 6 : 4) !== family) {
    throw new TypeError(`local ${options.local} and remote ${options.remote} are not of one address family`);
  }
  const open = transport === 'native' ? openNative : openDgram;
  return open(local, remote, options, context);
}

async function resolve(endpoint: Endpoint, family: 0 | 4 | 6): Promise<Endpoint> {
  if (isIP(endpoint.host) !== 0) return endpoint;
  const { address } = await lookup(endpoint.host, { family });
  return { host: address, port: endpoint.port };
}
