/**
 * Replay for programs: captures in memory through a switch, captures and a report out.
 *
 * The frames of all inputs go in the order of their timestamps, by the time of the captures; the same input gives
 * the same bytes, on every machine and for every batch size. Ports of the configuration keep their VLAN settings
 * and take the captures in place of their adapters, whatever these are.
 */

import { type ByteSink, type ByteSource, MemorySink, MemorySource } from '../pcap/source.ts';
import { type ReplayClock, replayCaptures as replay } from '../runtime/replay/replay.ts';
import type { ReplayReport } from '../runtime/replay/report.ts';
import { type ConfigInput, readConfig } from './config-input.ts';

export interface CaptureInput {
  /** Port that receives the frames. */
  port: string;
  /** A pcap or pcapng file: its bytes, or where they come from. */
  capture: Uint8Array | ByteSource;
  /** What the capture is called in messages and in the report; the port's name when left out. */
  name?: string;
}

export interface ReplayRequest {
  config: ConfigInput | string;
  inputs: readonly CaptureInput[];
  /** Where the capture of a port goes, asked once for each that sends; null throws it away. Default: `captures`. */
  output?: (port: string) => ByteSink | null;
  /** packet (default): the captures' time drives ageing; wall: the same, held back to real time; none: it stands. */
  clock?: ReplayClock;
  /** Frames processed together, 1..256; the result does not depend on it. */
  batch?: number;
  /** Stops it: the promise is rejected. */
  signal?: AbortSignal;
}

export interface ReplayResult {
  /** Counters by port, drops by reason, the ledger, the FDB at the end. */
  report: ReplayReport;
  /** What every port sent, as pcap with microseconds; empty where `output` is given. */
  captures: Record<string, Uint8Array>;
}

/** Rejects with ConfigError, CaptureError, or ReplayError for an input that cannot be used at all. */
export async function replayCaptures(request: ReplayRequest): Promise<ReplayResult> {
  const { config, inputs, output, ...rest } = request;
  const sinks = new Map<string, MemorySink>();
  const keep = (port: string) => {
    const sink = new MemorySink();
    sinks.set(port, sink);
    return sink;
  };
  const report = await replay({
    ...rest,
    config: readConfig(config),
    inputs: inputs.map(({ port, capture, name = port }) => ({
      port,
      name,
      source: capture instanceof Uint8Array ? new MemorySource(capture) : capture,
    })),
    output: output ?? keep,
  });
  const captures: Record<string, Uint8Array> = {};
  for (const [port, sink] of sinks) captures[port] = sink.bytes();
  return { report, captures };
}
