/**
 * The lists of learned entries per port, least recently used first: two words for each slot, of one cache line, and ends per
 * port.
 *
 *   word 0   the slot towards the older entries, -1 = none
 *   word 1   towards the newer ones
 */

interface Links {
  readonly links: Int32Array;
  readonly head: Int32Array;
  readonly tail: Int32Array;
}

export function olderOf({ links }: Links, slot: number): number {
  return links[slot << 1];
}

export function newerOf({ links }: Links, slot: number): number {
  return links[(slot << 1) + 1];
}

export function linkTail({ links, head, tail }: Links, slot: number, port: number): void {
  const last = tail[port];
  links[slot << 1] = last;
  links[(slot << 1) + 1] = -1;
  tail[port] = slot;
  if (last < 0) head[port] = slot;
  else links[(last << 1) + 1] = slot;
}

export function unlink({ links, head, tail }: Links, slot: number, port: number): void {
  const older = links[slot << 1];
  const newer = links[(slot << 1) + 1];
  if (older < 0) head[port] = newer;
  else links[(older << 1) + 1] = newer;
  if (newer < 0) tail[port] = older;
  else links[newer << 1] = older;
}

/** Marks the entry as the most recently used of its port. */
export function moveToTail(fdb: Links, slot: number, port: number): void {
  if (fdb.tail[port] === slot) return;
  unlink(fdb, slot, port);
  linkTail(fdb, slot, port);
}

/** The entry of slot `from` is that of slot `to` now. */
export function moveLinks({ links, head, tail }: Links, from: number, to: number, port: number): void {
  const older = links[from << 1];
  const newer = links[(from << 1) + 1];
  links[to << 1] = older;
  links[(to << 1) + 1] = newer;
  if (older < 0) head[port] = to;
  else links[(older << 1) + 1] = to;
  if (newer < 0) tail[port] = to;
  else links[newer << 1] = to;
}
