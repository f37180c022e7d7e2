/**
 * The lists of learned entries per port, least recently used first: two columns of slots, ends per port.
 */

interface Links {
  readonly prev: Int32Array;
  readonly next: Int32Array;
  readonly head: Int32Array;
  readonly tail: Int32Array;
}

export function linkTail(links: Links, slot: number, port: number): void {
  const last = links.tail[port];
  links.prev[slot] = last;
  links.next[slot] = -1;
  links.tail[port] = slot;
  if (last < 0) links.head[port] = slot;
  else links.next[last] = slot;
}

export function unlink(links: Links, slot: number, port: number): void {
  const before = links.prev[slot];
  const after = links.next[slot];
  if (before < 0) links.head[port] = after;
  else links.next[before] = after;
  if (after < 0) links.tail[port] = before;
  else links.prev[after] = before;
}

/** Marks the entry as the most recently used of its port. */
export function moveToTail(links: Links, slot: number, port: number): void {
  if (links.tail[port] === slot) return;
  unlink(links, slot, port);
  linkTail(links, slot, port);
}

export function clearRecordLinks(links: Links, slot: number): void {
  links.prev[slot] = -1;
  links.next[slot] = -1;
}
