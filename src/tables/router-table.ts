/**
 * What the route stage reads: interfaces of VLANs, prefixes of every VRF, and adjacencies.
 *
 * An adjacency is what a route comes down to: a neighbor's MAC behind an interface, or why there is none. Prefixes map to
 * adjacency rows (lpm.ts), and a neighbor that is known has a prefix of full length, so that one lookup finds it. A
 * connected subnet is one row that says "to be resolved"; a gateway's row says so until it is known.
 *
 * Rows begin at 1: 0 is "none" wherever a row is named.
 */
import { createPages, createTree, type Pages, type Tree } from './lpm/lpm.ts';
import { sharedFloat64, sharedInt32, sharedUint16 } from './shared.ts';

// Kinds of adjacencies.
export const ADJ_FREE = 0;
/** To the neighbor `mac` behind `iface`. */
export const ADJ_FORWARD = 1;
/** Behind `iface`, by a neighbor that has to be found first: the destination itself, or a gateway. */
export const ADJ_RESOLVE = 2;
/** One of several rows, by flow: `members[first .. first + count)`. */
export const ADJ_GROUP = 3;
/** An address of the switch. */
export const ADJ_LOCAL = 4;
export const ADJ_BLACKHOLE = 5;
export const ADJ_UNREACHABLE = 6;
export const ADJ_PROHIBITED = 7;
/** The network and broadcast addresses of a connected IPv4 subnet. */
export const ADJ_BROADCAST = 8;

export const MAX_INTERFACES = 4095;
export const MAX_VRFS = 256;

/** DHCP that hosts ask everybody for is for the relay, too. */
export const RELAY_V4 = 1;
export const RELAY_V6 = 2;

/** What was sent on to servers, to hosts, and what was refused. */
export const RELAY_REQUESTS = 0;
export const RELAY_REPLIES = 1;
export const RELAY_REFUSED = 2;
export const RELAY_STATS = 3;

/** Kinds of what may be punted per port: each has a meter of its own. */
export const METER_ROUTER = 0;
export const METER_NEIGHBOR = 1;
/** What suppression looks at: beyond it frames pass unheard and unanswered. */
export const METER_SUPPRESS = 2;
/** Packets whose senders are told of a better next hop; the others are routed without a word. */
export const METER_REDIRECT = 3;
const METERS = 4;
/** Punts per millisecond and port, and at once, by meter: what control does in a few per cent of a core; redirects are rare. */
const METER_PER_MS = [1, 1, 1, 0.01];
const METER_BURST = [256, 256, 256, 10];

/**
 * What the route lane reads of an adjacency, sixteen words a row, a cache line: written by control when a neighbor is known,
 *
 *   0      FID << 16 | port of the interface; 0 = not ADJ_FORWARD
 *   1-3    the twelve bytes of the MACs
 *   4      VID
 *   5      MTU
 *
 * and by the lane, for one of its calls: where the neighbor is. Side workers note it elsewhere.
 *
 *   6      of which call
 *   7      port
 *   8      when its record expires (ms)
 *   9      longest packet, of its interface and that port
 *   10     TPID and VID of the tag; 0 = it leaves without one
 */
export const READY_SHIFT = 4;
export const READY_WAY = 0;
export const READY_FRAME = 1;
export const READY_VID = 4;
export const READY_MTU = 5;
export const READY_STAMP = 6;
export const READY_TO = 7;
export const READY_DUE = 8;
export const READY_LONGEST = 9;
export const READY_TAG = 10;

/**
 * Rows that are there from the start, untouched memory until used: V8 builds the address of an array that was never
 * replaced into the route lane (bench routing: 2 ns a frame).
 */
const FIRST_ROWS = 4096;

export const GROUP_MIX = 0x9e3779b1;
const OWN_BITS = 65_536;
export const OWN_MIX_A = 0x85ebca6b;
export const OWN_MIX_B = 0xcc9e2d51;
export const OWN_MIX_C = 0x9e3779b1;

