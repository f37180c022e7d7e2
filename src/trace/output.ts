/** What a trace shows of frames and reasons. */

import { type Batch, INDEX_MASK, SHAPE_ALT } from '../dataplane/batch.ts';
import { DROP_REASONS } from '../dataplane/reasons.ts';
import { dissectFrame } from '../wire/dissect.ts';
import { frameText } from '../wire/dissect-text.ts';
import type { FrameView, ReasonView, TraceOutput } from './types.ts';
import type { World } from './world.ts';

/** The frame that a word of an egress list stands for. */
export function outputOf({ dp }: World, b: Batch, word: number, port: string): TraceOutput {
  return { port, ...frameView(leaving(dp.arena.bytes, b, word)) };
}

function leaving(bytes: Uint8Array, b: Batch, word: number): Uint8Array {
  const i = word & INDEX_MASK;
  if ((word & SHAPE_ALT) === 0) return bytes.slice(b.off[i], b.off[i] + b.len[i]);
  const frame = new Uint8Array(b.altHeadLen[i] + b.altLen[i]);
  frame.set(bytes.subarray(b.altHeadOff[i], b.altHeadOff[i] + b.altHeadLen[i]));
  frame.set(bytes.subarray(b.altOff[i], b.altOff[i] + b.altLen[i]), b.altHeadLen[i]);
  return frame;
}

export function frameView(bytes: Uint8Array, wireLength: number = bytes.length): FrameView {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const text = frameText(dissectFrame(view, 0, bytes.length, wireLength));
  return { length: wireLength, text, hex: Buffer.from(bytes).toString('hex') };
}

export function reasonView(number: number): ReasonView | null {
  return DROP_REASONS.find((reason) => reason.number === number) ?? null;
}
