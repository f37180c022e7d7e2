/**
 * Configuration that comes as values instead of text: from a program, or as JSON over the API.
 *
 * It is first copied into maps without a prototype: nothing of the giver's is kept, getters and proxies have had their
 * say before checking begins, and a name like `__proto__` is refused as it is in a file. The copy is bounded.
 */
import { changedPart } from './changed-part.ts';
import { ConfigError, type Path, pathText, type Source, show } from './error.ts';

const MAX_LEVELS = 32;
/** 1,024 ports with every key and 16,384 FDB entries are about 120,000. */
const MAX_VALUES = 500_000;

/** Names that mean something to a JavaScript object whoever holds it. */
export function isReservedName(name: string): boolean {
  return name === '__proto__' || name === 'constructor' || name === 'prototype';
}

/** Places in values have a path and no line; `file` is the name that errors carry. */
export function valueSource(file: string): Source {
  return { place: (path) => ({ file, line: 0, column: 0, path: pathText(path) }) };
}

/** A copy of plain data. Keys whose value is undefined are as if they were not there. What `before`, a copy itself, has already is not copied. */
export function plainCopy(value: unknown, source: Source, path: Path = [], before?: unknown): unknown {
  return copyOf(value, before, source, path, { values: MAX_VALUES });
}

const NONE: object = Object.create(null);

function copyOf(value: unknown, before: unknown, source: Source, path: Path, left: { values: number }): unknown {
  const problem = (where: Path, text: string) => new ConfigError(source.place(where), text);
  if (--left.values < 0) throw problem([], `has more than ${MAX_VALUES} values`);
  if (path.length > MAX_LEVELS) throw problem(path.slice(0, 4), `is nested more than ${MAX_LEVELS} levels deep`);
  if (typeof value === 'function' || typeof value === 'symbol') throw problem(path, `is a ${typeof value}, not data`);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    if (value.length > left.values)
      throw problem(path, `is a list of ${value.length} values; all together may be ${MAX_VALUES}`);
    const had: unknown[] = Array.isArray(before) ? before : [];
    const { from, isEnd } = changedPart(had, value);
    return Array.from(value, (item, index) =>
      index < from || index >= isEnd ? item : copyOf(item, undefined, source, [...path, index], left),
    );
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw problem(path, 'is an object with behaviour of its own; valid is plain data');
  }
  const copy: Record<string, unknown> = Object.create(null);
  const had = (typeof before === 'object' && before !== null ? before : NONE) as Record<string, unknown>;
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key];
    if (item === had[key] && item !== undefined) {
      copy[key] = item;
      continue;
    }
    const here = [...path, key];
    if (isReservedName(key)) throw problem(here, `${show(key)} is reserved and cannot be a key or a name`);
    if (item !== undefined) copy[key] = copyOf(item, had[key], source, here, left);
  }
  return copy;
}
