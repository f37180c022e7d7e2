/**
 * Forgetting: taking entries of a port, of a VLAN, or of a port in some VLANs out of the FDB.
 *
 * A pass over the table is milliseconds, and a plan may ask for thousands. So it is carried out `together`: what is to be
 * forgotten is noted down and taken out at the end, or before a number of a port or a VLAN is given out again.
 *
 * Memberships that end are most of it. What was learned there is found on the lists of their ports, and can be taken out in slices
 * between which frames go on (`together` with `later`, then `slices`): nothing is sent to a port that is no member, entry or not.
 */

import { removeWhere } from '../tables/fdb/entries.ts';
import { erase, type Fdb, KIND_MASK, PORT_MASK, probe, startSlot } from '../tables/fdb/fdb.ts';
import { newerOf, olderOf } from '../tables/fdb/links.ts';
import type { VlanTable } from '../tables/vlan-table.ts';
import { addAll, hasVid, haveCommon, type VidSet } from './vid-set.ts';

/** Every VLAN, or every port. */
export const ANY = -1;

/** Entries that one slice looks at, and takes out: each is some cold cache lines. */
const LOOKS_PER_SLICE = 32;
/** Lists that are begun again because their place was lost, before one is gone through at once. */
const MOST_RESTARTS = 16;

export class Forgetting {
  readonly #fdb: Fdb;
  readonly #vlans: VlanTable;
  /** What waits to be taken out; null outside of `together`. */
  #waiting: { fid: number; port: number }[] | null = null;
  /** By port: VLANs that it has left. */
  #left = new Map<number, VidSet>();
  #looks = 0;

  constructor(fdb: Fdb, vlans: VlanTable) {
    this.#fdb = fdb;
    this.#vlans = vlans;
  }

  /** Takes out configured entries of a whole VLAN or port; learned ones have been flushed already. */
  forget(fid: number, port: number): void {
    const { portConfigured, fidConfigured } = this.#fdb;
    if (fid === ANY && portConfigured[port] === 0) return;
    if (port === ANY && fidConfigured[fid] === 0) return;
    if (this.#waiting !== null) this.#waiting.push({ fid, port });
    else removeWhere(this.#fdb, (f, p) => (fid === ANY || f === fid) && (port === ANY || p === port));
  }

  /** Takes out entries, learned and configured, on a port that has left VLANs of its bridge. The set is no one else's. */
  forgetMemberships(port: number, vids: VidSet): void {
    const before = this.#left.get(port);
    if (before === undefined) this.#left.set(port, vids);
    else addAll(before, vids);
    if (this.#waiting === null) this.#finish();
  }

  /** The same of many ports, that learned entries are taken out of later; the map is no one else's. */
  forgetLater(left: Map<number, VidSet>): void {
    if (this.#left.size === 0) this.#left = left;
    else for (const [port, vids] of left) this.forgetMemberships(port, vids);
  }

  /** Whether entries of memberships that have ended are still there. */
  get isBehind(): boolean {
    return this.#left.size > 0;
  }

  /** To be called before a port becomes a member. */
  rejoining(port: number, vids: VidSet): void {
    if (this.#left.size === 0) return;
    const left = this.#left.get(port);
    if (left !== undefined && haveCommon(left, vids)) this.#finish();
  }

  /** All memberships of the port that have ended have come back, as if they had not. */
  keep(port: number): void {
    this.#left.delete(port);
  }

  /** Carries out changes and forgets for all of them at once; memberships `later`, by `slices`. */
  together(changes: () => void, later = false): void {
    if (this.#waiting !== null) {
      changes();
      return;
    }
    this.#waiting = [];
    try {
      changes();
    } finally {
      this.now();
      this.#waiting = null;
      if (!later) this.#finish();
    }
  }

  /** To be called before an entry is put, and before the number of a port or a VLAN is given out again. */
  now(): void {
    const waiting = this.#waiting;
    if (waiting === null || waiting.length === 0) return;
    this.#waiting = [];
    const fids = new Set<number>();
    const ports = new Set<number>();
    for (const { fid, port } of waiting) {
      if (port === ANY) fids.add(fid);
      else ports.add(port);
    }
    removeWhere(this.#fdb, (fid, port) => fids.has(fid) || ports.has(port));
  }

  #finish(): void {
    const left = new Map(this.#left);
    for (const _ of this.slices());
    if (![...left.keys()].some((port) => this.#fdb.portConfigured[port] !== 0)) return;
    const vidOf = this.#vlans.vid;
    removeWhere(this.#fdb, (fid, port) => left.has(port) && hasVid(left.get(port)!, vidOf[fid]));
  }

  /** Takes out what was learned by memberships that have ended; configured entries are for the plan to remove. */
  *slices(): Generator<void> {
    const left = [...this.#left];
    this.#left.clear();
    for (const [port, vids] of left) yield* this.#learned(port, vids);
  }

  /**
   * Goes along the list of a port. What comes to it between two slices comes to its end; where the entry that is next has moved or gone
   * meanwhile, the list is begun again.
   */
  *#learned(port: number, vids: VidSet): Generator<void> {
    const fdb = this.#fdb;
    let restarts = 0;
    for (let slot = fdb.head[port]; slot >= 0; ) {
      if (++this.#looks % LOOKS_PER_SLICE === 0 && restarts < MOST_RESTARTS) {
        const [low, high, before] = [fdb.rec[slot << 2], fdb.rec[(slot << 2) + 1], olderOf(fdb, slot)];
        yield;
        if (!isAt(fdb, slot, low, high) || !isLearnedOn(fdb, slot, port) || olderOf(fdb, slot) !== before) {
          restarts++;
          slot = fdb.head[port];
          continue;
        }
      }
      const after = newerOf(fdb, slot);
      if (hasVid(vids, this.#vlans.vid[fdb.rec[(slot << 2) + 1] & 0xffff])) slot = eraseBefore(fdb, slot, after);
      else slot = after;
    }
  }
}

/** Erases `slot` and says where the entry of `after` is then: it may have moved to close the gap. */
function eraseBefore(fdb: Fdb, slot: number, after: number): number {
  if (after < 0) {
    erase(fdb, slot);
    return -1;
  }
  const [low, high] = [fdb.rec[after << 2], fdb.rec[(after << 2) + 1]];
  erase(fdb, slot);
  return isAt(fdb, after, low, high) ? after : probe(fdb, low, high, startSlot(fdb, low, high));
}

function isAt({ rec }: Fdb, slot: number, low: number, high: number): boolean {
  return rec[slot << 2] === low && rec[(slot << 2) + 1] === high;
}

function isLearnedOn({ rec }: Fdb, slot: number, port: number): boolean {
  const word3 = rec[(slot << 2) + 3];
  return (word3 & KIND_MASK) === 0 && (word3 & PORT_MASK) === port;
}

/** Takes out what is known behind a remote, learned and configured: its row will be another's. */
export function forgetRemote(fdb: Fdb, row: number): void {
  if (fdb.portCount[row] !== 0 || fdb.portConfigured[row] !== 0) removeWhere(fdb, (_, port) => port === row);
}

/** The same of a VNI, whose row will be another's. */
export function forgetSegment(fdb: Fdb, row: number): void {
  if (fdb.fidCount[row] !== 0 || fdb.fidConfigured[row] !== 0) removeWhere(fdb, (fid) => fid === row);
}
