/** Segmentation and coalescing leave nothing on V8's heap once their code is compiled. */

import { expect, it } from 'vitest';
import { createArena, frameStart, release, takeFor, takeLarge } from '../../../../src/dataplane/arena.ts';
import { createBatch } from '../../../../src/dataplane/batch.ts';
import { coalesce, createCoalesce } from '../../../../src/dataplane/offload/coalesce.ts';
import { createFinish, sendFinished } from '../../../../src/dataplane/offload/finish.ts';
import type { Sender } from '../../../../src/dataplane/transmit.ts';
import { type Flow, segments, superFrame } from './flows.ts';

const FLOW: Flow = {
  tags: [],
  isIpv6: false,
  isTcp: true,
  extra: 0,
  ident: 1,
  dontFragment: true,
  tos: 0,
  ttl: 64,
  sequence: 1,
  acknowledgment: 1,
  flags: 0x10,
  window: 500,
  options: new Uint8Array(0),
  payload: Uint8Array.from({ length: 60_000 }, (_, i) => i * 31),
  size: 1448,
  tunnel: null,
};

/** Runs until a round of `times` runs has allocated less than an object for every ten of them. */
function settles(run: () => void, times: number): void {
  const grown: number[] = [];
  for (let round = 0; round < 60; round++) {
    const before = process.memoryUsage().heapUsed;
    for (let n = 0; n < times; n++) run();
    const bytes = process.memoryUsage().heapUsed - before;
    // A collection within the round says nothing.
    if (bytes >= 0 && bytes < times) return;
    grown.push(bytes);
  }
  expect(grown).toBe('a round without allocations');
}

const arena = createArena({ smallSlots: 64, largeSlots: 4 });

it('segmentation', () => {
  const finish = createFinish(arena);
  const batch = createBatch();
  const { bytes, gso, csum } = superFrame(FLOW);
  const slot = takeLarge(arena);
  batch.count = 1;
  batch.off[0] = frameStart(arena, slot);
  batch.len[0] = bytes.length;
  batch.gso[0] = gso;
  batch.csum[0] = csum;
  arena.bytes.set(bytes, batch.off[0]);
  const list = Int32Array.of(0);
  const sender: Sender = { lastError: 0, send: (_batch, _list, _start, count) => count };
  settles(() => void sendFinished(finish, sender, batch, list, 0, 1, 0), 1000);
  release(arena, slot);
});

it('coalescing', () => {
  const frames = segments(FLOW);
  const slots = frames.map((frame) => takeFor(arena, frame.length));
  const offsets = slots.map((slot) => frameStart(arena, slot));
  for (const [i, frame] of frames.entries()) arena.bytes.set(frame, offsets[i]);
  const batch = createBatch();
  const scratch = createCoalesce(arena);
  settles(() => {
    batch.count = frames.length;
    for (let i = 0; i < frames.length; i++) {
      batch.slot[i] = slots[i];
      batch.off[i] = offsets[i];
      batch.len[i] = frames[i].length;
      batch.gso[i] = 0;
      arena.holders[slots[i]] = 2; // one hold stays here
    }
    coalesce(scratch, batch, 0);
    release(arena, batch.slot[0]);
  }, 1000);
  expect(batch.count).toBe(1);
});
