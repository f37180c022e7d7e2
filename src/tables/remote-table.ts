/**
 * Remote VTEPs: where encapsulated frames go, and who may send some. One row per (VTEP, address), a multicast group
 * included; a row of kind REMOTE_LIST stands for several of them.
 *
 * The row is the outer header of frames to that remote, as the words that are written, so that encapsulation copies
 * a dozen words and computes three. A row's number is what the VXLAN FDB keeps as its "port".
 *
 *   words  0..2   destination and source MAC
 *          3      underlay tag (TPID, TCI), 0 = none
 *          4..7   source address       8..11  destination address   (IPv4: the first word of each)
 *          12     sum of the address words' halves, for checksums
 *          13     REMOTE_*             14     VTEP                   15  underlay port
 *          16     longest outer IP packet                           17  first node of a list
 *          18     last IPv4 identification, modulo 2^16
 */

import { ownFloat64, sharedInt32 } from './shared.ts';
import { ADDRESS_WORDS } from './vtep-table.ts';

/** The FDB keeps a row in 12 bits, of which one number means none. */
export const MAX_REMOTES = 4094;

export const REMOTE_WORDS = 24;
export const REMOTE_MACS = 0;
export const REMOTE_TAG = 3;
export const REMOTE_SOURCE = 4;
export const REMOTE_ADDRESS = 8;
export const REMOTE_SUM = 12;
export const REMOTE_FLAGS = 13;
export const REMOTE_VTEP = 14;
export const REMOTE_PORT = 15;
export const REMOTE_MAX_IP = 16;
export const REMOTE_LIST_HEAD = 17;
export const REMOTE_IDENT = 18;

export const REMOTE_EXISTS = 1 << 0;
/** The next hop's MAC is known: frames can leave. */
export const REMOTE_RESOLVED = 1 << 1;
export const REMOTE_IPV6 = 1 << 2;
/** Frames from it are taken. */
export const REMOTE_ALLOWED = 1 << 3;
/** A multicast group; JOINED: frames to it are taken. */
export const REMOTE_GROUP = 1 << 4;
export const REMOTE_JOINED = 1 << 5;
export const REMOTE_LIST = 1 << 6;
/** Control is to find its next hop: a frame wanted to go there. */
export const REMOTE_WANTED = 1 << 7;

/** Columns of a remote's counters. */
export const PEER_RX_FRAMES = 0;
export const PEER_RX_BYTES = 1;
export const PEER_TX_FRAMES = 2;
export const PEER_TX_BYTES = 3;
export const PEER_UNKNOWN_VNI = 4;
export const PEER_REFUSED = 5;
export const PEER_RESERVED_BITS = 6;
export const PEER_UNSENT = 7;
export const PEER_COUNTERS = 8;

export interface RemoteTable {
  readonly capacity: number;
  readonly words: Int32Array;
  /** This worker's, and each one's (`sumAt`). */
  readonly counters: Float64Array;
  readonly countersOf: readonly Float64Array[];
  /** Open addressing over (VTEP, address): row + 1, 0 = empty. A power of two of slots. */
  readonly index: Int32Array;
  /** Nodes of lists: remote row and next node; -1 ends a list. [0] of `meta` is the first free node. */
  nodeRemote: Int32Array;
  nodeNext: Int32Array;
  readonly meta: Int32Array;
}

export function createRemoteTable(capacity: number, workers: number): RemoteTable {
  const countersOf = ownFloat64(capacity * PEER_COUNTERS, workers);
  const slots = 1 << (33 - Math.clz32(capacity - 1 || 1));
  const table: RemoteTable = {
    capacity,
    words: sharedInt32(capacity * REMOTE_WORDS),
    counters: countersOf[0],
    countersOf,
    index: sharedInt32(slots),
    nodeRemote: sharedInt32(0),
    nodeNext: sharedInt32(0),
    meta: sharedInt32(1).fill(-1),
  };
  growNodes(table, 256);
  return table;
}

/** Row of the remote with this address, or -1. */
export function findRemote(table: RemoteTable, vtep: number, a: number, b: number, c: number, d: number): number {
  const { index, words } = table;
  const mask = index.length - 1;
  for (let slot = hashOf(vtep, a, b, c, d) & mask; ; slot = (slot + 1) & mask) {
    const row = index[slot] - 1;
    if (row < 0) return -1;
    const at = row * REMOTE_WORDS;
    if (
      words[at + REMOTE_ADDRESS] === a &&
      words[at + REMOTE_ADDRESS + 1] === b &&
      words[at + REMOTE_ADDRESS + 2] === c &&
      words[at + REMOTE_ADDRESS + 3] === d &&
      words[at + REMOTE_VTEP] === vtep
    ) {
      return row;
    }
  }
}

