/**
 * Neighbors of one interface: IP address -> MAC, by ARP (RFC 826) and neighbor discovery (RFC 4861).
 *
 * A pure machine: functions take the state, what happened and the time, change the state and return what is to be
 * done. Nothing here sends, waits or knows a port. One interface has one MAC, addresses of both families, and this:
 *
 *   const n = createNeighbors<Packet>({ mac, addresses: ['10.0.0.1/24', 'fe80::1/64'] });
 *   startNeighbors(n, now)               announce the own addresses (or first probe whether they are taken)
 *   resolveNeighbor(n, ip, packet, now)  somebody has a packet for `ip`: it is delivered, or waits, or is dropped
 *   macOfNeighbor(n, ip)                 what is known now; null
 *   neighborUsed(n, ip, now)             traffic went there without asking: an old entry is checked
 *   receiveNeighborFrame(n, view, off, end, now)   an untagged frame with ARP or ICMPv6 came (neighbor-receive.ts)
 *   tickNeighbors(n, now)                call every 100 ms or so: repeats, probes, gives up, ages
 *   setStaticNeighbor, removeNeighbor    configured ones neither age nor move
 *
 * Addresses are text in the form of `formatIpv4` and `ipv6Text`. Every call returns actions, in order: frames to send
 * (untagged, unpadded, Ethernet and all), packets to deliver or to drop, and entries that came, changed or went, for
 * whoever keeps a table of them. A packet is whatever the caller queues.
 *
 *            resolve            answer                  30 s            used              5 s
 *   (none) ──────────▸ incomplete ──────▸ reachable ──────────▸ stale ──────▸ delay ──────────▸ probe
 *                          │ 3 × 1 s          ▴ ─────────────────── answer ──────────────────────┤ 3 × 1 s
 *                          ▾ dropped                                                             ▾ gone
 *
 * Floods: the table is bounded, and what strangers say creates nothing unless `learnRequests` is set: then a request
 * for an own address does, from inside the own subnets. Who has never answered us makes room first, who has last.
 * Unanswered addresses have a bound of their own, so that a scan of a subnet does not fill the table.
 */
import { addressBytes } from '../wire/address.ts';
import type { Mac } from '../wire/ethernet.ts';
import { announcement, ownProbe, solicitation } from './neighbor-send.ts';
import { type DropCause, isOnLink, type Neighbor, type NeighborAction, type Neighbors } from './neighbor-state.ts';

// RFC 4861 10, in milliseconds.
export const RETRANSMIT_MS = 1000;
export const REACHABLE_MS = 30_000;
const DELAY_MS = 5000;
const MAX_ASKED = 3;
/** A stale entry that nobody used goes after this: an address that moved to another host is found anew. */
const STALE_MS = 20 * 60_000;
/** A pending entry this old may be replaced by a newer one: an answer takes a millisecond, a scan has none. */
const PENDING_MIN_MS = 200;
const PROBES = 3;

/** Announces the own addresses, or begins to probe for them. */
export function startNeighbors<P>(n: Neighbors<P>, nowMs: number): NeighborAction<P>[] {
  for (const own of n.own) {
    // What has been probed for once is announced only; what somebody else has is probed for again.
    const probes = n.detectDuplicates && own.state !== 'used';
    own.state = probes ? 'tentative' : 'used';
    own.left = probes ? PROBES : n.announcements;
    own.dueMs = nowMs;
  }
  return tickOwn(n, nowMs, []);
}

export function macOfNeighbor<P>(n: Neighbors<P>, address: string): Mac | null {
  return n.entries.get(address)?.mac ?? null;
}

/** A packet wants to go to `address`; null only asks. */
export function resolveNeighbor<P>(
  n: Neighbors<P>,
  address: string,
  packet: P | null,
  nowMs: number,
): NeighborAction<P>[] {
  const out: NeighborAction<P>[] = [];
  let entry = n.entries.get(address);
  if (entry === undefined) {
    const bytes = addressBytes(address);
    const made = bytes === null ? null : makeRoom(n, nowMs, true, out) ? addEntry(n, address, bytes, nowMs) : null;
    if (made === null) {
      if (packet !== null) out.push({ do: 'drop', address, cause: 'table-full', packet });
      return out;
    }
    entry = made;
    ask(n, entry, nowMs, out);
  }
  if (entry.mac === null) {
    if (packet !== null) enqueue(n, entry, packet, out);
    return out;
  }
  use(entry, nowMs);
  if (packet !== null) out.push({ do: 'deliver', address, mac: entry.mac, packet });
  return out;
}

