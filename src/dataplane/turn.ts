/**
 * A turn: what a worker does with one batch, from its receipt to the flush. Between two turns it holds nothing that it
 * has read in a table, so that is when tables are tidied, and when others may be alone.
 */

import type { Fdb } from '../tables/fdb/fdb.ts';
import { closeGraves, hasManyGraves } from '../tables/fdb/graves.ts';
import { beginAlone, endAlone, enterBatch, type Gate, leaveBatch } from '../tables/gate.ts';
import type { Dataplane } from './dataplane.ts';

/** Returns how often tables have moved: see `enterBatch`. */
export function beginTurn({ gate }: Dataplane): number {
  return enterBatch(gate);
}

export function endTurn({ gate, fdb, vxlan }: Dataplane): void {
  leaveBatch(gate);
  if (gate.workers === 1) return;
  tidy(gate, fdb);
  tidy(gate, vxlan.fdb);
}

function tidy(gate: Gate, fdb: Fdb): void {
  if (gate.alone || !hasManyGraves(fdb)) return;
  beginAlone(gate);
  closeGraves(fdb);
  endAlone(gate);
}
