/** The gate between real threads: who is alone is alone, everybody has a turn, and the dead hold nobody up. */

import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import {
  announceMove,
  beginAlone,
  createGate,
  endAlone,
  enterBatch,
  epochOf,
  exclusive,
  exclusiveBetween,
  type Gate,
  leaveBatch,
  lock,
  MAX_WORKERS,
  reclaim,
  unlock,
  workerGate,
} from '../../../src/tables/gate.ts';
import { sharedInt32 } from '../../../src/tables/shared.ts';

const THREAD = new URL('./gate-thread.mjs', import.meta.url);
const [PAIR_A, PAIR_B, LOCKED, INSIDE, BROKEN, STOP] = [0, 1, 2, 3, 4, 5] as const;

function thread(gate: Gate, worker: number, words: Int32Array, act: string, rounds = 0): Promise<void> {
  const { words: gateWords, workers } = gate;
  const shared = { workers, worker: 0, words: gateWords, alone: false };
  const started = new Worker(THREAD, { workerData: { gate: shared, worker, words, act, rounds } });
  return new Promise((resolve, reject) => {
    started.on('error', reject);
    started.on('exit', () => resolve());
  });
}

describe('the gate', () => {
  it('keeps threads apart, and lets each have its turns', async () => {
    const [threads, rounds] = [3, 1400];
    const gate = createGate(threads + 1);
    const words = sharedInt32(8);
    await Promise.all(Array.from({ length: threads }, (_, k) => thread(gate, k + 1, words, 'mixed', rounds)));
    expect(words[BROKEN]).toBe(0);
    expect(words[INSIDE]).toBe(0);
    expect(words[LOCKED]).toBe(threads * rounds);
    const alone = threads * (rounds / 7 + rounds / 5);
    expect([words[PAIR_A], words[PAIR_B]]).toEqual([alone, alone]);
    for (let k = 0; k <= threads; k++) expect(epochOf(gate, k) & 1).toBe(0);
  });

  it('starves nobody who wants to be alone beside threads that are always in a batch', async () => {
    const gate = createGate(3);
    const words = sharedInt32(8);
    const busy = [1, 2].map((k) => thread(gate, k, words, 'busy'));
    // They have begun.
    while (epochOf(gate, 1) === 0 || epochOf(gate, 2) === 0) Atomics.wait(words, STOP, 0, 1);
    for (let n = 0; n < 500; n++) {
      const done = words[LOCKED];
      exclusive(gate, () => {
        expect(words[INSIDE]).toBe(0);
        words[PAIR_A]++;
        words[PAIR_B]++;
      });
      // Nor does it starve them.
      if (n % 50 !== 0) continue;
      for (let waits = 0; Atomics.load(words, LOCKED) === done && waits < 10_000; waits++)
        Atomics.wait(words, STOP, 0, 1);
      expect(Atomics.load(words, LOCKED)).toBeGreaterThan(done);
    }
    Atomics.store(words, STOP, 1);
    await Promise.all(busy);
    expect(words[BROKEN]).toBe(0);
  });

  it.each([
    ['dies in a batch', []],
    ['dies with the lock', [false]],
    ['dies alone', [true]],
  ])('sets the others free of one that %s', async (act, rebuilt) => {
    const gate = createGate(3);
    const words = sharedInt32(8);
    await thread(gate, 1, words, act);
    // Worker 2 needs what the dead one has: the lock in its batches, and to be alone.
    const other = thread(gate, 2, words, 'mixed', 70);
    const rebuilds: boolean[] = [];
    reclaim(gate, 1, (alone) => rebuilds.push(alone));
    await other;
    expect(rebuilds).toEqual(rebuilt);
    expect(words[BROKEN]).toBe(0);
    expect(words[LOCKED]).toBe(70);
    expect(epochOf(gate, 1) & 1).toBe(0);
    exclusive(gate, () => {});
    // Whoever comes in its place begins as if nothing had been.
    await thread(gate, 1, words, 'mixed', 70);
    expect(words[LOCKED]).toBe(140);
  });

  it('is nothing to a single worker', () => {
    const gate = createGate(1);
    expect(enterBatch(gate)).toBe(0);
    expect(exclusiveBetween(gate, () => exclusive(gate, () => 7))).toBe(7);
    leaveBatch(gate);
    expect(epochOf(gate, 0)).toBe(2);
  });

  it('refuses to be alone from within a batch, where it would wait for itself', () => {
    const gate = createGate(2);
    enterBatch(gate);
    expect(() => exclusive(gate, () => {})).toThrow(/alone from within a batch/);
    expect(exclusiveBetween(gate, () => gate.alone)).toBe(true);
    expect(epochOf(gate, 0) & 1).toBe(1);
    leaveBatch(gate);
    expect(() =>
      exclusive(gate, () => {
        throw new Error('within');
      }),
    ).toThrow('within');
    expect(gate.alone).toBe(false);
    // Free again, for another view of it, too.
    const other = workerGate(gate, 1);
    beginAlone(other);
    lock(other);
    unlock(other);
    endAlone(other);
  });

  it('tells whoever begins a batch how often tables have moved', () => {
    const gate = createGate(MAX_WORKERS);
    const other = workerGate(gate, MAX_WORKERS - 1);
    const before = enterBatch(other);
    leaveBatch(other);
    exclusive(gate, () => announceMove(gate));
    expect(enterBatch(other)).toBe(before + 1);
    leaveBatch(other);
  });
});
