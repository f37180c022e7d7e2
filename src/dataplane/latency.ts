/**
 * How long frames stay in the switch: a histogram in shared memory, written once per burst by the forwarding thread.
 *
 * What is measured is the time from the beginning of the read that brought a burst until all of it was sent, on every port
 * that it left by; each frame of the burst counts with that time, so that no frame stayed longer than is said. How
 * long it waited in the kernel before is not in it.
 *
 * The buckets are those of an HDR histogram: four of the same width for every doubling, from a quarter of a
 * microsecond to a second; the last one holds what took longer. A value read back is at most a quarter too high, or a quarter of a microsecond.
 *
 * Beside it the longest stop: how long a thread that forwards has at the most not looked at its ports, because a change, a timer or a
 * message kept it. What came meanwhile has waited in its device for so long.
 */

import { sharedFloat64 } from '../tables/shared.ts';

/** Buckets for each doubling, as a power of two. */
const STEPS_LOG2 = 2;
const STEPS = 1 << STEPS_LOG2;
/** Doublings of a microsecond up to about a second: what is exported. */
export const DOUBLINGS = 20;
const BUCKETS = (DOUBLINGS + 1) * STEPS + 1;
/** Behind the buckets: the sum in microseconds, and the longest stop. */
const SUM = BUCKETS;
const STOP = BUCKETS + 1;

export function createLatency(): Float64Array {
  return sharedFloat64(BUCKETS + 2);
}

/** `frames` frames took `us` microseconds. */
export function recordLatency(latency: Float64Array, us: number, frames: number): void {
  latency[bucketOf(us)] += frames;
  latency[SUM] += us * frames;
}

/** Ports were not looked at for `us` microseconds. */
export function recordStop(latency: Float64Array, us: number): void {
  if (us > latency[STOP]) latency[STOP] = us;
}

/** What several threads have recorded, together. */
export function sumLatency(all: readonly { readonly latency: Float64Array }[]): Float64Array {
  const sum = new Float64Array(BUCKETS + 2);
  for (const { latency } of all) {
    for (let n = 0; n <= SUM; n++) sum[n] += latency[n];
    recordStop(sum, latency[STOP]);
  }
  return sum;
}

function bucketOf(us: number): number {
  const quarters = us >= 2 ** DOUBLINGS ? 2 ** (DOUBLINGS + STEPS_LOG2) : (us * STEPS) | 0;
  if (quarters < STEPS) return quarters;
  const top = 31 - Math.clz32(quarters);
  return ((top - STEPS_LOG2 + 1) << STEPS_LOG2) + ((quarters >>> (top - STEPS_LOG2)) & (STEPS - 1));
}

/** The first value that is above the bucket, in microseconds. */
function upperEnd(bucket: number): number {
  if (bucket < STEPS) return (bucket + 1) / STEPS;
  const doubling = (bucket >>> STEPS_LOG2) - 1;
  return ((STEPS + (bucket & (STEPS - 1)) + 1) * 2 ** doubling) / STEPS;
}

export interface LatencyView {
  frames: number;
  meanMicroseconds: number;
  /** Shares of the frames that took no longer. */
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
  /** Frames that took less than 1, 2, 4, … microseconds, each with those before it; what is missing to `frames` took longer. */
  buckets: { belowMicroseconds: number; frames: number }[];
  sumMicroseconds: number;
  /** The longest that ports were not looked at, for other work of the thread. */
  longestStopMicroseconds: number;
}

/** Reads it, on any thread. Percentiles are upper ends of buckets; 0 without frames. */
export function latencyView(latency: Float64Array): LatencyView {
  const counts = latency.slice(0, BUCKETS);
  const sumMicroseconds = latency[SUM];
  const frames = counts.reduce((sum, n) => sum + n, 0);
  const within = (share: number) => {
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += counts[bucket];
      if (seen > 0 && seen >= frames * share) return upperEnd(bucket);
    }
    return 0;
  };
  const buckets: LatencyView['buckets'] = [];
  let below = 0;
  for (let doubling = 0; doubling <= DOUBLINGS; doubling++) {
    for (let step = 0; step < STEPS; step++) below += counts[doubling * STEPS + step];
    buckets.push({ belowMicroseconds: 2 ** doubling, frames: below });
  }
  return {
    frames,
    meanMicroseconds: frames === 0 ? 0 : sumMicroseconds / frames,
    p50: within(0.5),
    p90: within(0.9),
    p99: within(0.99),
    p999: within(0.999),
    max: within(1),
    buckets,
    sumMicroseconds,
    longestStopMicroseconds: latency[STOP],
  };
}