/** Traffic went to `address` since the last tick. */
export function neighborUsed<P>(n: Neighbors<P>, address: string, nowMs: number): void {
  const entry = n.entries.get(address);
  if (entry !== undefined) use(entry, nowMs);
}

function use<P>(entry: Neighbor<P>, nowMs: number): void {
  if (entry.state !== 'stale') return;
  entry.state = 'delay';
  entry.dueMs = (nowMs + DELAY_MS) | 0;
}

function enqueue<P>(n: Neighbors<P>, entry: Neighbor<P>, packet: P, out: NeighborAction<P>[]): void {
  entry.queue.push(packet);
  if (entry.queue.length <= n.maxQueued) return;
  out.push({ do: 'drop', address: entry.address, cause: 'queue-full', packet: entry.queue.shift()! });
}

/** A configured neighbor, in place of whatever was known. */
export function setStaticNeighbor<P>(n: Neighbors<P>, address: string, mac: Mac): NeighborAction<P>[] {
  const out: NeighborAction<P>[] = [];
  const bytes = addressBytes(address);
  if (bytes === null) throw new RangeError(`not an address: ${address}`);
  const entry = n.entries.get(address) ?? addEntry(n, address, bytes, 0);
  forgetClass(n, entry);
  entry.state = 'static';
  settle(entry, mac, out);
  return out;
}

export function removeNeighbor<P>(n: Neighbors<P>, address: string): NeighborAction<P>[] {
  const out: NeighborAction<P>[] = [];
  const entry = n.entries.get(address);
  if (entry !== undefined) drop(n, entry, 'removed', out);
  return out;
}

/** Repeats questions, gives up, ages, announces. */
export function tickNeighbors<P>(n: Neighbors<P>, nowMs: number): NeighborAction<P>[] {
  const out: NeighborAction<P>[] = [];
  tickOwn(n, nowMs, out);
  for (const set of [n.pending, n.unproven, n.proven]) {
    for (const entry of set) if (isDue(entry.dueMs, nowMs)) advance(n, entry, nowMs, out);
  }
  return out;
}

function advance<P>(n: Neighbors<P>, entry: Neighbor<P>, nowMs: number, out: NeighborAction<P>[]): void {
  switch (entry.state) {
    case 'reachable':
      entry.state = 'stale';
      entry.dueMs = (nowMs + STALE_MS) | 0;
      return;
    case 'stale':
      drop(n, entry, 'unresolved', out);
      return;
    case 'delay':
      entry.state = 'probe';
      entry.asked = 0;
      ask(n, entry, nowMs, out);
      return;
    default:
      if (entry.asked >= MAX_ASKED) drop(n, entry, 'unresolved', out);
      else ask(n, entry, nowMs, out);
  }
}

/** Asks for the MAC: everybody, or the neighbor itself where one is known. */
function ask<P>(n: Neighbors<P>, entry: Neighbor<P>, nowMs: number, out: NeighborAction<P>[]): void {
  entry.asked++;
  entry.dueMs = (nowMs + RETRANSMIT_MS) | 0;
  const frame = solicitation(n, entry);
  if (frame !== null) out.push({ do: 'send', frame });
}

function tickOwn<P>(n: Neighbors<P>, nowMs: number, out: NeighborAction<P>[]): NeighborAction<P>[] {
  for (const own of n.own) {
    if (own.state === 'duplicate' || !isDue(own.dueMs, nowMs)) continue;
    if (own.state === 'tentative' && own.left === 0) {
      own.state = 'used';
      own.left = n.announcements;
    }
    if (own.left === 0) continue;
    own.left--;
    own.dueMs = (nowMs + RETRANSMIT_MS) | 0;
    out.push({ do: 'send', frame: own.state === 'tentative' ? ownProbe(n.mac, own) : announcement(n, own) });
  }
  return out;
}