export interface Adjacencies {
  /** ADJ_*. */
  kind: Int32Array;
  iface: Int32Array;
  macHigh: Int32Array;
  macLow: Int32Array;
  /** FDB slot in which the neighbor's record was found last: looked at first, believed never. */
  at: Int32Array;
  /** READY_*. */
  ready: Int32Array;
  /** Set by every frame that takes it; control clears it. */
  used: Int32Array;
  first: Int32Array;
  count: Int32Array;
  /** Bytes of a neighbor's address, 4 or 16; 0 for rows of any other kind. Nothing forwards by it. */
  addressBytes: Int32Array;
  /** Four words a row. */
  address: Int32Array;
  /** Rows of groups. */
  members: Int32Array;
}

export interface RouterTable {
  /** FID -> interface, 0 = the VLAN has none. */
  readonly ifaceOf: Uint16Array;
  readonly fid: Int32Array;
  readonly vid: Int32Array;
  /** The port that its frames come from, for ledger and reach. */
  readonly port: Int32Array;
  readonly vrf: Int32Array;
  readonly macHigh: Int32Array;
  readonly macLow: Int32Array;
  readonly mtu: Int32Array;
  /** 1: packets that come to it may be for children of ipvlan groups of its VRF. */
  readonly children: Int32Array;
  readonly adj: Adjacencies;
  readonly lpm4: Pages;
  readonly lpm6: Tree;
  /** A bit for every address of the switch, by `ownBit4` and `ownBit6`; others may have it too. */
  readonly own: Int32Array;
  /** A bit for each of the first 32 addresses of an interface that somebody else has, so that it is not used. */
  readonly duplicates: Int32Array;
  /** The same for addresses that are used and that somebody else says he has. */
  readonly claimed: Int32Array;
  /** What an interface relays: RELAY_V4, RELAY_V6. */
  readonly relay: Int32Array;
  /** 1: packets that leave by the interface they came to have their senders redirected. [0]: how many interfaces have it. */
  readonly redirects: Int32Array;
  /** [interface * RELAY_STATS + RELAY_*]. */
  readonly relayed: Float64Array;
  /** [(port * METERS + meter) * 2]: tokens taken, and when last (ms). */
  readonly meters: Float64Array;
}

export function createRouterTable(fids: number, ports: number, interfaces: number): RouterTable {
  const rows = Math.min(interfaces, MAX_INTERFACES) + 1;
  return {
    ifaceOf: sharedUint16(fids),
    fid: sharedInt32(rows),
    vid: sharedInt32(rows),
    port: sharedInt32(rows),
    vrf: sharedInt32(rows),
    macHigh: sharedInt32(rows),
    macLow: sharedInt32(rows),
    mtu: sharedInt32(rows),
    children: sharedInt32(rows),
    adj: {
      kind: sharedInt32(FIRST_ROWS),
      iface: sharedInt32(FIRST_ROWS),
      macHigh: sharedInt32(FIRST_ROWS),
      macLow: sharedInt32(FIRST_ROWS),
      at: sharedInt32(FIRST_ROWS),
      ready: sharedInt32(FIRST_ROWS << READY_SHIFT),
      used: sharedInt32(FIRST_ROWS),
      first: sharedInt32(FIRST_ROWS),
      count: sharedInt32(FIRST_ROWS),
      addressBytes: sharedInt32(FIRST_ROWS),
      address: sharedInt32(FIRST_ROWS * 4),
      members: sharedInt32(FIRST_ROWS),
    },
    lpm4: createPages(),
    lpm6: createTree(),
    own: sharedInt32(OWN_BITS >>> 5),
    duplicates: sharedInt32(rows),
    claimed: sharedInt32(rows),
    relay: sharedInt32(rows),
    redirects: sharedInt32(rows),
    relayed: sharedFloat64(rows * RELAY_STATS),
    meters: sharedFloat64(ports * METERS * 2),
  };
}

