/** What a trace shows of frames and reasons. */

import { type Batch, INDEX_MASK, SHAPE_ALT } from '../dataplane/batch.ts';
import { DROP_REASONS } from '../dataplane/reasons.ts';
import type { Sender } from '../dataplane/transmit.ts';
import { leavesOtherwise, TranslatingSender } from '../runtime/translating.ts';
import { dissectFrame } from '../wire/dissect.ts';
import type { FrameFields } from '../wire/dissect-fields.ts';
import { frameText } from '../wire/dissect-text.ts';
import type { FrameView, ReasonView, TraceOutput } from './types.ts';
import { portName, type World } from './world.ts';

/** What sends for a port: it keeps what it is given, with the tags that the port's neighbors know. */
export function keeper(world: World, port: number, outputs: TraceOutput[], tunnel: string | null = null): Sender {
  const { dp } = world;
  const name = portName(world, port) ?? String(port);
  const sender: Sender = {
    lastError: 0,
    send(b, list, start, count) {
      for (let k = start; k < start + count; k++) {
        const bytes = leaving(dp.arena.bytes, b, list[k]);
        const output = { port: name, ...frameView(bytes, bytes.length, tunnel !== null) };
        outputs.push(tunnel === null ? output : { ...output, tunnel });
      }
      return count;
    },
  };
  return leavesOtherwise(dp.ports, port) ? new TranslatingSender(dp, port, sender) : sender;
}

function leaving(bytes: Uint8Array, b: Batch, word: number): Uint8Array {
  const i = word & INDEX_MASK;
  if ((word & SHAPE_ALT) === 0) return bytes.slice(b.off[i], b.off[i] + b.len[i]);
  const frame = new Uint8Array(b.altHeadLen[i] + b.altLen[i]);
  frame.set(bytes.subarray(b.altHeadOff[i], b.altHeadOff[i] + b.altHeadLen[i]));
  frame.set(bytes.subarray(b.altOff[i], b.altOff[i] + b.altLen[i]), b.altHeadLen[i]);
  return frame;
}

/** `outer`: what its UDP datagram carries is VXLAN, whatever the port. */
export function frameView(bytes: Uint8Array, wireLength: number = bytes.length, outer: boolean = false): FrameView {
  const text = frameText(outer ? dissectOuter(bytes) : dissect(bytes, wireLength));
  return { length: wireLength, text, hex: Buffer.from(bytes).toString('hex') };
}

export function dissectOuter(bytes: Uint8Array): FrameFields {
  return dissect(bytes, bytes.length, dissect(bytes, bytes.length).outer?.udp?.dst);
}

function dissect(bytes: Uint8Array, wireLength: number, vxlanPort?: number): FrameFields {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return dissectFrame(view, 0, bytes.length, wireLength, 0, vxlanPort);
}

export function reasonView(number: number): ReasonView | null {
  return DROP_REASONS.find((reason) => reason.number === number) ?? null;
}
