/** Times that one thread writes and another reads: the FDB's, and those of captures. */

import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { monotonicMs, wallUs } from '../../../src/runtime/clock.ts';

const CLOCK = new URL('../../../dist/runtime/clock.js', import.meta.url).href;
const ASK = `
  const { parentPort } = require('node:worker_threads');
  import(${JSON.stringify(CLOCK)}).then(({ monotonicMs, wallUs }) => parentPort.postMessage([monotonicMs(), wallUs()]));
`;

it('are of clocks that every thread reads alike, however long it has been there', async () => {
  for (let n = 0; n < 3; n++) {
    const before = [monotonicMs(), wallUs()];
    const thread = new Worker(ASK, { eval: true });
    const there = await new Promise<number[]>((resolve, reject) => thread.on('message', resolve).on('error', reject));
    const after = [monotonicMs(), wallUs()];
    // The distance to the common clock is taken once per thread, to well under a millisecond; wall time may be set meanwhile.
    expect(there[0]).toBeGreaterThan(before[0]! - 1);
    expect(there[0]).toBeLessThan(after[0]! + 1);
    expect(there[1]).toBeGreaterThan(before[1]! - 50_000);
    expect(there[1]).toBeLessThan(after[1]! + 50_000);
  }
});
