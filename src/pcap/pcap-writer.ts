/**
 * Writes classic capture files: little-endian, version 2.4, microseconds unless asked for nanoseconds.
 *
 * The bytes depend on the arguments alone, never on the machine or the hour, so two replays of the same
 * input compare equal. Frames longer than the snap length are cut to it; their original length stays.
 * Nothing is written before `flush()` or a full buffer: call `flush()` at the end.
 */
import { LINKTYPE_ETHERNET, MAX_PACKET_BYTES } from './link-type.ts';
import { Output } from './output.ts';
import {
  FILE_HEADER_BYTES,
  LINKTYPE_AT,
  MAGIC_MICRO,
  MAGIC_NANO,
  RECORD_CAPLEN_AT,
  RECORD_FRACTION_AT,
  RECORD_HEADER_BYTES,
  RECORD_ORIGLEN_AT,
  SNAPLEN_AT,
  VERSION_MAJOR_AT,
  VERSION_MINOR_AT,
} from './pcap-format.ts';
import type { ByteSink } from './source.ts';

const RESERVED_AT = 8;

export interface PcapWriterOptions {
  linkType?: number;
  /** The longest frame kept whole. Files above 262144 are refused by Wireshark. */
  snapLen?: number;
  nanos?: boolean;
  /** Big-endian only to test readers. */
  bigEndian?: boolean;
}

export class PcapWriter {
  #output: Output;
  #little: boolean;
  #snapLen: number;
  #nanosPerUnit: number;

  constructor(sink: ByteSink, options: PcapWriterOptions = {}) {
    const { linkType = LINKTYPE_ETHERNET, snapLen = MAX_PACKET_BYTES, nanos = false, bigEndian = false } = options;
    this.#output = new Output(sink);
    this.#little = !bigEndian;
    this.#snapLen = snapLen;
    this.#nanosPerUnit = nanos ? 1 : 1000;
    const at = this.#output.reserve(FILE_HEADER_BYTES);
    const { view } = this.#output;
    view.setUint32(at, nanos ? MAGIC_NANO : MAGIC_MICRO, this.#little);
    view.setUint16(at + VERSION_MAJOR_AT, 2, this.#little);
    view.setUint16(at + VERSION_MINOR_AT, 4, this.#little);
    view.setUint32(at + RESERVED_AT, 0);
    view.setUint32(at + RESERVED_AT + 4, 0);
    view.setUint32(at + SNAPLEN_AT, snapLen, this.#little);
    view.setUint32(at + LINKTYPE_AT, linkType, this.#little);
  }

  /** `nanos` is 0..999,999,999; in a microsecond file the rest below a microsecond is dropped. */
  write(buffer: Uint8Array, offset: number, capLen: number, origLen: number, seconds: number, nanos: number): void {
    const length = Math.min(capLen, this.#snapLen);
    const output = this.#output;
    const at = output.reserve(RECORD_HEADER_BYTES);
    const { view } = output;
    view.setUint32(at, seconds, this.#little);
    view.setUint32(at + RECORD_FRACTION_AT, Math.floor(nanos / this.#nanosPerUnit), this.#little);
    view.setUint32(at + RECORD_CAPLEN_AT, length, this.#little);
    view.setUint32(at + RECORD_ORIGLEN_AT, origLen, this.#little);
    output.append(buffer, offset, length);
  }

  flush(): void {
    this.#output.flush();
  }
}
