/**
 * What the neighbor machine (neighbor.ts) knows: its options, its entries, its own addresses, and what it can ask for.
 */
import { addressBytes, addressText, sameBytes, sharePrefix } from '../wire/address.ts';
import type { Mac } from '../wire/ethernet.ts';

export interface NeighborOptions {
  readonly mac: Mac;
  /** `address/length`, the interface's own. */
  readonly addresses: readonly string[];
  /** Says so in advertisements (RFC 4861 4.4, R). False by default. */
  readonly router?: boolean;
  /** A request for an own address from inside an own subnet teaches its sender. False by default. */
  readonly learnRequests?: boolean;
  /** Own addresses are probed for a second before they are used (RFC 5227 2.1, RFC 4862 5.4). False by default. */
  readonly detectDuplicates?: boolean;
  /** How often own addresses are announced at the start, a second apart. 1 by default. */
  readonly announcements?: number;
  /** Entries of all kinds but static ones. 4,096 by default. */
  readonly maxEntries?: number;
  /** Entries that wait for an answer. 256 by default. */
  readonly maxPending?: number;
  /** Packets that wait for one neighbor; the oldest goes. 16 by default. */
  readonly maxQueued?: number;
}

export type NeighborState = 'incomplete' | 'reachable' | 'stale' | 'delay' | 'probe' | 'static';

export interface Neighbor<P> {
  readonly address: string;
  /** 4 or 16 bytes. */
  readonly bytes: Uint8Array;
  state: NeighborState;
  /** Null while incomplete. */
  mac: Mac | null;
  /** Told in its advertisements (IPv6). */
  isRouter: boolean;
  /** It answered a question of ours at some time: others make room first. */
  proven: boolean;
  queue: P[];
  /** When the state changes by itself. */
  dueMs: number;
  /** Questions asked in this state. */
  asked: number;
  /** Since when it has been incomplete. */
  sinceMs: number;
}

export interface OwnAddress {
  readonly address: string;
  readonly bytes: Uint8Array;
  readonly length: number;
  /** `tentative` ones are probed and not used, `duplicate` ones somebody else has. */
  state: 'tentative' | 'used' | 'duplicate';
  dueMs: number;
  /** Probes or announcements that are still to be sent. */
  left: number;
  /** Last defence against somebody who claims it (RFC 5227 2.4: not more often than every 10 s). */
  defendedMs: number;
  defended: boolean;
}

export type DropCause = 'queue-full' | 'table-full' | 'unresolved' | 'removed';

export type NeighborAction<P> =
  | { do: 'send'; frame: Uint8Array }
  | { do: 'deliver'; address: string; mac: Mac; packet: P }
  | { do: 'drop'; address: string; cause: DropCause; packet: P }
  /** The entry is there or has another MAC. */
  | { do: 'known'; address: string; mac: Mac }
  | { do: 'lost'; address: string }
  /** Somebody else claims an own address. */
  | { do: 'conflict'; address: string; mac: Mac };

export interface Neighbors<P> {
  readonly mac: Mac;
  readonly router: boolean;
  readonly learnRequests: boolean;
  readonly detectDuplicates: boolean;
  readonly announcements: number;
  readonly maxEntries: number;
  readonly maxPending: number;
  readonly maxQueued: number;
  readonly own: OwnAddress[];
  readonly entries: Map<string, Neighbor<P>>;
  /** The entries that are not static, by who makes room first; each in the order in which it got there. */
  readonly pending: Set<Neighbor<P>>;
  readonly unproven: Set<Neighbor<P>>;
  readonly proven: Set<Neighbor<P>>;
}

export function createNeighbors<P>(options: NeighborOptions): Neighbors<P> {
  return {
    mac: options.mac,
    router: options.router ?? false,
    learnRequests: options.learnRequests ?? false,
    detectDuplicates: options.detectDuplicates ?? false,
    announcements: options.announcements ?? 1,
    maxEntries: options.maxEntries ?? 4096,
    maxPending: options.maxPending ?? 256,
    maxQueued: options.maxQueued ?? 16,
    own: options.addresses.map((text) => ownAddress(text, options.detectDuplicates ?? false)),
    entries: new Map(),
    pending: new Set(),
    unproven: new Set(),
    proven: new Set(),
  };
}

/** Throws RangeError for text that is no `address/length`: configuration has checked it. */
function ownAddress(text: string, probed: boolean): OwnAddress {
  const [address, length] = text.split('/');
  const bytes = addressBytes(address!);
  const bits = Number(length);
  if (bytes === null || !(bits >= 0 && bits <= bytes.length * 8)) throw new RangeError(`not address/length: ${text}`);
  return {
    address: addressText(bytes),
    bytes,
    length: bits,
    state: probed ? 'tentative' : 'used',
    dueMs: 0,
    left: 0,
    defendedMs: 0,
    defended: false,
  };
}

/** The own address that is used and equal to these bytes. */
export function ownOf<P>(n: Neighbors<P>, bytes: Uint8Array): OwnAddress | undefined {
  return n.own.find((own) => sameBytes(own.bytes, bytes));
}

/** An address inside one of the own subnets. */
export function isOnLink<P>(n: Neighbors<P>, bytes: Uint8Array): boolean {
  return n.own.some((own) => own.bytes.length === bytes.length && sharePrefix(own.bytes, bytes, own.length));
}
