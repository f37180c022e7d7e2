/** Where two lists differ that have most of their items, the very objects, in common. */

export interface ChangedPart {
  /** What is before it is in both. */
  from: number;
  /** The end of it in the one and in the other; what is behind is in both. */
  wasEnd: number;
  isEnd: number;
}

export function changedPart<T>(was: readonly T[], is: readonly T[]): ChangedPart {
  const both = Math.min(was.length, is.length);
  let from = 0;
  while (from < both && was[from] === is[from]) from++;
  let behind = 0;
  while (behind < both - from && was[was.length - 1 - behind] === is[is.length - 1 - behind]) behind++;
  return { from, wasEnd: was.length - behind, isEnd: is.length - behind };
}
