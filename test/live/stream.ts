/** Numbered frames from one host to another, of which none may be lost. */

import { type FrameSocket, PATIENCE_MS, until } from './netns.ts';

/**
 * Frames that are under way at once: what the queue of a TAP holds even when the switch stands still for a while. Who reads
 * at the other end stands still at times as well.
 */
const WINDOW = 200;

export interface Stream {
  /** So far. Throws when so many are missing that no more are sent. */
  readonly sent: number;
  /** Sends no more; resolves when all have arrived. */
  end(): Promise<void>;
}

/** Sends frames, two a millisecond at most; `numberOf` says of a frame that arrives which it is, or -1. */
export function stream(
  from: FrameSocket,
  to: FrameSocket,
  frame: (n: number) => Buffer,
  numberOf: (frame: Buffer) => number,
): Stream {
  let sent = 0;
  let last = Date.now();
  const arrived = new Set<number>();
  const look = () => {
    for (const each of to.frames.splice(0)) {
      const n = numberOf(each);
      if (n >= 0) arrived.add(n);
    }
    return arrived.size;
  };
  const timer = setInterval(() => {
    const room = WINDOW - (sent - look());
    if (room > 0) last = Date.now();
    for (let i = 0; i < Math.min(4, room); i++) from.send(frame(sent++));
  }, 2);
  return {
    get sent() {
      if (Date.now() <= last + PATIENCE_MS) return sent;
      clearInterval(timer);
      throw new Error(`${look()} of ${sent} frames are there`);
    },
    async end() {
      clearInterval(timer);
      await until(() => look() === sent, `all ${sent} frames are there`).catch((error) => {
        throw new Error(`${error.message}: ${look()} are`);
      });
    },
  };
}
