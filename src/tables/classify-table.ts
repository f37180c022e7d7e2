/**
 * Which VLAN an untagged frame belongs to by what it is: its source MAC, the subnet of its source address, its protocol.
 *
 * Exact MACs are a hash of three words an entry, open addressing at half load; MACs with a mask a short list, longest
 * mask first; subnets the same longest-prefix match that routes use, in VRF 0. All is written anew when it changes.
 *
 *   macs     [MAC bytes 2..5, MAC bytes 0..1, VID]      VID 0 = empty
 *   masked   [mask high, mask low, MAC high, MAC low, VID]
 *   protocols [EtherType, VID]
 */

import { createPages, createTree, type Pages, type Tree } from './lpm/lpm.ts';
import { sharedInt32 } from './shared.ts';

export const BY_MAC = 1;
export const BY_SUBNET = 2;
export const BY_PROTOCOL = 3;

export const MAC_WORDS = 3;
export const MASKED_WORDS = 5;
export const PROTOCOL_WORDS = 2;

export interface ClassifyTable {
  /** BY_* in the order in which they are asked; 0 ends it. */
  readonly order: Int32Array;
  macs: Int32Array;
  masked: Int32Array;
  protocols: Int32Array;
  readonly subnets4: Pages;
  readonly subnets6: Tree;
}

export function createClassifyTable(): ClassifyTable {
  return {
    order: sharedInt32(3),
    macs: sharedInt32(MAC_WORDS),
    masked: sharedInt32(0),
    protocols: sharedInt32(0),
    subnets4: createPages(),
    subnets6: createTree(),
  };
}

/** Where the search for a MAC begins; `slots` is a power of two. */
export function macSlot(high: number, low: number, slots: number): number {
  const h = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b);
  return (h ^ (h >>> 15)) & (slots - 1);
}
