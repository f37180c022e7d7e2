/**
 * How the forwarding thread waits for frames: a mode by name, and the two numbers behind it, which may be set one by one.
 */
import type { PollConfig, PollMode } from './types.ts';

export const POLL_MODES = ['throughput', 'latency'] as const satisfies readonly PollMode[];

/**
 * `latency` looks for a millisecond, since the next frame of a conversation across a network comes within that, and takes
 * few frames at a time, since the first of a burst waits for the last. `throughput` never takes processor time that a sender or a receiver on
 * the same machine could use.
 */
export const POLL_PRESETS: Readonly<Record<PollMode, PollConfig>> = {
  throughput: { mode: 'throughput', spinMicroseconds: 0, burst: 256 },
  latency: { mode: 'latency', spinMicroseconds: 1000, burst: 32 },
};

/** What is not set is the mode's. */
export function readPoll(raw: {
  mode: PollMode;
  spinMicroseconds?: number | undefined;
  burst?: number | undefined;
}): PollConfig {
  const preset = POLL_PRESETS[raw.mode];
  return {
    mode: raw.mode,
    spinMicroseconds: raw.spinMicroseconds ?? preset.spinMicroseconds,
    burst: raw.burst ?? preset.burst,
  };
}