/**
 * What an answer or a claim says: `confirmed` when it answers a question of ours. Packets that waited are delivered,
 * and tables told, when the MAC is new.
 */
export function noteNeighbor<P>(
  n: Neighbors<P>,
  entry: Neighbor<P>,
  mac: Mac,
  confirmed: boolean,
  nowMs: number,
  out: NeighborAction<P>[],
): void {
  if (entry.state === 'static') return;
  const same = entry.mac !== null && entry.mac.high === mac.high && entry.mac.low === mac.low;
  if (confirmed) {
    entry.state = 'reachable';
    entry.dueMs = (nowMs + REACHABLE_MS) | 0;
    entry.proven = true;
  } else if (!same) {
    entry.state = 'stale';
    entry.dueMs = (nowMs + STALE_MS) | 0;
  }
  entry.asked = 0;
  forgetClass(n, entry);
  (entry.proven ? n.proven : n.unproven).add(entry);
  settle(entry, mac, out);
}

/** The entry of somebody who asked for an own address, where that may teach; else undefined. */
export function learnNeighbor<P>(
  n: Neighbors<P>,
  address: string,
  bytes: Uint8Array,
  nowMs: number,
  out: NeighborAction<P>[],
): Neighbor<P> | undefined {
  if (!n.learnRequests || !isOnLink(n, bytes) || !makeRoom(n, nowMs, false, out)) return undefined;
  return addEntry(n, address, bytes, nowMs);
}

/** Gives the entry its MAC and delivers what waited. */
function settle<P>(entry: Neighbor<P>, mac: Mac, out: NeighborAction<P>[]): void {
  const { address } = entry;
  const before = entry.mac;
  entry.mac = mac;
  if (before === null || before.high !== mac.high || before.low !== mac.low) out.push({ do: 'known', address, mac });
  for (const packet of entry.queue) out.push({ do: 'deliver', address, mac, packet });
  entry.queue = [];
}

function addEntry<P>(n: Neighbors<P>, address: string, bytes: Uint8Array, nowMs: number): Neighbor<P> {
  const entry: Neighbor<P> = {
    address,
    bytes,
    state: 'incomplete',
    mac: null,
    isRouter: false,
    proven: false,
    queue: [],
    dueMs: nowMs,
    asked: 0,
    sinceMs: nowMs,
  };
  n.entries.set(address, entry);
  n.pending.add(entry);
  return entry;
}

/** Makes sure that one more entry fits; false when everything that is there is better. */
function makeRoom<P>(n: Neighbors<P>, nowMs: number, pending: boolean, out: NeighborAction<P>[]): boolean {
  if (pending && n.pending.size >= n.maxPending) {
    const [oldest] = n.pending;
    if (((nowMs - oldest!.sinceMs) | 0) < PENDING_MIN_MS) return false;
    drop(n, oldest!, 'table-full', out);
  }
  if (n.pending.size + n.unproven.size + n.proven.size < n.maxEntries) return true;
  // Who only asked makes room for anybody; who has answered makes room for one that traffic wants.
  const [victim] = n.unproven.size > 0 ? n.unproven : n.proven;
  if (victim === undefined || (victim.proven && !pending)) return false;
  drop(n, victim, 'table-full', out);
  return true;
}

function drop<P>(n: Neighbors<P>, entry: Neighbor<P>, cause: DropCause, out: NeighborAction<P>[]): void {
  const { address } = entry;
  forgetClass(n, entry);
  n.entries.delete(address);
  for (const packet of entry.queue) out.push({ do: 'drop', address, cause, packet });
  if (entry.mac !== null) out.push({ do: 'lost', address });
}

function forgetClass<P>(n: Neighbors<P>, entry: Neighbor<P>): void {
  n.pending.delete(entry);
  n.unproven.delete(entry);
  n.proven.delete(entry);
}

/** Times wrap at 32 bits. */
function isDue(dueMs: number, nowMs: number): boolean {
  return ((nowMs - dueMs) | 0) >= 0;
}
