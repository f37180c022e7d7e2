/** What the tests of this room share: a replay in memory, and the command with its output caught. */
import { readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { type ReplayCommand, replay } from '../../../src/cli/replay.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { CaptureReader } from '../../../src/pcap/reader.ts';
import { MemorySink, MemorySource } from '../../../src/pcap/source.ts';
import { Replay, type ReplayClock, runReplay } from '../../../src/runtime/replay/replay.ts';
import type { ReplayReport } from '../../../src/runtime/replay/report.ts';

export interface Result {
  report: ReplayReport;
  /** What the report is as text: for comparisons byte by byte. */
  json: string;
  /** By port. */
  captures: Map<string, Uint8Array>;
}

export interface Options {
  clock?: ReplayClock;
  batch?: number;
  speed?: number;
  /** Frames per step. */
  slice?: number;
}

/** Replays captures that are in memory. */
export async function replayBytes(
  config: string,
  inputs: readonly (readonly [port: string, bytes: Uint8Array])[],
  options: Options = {},
): Promise<Result> {
  const sinks = new Map<string, MemorySink>();
  const { slice, ...rest } = options;
  const engine = new Replay({
    config: loadConfig(config, 'test.yaml'),
    inputs: inputs.map(([port, bytes], n) => ({ port, name: `in${n}`, source: new MemorySource(bytes) })),
    output: (port) => {
      const sink = new MemorySink();
      sinks.set(port, sink);
      return sink;
    },
    ...rest,
  });
  if (slice === undefined) await runReplay(engine);
  else {
    while (engine.step(slice) >= 0);
    engine.finish();
  }
  const report = engine.report();
  const { arena } = engine.core.dp;
  if (arena.freeCount[0] !== arena.smallSlots || arena.freeCount[1] !== arena.largeSlots) throw new Error('slots leak');
  return {
    report,
    json: JSON.stringify(report),
    captures: new Map([...sinks].sort().map(([port, sink]) => [port, sink.bytes()])),
  };
}

export interface Written {
  /** Microseconds. */
  time: number;
  hex: string;
}

/** The frames of a capture. */
export function framesOf(bytes: Uint8Array | undefined): Written[] {
  const frames: Written[] = [];
  if (bytes === undefined) return frames;
  const reader = new CaptureReader(new MemorySource(bytes));
  while (reader.next()) {
    const { buffer, offset, capLen, seconds, nanos } = reader;
    const hex = Buffer.from(buffer.subarray(offset, offset + capLen)).toString('hex');
    frames.push({ time: seconds * 1e6 + nanos / 1000, hex });
  }
  return frames;
}

class Caught extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

export async function command(options: ReplayCommand): Promise<{ status: number; stdout: string; stderr: string }> {
  const stdout = new Caught();
  const stderr = new Caught();
  const status = await replay(options, { stdout, stderr });
  return { status, stdout: stdout.text, stderr: stderr.text };
}

export function readBytes(path: string): Uint8Array {
  return new Uint8Array(readFileSync(path));
}
