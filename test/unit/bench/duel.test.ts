/** What a round's time is. */

import { expect, it } from 'vitest';
import { duel, type Runner } from '../../../bench/duel.ts';

/** 100 frames a round: 2,000 ns by the clock, of which the processor was its own for 1,000. */
function shared(): Runner {
  let processor = 0;
  return {
    who: 'shared',
    round: async () => {
      processor += 1000;
      return { frames: 100, ns: 2000 };
    },
    processorNs: () => processor,
  };
}
const peer: Runner = { who: 'peer', round: async () => ({ frames: 100, ns: 3000 }) };
const options = { rounds: 3, seconds: 1, progress: () => {} };

it.each([
  ['that of the clock', undefined, 20],
  ['that of the clock, when it is asked for', 'wall', 20],
  ["the processor's, of who can tell it", 'processor', 10],
] as const)('is %s', async (_what, clock, ns) => {
  const { ns: times } = await duel([shared(), peer], { ...options, clock }, 'test');
  expect(times).toEqual([
    [ns, ns, ns],
    [30, 30, 30],
  ]);
});
