/**
 * What left against what was expected: pairing, and the first difference in words that lead to the byte.
 */

import type { Captured } from './bench.ts';
import type { Expectation, FrameSpec } from './format.ts';
import { checksHold } from './frame-checks.ts';

/** Frames shorter than this may come back padded with zeros (802.3: 64 bytes with FCS). */
const MIN_FRAME = 60;
const ROW = 16;
/** Frames of a port among which the one most like the expected one is looked for. */
const LOOKED_AT = 64;

export interface FrameDifference {
  /** One line. */
  message: string;
  port: string;
  expected?: string;
  got?: string;
  /** First byte that differs. */
  offset?: number;
  /** Rows of bytes for people. */
  detail: string[];
}

/** The first difference, or null. `tolerates`: frames that may have left beside the expected ones. */
export function compareFrames(
  expect: readonly Expectation[],
  frames: ReadonlyMap<string, FrameSpec>,
  captured: readonly Captured[],
  tolerates: (frame: Buffer) => boolean,
): FrameDifference | null {
  let left = captured;
  const absent: { port: string; frame: FrameSpec; n: number; of: number }[] = [];
  // What is compared to the last bit chooses first, so that a masked frame does not take its place.
  const order = [...expect].sort((a, b) => openness(frames.get(a.frame)!) - openness(frames.get(b.frame)!));
  for (const { port, frame: name, times } of order) {
    const frame = frames.get(name)!;
    let found = 0;
    left = left.filter((c) => {
      if (found === times || c.port !== port || !matches(frame, c.bytes)) return true;
      found++;
      return false;
    });
    if (found < times) absent.push({ port, frame, n: times - found, of: times });
  }
  // In the order of the file, not of pairing.
  const first = expect.map((e) => absent.find((a) => a.port === e.port && a.frame.name === e.frame)).find(Boolean);
  if (first !== undefined) return missing(first.port, first.frame, first.n, first.of, left);
  const others = left.filter((c) => !tolerates(c.bytes));
  return others.length === 0 ? null : unexpected(others, frames);
}

function openness(frame: FrameSpec): number {
  let open = 0;
  if (frame.mask !== null) for (const byte of frame.mask) if (byte !== 0xff) open++;
  return open;
}

export function matches(frame: FrameSpec, received: Buffer): boolean {
  const bytes = unpadded(frame.bytes, received);
  return differsAt(frame, bytes) < 0 && checksHold(bytes, frame.checks) === null;
}

/** Without zeros that only fill up to the shortest frame. */
function unpadded(expected: Buffer, received: Buffer): Buffer {
  const length = expected.length;
  if (received.length <= length || received.length > MIN_FRAME) return received;
  return received.subarray(length).every((byte) => byte === 0) ? received.subarray(0, length) : received;
}

/** The first byte that differs, or -1. */
function differsAt({ bytes, mask }: FrameSpec, received: Buffer): number {
  const common = Math.min(bytes.length, received.length);
  if (mask === null && bytes.length === received.length && bytes.equals(received)) return -1;
  for (let i = 0; i < common; i++) if (((bytes[i]! ^ received[i]!) & (mask?.[i] ?? 0xff)) !== 0) return i;
  return bytes.length === received.length ? -1 : common;
}

function missing(port: string, frame: FrameSpec, n: number, of: number, left: readonly Captured[]): FrameDifference {
  const here = left.filter((c) => c.port === port);
  const count = of === 1 ? '' : ` (${n} of ${of} missing)`;
  if (here.length !== 0) {
    const nearest = here
      .slice(0, LOOKED_AT)
      .map((c) => unpadded(frame.bytes, c.bytes))
      .reduce((best, bytes) => (distance(frame, bytes) < distance(frame, best) ? bytes : best));
    return differing(port, frame, nearest, count);
  }
  const elsewhere = left.find((c) => matches(frame, c.bytes));
  const instead = elsewhere === undefined ? `nothing left by ${port}` : `it left by ${elsewhere.port}`;
  return {
    message: `${frame.name} was to leave by ${port}, but ${instead}${count}`,
    port,
    expected: frame.bytes.toString('hex'),
    detail: [`expected  ${start(frame.bytes)}`],
  };
}

function distance(frame: FrameSpec, received: Buffer): number {
  let bytes = Math.abs(frame.bytes.length - received.length);
  const common = Math.min(frame.bytes.length, received.length);
  for (let i = 0; i < common; i++) {
    if (((frame.bytes[i]! ^ received[i]!) & (frame.mask?.[i] ?? 0xff)) !== 0) bytes++;
  }
  return bytes;
}

function differing(port: string, frame: FrameSpec, got: Buffer, count: string): FrameDifference {
  const { bytes } = frame;
  const both = { port, expected: bytes.toString('hex'), got: got.toString('hex') };
  const offset = differsAt(frame, got);
  if (offset < 0) {
    const failed = checksHold(got, frame.checks) ?? '';
    return { ...both, message: `what left by ${port} is ${frame.name}, but ${failed}${count}`, detail: [] };
  }
  const length = bytes.length === got.length ? '' : `; it has ${got.length} bytes instead of ${bytes.length}`;
  const values =
    offset < Math.min(bytes.length, got.length) ? `: ${hex(got[offset]!)} instead of ${hex(bytes[offset]!)}` : '';
  return {
    ...both,
    offset,
    message: `what left by ${port} differs from ${frame.name} at byte ${offset} (${fieldAt(bytes, offset)})${values}${length}${count}`,
    detail: rows(bytes, got, offset),
  };
}

function unexpected(left: readonly Captured[], frames: ReadonlyMap<string, FrameSpec>): FrameDifference {
  const { port, bytes } = left[0]!;
  const known = [...frames.values()].find((frame) => matches(frame, bytes));
  const what = known === undefined ? 'a frame' : known.name;
  const more = left.length === 1 ? '' : ` (and ${left.length - 1} more)`;
  return {
    message: `${what} left by ${port}, and should not have${more}`,
    port,
    got: bytes.toString('hex'),
    detail: [`got       ${start(bytes)}`],
  };
}

// ---- bytes for people

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

function start(bytes: Buffer): string {
  const head = spaced(bytes.subarray(0, 32));
  return `${head}${bytes.length > 32 ? ` … ${bytes.length} bytes` : ''}`;
}

function spaced(bytes: Buffer): string {
  return [...bytes].map(hex).join(' ');
}

/** The rows around the difference, one below the other, with a mark. */
function rows(expected: Buffer, got: Buffer, offset: number): string[] {
  const row = offset - (offset % ROW);
  const label = row.toString(16).padStart(4, '0');
  const cut = (bytes: Buffer) => spaced(bytes.subarray(row, row + ROW)) || '(ends before)';
  return [
    `expected  ${label}  ${cut(expected)}`,
    `got       ${label}  ${cut(got)}`,
    `${' '.repeat(16 + 3 * (offset - row))}^^`,
  ];
}

/** What stands at that byte of the frame. */
export function fieldAt(frame: Buffer, offset: number): string {
  if (offset < 6) return 'destination address';
  if (offset < 12) return 'source address';
  let at = 12;
  for (; at + 4 <= frame.length; at += 4) {
    const type = frame.readUInt16BE(at);
    if (type !== 0x8100 && type !== 0x88a8) break;
    if (offset < at + 2) return 'TPID';
    if (offset < at + 4) return 'TCI';
  }
  return offset < at + 2 ? 'EtherType' : `payload, byte ${offset - at - 2}`;
}
