/**
 * Egress ports: which lists hold something, so that a flush costs what was sent and not what there is to send to.
 *
 * A frame whose destination is one port is in the list of that port or in none. So a batch of few frames says by itself which lists to look
 * at; a flood, or more frames than ports, has them all looked at.
 */

import type { Batch, Egress } from './batch.ts';

/** With more frames a port a look at every list is cheaper: 64 ports take 100 ns, 8 frames 50 and 32 frames 160. */
const FRAMES_A_PORT = 0.25;

/** Puts the ports whose lists are not empty into `egress.used`, in their order, and returns how many. Rows [first, end) have filled them. */
export function usedPorts(egress: Egress, b: Batch, first: number, end: number): number {
  const { count, used, marks } = egress;
  const ports = count.length;
  if (end - first > ports * FRAMES_A_PORT) return allUsed(egress);
  const tos = b.to;
  for (let i = first; i < end; i++) {
    const to = tos[i];
    if (to < 0) {
      marks.fill(0);
      return allUsed(egress);
    }
    // What was dropped early may still have the destination of another batch's frame.
    if (to < ports && count[to] !== 0) marks[to >> 5] |= 1 << (to & 31);
  }
  let found = 0;
  for (let w = 0; w < marks.length; w++) {
    for (let set = marks[w]; set !== 0; set &= set - 1) used[found++] = (w << 5) + 31 - Math.clz32(set & -set);
    marks[w] = 0;
  }
  return found;
}

function allUsed({ count, used }: Egress): number {
  let found = 0;
  for (let p = 0; p < count.length; p++) if (count[p] !== 0) used[found++] = p;
  return found;
}
