/**
 * Replay: captures in, captures and a ledger out, on the real data plane.
 *
 * The frames of all inputs go through the switch in the order of their timestamps; what a port sends is written
 * with the timestamp of the frame that caused it. The result depends on configuration and captures alone: not
 * on the batch size, not on the hour, not on the machine. Three clocks: `packet` (default) is the captures' own
 * time and drives ageing, `wall` is the same held back to real time, `none` stands still.
 *
 * Memory is constant: a window per capture, a buffer per output, the arena. `Replay` is the engine, which works
 * in slices, so that its owner can show progress and stop it; `replayCaptures` is all of it in one call.
 */

import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { appendCaptured, CaptureSender, captureTimeUs, frameBytes, NEVER_FITS, NO_SLOT } from '../../adapters/pcap.ts';
import type { SwitchConfig } from '../../config/types.ts';
import { arenaBytes } from '../../dataplane/arena.ts';
import { BATCH_FRAMES } from '../../dataplane/batch.ts';
import { FID_COUNTERS, PORT_COUNTERS, RX_BYTES, RX_FRAMES } from '../../dataplane/counters.ts';
import { PARSE_GROUP_SOURCE, PARSE_TOO_LONG, PARSE_TRUNCATED_CAPTURE, REASON_COUNT } from '../../dataplane/reasons.ts';
import type { ByteSink, ByteSource } from '../../pcap/source.ts';
import type { Fdb } from '../../tables/fdb/fdb.ts';
import { configure, SwitchCore, sizeFor } from '../core.ts';
import { Recording, type RecordingOptions } from '../recording.ts';
import { PacketClock } from './clock.ts';
import { Merge, ReplayCursor } from './input.ts';
import { type ReplayReport, reportOf } from './report.ts';

export type ReplayClock = 'packet' | 'none' | 'wall';

export interface ReplayInput {
  /** Name of the port that receives the frames. */
  port: string;
  /** What the capture is called in messages and in the report. */
  name: string;
  source: ByteSource;
}

export interface ReplayOptions {
  config: SwitchConfig;
  inputs: readonly ReplayInput[];
  /** Called once for every port that sends something; null lets it disappear. */
  output: (port: string) => ByteSink | null;
  clock?: ReplayClock;
  /** Frames processed together, 1..256; the result is the same. */
  batch?: number;
  /** `wall`: 2 is twice as fast as it was. */
  speed?: number;
  /** Frames with what became of them, beside the outputs. Throws FilterError. */
  recording?: RecordingOptions;
}

/** An input cannot be used at all; nothing has been written. */
export class ReplayError extends Error {
  override readonly name = 'ReplayError';
}

/** Slots for frames of 2 to 64 KB: a batch of them is forwarded early when there are more. */
const LARGE_SLOTS = 64;
/** Frames between two looks at the world: about 20 ms. */
const SLICE_FRAMES = 32_768;
/** The first byte of the source address, and its individual/group bit. */
const SOURCE_AT = 6;
const GROUP_BIT = 0x01;
/** Longest sleep of the wall clock, so that a stop is soon heard. */
const NAP_MS = 100;

export class Replay {
  readonly core: SwitchCore;
  readonly inputs: readonly ReplayCursor[];
  readonly clock: ReplayClock;
  /** Name of the switch. */
  readonly name: string;
  readonly time = new PacketClock();
  /** Frames taken from the captures so far. */
  frames = 0;
  /** Milliseconds spent in the data plane alone, without reading and writing. */
  forwardMs = 0;
  readonly outputs = new Map<string, CaptureSender>();
  readonly #merge = new Merge();
  readonly #limit: number;
  readonly #output: ReplayOptions['output'];
  readonly #speed: number;
  readonly #recording: Recording | null;
  #startedMs = -1;
  readonly #fdbs: readonly Fdb[];

