/**
 * The gate: how threads that forward at the same time share tables.
 *
 * Lookups are plain reads and wait for nobody. There are two ways to write:
 *
 * - short, within a batch: `lock` .. `unlock`, for what the next reader may see half done in no harmful order (fdb.ts);
 * - alone, between batches: `exclusive`, for whatever moves records, takes slots back or changes several words that
 *   belong together. It waits until every other worker has left its batch, and they wait until it is done.
 *
 *   word 0          who is alone, or wants to be: worker + 1, 0 = nobody
 *   word LINE       who holds the lock: worker + 1, 0 = nobody; | WAITED when somebody sleeps for it
 *   word 2 * LINE   how often tables have moved (`announceMove`); behind it how often arrays were replaced
 *   word (3 + k) * LINE   the epoch of worker k: odd while it is in a batch
 *
 * Each word has cache lines of its own, so that a worker that counts its batches takes no line from another. With one
 * worker a batch costs one addition, and there is no lock.
 *
 * A worker that dies with the lock, in a batch or alone leaves the others waiting; `reclaim` sets them free.
 */

import { sharedInt32 } from './shared.ts';

/** 128 bytes: processors fetch lines in pairs. */
const LINE = 32;
const ALONE = 0;
const LOCK = LINE;
const MOVED = 2 * LINE;
const REPLACED = MOVED + 1;
const FIRST_EPOCH = 3 * LINE;
/** In the lock's word: wake somebody. */
const WAITED = 1 << 16;
/** Looks at the lock before sleeping for it: it is held for well under a microsecond. */
const SPINS = 200;
/** Looks at an epoch before sleeping for it: a batch takes some microseconds. */
const EPOCH_SPINS = 2000;
/** Sleepers look again after this, whatever happened to those who were to wake them. */
const WAIT_MS = 10;

/** The most workers there can be. */
export const MAX_WORKERS = 64;

/** One thread's view of it. Posted to another thread it is the same gate; `workerGate` makes it that thread's. */
export interface Gate {
  readonly workers: number;
  /** Which of them this thread is. */
  readonly worker: number;
  readonly words: Int32Array;
  /** No other worker is in a batch, nor can begin one. */
  alone: boolean;
}

export function createGate(workers: number): Gate {
  return { workers, worker: 0, words: sharedInt32(FIRST_EPOCH + workers * LINE), alone: false };
}

/** The same gate for another worker. */
export function workerGate({ workers, words }: Gate, worker: number): Gate {
  return { workers, worker, words, alone: false };
}

/**
 * Begins a batch, when nobody is alone. Returns how often tables have moved: a worker whose arrays are older must get
 * the new ones first.
 */
export function enterBatch(gate: Gate): number {
  const { words, worker } = gate;
  const epoch = FIRST_EPOCH + worker * LINE;
  Atomics.add(words, epoch, 1);
  if (gate.workers === 1) return 0;
  while (!gate.alone && Atomics.load(words, ALONE) !== 0) {
    leaveBatch(gate);
    waitWhile(words, ALONE, Atomics.load(words, ALONE));
    Atomics.add(words, epoch, 1);
  }
  return words[MOVED];
}

export function leaveBatch({ workers, worker, words }: Gate): void {
  const epoch = FIRST_EPOCH + worker * LINE;
  Atomics.add(words, epoch, 1);
  if (workers > 1 && Atomics.load(words, ALONE) !== 0) Atomics.notify(words, epoch);
}

/** How many batches worker `k` has begun and ended: odd while it is in one. */
export function epochOf({ words }: Gate, k: number): number {
  return Atomics.load(words, FIRST_EPOCH + k * LINE);
}

/** Takes the lock for a few writes to a table. Not to be taken twice. */
export function lock(gate: Gate): void {
  if (gate.alone) return;
  const { words } = gate;
  const mine = gate.worker + 1;
  for (let spins = 0; spins < SPINS; spins++) {
    if (words[LOCK] === 0 && Atomics.compareExchange(words, LOCK, 0, mine) === 0) return;
  }
  // Whoever has slept for it takes it as one that others sleep for: it cannot know better.
  while (Atomics.compareExchange(words, LOCK, 0, mine | WAITED) !== 0) {
    const held = Atomics.load(words, LOCK);
    if (held === 0) continue;
    const waited = held | WAITED;
    if (held === waited || Atomics.compareExchange(words, LOCK, held, waited) === held) waitWhile(words, LOCK, waited);
  }
}

