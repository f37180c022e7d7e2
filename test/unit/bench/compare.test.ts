/** Base against change: a change is told from noise, in the right direction, and noise is not told as a change. */

import { describe, expect, it } from 'vitest';
import { compareReports, compareRounds } from '../../../bench/compare.ts';
import type { Report } from '../../../bench/report.ts';
import { dice } from '../dataplane/vxlan-world.ts';

/** Rounds around a value that differ by up to `noise` of it, and a change by `factor`. */
function rounds(seed: number, noise: number, factor: number, count = 9) {
  const roll = dice(seed);
  const around = (value: number) => value * (1 + (noise * (roll(2001) - 1000)) / 1000);
  const column = (value: number) => Array.from({ length: count }, () => around(value));
  return { base: column(50), change: column(50 * factor), again: column(50) };
}

describe('a comparison', () => {
  it('finds a change that is larger than the noise, and which way it goes', () => {
    for (let seed = 1; seed <= 50; seed++) {
      expect(compareRounds(rounds(seed, 0.02, 0.8), true).verdict).toBe('slower');
      expect(compareRounds(rounds(seed, 0.02, 0.8), false).verdict).toBe('faster');
      expect(compareRounds(rounds(seed, 0.02, 1.25), true).verdict).toBe('faster');
      expect(compareRounds(rounds(seed, 0.02, 1.25), false).verdict).toBe('slower');
    }
  });

  it('hardly ever takes noise for a change', () => {
    let told = 0;
    for (let seed = 1; seed <= 200; seed++) {
      for (const noise of [0.005, 0.05, 0.3])
        if (compareRounds(rounds(seed, noise, 1), true).verdict !== 'same') told++;
    }
    expect(told).toBeLessThanOrEqual(6);
  });

  it('asks for more where the base differs more from itself', () => {
    expect(compareRounds(rounds(3, 0.001, 1), true).threshold).toBe(0.02);
    expect(compareRounds(rounds(3, 0.3, 1), true).threshold).toBeGreaterThan(0.05);
    expect(compareRounds(rounds(3, 0.3, 0.95), true).verdict).toBe('same');
  });

  it('takes figures that are 0 on both sides for equal', () => {
    const zero = [0, 0, 0];
    expect(compareRounds({ base: zero, change: zero, again: zero }, false).verdict).toBe('same');
    expect(compareRounds({ base: zero, change: [8, 8, 8], again: zero }, false).verdict).toBe('slower');
  });
});

it('rows of peers, and rows that only one side has, are left out', () => {
  const report = (unit: string, ...rows: [string, number][]): Report => ({
    scenario: 'S4',
    unit,
    machine: '',
    rounds: 1,
    results: rows.map(([who, value]) => ({ who, median: value, low: value, high: value })),
    ratios: {},
  });
  const base = report('ns/copy', ['etherloom', 10], ['c', 5]);
  const change = report('ns/copy', ['etherloom', 20], ['etherloom, new', 1], ['c', 50]);
  const compared = compareReports([
    [base, change, base],
    [base, change, base],
  ]);
  expect(compared.map(({ who, verdict }) => [who, verdict])).toEqual([['etherloom', 'slower']]);
});
