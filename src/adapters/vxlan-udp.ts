/**
 * A VXLAN underlay on the kernel's UDP sockets: `underlay: udp`. It needs no privilege.
 *
 * With the addon, datagrams move in bursts and every one has its own TTL, TOS and DF. Without, node:dgram does what
 * it can, and `transport` says so. The kernel routes, resolves neighbours, verifies checksums and knows path MTUs; what it
 * learns about a path is told by `events.pathMtu`. Datagrams of any sender are received: which peers are allowed is
 * for the tunnel to say.
 */

import { addressBytes } from '../wire/address.ts';
import type { AdapterContext } from './adapter.ts';
import { nativeAvailable } from './native.ts';
import type { VxlanUdpAdapter, VxlanUdpOptions } from './vxlan-udp-contract.ts';
import { openDgram } from './vxlan-udp-dgram.ts';
import { openNative } from './vxlan-udp-native.ts';

export type { VxlanGroup, VxlanUdpAdapter, VxlanUdpCounters, VxlanUdpOptions } from './vxlan-udp-contract.ts';

/** Binds. Rejects with errors that have `code` (EADDRINUSE, EADDRNOTAVAIL, ENODEV ...). */
export async function openVxlanUdp(options: VxlanUdpOptions, context: AdapterContext): Promise<VxlanUdpAdapter> {
  const family = familyOf(options.local);
  for (const { address } of options.groups ?? []) {
    if (familyOf(address) !== family) throw new TypeError(`group ${address} is not of the family of ${options.local}`);
  }
  return nativeAvailable().ok ? openNative(options, context) : openDgram(options, context);
}

function familyOf(address: string): number {
  const bytes = addressBytes(address);
  if (bytes === null) throw new TypeError(`"${address}" is no IP address`);
  return bytes.length;
}