export function unlock(gate: Gate): void {
  if (gate.alone) return;
  const { words } = gate;
  if ((Atomics.exchange(words, LOCK, 0) & WAITED) !== 0) Atomics.notify(words, LOCK, 1);
}

/** Waits until all others are between batches, and keeps them there. Not from within a batch of one's own. */
export function beginAlone(gate: Gate): void {
  const { words, worker } = gate;
  for (;;) {
    const other = Atomics.compareExchange(words, ALONE, 0, worker + 1);
    if (other === 0) break;
    waitWhile(words, ALONE, other);
  }
  waitForOthers(gate, worker);
  gate.alone = true;
}

export function endAlone(gate: Gate): void {
  gate.alone = false;
  Atomics.store(gate.words, ALONE, 0);
  Atomics.notify(gate.words, ALONE);
}

/** Does something to tables that nobody may be looking at, between two batches. Within itself it is just done. */
export function exclusive<T>(gate: Gate, change: () => T): T {
  if (gate.workers === 1 || gate.alone) return change();
  // Two that wait for each other's batch would wait for ever.
  if ((epochOf(gate, gate.worker) & 1) !== 0) throw new Error('gate: alone from within a batch');
  beginAlone(gate);
  try {
    return change();
  } finally {
    endAlone(gate);
  }
}

/** The same from within a batch, which is left for it and begun anew: what the batch knows of tables is void then. */
export function exclusiveBetween<T>(gate: Gate, change: () => T): T {
  if (gate.workers === 1 || gate.alone) return change();
  leaveBatch(gate);
  try {
    return exclusive(gate, change);
  } finally {
    enterBatch(gate);
  }
}

/** Arrays of a table are new: every worker must be given them before its next batch. While alone. */
export function announceMove({ words }: Gate): void {
  Atomics.add(words, MOVED, 1);
}

/** Arrays were replaced, and whoever puts tables in order has been sent the new ones; nobody else has them yet. */
export function countReplacement({ words }: Gate): void {
  Atomics.add(words, REPLACED, 1);
}

export function replacements({ words }: Gate): number {
  return Atomics.load(words, REPLACED);
}

/**
 * Worker `k` is gone, wherever it was. `rebuild` is called when it was writing tables, while nobody else can write
 * them; `alone` says whether it may have been moving records. Any thread may call this that knows that the worker has
 * ended, and no other may be waiting for it in the same thread.
 */
export function reclaim(gate: Gate, k: number, rebuild: (alone: boolean) => void): void {
  const { words } = gate;
  const its = k + 1;
  const epoch = FIRST_EPOCH + k * LINE;
  const wasAlone = Atomics.load(words, ALONE) === its;
  // It may have been waiting for the others still: nobody is alone until none of them is in a batch.
  if (wasAlone) waitForOthers(gate, k);
  const hadLock = (Atomics.load(words, LOCK) & ~WAITED) === its;
  if (wasAlone || hadLock) rebuild(wasAlone);
  if ((Atomics.load(words, epoch) & 1) !== 0) {
    Atomics.add(words, epoch, 1);
    Atomics.notify(words, epoch);
  }
  if (hadLock) {
    Atomics.store(words, LOCK, 0);
    Atomics.notify(words, LOCK);
  }
  if (wasAlone) {
    Atomics.store(words, ALONE, 0);
    Atomics.notify(words, ALONE);
  }
}

/** Until every worker but `k` is between batches. */
function waitForOthers({ words, workers }: Gate, k: number): void {
  for (let other = 0; other < workers; other++) {
    const epoch = FIRST_EPOCH + other * LINE;
    for (let looks = 0; other !== k; looks++) {
      const now = Atomics.load(words, epoch);
      if ((now & 1) === 0) break;
      if (looks > EPOCH_SPINS) waitWhile(words, epoch, now);
    }
  }
}

function waitWhile(words: Int32Array, at: number, value: number): void {
  Atomics.wait(words, at, value, WAIT_MS);
}
