/** What the tests of this room share: reading a capture to its end, and sources that behave badly. */
import { CaptureError, type CaptureReader } from '../../../src/pcap/reader.ts';
import type { ByteSource } from '../../../src/pcap/source.ts';

export interface Seen {
  n: number;
  kind: 'packet' | 'other';
  capLen: number;
  origLen: number;
  seconds: number;
  nanos: number;
  timed: boolean;
  linkType: number;
  interfaceId: number;
  /** FNV-1a over the captured bytes: enough to see a wrong offset. */
  hash: number;
}

export interface Outcome {
  records: Seen[];
  error: CaptureError | null;
}

/** Reads all records; a CaptureError ends the list, any other exception is the test's failure. */
export function readAll(open: () => CaptureReader): Outcome {
  const records: Seen[] = [];
  try {
    const reader = open();
    while (reader.next()) records.push(snapshot(reader));
    return { records, error: null };
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    return { records, error };
  }
}

export function snapshot(reader: CaptureReader): Seen {
  const { kind, capLen, origLen, seconds, nanos, timed, linkType, interfaceId, recordNumber: n } = reader;
  let hash = 0x811c9dc5;
  for (let i = 0; i < capLen; i++) hash = Math.imul(hash ^ reader.buffer[reader.offset + i]!, 0x01000193);
  return { n, kind, capLen, origLen, seconds, nanos, timed, linkType, interfaceId, hash };
}

/** Gives one byte at a time, as a slow pipe may. */
export class OneByteSource implements ByteSource {
  #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(into: Uint8Array, offset: number, length: number): number {
    if (this.#at === this.#bytes.length || length === 0) return 0;
    into[offset] = this.#bytes[this.#at++]!;
    return 1;
  }
}
