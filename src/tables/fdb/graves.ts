/**
 * Graves: slots of entries that went while other workers may have been looking at them (fdb.ts). They are closed when a
 * worker is alone, by the list of their slots, so that a storm of addresses costs what it evicts and not the table's
 * length. Those that the list had no room for are found by the next sweep.
 */

import { BURIED, closeGap, type Fdb, isWatched, META_BURIED, META_GRAVES_LOST } from './fdb.ts';

/** From here on a worker closes them behind its batch: often enough that probes stay short. */
const MANY = 256;

/** Whether it is time to be alone for the graves. */
export function hasManyGraves({ meta, gate }: Fdb): boolean {
  return gate !== null && meta[META_BURIED] - meta[META_GRAVES_LOST] >= MANY;
}

/** Closes the graves of the list. While alone. */
export function closeGraves(fdb: Fdb): void {
  const { meta, graves, rec } = fdb;
  const known = meta[META_BURIED] - meta[META_GRAVES_LOST];
  if (known === 0 || isWatched(fdb)) return;
  meta[META_BURIED] = meta[META_GRAVES_LOST];
  // One that a sweep has closed meanwhile is a record or empty by now.
  for (let n = 0; n < known; n++) if (rec[(graves[n] << 2) + 1] === BURIED) closeGap(fdb, graves[n]);
}

/** Closes one that a sweep has come to. While alone, and when the list is empty. */
export function closeGrave(fdb: Fdb, slot: number): void {
  const { meta } = fdb;
  closeGap(fdb, slot);
  meta[META_BURIED]--;
  meta[META_GRAVES_LOST]--;
}
