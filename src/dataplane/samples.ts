/**
 * Drop samples: the last few frames that were dropped for each reason, so that a drop can be looked at, not only
 * counted.
 *
 * A ring per reason in shared memory, written where a drop is accounted, so a frame that is forwarded pays nothing.
 * A storm does not pay for each of its frames either: within one millisecond of the switch's clock a reason takes as
 * many samples as its ring holds. Each worker has rings of its own and numbers its samples together with the others.
 * Readers on other threads know a record that is being written by its first word.
 *
 *   record: number (0 while it is written) | reason | port | FID | length | bytes kept | ms | SAMPLE_* | bytes ...
 */

import { sharedInt32 } from '../tables/shared.ts';
import type { Arena } from './arena.ts';
import { type Batch, RX_TRUNCATED } from './batch.ts';
import { REASON_COUNT } from './reasons.ts';

/** Samples kept of one reason. */
export const SAMPLES_PER_REASON = 8;
/** Bytes kept of one frame: every header that a drop may be about. */
export const SAMPLE_BYTES = 256;

/** The frame was only the first of what was on the wire. */
export const SAMPLE_TRUNCATED = 1 << 0;
/** The frame is as it was to leave, not as it came. */
export const SAMPLE_SHAPED = 1 << 1;

/** Numbers stay positive. */
const MAX_NUMBER = 0x7fff_fffe;
const HEAD_WORDS = 8;
const RECORD_WORDS = HEAD_WORDS + SAMPLE_BYTES / 4;
const RING_WORDS = SAMPLES_PER_REASON * RECORD_WORDS;

export interface DropSamples {
  readonly records: Int32Array;
  /** Samples taken, of all reasons and workers; the last number. */
  readonly taken: Int32Array;
  /** Samples taken per reason. */
  readonly written: Int32Array;
  /** Per reason the millisecond of the last sample, and how many there were in it. */
  readonly lastMs: Int32Array;
  readonly inThatMs: Int32Array;
}

/** One for each worker. */
export function createDropSamples(workers = 1): DropSamples[] {
  const taken = sharedInt32(1);
  return Array.from({ length: workers }, () => ({
    records: sharedInt32(REASON_COUNT * RING_WORDS),
    taken,
    written: sharedInt32(REASON_COUNT),
    lastMs: sharedInt32(REASON_COUNT),
    inThatMs: sharedInt32(REASON_COUNT),
  }));
}

/** Keeps frame i, which was dropped for `reason`. `flags` is SAMPLE_SHAPED or 0. */
export function sampleDrop(
  samples: DropSamples,
  arena: Arena,
  b: Batch,
  i: number,
  reason: number,
  flags: number,
): void {
  const cut = (b.rxFlags[i] & RX_TRUNCATED) !== 0 ? SAMPLE_TRUNCATED : 0;
  takeSample(samples, arena.view, b.off[i], b.len[i], b.port[i], b.fid[i], reason, flags | cut, b.nowMs[i]);
}

/** Keeps a frame of `length` bytes at `off`, which came by `port`. */
export function takeSample(
  samples: DropSamples,
  view: DataView,
  off: number,
  length: number,
  port: number,
  fid: number,
  reason: number,
  flags: number,
  now: number,
): void {
  const { records, taken, written, lastMs, inThatMs } = samples;
  if (lastMs[reason] !== now) {
    lastMs[reason] = now;
    inThatMs[reason] = 0;
  } else if (inThatMs[reason] === SAMPLES_PER_REASON) return;
  inThatMs[reason]++;
  const at = reason * RING_WORDS + (written[reason] & (SAMPLES_PER_REASON - 1)) * RECORD_WORDS;
  written[reason]++;
  let before = Atomics.load(taken, 0);
  let number = 0;
  for (;;) {
    number = (before % MAX_NUMBER) + 1;
    const found = Atomics.compareExchange(taken, 0, before, number);
    if (found === before) break;
    before = found;
  }
  const kept = Math.min(length, SAMPLE_BYTES);
  Atomics.store(records, at, 0);
  records[at + 1] = reason;
  records[at + 2] = port;
  records[at + 3] = fid;
  records[at + 4] = length;
  records[at + 5] = kept;
  records[at + 6] = now;
  records[at + 7] = flags;
  keepBytes(view, off, kept, records, at + HEAD_WORDS);
  Atomics.store(records, at, number);
}

/** Big-endian words; what the last one has behind the frame is zero. */
function keepBytes(view: DataView, off: number, length: number, words: Int32Array, at: number): void {
  const whole = length >> 2;
  for (let w = 0; w < whole; w++) words[at + w] = view.getInt32(off + (w << 2));
  let rest = 0;
  for (let n = whole << 2; n < length; n++) rest |= view.getUint8(off + n) << (24 - ((n & 3) << 3));
  if ((length & 3) !== 0) words[at + whole] = rest;
}

export interface DropSample {
  number: number;
  reason: number;
  port: number;
  fid: number;
  /** Of the frame; `bytes` are the first of it. */
  length: number;
  bytes: Uint8Array;
  nowMs: number;
  truncated: boolean;
  shaped: boolean;
}

/** The samples that are there, oldest first. Allocates; for readers. */
export function listSamples(all: readonly DropSamples[]): DropSample[] {
  return all.flatMap(samplesOf).sort((a, b) => a.number - b.number);
}

function samplesOf({ records }: DropSamples): DropSample[] {
  const samples: DropSample[] = [];
  for (let at = 0; at < records.length; at += RECORD_WORDS) {
    const number = Atomics.load(records, at);
    if (number === 0) continue;
    const record = records.slice(at, at + RECORD_WORDS);
    if (Atomics.load(records, at) === number) samples.push(sampleOf(number, record));
  }
  return samples;
}

function sampleOf(number: number, record: Int32Array): DropSample {
  const [, reason, port, fid, length, kept, nowMs, flags] = record;
  const view = new DataView(new ArrayBuffer(SAMPLE_BYTES));
  for (let w = HEAD_WORDS; w < RECORD_WORDS; w++) view.setInt32((w - HEAD_WORDS) << 2, record[w]);
  return {
    number,
    reason,
    port,
    fid,
    length,
    bytes: new Uint8Array(view.buffer, 0, Math.min(kept, SAMPLE_BYTES)),
    nowMs,
    truncated: (flags & SAMPLE_TRUNCATED) !== 0,
    shaped: (flags & SAMPLE_SHAPED) !== 0,
  };
}
