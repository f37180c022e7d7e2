/** Whether two pieces of plain data differ, and in what. */

/** `mtu 1500 -> 1400, isolated, peers +192.0.2.1`; of what is itself made of keys, its name. Both are of one kind. */
export function changesText<T extends object>(before: T, after: T): string {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])] as (keyof T & string)[];
  return keys.flatMap((key) => changeText(key, before[key], after[key])).join(', ');
}

function changeText(key: string, before: unknown, after: unknown): string[] {
  if (same(before, after)) return [];
  if (typeof after === 'boolean') return [after ? key : `not ${key}`];
  if (isTexts(before) && isTexts(after)) return [listText(key, before, after)];
  return [isPlain(before) && isPlain(after) ? `${key} ${before ?? 'none'} -> ${after ?? 'none'}` : key];
}

/** Names in a list that are shown. */
const FEW = 4;

function listText(key: string, before: readonly string[], after: readonly string[]): string {
  const comes = after.filter((each) => !before.includes(each)).map((each) => `+${each}`);
  const goes = before.filter((each) => !after.includes(each)).map((each) => `-${each}`);
  const all = [...comes, ...goes];
  return all.length === 0 || all.length > FEW ? key : `${key} ${all.join(' ')}`;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function isPlain(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}

/** Plain data, whatever the order of its keys: one side may be a file's, the other read back from the model. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every(
    (key) => Object.hasOwn(b, key) && same((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  );
}
