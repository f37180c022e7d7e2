/**
 * Trace: one frame through the stages that every frame of the slow lane takes, stopping after each to say what it
 * found. Nothing of the switch's behaviour is written down here a second time.
 */

import { frameStart, LARGE_FRAME_BYTES, release, takeFor } from '../dataplane/arena.ts';
import { type Batch, createBatch, INDEX_MASK, RX_TRUNCATED, SHAPE_ALT } from '../dataplane/batch.ts';
import { DROP_NONE, DROP_REASONS } from '../dataplane/reasons.ts';
import { SLOW_STAGES } from '../dataplane/slow-lane.ts';
import { account } from '../dataplane/stages/account.ts';
import { dissectFrame } from '../wire/dissect.ts';
import { frameText } from '../wire/dissect-text.ts';
import { TraceError } from './error.ts';
import { OBSERVERS } from './observe.ts';
import type { FrameView, ReasonView, Trace, TraceOutput, TraceStage } from './types.ts';
import { portNamed, vlanOf, type World } from './world.ts';

/** A frame as it would arrive. */
export interface TraceFrame {
  port: string;
  bytes: Uint8Array;
  /** Its length on the wire, where `bytes` are only the first of it. */
  wireLength?: number | undefined;
}

/**
 * Sends a frame through `world`, which learns from it as a switch does. Throws TraceError for a port that is not
 * there or a frame that no slot holds.
 */
export function trace(world: World, frame: TraceFrame): Trace {
  const port = portNamed(world, frame.port);
  const { dp } = world;
  const { bytes, wireLength = bytes.length } = frame;
  const slot = takeFor(dp.arena, bytes.length);
  if (slot < 0) throw new TraceError(`the frame has ${bytes.length} bytes; valid are at most ${LARGE_FRAME_BYTES}`);
  const b = createBatch(1);
  const off = frameStart(dp.arena, slot);
  dp.arena.bytes.set(bytes, off);
  b.count = 1;
  b.slot[0] = slot;
  b.off[0] = off;
  b.len[0] = bytes.length;
  b.port[0] = port.index;
  b.rxFlags[0] = bytes.length < wireLength ? RX_TRUNCATED : 0;
  b.nowMs[0] = world.nowMs;
  dp.egress.count.fill(0);
  const stages = runStages(world, b);
  account(dp, b, 0, bytes.length);
  const outputs = outputsOf(world, b);
  dp.egress.count.fill(0);
  release(dp.arena, slot);
  const reason = reasonView(b.reason[0]);
  return {
    port: port.name,
    bridge: port.bridge,
    frame: frameView(bytes, wireLength),
    stages,
    verdict: reason !== null ? 'dropped' : outputs.length === 0 ? 'consumed' : 'delivered',
    reason,
    vid: b.fid[0] === 0 ? null : (vlanOf(world, b.fid[0])?.vid ?? null),
    outputs,
  };
}

/** As `slowLane`, with a look between the stages. */
function runStages(world: World, b: Batch): TraceStage[] {
  const stages: TraceStage[] = [];
  let reason = DROP_NONE;
  for (const { name, run } of SLOW_STAGES) {
    const tell = OBSERVERS[name]?.(world, b);
    reason = run(world.dp, b, 0);
    const told = tell === undefined ? { text: '' } : tell(reason);
    // Nothing to tell: the stage had nothing to do with it.
    if (told !== null) stages.push({ stage: name, ...told, reason: reasonView(reason)?.name ?? null });
    if (reason !== DROP_NONE) break;
  }
  b.reason[0] = reason;
  return stages;
}

function outputsOf({ dp, directory }: World, b: Batch): TraceOutput[] {
  const { list, count, stride } = dp.egress;
  const outputs: TraceOutput[] = [];
  for (const port of directory.ports) {
    const start = port.index * stride;
    for (let k = start; k < start + count[port.index]; k++) {
      outputs.push({ port: port.name, ...frameView(leaving(dp.arena.bytes, b, list[k])) });
    }
  }
  return outputs;
}

/** The bytes that a word of an egress list stands for. */
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
