/**
 * Packet time: what the captures say, in milliseconds since their first frame.
 *
 * It never goes back: a frame that claims to be older than one before it happens at the time of that one.
 * Housekeeping happens at whole seconds of packet time, never where a batch happens to end: that is what makes
 * a replay the same for every batch size. Between two frames nothing changes, so the seconds of a pause are one
 * sweep, not one each.
 */

import type { Fdb } from '../../tables/fdb/fdb.ts';
import { needsSweep, sweepAll } from '../../tables/fdb/sweep.ts';

const TICK_MS = 1000;
/**
 * The tables' clock has 32 bits and believes in differences below 2^31 ms (24 days). A longer pause is taken in
 * steps of the longest ageing time, 1,000,000 s: after two of them nothing learned is left, whatever the rest.
 */
const STEP_MS = 1_000_000_000;
const STEPS = 2;

export class PacketClock {
  /** Milliseconds since the first frame with a time; a double, which does not wrap. */
  nowMs = 0;
  nextTickMs = TICK_MS;
  /** Seconds and nanoseconds of the first and of the latest frame. */
  firstSeconds = 0;
  firstNanos = 0;
  lastSeconds = 0;
  lastNanos = 0;
  started = false;
  #sweptMs = 0;

  /** The time of a frame of that timestamp. */
  advance(seconds: number, nanos: number): number {
    if (!this.started) {
      this.started = true;
      this.firstSeconds = seconds;
      this.firstNanos = nanos;
      this.lastSeconds = seconds;
      this.lastNanos = nanos;
    }
    const since = (seconds - this.firstSeconds) * 1000 + Math.floor((nanos - this.firstNanos) / 1e6);
    if (since >= this.nowMs) this.nowMs = since;
    if (seconds > this.lastSeconds || (seconds === this.lastSeconds && nanos > this.lastNanos)) {
      this.lastSeconds = seconds;
      this.lastNanos = nanos;
    }
    return this.nowMs;
  }

  /** Housekeeping for the whole seconds up to now; call when nowMs >= nextTickMs and the batch is empty. */
  tick(fdbs: readonly Fdb[]): void {
    const whole = Math.floor(this.nowMs / TICK_MS) * TICK_MS;
    for (let step = 0; step < STEPS && whole - this.#sweptMs > STEP_MS; step++) {
      this.#sweptMs += STEP_MS;
      for (const fdb of fdbs) sweepAll(fdb, toInt32(this.#sweptMs));
    }
    const isLong = whole - this.#sweptMs > STEP_MS;
    for (const fdb of fdbs) if (isLong || needsSweep(fdb, toInt32(whole))) sweepAll(fdb, toInt32(whole));
    this.#sweptMs = whole;
    this.nextTickMs = whole + TICK_MS;
  }

  /** Seconds between the first and the latest frame, to the nanosecond. */
  get durationSeconds(): number {
    if (!this.started) return 0;
    const nanos = this.lastNanos - this.firstNanos;
    return Math.max(0, this.lastSeconds - this.firstSeconds + nanos / 1e9);
  }
}

/** Modulo 2^32, as the tables' columns have it. */
function toInt32(ms: number): number {
  return ms | 0;
}
