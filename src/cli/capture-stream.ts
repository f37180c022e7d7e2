/** A capture of a running switch as it comes: piece by piece, until a signal, the switch or whoever takes it ends it. */

import type { IncomingMessage } from 'node:http';
import { CaptureBlocks } from '../capture/blocks.ts';
import type { CaptureReader } from '../pcap/reader.ts';

/** Takes a piece, the frames that are whole with it, and how many bytes so far are of whole blocks; false: nobody takes them any more. */
export type Take = (piece: Buffer, frames: CaptureReader | null, wholeBytes: number) => Promise<boolean>;

export interface Captured {
  /** Ended here, not by the switch. */
  stopped: boolean;
  frames: number;
  /** Frames that came faster than they were taken. */
  lost: number;
}

export async function takeCapture(stream: IncomingMessage, take: Take): Promise<Captured> {
  const blocks = new CaptureBlocks();
  let stopped = false;
  const stop = () => {
    stopped = true;
    stream.destroy();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    for await (const piece of stream) {
      const whole = blocks.take(piece);
      if (await take(piece, whole, blocks.bytes)) continue;
      stop();
      break;
    }
  } catch (error) {
    if (!stopped && (error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
  } finally {
    process.removeListener('SIGINT', stop);
    process.removeListener('SIGTERM', stop);
    stream.destroy();
  }
  return { stopped, frames: blocks.frames, lost: blocks.lost };
}

/** False: nobody reads it any more. */
export function written(out: NodeJS.WritableStream, data: Buffer | string): Promise<boolean> {
  return new Promise((resolve) => out.write(data, (error?: Error | null) => resolve(!error)));
}
