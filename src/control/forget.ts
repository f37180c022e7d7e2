/**
 * Forgetting: taking entries of a port, of a VLAN, or of a port in a VLAN out of the FDB.
 *
 * A pass over the table is milliseconds, and a trunk that loses thousands of VLANs would need thousands of them:
 * seconds without forwarding. So a plan is carried out `together`: what is to be forgotten is noted down and taken
 * out in one pass, at the end or before a number of a port or a VLAN is given out again. No frame comes between.
 */

import { type Fdb, PORT_MASK } from '../tables/fdb.ts';
import { configuredCount, removeWhere } from '../tables/fdb-entries.ts';

/** Every VLAN, or every port. */
export const ANY = -1;

export class Forgetting {
  private readonly fdb: Fdb;
  /** What waits to be taken out; null outside of `together`. */
  private waiting: { fid: number; port: number }[] | null = null;

  constructor(fdb: Fdb) {
    this.fdb = fdb;
  }

  /**
   * Takes out entries, learned and configured. Learned ones of a whole VLAN or port have been flushed already: then
   * there is nothing to do where nothing is configured.
   */
  forget(fid: number, port: number): void {
    const { fdb } = this;
    const learned = fid !== ANY && port !== ANY && fdb.fidCount[fid] !== 0;
    if (!learned && configuredCount(fdb) === 0) return;
    if (this.waiting !== null) this.waiting.push({ fid, port });
    else removeWhere(fdb, (f, p) => (fid === ANY || f === fid) && (port === ANY || p === port));
  }

  /** Carries out changes and forgets for all of them at once. */
  together(changes: () => void): void {
    if (this.waiting !== null) {
      changes();
      return;
    }
    this.waiting = [];
    try {
      changes();
    } finally {
      this.now();
      this.waiting = null;
    }
  }

  /** To be called before an entry is put, and before the number of a port or a VLAN is given out again. */
  now(): void {
    const { waiting } = this;
    if (waiting === null || waiting.length === 0) return;
    this.waiting = [];
    // Which ports are to be forgotten in a FID. The row of FID 0, which is nobody's, holds for all.
    const rows = new Map<number, Uint8Array>();
    const rowOf = (fid: number): Uint8Array => {
      const row = rows.get(fid) ?? new Uint8Array(PORT_MASK + 1);
      rows.set(fid, row);
      return row;
    };
    const everywhere = rowOf(0);
    for (const { fid, port } of waiting) {
      if (port === ANY) rowOf(fid).fill(1);
      else rowOf(fid === ANY ? 0 : fid)[port] = 1;
    }
    removeWhere(this.fdb, (fid, port) => everywhere[port] === 1 || rows.get(fid)?.[port] === 1);
  }
}

/** Takes out what is known behind a remote, learned and configured: its row will be another's. */
export function forgetRemote(fdb: Fdb, row: number): void {
  if (fdb.portCount[row] !== 0 || configuredCount(fdb) !== 0) removeWhere(fdb, (_, port) => port === row);
}

/** The same of a VNI, whose row will be another's. */
export function forgetSegment(fdb: Fdb, row: number): void {
  if (fdb.fidCount[row] !== 0 || configuredCount(fdb) !== 0) removeWhere(fdb, (fid) => fid === row);
}
