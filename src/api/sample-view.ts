/**
 * Sampled drops by name: what was dropped lately, when, where and why.
 */

import { reasonName } from '../dataplane/reasons.ts';
import { type DropSample, listSamples } from '../dataplane/samples.ts';
import { dissectFrame } from '../wire/dissect.ts';
import { frameText } from '../wire/dissect-text.ts';
import type { ReadableSwitch } from './reader.ts';

export interface SampleView {
  /** What `explain --drop` takes. */
  id: number;
  reason: string;
  /** Port that it arrived on; null when it is gone since. */
  port: string | null;
  /** Null before it had a VLAN, and on a VLAN-unaware bridge. */
  vid: number | null;
  ageSeconds: number;
  /** Of the whole frame; `hex` has at most its first 256 bytes. */
  length: number;
  /** It was only the first part of a frame. */
  truncated: boolean;
  /** It is as it was to leave, not as it came: its device did not take it. */
  shaped: boolean;
  /** As `etherloom dissect` says it. */
  text: string;
  hex: string;
}

/** The newest last. */
export function sampleViews({ tables, directory }: ReadableSwitch, nowMs: number): SampleView[] {
  const ports = new Map(directory.ports.map((port) => [port.index, port.name]));
  for (const { port, config } of directory.interfaces) ports.set(port, config.name);
  const vids = new Map(directory.vlans.map((vlan) => [vlan.fid, vlan.vid]));
  return listSamples(tables.samplesOf).map((sample) => ({
    id: sample.number,
    reason: reasonName(sample.reason),
    port: ports.get(sample.port) ?? null,
    vid: vids.get(sample.fid) ?? null,
    ageSeconds: Math.max(0, ((nowMs | 0) - sample.nowMs) | 0) / 1000,
    length: sample.length,
    truncated: sample.truncated,
    shaped: sample.shaped,
    text: textOf(sample),
    hex: Buffer.from(sample.bytes).toString('hex'),
  }));
}

function textOf({ bytes, length }: DropSample): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return frameText(dissectFrame(view, 0, bytes.length, length));
}
