/** The Ethernet frames of the shared captures, whole and cut, as one capture that tcpdump reads. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PcapWriter } from '../../../src/pcap/pcap-writer.ts';
import { CaptureReader } from '../../../src/pcap/reader.ts';
import { MemorySource } from '../../../src/pcap/source.ts';

const FILES = join(import.meta.dirname, '../../../../shared/captures/files');
const ETHERNET = 1;

export const capturesPresent: boolean = existsSync(FILES);

export interface CapturedFrame {
  readonly capture: string;
  /** In its capture, from 1. */
  readonly n: number;
  readonly bytes: Uint8Array;
  readonly len: number;
}

/** Every frame, and every third one again with fewer bytes captured than there were on the wire. */
export function sharedFrames(): CapturedFrame[] {
  const frames: CapturedFrame[] = [];
  for (const capture of readdirSync(FILES).sort()) {
    try {
      const reader = new CaptureReader(new MemorySource(readFileSync(join(FILES, capture))));
      while (reader.next()) {
        if (reader.kind !== 'packet' || reader.linkType !== ETHERNET) continue;
        const bytes = reader.buffer.slice(reader.offset, reader.offset + reader.capLen);
        frames.push({ capture, n: reader.recordNumber, bytes, len: reader.origLen });
        if (frames.length % 3 !== 0) continue;
        const cut = (frames.length * 7) % Math.min(bytes.length, 120);
        frames.push({ capture, n: reader.recordNumber, bytes: bytes.subarray(0, cut), len: reader.origLen });
      }
    } catch {
      // a damaged capture: the frames before the damage count
    }
  }
  return frames;
}

/** A capture whose time stamps are the numbers of the frames, in seconds. */
export function captureOf(frames: readonly CapturedFrame[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const writer = new PcapWriter({ write: (bytes, offset, length) => parts.push(bytes.slice(offset, offset + length)) });
  frames.forEach(({ bytes, len }, i) => {
    writer.write(bytes, 0, bytes.length, len, i, 0);
  });
  writer.flush();
  return Buffer.concat(parts);
}

/** The numbers of the frames in such a capture. */
export function framesIn(capture: Uint8Array): number[] {
  const numbers: number[] = [];
  const reader = new CaptureReader(new MemorySource(capture));
  while (reader.next()) numbers.push(reader.seconds);
  return numbers;
}
