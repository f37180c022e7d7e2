/** What control replaces, side workers get: whatever array of whatever table it is. */

import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import {
  createDataplane,
  type DataplaneShared,
  isWorkersOwn,
  joinDataplane,
} from '../../../src/dataplane/dataplane.ts';
import { AdoptedTables, type PostedTables, postTables } from '../../../src/dataplane/table-memory.ts';
import { putEntry } from '../../../src/tables/fdb/entries.ts';

type Branch = Record<string, unknown>;
type Column = Int32Array;

const SIZE = { ports: 8, fids: 8, fdbEntries: 64, smallSlots: 16, largeSlots: 1, workers: 3 };

/** As another thread gets it: other objects over the same memory. */
function posted(tables: PostedTables): PostedTables {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(tables);
  const { message } = receiveMessageOnPort(port2) as { message: PostedTables };
  port1.close();
  return message;
}

const NOT_SHARED = ['gate', 'arena', 'egress', 'underlay'];

/** Every array that is shared, by path, with what it is a property of. */
function arrays(tables: object, at = ''): [string, Branch, string][] {
  return Object.entries(tables).flatMap(([key, value]) => {
    const path = at === '' ? key : `${at}.${key}`;
    if (NOT_SHARED.includes(key) || typeof value !== 'object' || value === null) return [];
    return ArrayBuffer.isView(value) ? [[path, tables as Branch, key]] : arrays(value, path);
  });
}

function bench() {
  const dp = createDataplane(SIZE);
  const first = posted(postTables(dp));
  const side = joinDataplane(first.tables, 2, { smallSlots: 16, largeSlots: 1 });
  return { dp, side, adopted: new AdoptedTables(side, first) };
}

const at = (tables: object, path: string) =>
  path.split('.').reduce((owner, key) => (owner as Branch)[key] as object, tables) as Column;

describe('side workers', () => {
  it('share every array from the start, and have of their own what each writes all the time', () => {
    const { dp, side } = bench();
    const own: string[] = [];
    for (const [path] of arrays(dp)) {
      const [mine, theirs] = [at(side, path), at(dp, path)];
      theirs[0] = 0;
      mine[0] = 1;
      if (theirs[0] !== 1) own.push(path);
    }
    expect(own.filter((path) => !isWorkersOwn(path))).toEqual([]);
    expect(own).toContain('counters.port');
    expect(own).toContain('router.meters');
    side.counters.port[0] = 5;
    expect(dp.countersOf[2].port[0]).toBe(5);
  });

  it('get each array that has been replaced, also by one of the same length, and keep the others', () => {
    const all = arrays(createDataplane(SIZE)).map(([path]) => path);
    expect(all.length).toBeGreaterThan(100);
    for (const path of all) {
      if (isWorkersOwn(path)) continue;
      const { dp, side, adopted } = bench();
      const before = new Map(arrays(side).map(([p, owner, key]) => [p, owner[key]]));
      const [, owner, key] = arrays(dp).find(([p]) => p === path)!;
      const old = owner[key] as Column;
      owner[key] = new (old.constructor as Int32ArrayConstructor)(
        new SharedArrayBuffer(old.length * old.BYTES_PER_ELEMENT),
      );
      adopted.adopt(posted(postTables(dp)));
      (owner[key] as Column)[0] = 77;
      expect(at(side, path)[0], path).toBe(77);
      for (const [p, o, k] of arrays(side)) {
        if (p !== path) expect(o[k] === before.get(p), p).toBe(true);
      }
      // Once is enough.
      const now = at(side, path);
      adopted.adopt(posted(postTables(dp)));
      expect(at(side, path)).toBe(now);
    }
  });

  it('get the size of a table with it', () => {
    const { dp, side, adopted } = bench();
    const { slots } = dp.fdb;
    for (let n = 0; n < 400; n++) putEntry(dp.fdb, 1, 0x0200, n, 1, 1);
    expect(dp.fdb.slots).toBeGreaterThan(slots);
    adopted.adopt(posted(postTables(dp)));
    expect(side.fdb.slots).toBe(dp.fdb.slots);
    expect(side.fdb.shift).toBe(dp.fdb.shift);
    expect(side.fdb.rec).toEqual(dp.fdb.rec);
    expect(side.gate.worker).toBe(2);
    expect(side.fdb.gate!.worker).toBe(2);
  });

  it('refuse an array that each worker has of its own', () => {
    const { dp, adopted } = bench();
    const counters = dp.counters as unknown as Branch;
    counters.port = (dp.counters.port as Float64Array).slice();
    expect(() => adopted.adopt(postTables(dp) as PostedTables & { tables: DataplaneShared })).toThrow(
      /^counters\.port is each worker's own/,
    );
  });
});