function hashOf(vtep: number, a: number, b: number, c: number, d: number): number {
  let h = Math.imul(a ^ Math.imul(vtep + 1, 0x9e3779b1), 0x85ebca6b) ^ b;
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35) ^ c;
  h = Math.imul(h ^ (h >>> 13), 0x27d4eb2f) ^ d;
  return Math.imul(h ^ (h >>> 16), 0x165667b1) >>> 7;
}

/** Takes a free row for an address that has none; -1 when the table is full. Lists have no address: pass `list`. */
export function addRemote(table: RemoteTable, vtep: number, address: Int32Array, flags: number): number {
  const { words, capacity } = table;
  let row = 0;
  while (row < capacity && (words[row * REMOTE_WORDS + REMOTE_FLAGS] & REMOTE_EXISTS) !== 0) row++;
  if (row === capacity) return -1;
  const at = row * REMOTE_WORDS;
  words.fill(0, at, at + REMOTE_WORDS);
  for (const counters of table.countersOf) counters.fill(0, row * PEER_COUNTERS, (row + 1) * PEER_COUNTERS);
  for (let n = 0; n < ADDRESS_WORDS; n++) words[at + REMOTE_ADDRESS + n] = address[n];
  words[at + REMOTE_VTEP] = vtep;
  words[at + REMOTE_LIST_HEAD] = -1;
  words[at + REMOTE_FLAGS] = flags | REMOTE_EXISTS;
  if ((flags & REMOTE_LIST) === 0) enter(table, row);
  return row;
}

export function removeRemote(table: RemoteTable, row: number): void {
  table.words.fill(0, row * REMOTE_WORDS, (row + 1) * REMOTE_WORDS);
  // Linear probing without tombstones: what is left is entered anew. Control path.
  table.index.fill(0);
  for (let r = 0; r < table.capacity; r++) {
    const flags = table.words[r * REMOTE_WORDS + REMOTE_FLAGS];
    if ((flags & REMOTE_EXISTS) !== 0 && (flags & REMOTE_LIST) === 0) enter(table, r);
  }
}

function enter(table: RemoteTable, row: number): void {
  const { words, index } = table;
  const at = row * REMOTE_WORDS;
  const a = at + REMOTE_ADDRESS;
  const mask = index.length - 1;
  let slot = hashOf(words[at + REMOTE_VTEP], words[a], words[a + 1], words[a + 2], words[a + 3]) & mask;
  while (index[slot] !== 0) slot = (slot + 1) & mask;
  index[slot] = row + 1;
}

/** Appends a node to the list that begins with `head` (-1: none); returns the list's head. Control path. */
export function appendNode(table: RemoteTable, head: number, remote: number): { head: number; grown: boolean } {
  let grown = false;
  if (table.meta[0] < 0) {
    growNodes(table, table.nodeNext.length * 2);
    grown = true;
  }
  const { nodeNext, nodeRemote, meta } = table;
  const node = meta[0];
  meta[0] = nodeNext[node];
  nodeNext[node] = -1;
  nodeRemote[node] = remote;
  if (head < 0) return { head: node, grown };
  let last = head;
  while (nodeNext[last] >= 0) last = nodeNext[last];
  nodeNext[last] = node;
  return { head, grown };
}

/** Takes a remote out of a list; returns the list's head. */
export function removeNode(table: RemoteTable, head: number, remote: number): number {
  const { nodeNext, nodeRemote, meta } = table;
  let before = -1;
  for (let node = head; node >= 0; before = node, node = nodeNext[node]) {
    if (nodeRemote[node] !== remote) continue;
    const after = nodeNext[node];
    if (before >= 0) nodeNext[before] = after;
    nodeNext[node] = meta[0];
    meta[0] = node;
    return before >= 0 ? head : after;
  }
  return head;
}

function growNodes(table: RemoteTable, count: number): void {
  const from = table.nodeNext.length === 1 && table.meta[0] < 0 ? 0 : table.nodeNext.length;
  const next = sharedInt32(count);
  const remote = sharedInt32(count);
  next.set(table.nodeNext);
  remote.set(table.nodeRemote);
  for (let n = from; n < count; n++) next[n] = n + 1 < count ? n + 1 : table.meta[0];
  table.meta[0] = from;
  table.nodeNext = next;
  table.nodeRemote = remote;
}
