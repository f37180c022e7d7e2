/** A share of `npm run fuzz -- --changes`. */
import { describe, expect, it } from 'vitest';
import { fuzzChanges } from '../../fuzz/changes.ts';

describe('a switch that is changed under traffic', () => {
  it('is what a fresh start would be after every step, and as before after one that fails', () => {
    let refused = 0;
    let failed = 0;
    for (let seed = 1; seed <= 4; seed++) {
      const counts = fuzzChanges(seed, 10);
      expect(counts.actions).toBeGreaterThan(100);
      refused += counts.refused;
      failed += counts.failed;
    }
    expect(refused).toBeGreaterThan(20);
    expect(failed).toBeGreaterThan(4);
  });
});
