/**
 * Reads classic capture files: both byte orders, microseconds and nanoseconds, the modified format, Ixia's.
 *
 * Stops where wiretap stops: at a record longer than its link type allows, and at a record that the file
 * does not hold completely; every record before is delivered. What is only odd is delivered as it stands:
 * a captured length above the original one, lengths of zero, more bytes than the snap length, fractions of
 * a second above one second (carried into the seconds). Old formats with longer record headers under the
 * same magic number are recognised by their first records (pcap-variant.ts).
 */
import { CaptureError } from './error.ts';
import { maxPacketBytes } from './link-type.ts';
import {
  FCS_LENGTH_SHIFT,
  FCS_PRESENT_BIT,
  FILE_HEADER_BYTES,
  IXIA_FILE_HEADER_BYTES,
  LINKTYPE_AT,
  LINKTYPE_MASK,
  MAGIC_IXIA_HARDWARE,
  MAGIC_IXIA_SOFTWARE,
  MAGIC_MICRO,
  MAGIC_MODIFIED,
  MAGIC_NANO,
  MODIFIED_RECORD_HEADER_BYTES,
  RECORD_CAPLEN_AT,
  RECORD_FRACTION_AT,
  RECORD_HEADER_BYTES,
  RECORD_ORIGLEN_AT,
  RESERVED_MASK,
  SNAPLEN_AT,
  VERSION_MAJOR_AT,
  VERSION_MINOR_AT,
} from './pcap-format.ts';
import { guessRecordHeaderBytes } from './pcap-variant.ts';
import { believableLength, type RecordFields } from './record.ts';
import type { Window } from './window.ts';

/** Version 2.3 exchanged the two lengths; some files say 2.3 and still have the old order. */
type LengthOrder = 'captured-first' | 'original-first' | 'smaller-is-captured';

export function isPcapMagic(magic: number): boolean {
  return magic === MAGIC_MICRO || magic === MAGIC_NANO || magic === MAGIC_MODIFIED || isIxiaMagic(magic);
}

function isIxiaMagic(magic: number): boolean {
  return magic === MAGIC_IXIA_HARDWARE || magic === MAGIC_IXIA_SOFTWARE;
}

export class PcapParser {
  /** Bytes of frame check sequence at the end of each frame, or -1 where the file does not say. */
  readonly fcsBytes: number;
  #window: Window;
  #file: string;
  #little: boolean;
  #linkType: number;
  #maxBytes: number;
  #headerBytes: number;
  #nanosPerUnit: number;
  #unitsPerSecond: number;
  #order: LengthOrder;
  #failure: CaptureError | null = null;

  /** `window` stands at the magic number, which the caller has read. */
  constructor(window: Window, file: string, little: boolean, readAhead: boolean) {
    this.#window = window;
    this.#file = file;
    this.#little = little;
    const magic = window.view.getUint32(window.start, little);
    const fileHeaderBytes = isIxiaMagic(magic) ? IXIA_FILE_HEADER_BYTES : FILE_HEADER_BYTES;
    if (!window.has(fileHeaderBytes)) {
      this.#fail(0, `the pcap file header is cut short: ${window.available} of ${fileHeaderBytes} bytes`);
    }
    const { view, start } = window;
    const major = view.getUint16(start + VERSION_MAJOR_AT, little);
    const minor = view.getUint16(start + VERSION_MINOR_AT, little);
    if (major < 2) this.#fail(VERSION_MAJOR_AT, `pcap version ${major}.${minor} is not supported`);
    const network = view.getUint32(start + LINKTYPE_AT, little);
    if ((network & RESERVED_MASK) !== 0) {
      this.#fail(LINKTYPE_AT, `reserved bits of the link type are set (0x${network.toString(16).padStart(8, '0')})`);
    }
    this.#linkType = network & LINKTYPE_MASK;
    this.#maxBytes = maxPacketBytes(this.#linkType);
    this.fcsBytes = (network & FCS_PRESENT_BIT) === 0 ? -1 : (network >>> FCS_LENGTH_SHIFT) * 2;
    this.#unitsPerSecond = magic === MAGIC_NANO ? 1e9 : 1e6;
    this.#nanosPerUnit = magic === MAGIC_NANO ? 1 : 1000;
    this.#order = lengthOrder(major, minor);
    const snapLen = view.getUint32(start + SNAPLEN_AT, little);
    window.start += fileHeaderBytes;
    const order = this.#order;
    const swapsLengths = (capLen: number, origLen: number) =>
      order === 'original-first' || (order === 'smaller-is-captured' && capLen > origLen);
    const limits = { little, maxBytes: this.#maxBytes, snapLen, swapsLengths };
    if (readAhead) this.#headerBytes = guessRecordHeaderBytes(window, magic, limits);
    else this.#headerBytes = magic === MAGIC_MODIFIED ? MODIFIED_RECORD_HEADER_BYTES : RECORD_HEADER_BYTES;
  }

  get little(): boolean {
    return this.#little;
  }

  next(record: RecordFields): boolean {
    const window = this.#window;
    const headerBytes = this.#headerBytes;
    const little = this.#little;
    if (!window.has(headerBytes)) return this.#atEnd();
    let at = window.start;
    let view = window.view;
    const seconds = view.getUint32(at, little);
    const fraction = view.getUint32(at + RECORD_FRACTION_AT, little);
    let capLen = view.getUint32(at + RECORD_CAPLEN_AT, little);
    let origLen = view.getUint32(at + RECORD_ORIGLEN_AT, little);
    if (this.#order !== 'captured-first' && (this.#order === 'original-first' || capLen > origLen)) {
      const swapped = capLen;
      capLen = origLen;
      origLen = swapped;
    }
    if (capLen > this.#maxBytes) {
      this.#fail(window.position, `record of ${capLen} bytes, more than the maximum of ${this.#maxBytes}`);
    }
    if (!window.has(headerBytes + capLen)) {
      const here = window.available - headerBytes;
      this.#fail(window.position, `the file ends in the middle of a record: ${here} of ${capLen} bytes`);
    }
    at = window.start; // has() may have moved the bytes
    view = window.view;
    if (fraction < this.#unitsPerSecond) {
      record.seconds = seconds;
      record.nanos = fraction * this.#nanosPerUnit;
    } else {
      record.seconds = seconds + Math.floor(fraction / this.#unitsPerSecond);
      record.nanos = (fraction % this.#unitsPerSecond) * this.#nanosPerUnit;
    }
    record.kind = 'packet';
    record.timed = true;
    record.buffer = window.bytes;
    record.view = view;
    record.offset = at + headerBytes;
    record.capLen = capLen;
    record.origLen = believableLength(origLen);
    record.linkType = this.#linkType;
    window.start = at + headerBytes + capLen;
    return true;
  }

  #atEnd(): boolean {
    if (this.#failure !== null) throw this.#failure;
    const { available } = this.#window;
    if (available === 0) return false;
    const what = `the file ends in the middle of a record header: ${available} of ${this.#headerBytes} bytes`;
    return this.#fail(this.#window.position, what);
  }

  /** Keeps the failure and leaves nothing to read, so that a caller who goes on gets the same answer. */
  #fail(byteOffset: number, what: string): never {
    this.#failure = new CaptureError(this.#file, byteOffset, what);
    this.#window.close();
    throw this.#failure;
  }
}

function lengthOrder(major: number, minor: number): LengthOrder {
  if (major === 543) return 'original-first'; // DG/UX tcpdump
  if (major !== 2 || minor > 3) return 'captured-first';
  return minor === 3 ? 'smaller-is-captured' : 'original-first';
}
