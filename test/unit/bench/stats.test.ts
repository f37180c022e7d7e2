/** Medians, intervals and ratios are what every figure rests on: known values, and the same rounds say the same. */

import { describe, expect, test } from 'vitest';
import { duel, speedRatio, unsteady } from '../../../bench/duel.ts';
import { median, spread, summarize } from '../../../bench/stats.ts';

describe('median', () => {
  test('of odd and even numbers of values, in any order', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
    expect(() => median([])).toThrow(RangeError);
  });

  test('its interval holds it, lies within the values and is the same every time', () => {
    const values = [10, 11, 9, 14, 10, 12, 8];
    const { median: middle, low, high } = summarize(values);
    expect(middle).toBe(10);
    expect(low).toBeGreaterThanOrEqual(8);
    expect(low).toBeLessThanOrEqual(middle);
    expect(high).toBeGreaterThanOrEqual(middle);
    expect(high).toBeLessThanOrEqual(14);
    expect(summarize(values)).toEqual(summarize(values));
  });

  test('of equal values has no width; one outlier does not move it', () => {
    expect(summarize([5, 5, 5, 5])).toEqual({ median: 5, low: 5, high: 5 });
    expect(summarize([5, 5, 5, 5, 5, 5, 500]).high).toBe(5);
  });
});

test('spread is the range over the median', () => {
  expect(spread([9, 10, 12])).toBeCloseTo(0.3);
});

test('a ratio is taken round by round: the drift of a machine cancels out', () => {
  expect(speedRatio([20, 40, 80], [10, 20, 40])).toEqual({ median: 0.5, low: 0.5, high: 0.5 });
});

test('a peer that varies by more than 15 % is named', () => {
  expect(unsteady('c', [10, 10.5, 11])).toEqual([]);
  expect(unsteady('c', [10, 10, 12])[0]).toContain('c varied by 20 %');
});

test('contenders take turns A-B-B-A, each warmed up once', async () => {
  const order: string[] = [];
  const runner = (who: string, ns: number) => ({
    who,
    async round(seconds: number) {
      order.push(`${who}${seconds}`);
      return { frames: 10, ns: ns * 10 };
    },
  });
  const lines: string[] = [];
  const options = { rounds: 4, seconds: 2, progress: (line: string) => lines.push(line) };
  const { ns } = await duel([runner('a', 5), runner('b', 7)], options, 'x');
  expect(order.join(' ')).toBe('a1 b1 a2 b2 b2 a2 a2 b2 b2 a2');
  expect(ns).toEqual([
    [5, 5, 5, 5],
    [7, 7, 7, 7],
  ]);
  expect(lines).toHaveLength(4);
});