/** Makes room for a row; other threads must be given the new arrays when true comes back. Control only. */
export function growAdjacencies(adj: Adjacencies, row: number): boolean {
  if (row < adj.kind.length) return false;
  const length = Math.max(row + 1, adj.kind.length * 2);
  adj.kind = grown(adj.kind, length);
  adj.iface = grown(adj.iface, length);
  adj.macHigh = grown(adj.macHigh, length);
  adj.macLow = grown(adj.macLow, length);
  adj.at = grown(adj.at, length);
  adj.ready = grown(adj.ready, length << READY_SHIFT);
  adj.used = grown(adj.used, length);
  adj.first = grown(adj.first, length);
  adj.count = grown(adj.count, length);
  adj.addressBytes = grown(adj.addressBytes, length);
  adj.address = grown(adj.address, length * 4);
  return true;
}

export function growMembers(adj: Adjacencies, length: number): void {
  if (length > adj.members.length) adj.members = grown(adj.members, Math.max(length, adj.members.length * 2));
}

function grown(words: Int32Array, length: number): Int32Array {
  const more = sharedInt32(length);
  more.set(words);
  return more;
}

/** Writes out what frames by this row begin with, or that there are none, after its kind or MAC has changed. */
export function makeReady(table: RouterTable, row: number): void {
  const { adj } = table;
  const at = row << READY_SHIFT;
  const iface = adj.iface[row];
  adj.ready[at + READY_STAMP] = 0;
  adj.ready[at + READY_WAY] = 0;
  if (adj.kind[row] !== ADJ_FORWARD) return;
  const frame = at + READY_FRAME;
  adj.ready[frame] = (adj.macHigh[row] << 16) | (adj.macLow[row] >>> 16);
  adj.ready[frame + 1] = (adj.macLow[row] << 16) | table.macHigh[iface];
  adj.ready[frame + 2] = table.macLow[iface];
  adj.ready[at + READY_VID] = table.vid[iface];
  adj.ready[at + READY_MTU] = table.mtu[iface];
  adj.ready[at + READY_WAY] = (table.fid[iface] << 16) | table.port[iface];
}

/** The row of a group that a flow takes. */
export function groupMember(adj: Adjacencies, group: number, hash: number): number {
  return adj.members[adj.first[group] + (Math.imul(Math.imul(hash, GROUP_MIX) >>> 16, adj.count[group]) >>> 16)];
}

/** Which bit of `own` an IPv4 address of a VRF has. */
export function ownBit4(vrf: number, address: number): number {
  return Math.imul(address ^ Math.imul(vrf, OWN_MIX_A), OWN_MIX_C) >>> 16;
}

/** The same for the four words of an IPv6 address. */
export function ownBit6(vrf: number, a: number, b: number, c: number, d: number): number {
  let h = Math.imul(a ^ Math.imul(vrf, OWN_MIX_A), OWN_MIX_B);
  h = Math.imul((h + b) | 0, OWN_MIX_B);
  h = Math.imul((h + c) | 0, OWN_MIX_B);
  return Math.imul((h + d) | 0, OWN_MIX_C) >>> 16;
}

/** Whether control may be given another frame of this port: a token bucket, so that a flood costs what it may. */
export function takeMeter(table: RouterTable, port: number, meter: number, nowMs: number): boolean {
  const { meters } = table;
  const at = (port * METERS + meter) * 2;
  const passedMs = (nowMs - meters[at + 1]) | 0;
  let taken = meters[at];
  if (passedMs > 0) taken = Math.max(0, taken - passedMs * METER_PER_MS[meter]!);
  meters[at + 1] = nowMs;
  if (taken + 1 > METER_BURST[meter]!) {
    meters[at] = taken;
    return false;
  }
  meters[at] = taken + 1;
  return true;
}
