/**
 * Trace: one frame through the stages that every frame of the slow lane takes, stopping after each to say what it
 * found. Nothing of the switch's behaviour is written down here a second time.
 */

import { frameStart, LARGE_FRAME_BYTES, release, takeFor } from '../dataplane/arena.ts';
import { type Batch, createBatch, RX_DONE, RX_TRUNCATED } from '../dataplane/batch.ts';
import { stagesOf } from '../dataplane/lanes/slow-lane.ts';
import { DROP_NONE } from '../dataplane/reasons.ts';
import { account } from '../dataplane/stages/account.ts';
import { Mirroring } from '../runtime/mirroring.ts';
import { tciVid } from '../wire/vlan.ts';
import { TraceError } from './error.ts';
import { OBSERVERS } from './observe/observe.ts';
import { decapStage, encapStage } from './observe/tunnel.ts';
import { frameView, keeper, reasonView } from './output.ts';
import type { Trace, TraceOutput, TraceStage } from './types.ts';
import { portName, receiverNamed, vlanOf, type World } from './world.ts';

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
  const port = receiverNamed(world, frame.port);
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
  b.punted = -1;
  b.nowMs[0] = world.nowMs;
  dp.egress.count.fill(0);
  const mirrored: TraceOutput[] = [];
  const mirroring = dp.mirrors.inForce[0] === 0 ? null : new Mirroring(dp, (port) => keeper(world, port, mirrored));
  mirroring?.received(b);
  const decap = decapStage(world, b);
  if (decap !== null) mirroring?.decapsulated(b);
  const inner = b.port[0];
  const done = (b.rxFlags[0] & RX_DONE) !== 0;
  const ahead = done ? { stages: [], ingressFid: 0 } : forward(world, b);
  const stages = [...(decap === null ? [] : [decap]), ...ahead.stages];
  mirroring?.sent(b, 0, 1);
  if (mirrored.length > 0) stages.push(mirrorStage(mirrored));
  const encap = encapStage(world, b);
  if (encap !== null) stages.push(encap.stage);
  const outputs = [...plainOutputs(world, b), ...(encap?.outputs ?? [])];
  dp.egress.count.fill(0);
  release(dp.arena, slot);
  const reason = reasonView(b.reason[0]);
  const tunnel = decap !== null && b.vni[0] !== 0 ? portName(world, inner) : null;
  return {
    port: port.name,
    bridge: port.bridge,
    tunnel,
    tagVid: done ? null : tciVid(b.tci[0]) || null,
    frame: frameView(bytes, wireLength, tunnel !== null),
    stages,
    verdict: reason !== null ? 'dropped' : outputs.length === 0 ? 'consumed' : 'delivered',
    reason,
    vid: vidOf(world, b.fid[0]),
    ingressVid: vidOf(world, ahead.ingressFid),
    outputs,
    mirrored,
  };
}

function vidOf(world: World, fid: number): number | null {
  return fid === 0 ? null : (vlanOf(world, fid)?.vid ?? null);
}

function mirrorStage(copies: readonly TraceOutput[]): TraceStage {
  const ports = copies.map(({ port }) => port).join(', ');
  return {
    stage: 'mirror',
    text: copies.length === 1 ? `a copy out of ${ports}` : `copies out of ${ports}`,
    reason: null,
  };
}

/** As `slowLane`, with a look between the stages. */
function forward(world: World, b: Batch): { stages: TraceStage[]; ingressFid: number } {
  const stages: TraceStage[] = [];
  let ingressFid = 0;
  const length = b.len[0];
  let reason = DROP_NONE;
  for (const { name, run } of stagesOf(world.dp, b.port[0])) {
    const tell = OBSERVERS[name]?.(world, b);
    reason = run(world.dp, b, 0);
    if (name === 'classify') ingressFid = b.fid[0];
    const told = tell === undefined ? { text: '' } : tell(reason);
    // Nothing to tell: the stage had nothing to do with it.
    if (told !== null) stages.push({ stage: name, ...told, reason: reasonView(reason)?.name ?? null });
    if (reason !== DROP_NONE) break;
  }
  b.reason[0] = reason;
  account(world.dp, b, 0, length);
  return { stages, ingressFid };
}

/** What leaves by devices. */
function plainOutputs(world: World, b: Batch): TraceOutput[] {
  const { list, count, stride } = world.dp.egress;
  const outputs: TraceOutput[] = [];
  for (const { index } of world.directory.ports) {
    if (count[index] > 0) keeper(world, index, outputs).send(b, list, index * stride, count[index]);
  }
  return outputs;
}
