/**
 * A copy of tables that another thread goes on writing.
 *
 * Tables are plain objects of typed arrays, so the copy is the same for all of them, those that come later
 * included. It is made in slices, each between two batches: no record is half old and half new. Slices may be of
 * different moments, as is every answer about a switch that forwards.
 */

import type { StableReads } from '../api/reader.ts';

type Columns = Int32Array | Uint16Array | Float64Array;

/** A few microseconds of copying: short enough to fit between two batches. */
const SLICE = 4096;

export function copyTables<T>(tables: T, stable: StableReads): T {
  if (isColumns(tables)) return copyColumns(tables, stable) as T;
  if (typeof tables !== 'object' || tables === null) return tables;
  return Object.fromEntries(Object.entries(tables).map(([name, value]) => [name, copyTables(value, stable)])) as T;
}

function isColumns(value: unknown): value is Columns {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

function copyColumns(from: Columns, stable: StableReads): Columns {
  const to = new (from.constructor as new (length: number) => Columns)(from.length);
  for (let at = 0; at < from.length; at += SLICE) {
    stable.read(() => to.set(from.subarray(at, at + SLICE), at));
  }
  return to;
}
