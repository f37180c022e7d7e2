import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLatency, latencyView, recordLatency, recordStop, sumLatency } from '../../../src/dataplane/latency.ts';

describe('the latency histogram', () => {
  it('is empty at first', () => {
    expect(latencyView(createLatency())).toMatchObject({ frames: 0, meanMicroseconds: 0, p50: 0, max: 0 });
  });

  it.each([0, 0.24, 0.25, 0.99, 1, 1.9, 2, 7.99, 8, 1000, 999_999, 2 ** 20 - 1])('reads %d µs back', (us) => {
    const latency = createLatency();
    recordLatency(latency, us, 3);
    const { frames, max, meanMicroseconds, buckets } = latencyView(latency);
    expect(frames).toBe(3);
    expect(meanMicroseconds).toBeCloseTo(us, 9);
    expect(max).toBeGreaterThan(us);
    expect(max).toBeLessThanOrEqual(Math.max(0.25, us) * 1.25 + 0.25);
    for (const { belowMicroseconds, frames: below } of buckets) expect(below).toBe(us < belowMicroseconds ? 3 : 0);
  });

  it('has the longest stop of all threads beside it', () => {
    const threads = [createLatency(), createLatency(), createLatency()];
    threads.forEach((latency, i) => {
      for (const us of [3, [200, 900, 40][i]!, 7]) recordStop(latency, us);
      recordLatency(latency, 10, 1);
    });
    const sum = sumLatency(threads.map((latency) => ({ latency })));
    expect(latencyView(sum)).toMatchObject({ frames: 3, longestStopMicroseconds: 900, sumMicroseconds: 30 });
  });

  it('keeps what took longer than a second apart', () => {
    const latency = createLatency();
    recordLatency(latency, 5e6, 1);
    recordLatency(latency, 2 ** 20, 1);
    recordLatency(latency, 1e12, 1);
    const { frames, buckets } = latencyView(latency);
    expect([frames, buckets.at(-1)!.frames]).toEqual([3, 0]);
  });

  it('agrees with the sorted list about every percentile, within a bucket', () => {
    const value = fc.double({ min: 0, max: 500_000, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.tuple(value, fc.integer({ min: 1, max: 256 })), { minLength: 1 }), (bursts) => {
        const latency = createLatency();
        for (const [us, frames] of bursts) recordLatency(latency, us, frames);
        const all = bursts.flatMap(([us, frames]) => new Array<number>(frames).fill(us)).sort((a, b) => a - b);
        const view = latencyView(latency);
        expect(view.frames).toBe(all.length);
        for (const [share, said] of [
          [0.5, view.p50],
          [0.9, view.p90],
          [0.99, view.p99],
          [0.999, view.p999],
          [1, view.max],
        ]) {
          const exact = all[Math.ceil(all.length * share) - 1];
          expect(said).toBeGreaterThan(exact);
          expect(said).toBeLessThanOrEqual(Math.max(exact + 0.25, exact * 1.25) + 1e-9);
        }
      }),
    );
  });
});
