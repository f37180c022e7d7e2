/**
 * Writes pcapng: sections, interfaces with names, packets with direction and comment.
 *
 * For captures of a running switch: one interface per port, the direction in epb_flags, and the fate of a
 * frame (its drop reason) as its comment. Bytes depend on the arguments alone; nothing of the machine or
 * the hour gets in. Nothing is written before `flush()` or a full buffer.
 *
 * Interfaces may be added at any time before the first packet that names them ("Interface Description
 * Block"). `block()` writes any other block as it is given.
 */
import { LINKTYPE_ETHERNET, MAX_PACKET_BYTES } from './link-type.ts';
import { Output } from './output.ts';
import * as F from './pcapng-format.ts';
import type { ByteSink } from './source.ts';

export interface SectionOptions {
  hardware?: string;
  os?: string;
  application?: string;
  comment?: string;
  /** Big-endian only to test readers. */
  bigEndian?: boolean;
}

export interface InterfaceOptions {
  name?: string;
  description?: string;
  linkType?: number;
  /** The longest frame kept whole; 0 for no limit. */
  snapLen?: number;
  /** Time in units of 10^-tsresol seconds, 0..9; nanoseconds by default. */
  tsresol?: number;
}

export type Direction = 'unknown' | 'inbound' | 'outbound';

const DIRECTION_FLAGS = { unknown: 0, inbound: F.DIRECTION_INBOUND, outbound: F.DIRECTION_OUTBOUND } as const;
const DEFAULT_TSRESOL = 9;
/** An option's length field has 16 bits. */
const MAX_TEXT_BYTES = 65_535;
const UNKNOWN_SECTION_LENGTH = 0xffff_ffff;
const FLAGS_OPTION_BYTES = F.OPTION_HEADER_BYTES + 4;
const TEXT = new TextEncoder();
const NOTHING = new Uint8Array(0);

interface OutputInterface {
  snapLen: number;
  unitsPerSecond: number;
}

export class PcapngWriter {
  #output: Output;
  #little = true;
  #interfaces: OutputInterface[] = [];

  constructor(sink: ByteSink, options: SectionOptions = {}) {
    this.#output = new Output(sink);
    this.section(options);
  }

