/**
 * The clock of an embedded switch: it drives ageing and stamps frames.
 *
 * The real one is monotonic, so that a change of the system's time ages nothing. A manual one stands still until
 * it is moved, which makes ageing exact in a test and a replay the same on every machine.
 */

/** Milliseconds for ageing, of which only differences count, and microseconds since the epoch for captures. */
export interface Clock {
  nowMs(): number;
  /** `nowMs() * 1000` when left out. */
  timeUs?(): number;
}

export function realClock(): Clock {
  return {
    nowMs: () => performance.now(),
    timeUs: () => Math.floor((performance.timeOrigin + performance.now()) * 1000),
  };
}

export interface ManualClock extends Clock {
  /** Moves the clock on. */
  advance(ms: number): void;
  /** Puts the clock to a time; earlier than now is a RangeError, since entries would seem to come from the future. */
  set(ms: number): void;
}

/** A clock that stands at `startMs` until it is moved. */
export function manualClock(startMs: number = 0): ManualClock {
  let now = startMs;
  const set = (ms: number) => {
    if (!Number.isFinite(ms) || ms < now)
      throw new RangeError(`a clock goes forward: ${ms} ms is before ${now} ms, or no time`);
    now = ms;
  };
  return { nowMs: () => now, advance: (ms) => set(typeof ms === 'number' ? now + ms : ms), set };
}
