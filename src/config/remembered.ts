/**
 * Reading again what has been read already. Parts of a document never change once they are there, and an edit leaves the very objects alone
 * that it does not change. So what was made of an object still holds while all else that it was made from is the same.
 */

interface Made<T> {
  on: readonly unknown[];
  result: T;
}

export class Remembered<T> {
  readonly #made = new WeakMap<object, Made<T>>();

  /**
   * What `make` gives, or throws. `make` may read `of` and the values in `on`, and nothing else that could differ the next time. A result that is
   * equal to the last one is the same object, so that what others have made of it is remembered too.
   */
  of(of: object, on: readonly unknown[], make: () => T): T {
    const made = this.#made.get(of);
    if (made !== undefined && isSameList(made.on, on)) return made.result;
    const result = keeping(made?.result, make());
    this.#made.set(of, { on, result });
    return result;
  }
}

function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let n = 0; n < a.length; n++) if (a[n] !== b[n]) return false;
  return true;
}

/** `is` with the objects of `was` in the place of those that are equal. `is` is written to: nobody else may have it yet. */
export function keeping<T>(was: unknown, is: T): T {
  if (was === is || !isPlain(was) || !isPlain(is) || Array.isArray(was) !== Array.isArray(is)) return is;
  const keys = Object.keys(is);
  let isSame = keys.length === Object.keys(was).length;
  for (const key of keys) {
    const kept = keeping(was[key], is[key]);
    if (kept !== is[key]) (is as Record<string, unknown>)[key] = kept;
    if (kept !== was[key] || !Object.hasOwn(was, key)) isSame = false;
  }
  return isSame ? (was as T) : is;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || prototype === Array.prototype;
}

const named = new Remembered<ReadonlyMap<string, { name: string }>>();

export function byName<T extends { name: string }>(all: readonly T[]): ReadonlyMap<string, T> {
  return named.of(all, [], () => new Map(all.map((each) => [each.name, each]))) as ReadonlyMap<string, T>;
}
