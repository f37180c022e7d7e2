/** Frames through the ports of groups by one lane or the other: what leaves, and what is counted. */

import { HEADROOM, SMALL_SLOT_BYTES } from '../../../src/dataplane/arena.ts';
import { type Batch, createBatch, INDEX_MASK, SHAPE_ALT } from '../../../src/dataplane/batch.ts';
import type { Dataplane } from '../../../src/dataplane/dataplane.ts';
import type { forwardBatch } from '../../../src/dataplane/pipeline.ts';
import type { SwitchCore } from '../../../src/runtime/core.ts';

export interface Arrival {
  port: string;
  bytes: Uint8Array;
  gso: number;
  csum: number;
}

/** Between one arrival and the next. */
const STEP_MS = 7;

/** What leaves and what is counted when frames arrive in batches of this size. Nobody answers punts. */
export function tellGroups(
  core: SwitchCore,
  names: readonly string[],
  arrivals: readonly Arrival[],
  size: number,
  forward: typeof forwardBatch,
): unknown {
  const { dp } = core;
  const b = createBatch(256);
  const left: string[] = [];
  for (let first = 0; first < arrivals.length; first += size) {
    b.count = Math.min(size, arrivals.length - first);
    for (let j = 0; j < b.count; j++) {
      const { port, bytes, gso, csum } = arrivals[first + j];
      const off = j * SMALL_SLOT_BYTES + HEADROOM;
      dp.arena.bytes.set(bytes, off);
      b.off[j] = off;
      b.len[j] = bytes.length;
      b.port[j] = core.control.port(port).index;
      b.rxFlags[j] = 0;
      b.gso[j] = gso;
      b.csum[j] = csum;
      b.nowMs[j] = (first + j) * STEP_MS;
    }
    for (let at = 0; at < b.count; ) {
      at = forward(dp, b, at);
      if (b.punted >= 0) left.push(`punted ${first + b.punted}`);
    }
    for (let j = 0; j < b.count; j++) {
      left.push([b.port[j], b.rxFlags[j], b.fid[j], b.vid[j], b.to[j], b.reason[j], b.copies[j]].join(' '));
    }
    for (const name of names) left.push(...sentBy(dp, b, core.control.port(name).index));
    dp.egress.count.fill(0);
  }
  const { port, fid, portDrops, fidDrops } = dp.counters;
  const { rec } = dp.fdb;
  return { left, counted: [port, fid, portDrops, fidDrops, rec].map(what) };
}

/** What is not 0, and where. */
function what(column: Float64Array | Int32Array): string[] {
  const rows: string[] = [];
  column.forEach((value, at) => {
    if (value !== 0) rows.push(`${at}: ${value}`);
  });
  return rows;
}

function sentBy({ egress, arena }: Dataplane, b: Batch, port: number): string[] {
  const start = port * egress.stride;
  return [...egress.list.subarray(start, start + egress.count[port])].map((word) => {
    const i = word & INDEX_MASK;
    const bytes = (off: number, len: number) => Buffer.from(arena.bytes.subarray(off, off + len)).toString('hex');
    if ((word & SHAPE_ALT) === 0) return `${b.csum[i]} ${bytes(b.off[i], b.len[i])}`;
    return `alt ${bytes(b.altHeadOff[i], b.altHeadLen[i])}${bytes(b.altOff[i], b.altLen[i])}`;
  });
}
