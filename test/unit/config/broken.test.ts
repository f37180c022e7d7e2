/** A share of `npm run fuzz -- --broken`. */
import { expect, it } from 'vitest';
import { fuzzBroken } from '../../fuzz/broken.ts';

it('a switch that runs refuses broken files with their place, by its API and by SIGHUP, and stays what it is', async () => {
  const { refused, valid } = await fuzzBroken(3, 100);
  expect(refused).toBe(100);
  // Most of what is broken must not stay valid, or nothing is tried.
  expect(valid).toBeLessThan(40);
});
