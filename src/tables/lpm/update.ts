/**
 * The prefixes of one family as control changes and reads them: a tree of them, and what is written after it for lookups
 * (lpm.ts): for IPv4 pages, for IPv6 blocks. Values are positive. Control only: it allocates.
 */

import { type BlockWriter, createBlockWriter, writeBlocks } from './blocks.ts';
import { createTree, type Pages, type Tree } from './lpm.ts';
import type { TreeRib } from './nodes.ts';
import { createPageWriter, growPageRoots, type PageWriter, writePages } from './pages.ts';
import {
  createTreeRib,
  eachInTree,
  findInTree,
  growTree,
  hasRoots,
  longestBelow,
  putInTree,
  removeFromTree,
} from './tree.ts';

export interface Rib {
  /** 4 or 16. */
  readonly addressBytes: number;
  readonly tree: TreeRib;
  /** Of IPv4. */
  readonly pages: PageWriter | null;
  /** Of IPv6. */
  readonly blocks: BlockWriter | null;
  /** Prefixes in all VRFs. */
  count: number;
}

export function createRib4(lpm: Pages): Rib {
  return { addressBytes: 4, tree: createTreeRib(createTree()), pages: createPageWriter(lpm), blocks: null, count: 0 };
}

export function createRib6(lpm: Tree): Rib {
  const tree = createTreeRib(lpm);
  return { addressBytes: 16, tree, pages: null, blocks: createBlockWriter(tree), count: 0 };
}

/** Makes the roots of VRFs 0..vrfs-1. Other threads must be given the new arrays. */
export function growVrfs(rib: Rib, vrfs: number): void {
  growTree(rib.tree, vrfs);
  if (rib.pages !== null) growPageRoots(rib.pages, vrfs);
}

/** Puts a prefix, in place of the one it equals. Bits behind `length` do not count. Returns the value it replaces. */
export function putPrefix(rib: Rib, vrf: number, prefix: Uint8Array, length: number, value: number): number {
  growVrfs(rib, vrf + 1);
  const before = putInTree(rib.tree, vrf, prefix, length, value);
  if (rib.pages !== null) writePages(rib.pages, vrf, wordOf(prefix), length, { value, length });
  if (rib.blocks !== null) writeBlocks(rib.blocks, vrf, prefix, length);
  if (before === 0) rib.count++;
  return before;
}

/** Takes a prefix out; returns its value, 0 when it was not there. */
export function removePrefix(rib: Rib, vrf: number, prefix: Uint8Array, length: number): number {
  if (!hasRoots(rib.tree, vrf)) return 0;
  const before = removeFromTree(rib.tree, vrf, prefix, length);
  if (before === 0) return 0;
  if (rib.pages !== null) {
    writePages(rib.pages, vrf, wordOf(prefix), length, longestBelow(rib.tree, vrf, prefix, length));
  }
  if (rib.blocks !== null) writeBlocks(rib.blocks, vrf, prefix, length);
  rib.count--;
  return before;
}

/** The value of exactly this prefix, or 0. */
export function findPrefix(rib: Rib, vrf: number, prefix: Uint8Array, length: number): number {
  return hasRoots(rib.tree, vrf) ? findInTree(rib.tree, vrf, prefix, length) : 0;
}

/** Visits every prefix of a VRF, shorter ones of one place first. `prefix` is reused. */
export function eachPrefix(
  rib: Rib,
  vrf: number,
  visit: (prefix: Uint8Array, length: number, value: number) => void,
): void {
  if (hasRoots(rib.tree, vrf)) eachInTree(rib.tree, vrf, new Uint8Array(rib.addressBytes), visit);
}

/** The arrays that lookups read: other threads must be given those that are new. */
export function sharedArrays(rib: Rib): (Int32Array | Uint16Array)[] {
  if (rib.pages !== null) return [rib.pages.lpm.roots, rib.pages.lpm.shorts, rib.pages.lpm.lines];
  const { roots, nodes, values, blocks } = rib.tree.tree;
  return [roots, nodes, values, blocks];
}

function wordOf(prefix: Uint8Array): number {
  return ((prefix[0]! << 24) | (prefix[1]! << 16) | (prefix[2]! << 8) | prefix[3]!) >>> 0;
}