  /** Begins a new section: interface numbers start again at 0. */
  section(options: SectionOptions = {}): void {
    this.#interfaces.length = 0;
    this.#little = options.bigEndian !== true;
    const texts: [number, Uint8Array][] = [
      [F.OPT_SHB_HARDWARE, encode(options.hardware)],
      [F.OPT_SHB_OS, encode(options.os)],
      [F.OPT_SHB_USERAPPL, encode(options.application)],
      [F.OPT_COMMENT, encode(options.comment)],
    ];
    const total = F.MIN_SHB_BYTES + optionBytes(texts);
    const at = this.#begin(F.BLOCK_SECTION_HEADER, total, F.SHB_OPTIONS_AT);
    const { view } = this.#output;
    view.setUint32(at + F.SHB_MAGIC_AT, F.BYTE_ORDER_MAGIC, this.#little);
    view.setUint16(at + F.SHB_MAJOR_AT, 1, this.#little);
    view.setUint16(at + F.SHB_MINOR_AT, 0, this.#little);
    view.setUint32(at + F.SHB_SECTION_LENGTH_AT, UNKNOWN_SECTION_LENGTH);
    view.setUint32(at + F.SHB_SECTION_LENGTH_AT + 4, UNKNOWN_SECTION_LENGTH);
    this.#options(texts);
    this.#u32(total);
  }

  /** Returns the number of the interface, for `write`. */
  addInterface(options: InterfaceOptions = {}): number {
    const { linkType = LINKTYPE_ETHERNET, snapLen = MAX_PACKET_BYTES, tsresol = DEFAULT_TSRESOL } = options;
    const texts: [number, Uint8Array][] = [
      [F.OPT_IF_NAME, encode(options.name)],
      [F.OPT_IF_DESCRIPTION, encode(options.description)],
      [F.OPT_IF_TSRESOL, Uint8Array.of(tsresol)],
    ];
    const total = F.MIN_IDB_BYTES + optionBytes(texts);
    const at = this.#begin(F.BLOCK_INTERFACE, total, F.IDB_OPTIONS_AT);
    const { view } = this.#output;
    view.setUint32(at + F.IDB_LINKTYPE_AT, 0);
    view.setUint16(at + F.IDB_LINKTYPE_AT, linkType, this.#little);
    view.setUint32(at + F.IDB_SNAPLEN_AT, snapLen, this.#little);
    this.#options(texts);
    this.#u32(total);
    return this.#interfaces.push({ snapLen, unitsPerSecond: 10 ** tsresol }) - 1;
  }

  /** An Enhanced Packet Block. `nanos` is 0..999,999,999. */
  write(
    interfaceId: number,
    buffer: Uint8Array,
    offset: number,
    capLen: number,
    origLen: number,
    seconds: number,
    nanos: number,
    direction: Direction = 'unknown',
    comment = '',
  ): void {
    const it = this.#interfaces[interfaceId];
    if (it === undefined) throw new RangeError(`interface ${interfaceId} was not added to this section`);
    const length = it.snapLen === 0 ? capLen : Math.min(capLen, it.snapLen);
    const flags = DIRECTION_FLAGS[direction];
    const text = comment === '' ? NOTHING : encode(comment);
    const hasOptions = flags !== 0 || text.length > 0;
    let total = F.MIN_EPB_BYTES + F.padded(length);
    if (flags !== 0) total += FLAGS_OPTION_BYTES;
    if (text.length > 0) total += F.OPTION_HEADER_BYTES + F.padded(text.length);
    if (hasOptions) total += F.OPTION_HEADER_BYTES;
    const at = this.#begin(F.BLOCK_ENHANCED_PACKET, total, F.EPB_DATA_AT);
    const { view } = this.#output;
    view.setUint32(at + F.EPB_INTERFACE_AT, interfaceId, this.#little);
    this.#time(at, it.unitsPerSecond, seconds, nanos);
    view.setUint32(at + F.EPB_CAPLEN_AT, length, this.#little);
    view.setUint32(at + F.EPB_ORIGLEN_AT, origLen, this.#little);
    this.#padded(buffer, offset, length);
    if (flags !== 0) {
      this.#optionHeader(F.OPT_EPB_FLAGS, 4);
      this.#u32(flags);
    }
    if (text.length > 0) {
      this.#optionHeader(F.OPT_COMMENT, text.length);
      this.#padded(text, 0, text.length);
    }
    if (hasOptions) this.#optionHeader(F.OPT_ENDOFOPT, 0);
    this.#u32(total);
  }

  /** A Simple Packet Block: on interface 0, without time; cut to that interface's snap length. */
  writeSimple(buffer: Uint8Array, offset: number, capLen: number, origLen: number): void {
    const it = this.#interfaces[0];
    if (it === undefined) throw new RangeError('a simple packet needs an interface in its section');
    const length = it.snapLen === 0 ? origLen : Math.min(origLen, it.snapLen);
    if (length > capLen) throw new RangeError(`a simple packet holds ${length} bytes here, not ${capLen}`);
    const total = F.MIN_SPB_BYTES + F.padded(length);
    const at = this.#begin(F.BLOCK_SIMPLE_PACKET, total, F.SPB_DATA_AT);
    this.#output.view.setUint32(at + F.SPB_ORIGLEN_AT, origLen, this.#little);
    this.#padded(buffer, offset, length);
    this.#u32(total);
  }

  /** Any block: `body` goes in as it is and is padded to 32 bits. */
  block(type: number, body: Uint8Array): void {
    const total = F.MIN_BLOCK_BYTES + F.padded(body.length);
    this.#begin(type, total, F.BODY_AT);
    this.#padded(body, 0, body.length);
    this.#u32(total);
  }

  flush(): void {
    this.#output.flush();
  }

  #begin(type: number, total: number, fixedBytes: number): number {
    const at = this.#output.reserve(fixedBytes);
    const { view } = this.#output;
    view.setUint32(at, type, this.#little);
    view.setUint32(at + F.TOTAL_LENGTH_AT, total, this.#little);
    return at;
  }

  /**
   * seconds * units does not fit a double, so it is multiplied in two halves: `high` counts units of 2^16
   * ticks. Exact for seconds below 2^37; time before 1970 becomes 1970.
   */
  #time(at: number, units: number, seconds: number, nanos: number): void {
    const since = Math.max(seconds, 0);
    const rest = since % 65_536;
    const low = rest * units + Math.floor(nanos / (1e9 / units));
    const high = ((since - rest) / 65_536) * units + Math.floor(low / 65_536);
    const { view } = this.#output;
    view.setUint32(at + F.EPB_TIME_HIGH_AT, Math.floor(high / 65_536), this.#little);
    view.setUint32(at + F.EPB_TIME_LOW_AT, (high % 65_536) * 65_536 + (low % 65_536), this.#little);
  }

  #options(texts: readonly [number, Uint8Array][]): void {
    let any = false;
    for (const [code, value] of texts) {
      if (value.length === 0) continue;
      any = true;
      this.#optionHeader(code, value.length);
      this.#padded(value, 0, value.length);
    }
    if (any) this.#optionHeader(F.OPT_ENDOFOPT, 0);
  }

  #optionHeader(code: number, length: number): void {
    const at = this.#output.reserve(F.OPTION_HEADER_BYTES);
    this.#output.view.setUint16(at, code, this.#little);
    this.#output.view.setUint16(at + 2, length, this.#little);
  }

  #padded(from: Uint8Array, offset: number, length: number): void {
    this.#output.append(from, offset, length);
    this.#output.pad(length);
  }

  #u32(value: number): void {
    const at = this.#output.reserve(4);
    this.#output.view.setUint32(at, value, this.#little);
  }
}

function optionBytes(texts: readonly [number, Uint8Array][]): number {
  let bytes = 0;
  for (const [, value] of texts) if (value.length > 0) bytes += F.OPTION_HEADER_BYTES + F.padded(value.length);
  return bytes === 0 ? 0 : bytes + F.OPTION_HEADER_BYTES;
}

/** UTF-8, cut where an option ends but never inside a character. */
function encode(text = ''): Uint8Array {
  if (text === '') return NOTHING;
  const bytes = TEXT.encode(text);
  if (bytes.length <= MAX_TEXT_BYTES) return bytes;
  let end = MAX_TEXT_BYTES;
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}