  /** Opens the inputs. Throws ReplayError or CaptureError for one that is no capture of Ethernet. */
  constructor(options: ReplayOptions) {
    const { config, inputs, output, clock = 'packet', batch = BATCH_FRAMES, speed = 1, recording } = options;
    this.clock = clock;
    this.name = config.name;
    // What is recorded lies in the order of the frames only when they go one by one.
    this.#limit = recording === undefined ? Math.min(Math.max(1, batch), BATCH_FRAMES) : 1;
    this.#output = output;
    this.#speed = speed;
    const slots = { smallSlots: BATCH_FRAMES, largeSlots: LARGE_SLOTS };
    this.core = new SwitchCore({
      ...sizeFor(config),
      ...slots,
      arenaMemory: new ArrayBuffer(arenaBytes(slots)),
      nowMs: () => this.#nowMs,
      timeUs: () => captureTimeUs(this.time.lastSeconds, this.time.lastNanos),
      senderOf: (port) => this.#senderOf(port),
    });
    this.#fdbs = [this.core.dp.fdb, this.core.dp.vxlan.fdb];
    configure(this.core, config);
    this.#recording = recording === undefined ? null : new Recording(this.core, recording);
    const { control } = this.core;
    for (const name of control.ports.keys()) control.setLink(name, true);
    this.inputs = inputs.map((input, index) => {
      const port = control.ports.get(input.port);
      if (port === undefined) throw new ReplayError(`${input.port}: the switch has no such port`);
      return new ReplayCursor(index, input.port, port.index, input.name, input.source);
    });
    for (const cursor of this.inputs) {
      if (cursor.next()) this.#merge.add(cursor);
      else refuseForeign(cursor);
    }
  }

  get #nowMs(): number {
    return this.clock === 'none' ? 0 : this.time.nowMs;
  }

  /** Bytes of the captures that have been read. */
  get bytesRead(): number {
    let bytes = 0;
    for (const cursor of this.inputs) bytes += cursor.reader.bytesRead;
    return bytes;
  }

  /**
   * Replays up to `frames` frames. Returns 0 when there is more to do at once, the milliseconds until the next
   * frame is due (wall clock), or -1 when everything has been replayed. Throws what a sink throws.
   */
  step(frames: number = SLICE_FRAMES): number {
    const { batch: b, dp } = this.core;
    const { arena } = dp;
    const { time } = this;
    const merge = this.#merge;
    const limit = this.#limit;
    const keepsTime = this.clock !== 'none';
    const paced = this.clock === 'wall';
    for (let left = frames; left > 0; left--) {
      const cursor = merge.first;
      if (cursor === undefined) {
        this.#forward();
        return -1;
      }
      if (paced) {
        const wait = this.#dueIn(cursor);
        if (wait > 0) {
          this.#forward();
          return wait;
        }
      }
      if (cursor.timed) {
        const now = time.advance(cursor.seconds, cursor.nanos);
        if (now >= time.nextTickMs && keepsTime) {
          this.#forward();
          time.tick(this.#fdbs);
          this.core.protocolTick(time.nowMs | 0);
        }
      }
      const { reader } = cursor;
      let done = appendCaptured(arena, b, reader, cursor.port);
      if (done === NO_SLOT) {
        this.#forward();
        done = appendCaptured(arena, b, reader, cursor.port);
      }
      if (done === NEVER_FITS) {
        this.#dropOversized(cursor);
      } else {
        const i = b.count - 1;
        b.nowMs[i] = keepsTime ? time.nowMs | 0 : 0;
        b.timeUs[i] = captureTimeUs(cursor.seconds, cursor.nanos);
        cursor.truncated += b.rxFlags[i];
        cursor.bytes += b.len[i];
        if (b.count === limit) this.#forward();
      }
      cursor.frames++;
      this.frames++;
      merge.advance();
    }
    return 0;
  }

  /** Flushes what the outputs still hold. Throws what a sink throws. */
  finish(): void {
    this.#forward();
    this.#recording?.drain();
    for (const sender of this.outputs.values()) sender.flush();
  }

  report(): ReplayReport {
    return reportOf(this);
  }

  #forward(): void {
    if (this.core.batch.count === 0) return;
    this.core.forward(this);
    this.#recording?.drain();
  }

  readonly #senders: (CaptureSender | typeof NOWHERE | undefined)[] = [];

  #senderOf(port: number): CaptureSender | typeof NOWHERE {
    let sender = this.#senders[port];
    if (sender === undefined) {
      const { name } = this.core.control.portByIndex[port]!;
      const sink = this.#output(name);
      if (sink === null) {
        sender = NOWHERE;
      } else {
        sender = new CaptureSender(this.core.dp.arena, sink);
        this.outputs.set(name, sender);
      }
      this.#senders[port] = sender;
    }
    return sender;
  }

  /**
   * A frame that no slot holds never gets into the pipeline, and is in the ledger all the same: received, and
   * dropped for the reason that `parse` would have given.
   */
  #dropOversized(cursor: ReplayCursor): void {
    const { counters } = this.core.dp;
    const { reader, port } = cursor;
    const length = frameBytes(reader);
    const truncated = reader.capLen < reader.origLen;
    const groupSource = (reader.buffer[reader.offset + SOURCE_AT] & GROUP_BIT) !== 0;
    const reason = truncated ? PARSE_TRUNCATED_CAPTURE : groupSource ? PARSE_GROUP_SOURCE : PARSE_TOO_LONG;
    counters.port[port * PORT_COUNTERS + RX_FRAMES]++;
    counters.port[port * PORT_COUNTERS + RX_BYTES] += length;
    counters.fid[0 * FID_COUNTERS + RX_FRAMES]++;
    counters.fid[0 * FID_COUNTERS + RX_BYTES] += length;
    counters.portDrops[port * REASON_COUNT + reason]++;
    counters.fidDrops[0 * REASON_COUNT + reason]++;
    cursor.bytes += length;
    cursor.oversized++;
    if (truncated) cursor.truncated++;
  }

  /** Milliseconds until the cursor's frame is due in real time; 0 or less: now. */
  #dueIn(cursor: ReplayCursor): number {
    const now = performance.now();
    if (this.#startedMs < 0) this.#startedMs = now;
    if (!cursor.timed || !this.time.started) return 0;
    const { firstSeconds, firstNanos } = this.time;
    const since = (cursor.seconds - firstSeconds) * 1000 + (cursor.nanos - firstNanos) / 1e6;
    return this.#startedMs + since / this.#speed - now;
  }
}

