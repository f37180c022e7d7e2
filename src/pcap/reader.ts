/**
 * Reads a capture record by record: pcap and pcapng behind one face, in constant memory.
 *
 * The reader is the current record: `next()` overwrites its fields and points them into its own window, so
 * a record costs no object and no copy. Whoever wants to keep a frame copies it before the next call.
 *
 *     const reader = new CaptureReader(source, { file });
 *     while (reader.next()) arena.set(reader.buffer.subarray(reader.offset, reader.offset + reader.capLen));
 *
 * A damaged file throws one CaptureError, after all records before the damage; going on throws it again.
 * What the source throws (an I/O error) passes through as it is.
 */
import { CaptureError } from './error.ts';
import type { CaptureInterface } from './interface.ts';
import { isPcapMagic, PcapParser } from './pcap-parser.ts';
import { BLOCK_SECTION_HEADER, BYTE_ORDER_MAGIC, SHB_MAGIC_AT } from './pcapng-format.ts';
import { PcapngParser } from './pcapng-parser.ts';
import type { RecordFields } from './record.ts';
import type { ByteSource } from './source.ts';
import { Window } from './window.ts';

export { CaptureError } from './error.ts';
export type { CaptureInterface } from './interface.ts';

const MAGIC_BYTES = 4;
/** What compressed files begin with. */
const COMPRESSIONS: readonly (readonly [string, string])[] = [
  ['gzip', '\x1f\x8b'],
  ['zstd', '\x28\xb5\x2f\xfd'],
  ['lz4', '\x04\x22\x4d\x18'],
  ['xz', '\xfd7zXZ'],
  ['bzip2', 'BZh'],
  ['zip', 'PK\x03\x04'],
];
const LONGEST_MAGIC = 5;
const NO_INTERFACES: readonly CaptureInterface[] = [];

export class CaptureReader implements RecordFields {
  readonly format: 'pcap' | 'pcapng';
  kind: 'packet' | 'other' = 'packet';
  buffer: Uint8Array;
  view: DataView;
  offset = 0;
  capLen = 0;
  origLen = 0;
  timed = false;
  seconds = 0;
  nanos = 0;
  linkType = 0;
  interfaceId = 0;
  optionsOffset = 0;
  optionsLength = 0;
  /** Number of the current record, as tshark counts: 1 for the first, records without a packet included. */
  recordNumber = 0;
  #window: Window;
  #pcap: PcapParser | null = null;
  #pcapng: PcapngParser | null = null;

  /**
   * Reads the file's first header; throws CaptureError when this is no capture or one it cannot read.
   * `file` is the name for messages. `readAhead: false` delivers a live pcap stream's first record without
   * waiting for the third, which telling old formats apart needs.
   */
  constructor(source: ByteSource, options: { file?: string; readAhead?: boolean } = {}) {
    const file = options.file ?? 'capture';
    const window = new Window(source);
    this.#window = window;
    if (!window.has(MAGIC_BYTES)) throw new CaptureError(file, 0, notACapture(window));
    const magic = window.view.getUint32(0, true);
    if (magic === BLOCK_SECTION_HEADER && looksLikeSection(window)) {
      this.format = 'pcapng';
      this.#pcapng = new PcapngParser(window, file);
    } else {
      const little = isPcapMagic(magic);
      if (!little && !isPcapMagic(window.view.getUint32(0, false)))
        throw new CaptureError(file, 0, notACapture(window));
      this.format = 'pcap';
      this.#pcap = new PcapParser(window, file, little, options.readAhead ?? true);
    }
    this.buffer = window.bytes;
    this.view = window.view;
  }

  /** Moves to the next record; false at a clean end; throws CaptureError where the file is damaged. */
  next(): boolean {
    const more = this.#pcap !== null ? this.#pcap.next(this) : this.#pcapng!.next(this);
    if (more) this.recordNumber++;
    return more;
  }

  /** How far in the file the reader is: the end of the current record. */
  get bytesRead(): number {
    return this.#window.position;
  }

  /** Byte order of the file, for pcapng of the current section; what OptionWalk needs. */
  get littleEndian(): boolean {
    return this.#pcap !== null ? this.#pcap.little : this.#pcapng!.little;
  }

  /** pcapng: the interfaces of the current section so far. pcap knows none. */
  get interfaces(): readonly CaptureInterface[] {
    return this.#pcapng?.interfaces ?? NO_INTERFACES;
  }

  /** Bytes of frame check sequence at the end of the current record's frame, or -1 where nothing says. */
  get fcsBytes(): number {
    if (this.#pcap !== null) return this.#pcap.fcsBytes;
    return this.interfaces[this.interfaceId]?.fcsBytes ?? -1;
  }
}

/** The block type alone is a line break soup that text files can begin with; the magic decides. */
function looksLikeSection(window: Window): boolean {
  if (!window.has(SHB_MAGIC_AT + MAGIC_BYTES)) return false;
  const { view } = window;
  return view.getUint32(SHB_MAGIC_AT, true) === BYTE_ORDER_MAGIC || view.getUint32(SHB_MAGIC_AT) === BYTE_ORDER_MAGIC;
}

function notACapture(window: Window): string {
  if (window.available === 0) return 'the file is empty, not a capture';
  window.has(LONGEST_MAGIC);
  const { bytes, start, end } = window;
  const begin = String.fromCharCode(...bytes.subarray(start, Math.min(end, start + LONGEST_MAGIC)));
  for (const [name, magic] of COMPRESSIONS) {
    if (begin.startsWith(magic)) return `the file is compressed with ${name}: decompress it first`;
  }
  return 'not a capture file: neither a pcap nor a pcapng magic number';
}
