/**
 * The fast lane, the touch and the batch size are only ways to be fast: whatever the tables and the frames, what
 * leaves, the counters, the FDB and its events are those of the slow lane, one frame after the other.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/dataplane/batch.ts';
import type { Dataplane } from '../../../src/dataplane/dataplane.ts';
import { createFastLane } from '../../../src/dataplane/lanes/fast-lane.ts';
import { slowLane } from '../../../src/dataplane/lanes/slow-lane.ts';
import { forwardBatch, forwardBatchSlowly } from '../../../src/dataplane/pipeline.ts';
import { randomStory, tell } from './world.ts';

const sizes = fc.constantFrom(1, 2, 3, 7, 8, 31, 32, 33, 100, 255, 256);

function agree(seed: number, frames: number, odd: number, size: number): void {
  const story = randomStory(seed, frames, odd);
  const slow = tell(story, forwardBatchSlowly, 1, 0xaa);
  expect(tell(story, forwardBatchSlowly, size, 0x55), 'slow lane, batches').toEqual(slow);
  expect(tell(story, forwardBatch, size, 0x81), 'both lanes').toEqual(slow);
  expect(tell(story, forwardBatch, 256, 0x00, 0), 'both lanes, touching').toEqual(slow);
}

describe('lanes', () => {
  it('agree on ordinary traffic', () => {
    fc.assert(
      fc.property(fc.integer(), sizes, (seed, size) => agree(seed, 300, 0, size)),
      { numRuns: 60, seed: 1 },
    );
  });

  it('agree on odd traffic', () => {
    fc.assert(
      fc.property(fc.integer(), sizes, (seed, size) => agree(seed, 300, 10, size)),
      { numRuns: 120, seed: 2 },
    );
  });

  it('agree where nearly nothing is ordinary', () => {
    fc.assert(
      fc.property(fc.integer(), sizes, (seed, size) => agree(seed, 150, 90, size)),
      { numRuns: 60, seed: 3 },
    );
  });

  it('are both used', () => {
    const share = (odd: number) => {
      let frames = 0;
      let fast = 0;
      const counting = (dp: Dataplane, b: Batch) => {
        const lane = createFastLane(dp, b);
        for (let i = 0; i < b.count; i++) {
          const next = lane(i);
          fast += next - i;
          i = next;
          if (i < b.count) slowLane(dp, b, i);
        }
        frames += b.count;
      };
      for (let seed = 1; seed < 20; seed++) tell(randomStory(seed, 300, odd), counting, 64, 0);
      return fast / frames;
    };
    expect(share(0)).toBeGreaterThan(0.2);
    expect(share(10)).toBeGreaterThan(0.05);
    expect(share(0)).toBeLessThan(0.95);
  });
});
