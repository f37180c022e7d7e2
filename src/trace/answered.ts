/**
 * A packet that waits in the router for its next hop to tell its MAC: how far the question gets is how far the packet would get once it
 * is answered. Found out by giving the next hop the group address that it is asked by, ARP's or that of ND (RFC 4291 2.7.1).
 */

import { addressBytes } from '../wire/address.ts';
import { interfaceOf } from './changes/candidates.ts';
import { nextHopOf } from './changes/route.ts';
import type { Situation } from './situation.ts';
import type { Trace } from './types.ts';

export interface Answered {
  readonly situation: Situation;
  /** "192.0.2.1 has answered ARP" */
  readonly once: string;
}

/** Null where the packet does not wait. */
export function answered(s: Situation, { stages, frame, port }: Trace): Answered | null {
  if (!stages.some(({ waits }) => waits === true)) return null;
  const bytes = Buffer.from(frame.hex, 'hex');
  const parent = interfaceOf(s, port);
  if (parent !== undefined) bytes.set(Buffer.from(parent.mac.replaceAll(':', ''), 'hex'));
  const hop = nextHopOf(s.config, bytes);
  const address = hop === null ? null : addressBytes(hop.address);
  if (hop === null || address === null) return null;
  const isV4 = address.length === 4;
  const last = [...address.slice(-3)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
  const neighbor = { address: hop.address, mac: isV4 ? 'ff:ff:ff:ff:ff:ff' : `33:33:ff:${last}` };
  const interfaces = s.config.interfaces.map((each) =>
    each.name === hop.interface ? { ...each, neighbors: [...each.neighbors, neighbor] } : each,
  );
  const once = `${hop.address} has answered ${isV4 ? 'ARP' : 'ND'}`;
  return { situation: { ...s, config: { ...s.config, interfaces } }, once };
}
