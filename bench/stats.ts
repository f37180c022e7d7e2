/**
 * Medians and their intervals. Rounds on a shared machine have outliers, so nothing here is a mean.
 */

export interface Summary {
  median: number;
  /** Ends of the 95 % interval of the median. */
  low: number;
  high: number;
}

const RESAMPLES = 2000;

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median with its 95 % interval by the percentile bootstrap; the seed is fixed, so the same rounds say the same. */
export function summarize(values: readonly number[]): Summary {
  let state = 0x2545f491;
  const random = (below: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
  const medians: number[] = [];
  for (let r = 0; r < RESAMPLES; r++) {
    medians.push(median(Array.from({ length: values.length }, () => values[random(values.length)])));
  }
  medians.sort((a, b) => a - b);
  return {
    median: median(values),
    low: medians[Math.floor(RESAMPLES * 0.025)],
    high: medians[Math.ceil(RESAMPLES * 0.975) - 1],
  };
}

/** How far values are apart, of their median. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}
