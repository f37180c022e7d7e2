/**
 * How side workers follow tables whose arrays control has replaced.
 *
 * An array that was posted is another object over the same memory, and nothing about it says whether it is the one that
 * a worker has already. So every array of the tables has the number of its memory beside it, given where it was made. A walk over
 * all that is shared finds the ones with new numbers: no table has to be named here, and none can be forgotten.
 *
 * Arrays that are as they were are left alone: fast lanes have their addresses built in.
 */

import { type Dataplane, type DataplaneShared, isWorkersOwn, sharedPart } from './dataplane.ts';

/** Tables to be posted to another thread. */
export interface PostedTables {
  readonly tables: DataplaneShared;
  /** The number of each array's memory, by its path. */
  readonly memory: ReadonlyMap<string, number>;
}

const numbers = new WeakMap<ArrayBufferLike, number>();
let last = 0;

/** The tables of this thread, as they are now. */
export function postTables(dp: Dataplane): PostedTables {
  const tables = sharedPart(dp);
  const memory = new Map<string, number>();
  walk(tables, tables, '', (_owner, path, value) => {
    if (ArrayBuffer.isView(value)) memory.set(path, numberOf(value.buffer));
  });
  return { tables, memory };
}

function numberOf(buffer: ArrayBufferLike): number {
  const known = numbers.get(buffer);
  if (known !== undefined) return known;
  numbers.set(buffer, ++last);
  return last;
}

/** What a side worker has of the tables that were posted to it. */
export class AdoptedTables {
  readonly #dp: Dataplane;
  #memory: ReadonlyMap<string, number>;

  /** `dp` has joined `posted`. */
  constructor(dp: Dataplane, posted: PostedTables) {
    this.#dp = dp;
    this.#memory = posted.memory;
  }

  /** Takes over what has been replaced since. Throws when that is an array which is each worker's own: a defect. */
  adopt({ tables, memory }: PostedTables): void {
    walk(this.#dp as object as Branch, tables, '', (owner, path, value, key) => {
      if (!ArrayBuffer.isView(value)) {
        if (owner[key] !== value) owner[key] = value;
        return;
      }
      if (memory.get(path) === this.#memory.get(path)) return;
      if (isWorkersOwn(path)) throw new Error(`${path} is each worker's own and cannot be replaced`);
      owner[key] = value;
    });
    this.#memory = memory;
  }
}

type Branch = Record<string, unknown>;

/** Every array and number of `theirs`, with the object at the same place in `mine`. The gate is each worker's own. */
function walk(
  mine: object,
  theirs: object,
  at: string,
  visit: (owner: Branch, path: string, value: unknown, key: string) => void,
): void {
  for (const [key, value] of Object.entries(theirs)) {
    if (key === 'gate') continue;
    const path = at === '' ? key : `${at}.${key}`;
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value))
      visit(mine as Branch, path, value, key);
    else walk((mine as Branch)[key] as object, value, path, visit);
  }
}