/** Takes everything and keeps nothing. */
const NOWHERE = { lastError: 0, send: (_b: unknown, _list: Int32Array, _start: number, count: number) => count };

/** A capture that holds records, and none of Ethernet, is a mistake of the caller. */
function refuseForeign(cursor: ReplayCursor): void {
  const foreign = cursor.skipped.find((s) => s.linkType !== null);
  if (foreign === undefined || cursor.damage !== null) return;
  const where = foreign.interface === null ? '' : ` (interface ${foreign.interface})`;
  throw new ReplayError(`${cursor.name}: holds no Ethernet frames: the link type is ${foreign.linkType}${where}`);
}

/** Steps a replay to its end. Resolves false when the signal stopped it; rejects with what a sink throws. */
export async function runReplay(
  replay: Replay,
  options: { signal?: AbortSignal; onSlice?: (replay: Replay) => void } = {},
): Promise<boolean> {
  const { signal, onSlice } = options;
  for (;;) {
    if (signal?.aborted === true) return false;
    const wait = replay.step();
    onSlice?.(replay);
    if (wait < 0) break;
    // A turn of the event loop, in which signals are heard.
    await (wait === 0 ? turn() : sleep(Math.min(wait, NAP_MS)));
  }
  replay.finish();
  return true;
}

/** The whole replay in one call, for programs and tests: resolves with the report. */
export async function replayCaptures(options: ReplayOptions & { signal?: AbortSignal }): Promise<ReplayReport> {
  const { signal, ...rest } = options;
  const replay = new Replay(rest);
  if (!(await runReplay(replay, signal === undefined ? {} : { signal }))) throw new ReplayError('stopped');
  return replay.report();
}
