/**
 * Where the layers are, for the primitive that is being translated.
 *
 *   | addresses | [tags] | type | payload: [labels] network header, transport header ...
 *   ^ link               ^ type ^ payload  ^ payload + labels
 *
 * `vlan`, `mpls`, `pppoes`, `vxlan` and `geneve` move them for all that is written behind, as libpcap does: even on
 * the other side of an `or`. So `vlan and ip` looks into the tag, and `vlan or ip` finds untagged IP by luck only; write
 * `ip or vlan`. `ether host` is the outer frame until a tunnel is entered.
 */

import type { Place } from './test.ts';

export interface Layers {
  /** null inside PPPoE: no Ethernet header is left to ask for. */
  link: Place | null;
  type: Place;
  payload: Place;
  /** Bytes of MPLS labels between payload and network header. */
  labels: number;
  /** Tunnels that the filter has entered so far; each is a base of its own. */
  tunnels: number;
}

export function createLayers(): Layers {
  return {
    link: { base: null, offset: 0 },
    type: { base: null, offset: 12 },
    payload: { base: null, offset: 14 },
    labels: 0,
    tunnels: 0,
  };
}

/** First byte of the network header. */
export function network(layers: Layers): Place {
  return { base: layers.payload.base, offset: layers.payload.offset + layers.labels };
}
