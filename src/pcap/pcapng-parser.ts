/**
 * Reads pcapng: sections in either byte order, each with its own interfaces; enhanced, simple and obsolete
 * packet blocks. Every other block is passed over without being held, however long it is.
 *
 * A block is looked at only when it is there as a whole and its two lengths agree, so no later read can
 * leave it. Odd but readable, as wiretap: a total length that forgot the padding is rounded up, a section
 * length is ignored, minor version 2 counts as 0. Damage ends the capture: pcapng has no way to find the
 * next block after a length that lies.
 *
 * Which blocks are numbered follows tshark 4.0: packets, custom blocks, systemd journal entries and sysdig
 * events; statistics, names, secrets and unknown blocks are not. What stands inside those is not judged,
 * though tshark refuses a file for it: it is no concern of a switch.
 */
import { CaptureError } from './error.ts';
import { CaptureInterface } from './interface.ts';
import { maxPacketBytes } from './link-type.ts';
import * as F from './pcapng-format.ts';
import { OptionWalk } from './pcapng-options.ts';
import { believableLength, NO_LINK_TYPE, type RecordFields } from './record.ts';
import { Timescale } from './timestamp.ts';
import type { Window } from './window.ts';

/** Limit of one block, as wiretap: room for the largest packet of any link type, and options. */
const MAX_BLOCK_BYTES = 128 * 1024 * 1024 + 131_072 + 32;
/** Interfaces are kept for the length of a section; more than a packet block could ever name is an attack. */
const MAX_INTERFACES = 65_536;

export class PcapngParser {
  readonly interfaces: CaptureInterface[] = [];
  #window: Window;
  #file: string;
  #little = true;
  #options = new OptionWalk();
  #failure: CaptureError | null = null;

  /** `window` stands at a Section Header Block. */
  constructor(window: Window, file: string) {
    this.#window = window;
    this.#file = file;
    this.#section();
  }

  get little(): boolean {
    return this.#little;
  }

  next(record: RecordFields): boolean {
    const window = this.#window;
    for (;;) {
      if (!window.has(F.BODY_AT)) return this.#atEnd();
      const type = window.view.getUint32(window.start, this.#little);
      switch (type) {
        case F.BLOCK_ENHANCED_PACKET:
          this.#packet(record, this.#block('an Enhanced Packet Block', F.MIN_EPB_BYTES), false);
          return true;
        case F.BLOCK_PACKET:
          this.#packet(record, this.#block('a Packet Block', F.MIN_EPB_BYTES), true);
          return true;
        case F.BLOCK_SIMPLE_PACKET:
          this.#simplePacket(record, this.#block('a Simple Packet Block', F.MIN_SPB_BYTES));
          return true;
        case F.BLOCK_CUSTOM:
        case F.BLOCK_CUSTOM_NO_COPY:
          this.#other(record, this.#block('a Custom Block', F.MIN_CB_BYTES), F.CB_DATA_AT);
          return true;
        case F.BLOCK_JOURNAL:
          this.#other(record, this.#block('a systemd journal block', F.MIN_JOURNAL_BYTES), F.BODY_AT);
          return true;
        case F.BLOCK_SYSDIG_EVENT:
          this.#sysdig(record, F.SYSDIG_DATA_AT);
          return true;
        case F.BLOCK_SYSDIG_EVENT_V2:
        case F.BLOCK_SYSDIG_EVENT_V2_LARGE:
          this.#sysdig(record, F.SYSDIG_V2_DATA_AT);
          return true;
        case F.BLOCK_SECTION_HEADER:
          this.#section();
          break;
        case F.BLOCK_INTERFACE:
          this.#interface(this.#block('an Interface Description Block', F.MIN_IDB_BYTES));
          break;
        case F.BLOCK_STATISTICS:
          this.#passOver('an Interface Statistics Block', F.MIN_ISB_BYTES);
          break;
        case F.BLOCK_NAME_RESOLUTION:
          this.#passOver('a Name Resolution Block', F.MIN_NRB_BYTES);
          break;
        case F.BLOCK_DECRYPTION_SECRETS:
          this.#passOver('a Decryption Secrets Block', F.MIN_DSB_BYTES);
          break;
        default:
          this.#passOver(`a block of type 0x${type.toString(16).padStart(8, '0')}`, F.MIN_BLOCK_BYTES);
      }
    }
  }

  /** The current block's total length, read and judged; the block itself need not be in the window yet. */
  #totalLength(name: string, minBytes: number): number {
    const window = this.#window;
    const said = window.view.getUint32(window.start + F.TOTAL_LENGTH_AT, this.#little);
    if (said < minBytes) this.#fail(`total length ${said} of ${name} is less than its minimum of ${minBytes}`);
    if (said > MAX_BLOCK_BYTES) this.#fail(`total length ${said} of ${name} is too large (over ${MAX_BLOCK_BYTES})`);
    return F.padded(said);
  }

  /** Brings the whole current block into the window and compares its two lengths. */
  #block(name: string, minBytes: number): number {
    const total = this.#totalLength(name, minBytes);
    const window = this.#window;
    if (!window.has(total)) this.#fail(`the file ends inside ${name}: ${window.available} of ${total} bytes`);
    this.#compareTrailer(name, total, window.start + total - F.TRAILER_BYTES);
    return total;
  }

  #passOver(name: string, minBytes: number): void {
    const total = this.#totalLength(name, minBytes);
    const window = this.#window;
    const { position } = window;
    if (!window.skip(total - F.TRAILER_BYTES) || !window.has(F.TRAILER_BYTES)) {
      this.#fail(`the file ends inside ${name}`, position);
    }
    this.#compareTrailer(name, total, window.start, position);
    window.start += F.TRAILER_BYTES;
  }

  #compareTrailer(name: string, total: number, at: number, position = this.#window.position): void {
    const second = this.#window.view.getUint32(at, this.#little);
    if (F.padded(second) !== total) {
      this.#fail(`the two total lengths of ${name} differ: ${total} and ${second}`, position);
    }
  }

  #section(): void {
    const window = this.#window;
    const name = 'a Section Header Block';
    if (!window.has(F.SHB_OPTIONS_AT)) {
      this.#fail(`the file ends inside ${name}: ${window.available} of ${F.MIN_SHB_BYTES} bytes`);
    }
    const magicAt = window.start + F.SHB_MAGIC_AT;
    if (window.view.getUint32(magicAt, true) === F.BYTE_ORDER_MAGIC) this.#little = true;
    else if (window.view.getUint32(magicAt, false) === F.BYTE_ORDER_MAGIC) this.#little = false;
    else {
      const magic = window.view.getUint32(magicAt, this.#little).toString(16).padStart(8, '0');
      this.#fail(`byte-order magic 0x${magic} of ${name} is unknown`);
    }
    const major = window.view.getUint16(window.start + F.SHB_MAJOR_AT, this.#little);
    const minor = window.view.getUint16(window.start + F.SHB_MINOR_AT, this.#little);
    if (major !== 1 || (minor !== 0 && minor !== 2)) this.#fail(`pcapng version ${major}.${minor} is not supported`);
    const total = this.#block(name, F.MIN_SHB_BYTES);
    this.#walk(F.SHB_OPTIONS_AT, total);
    while (this.#options.next());
    this.#checkOptions(name);
    this.interfaces.length = 0; // "Section Header Block": interface numbers start anew
    window.start += total;
  }

  #interface(total: number): void {
    const window = this.#window;
    const { view, start } = window;
    if (this.interfaces.length >= MAX_INTERFACES) this.#fail(`more than ${MAX_INTERFACES} interfaces in one section`);
    const it = new CaptureInterface();
    it.linkType = view.getUint16(start + F.IDB_LINKTYPE_AT, this.#little);
    it.snapLen = view.getUint32(start + F.IDB_SNAPLEN_AT, this.#little);
    it.maxBytes = maxPacketBytes(it.linkType);
    let tsresol: number | undefined;
    let offsetSeconds: number | undefined;
    const options = this.#walk(F.IDB_OPTIONS_AT, total);
    while (options.next()) {
      const { code, valueOffset: at, valueLength: length } = options;
      if (code === F.OPT_IF_NAME) it.name ||= text(window.bytes, at, length);
      else if (code === F.OPT_IF_DESCRIPTION) it.description ||= text(window.bytes, at, length);
      else if (code === F.OPT_IF_FCSLEN && length === 1) it.fcsBytes = view.getUint8(at);
      else if (code === F.OPT_IF_TSRESOL && length === 1) tsresol ??= view.getUint8(at);
      else if (code === F.OPT_IF_TSOFFSET && length === 8) offsetSeconds ??= Number(view.getBigInt64(at, this.#little));
      else if (code === F.OPT_IF_FILTER && length === 0) this.#fail('an empty filter of an interface');
    }
    this.#checkOptions('an Interface Description Block');
    it.time = new Timescale(tsresol, offsetSeconds);
    this.interfaces.push(it);
    window.start += total;
  }

  #packet(record: RecordFields, total: number, obsolete: boolean): void {
    const window = this.#window;
    const { view, start } = window;
    const little = this.#little;
    const id = obsolete
      ? view.getUint16(start + F.PB_INTERFACE_AT, little)
      : view.getUint32(start + F.EPB_INTERFACE_AT, little);
    if (id >= this.interfaces.length) {
      this.#fail(`interface ${id} of a packet is not described: the section has ${this.interfaces.length} so far`);
    }
    const it = this.interfaces[id]!;
    const capLen = view.getUint32(start + F.EPB_CAPLEN_AT, little);
    if (capLen > total - F.MIN_EPB_BYTES) this.#fail(`block of ${total} bytes is too small for a packet of ${capLen}`);
    if (capLen > it.maxBytes) this.#fail(`packet of ${capLen} bytes, more than the maximum of ${it.maxBytes}`);
    const optionsAt = F.EPB_DATA_AT + F.padded(capLen);
    if (total - F.TRAILER_BYTES > optionsAt) this.#packetOptions(optionsAt, total);
    it.time.convert(
      view.getUint32(start + F.EPB_TIME_HIGH_AT, little),
      view.getUint32(start + F.EPB_TIME_LOW_AT, little),
    );
    record.kind = 'packet';
    record.timed = true;
    record.seconds = it.time.seconds;
    record.nanos = it.time.nanos;
    record.buffer = window.bytes;
    record.view = view;
    record.offset = start + F.EPB_DATA_AT;
    record.capLen = capLen;
    record.origLen = believableLength(view.getUint32(start + F.EPB_ORIGLEN_AT, little));
    record.linkType = it.linkType;
    record.interfaceId = id;
    record.optionsOffset = start + optionsAt;
    record.optionsLength = total - F.TRAILER_BYTES - optionsAt;
    window.start = start + total;
  }

  #packetOptions(optionsAt: number, total: number): void {
    const options = this.#walk(optionsAt, total);
    while (options.next()) {
      const { code, valueLength } = options;
      const name = PACKET_OPTION_NAMES[code];
      if (name === undefined) continue;
      const bytes = code === F.OPT_EPB_FLAGS || code === F.OPT_EPB_QUEUE ? 4 : 8;
      if (code === F.OPT_EPB_VERDICT) {
        if (valueLength === 0) this.#fail(`${name} of a packet is empty`);
      } else if (valueLength !== bytes) this.#fail(`${name} of a packet is of length ${valueLength}, not ${bytes}`);
    }
    this.#checkOptions('a packet block');
  }

  /** "Simple Packet Block": no time, no options, interface 0; the length of the data is only implied. */
  #simplePacket(record: RecordFields, total: number): void {
    const window = this.#window;
    const it = this.interfaces[0];
    if (it === undefined) this.#fail('a Simple Packet Block before any interface of its section');
    const origLen = window.view.getUint32(window.start + F.SPB_ORIGLEN_AT, this.#little);
    const capLen = it.snapLen === 0 ? origLen : Math.min(origLen, it.snapLen);
    if (capLen > total - F.MIN_SPB_BYTES) this.#fail(`block of ${total} bytes is too small for a packet of ${capLen}`);
    if (capLen > it.maxBytes) this.#fail(`packet of ${capLen} bytes, more than the maximum of ${it.maxBytes}`);
    if (F.padded(capLen) !== total - F.MIN_SPB_BYTES) {
      this.#fail(`a Simple Packet Block of ${total} bytes does not end with its packet of ${capLen}`);
    }
    record.kind = 'packet';
    record.capLen = capLen;
    record.origLen = believableLength(origLen);
    record.linkType = it.linkType;
    this.#deliverUntimed(record, F.SPB_DATA_AT, total);
  }

  #other(record: RecordFields, total: number, dataAt: number): void {
    record.kind = 'other';
    record.capLen = total - dataAt - F.TRAILER_BYTES;
    record.origLen = record.capLen;
    record.linkType = NO_LINK_TYPE;
    this.#deliverUntimed(record, dataAt, total);
  }

  #sysdig(record: RecordFields, dataAt: number): void {
    const total = this.#block('a sysdig event block', dataAt + F.TRAILER_BYTES);
    const origLen = this.#window.view.getUint32(this.#window.start + F.SYSDIG_EVENT_LENGTH_AT, this.#little);
    this.#other(record, total, dataAt);
    record.origLen = believableLength(origLen);
  }

  #deliverUntimed(record: RecordFields, dataAt: number, total: number): void {
    const window = this.#window;
    record.timed = false;
    record.buffer = window.bytes;
    record.view = window.view;
    record.offset = window.start + dataAt;
    record.interfaceId = 0;
    record.optionsOffset = 0;
    record.optionsLength = 0;
    window.start += total;
  }

  #walk(optionsAt: number, total: number): OptionWalk {
    const { view, start } = this.#window;
    this.#options.begin(view, start + optionsAt, total - F.TRAILER_BYTES - optionsAt, this.#little);
    return this.#options;
  }

  #checkOptions(name: string): void {
    if (this.#options.problem !== '') this.#fail(`${this.#options.problem} in ${name}`);
  }

  #atEnd(): boolean {
    if (this.#failure !== null) throw this.#failure;
    if (this.#window.available === 0) return false;
    return this.#fail(`the file ends in the middle of a block header: ${this.#window.available} bytes`);
  }

  /** Keeps the failure and leaves nothing to read, so that a caller who goes on gets the same answer. */
  #fail(what: string, byteOffset = this.#window.position): never {
    this.#failure = new CaptureError(this.#file, byteOffset, what);
    this.#window.close();
    throw this.#failure;
  }
}

/** Options of packets whose length is judged. */
const PACKET_OPTION_NAMES: Readonly<Record<number, string>> = {
  [F.OPT_EPB_FLAGS]: 'the flags option',
  [F.OPT_EPB_DROPCOUNT]: 'the drop count option',
  [F.OPT_EPB_PACKETID]: 'the identifier option',
  [F.OPT_EPB_QUEUE]: 'the queue option',
  [F.OPT_EPB_VERDICT]: 'the verdict option',
};

const utf8 = new TextDecoder();
/** Names are for people; a longer one is cut, so that a hostile file cannot fill memory with them. */
const MAX_TEXT_BYTES = 256;

function text(bytes: Uint8Array, at: number, length: number): string {
  return utf8.decode(bytes.subarray(at, at + Math.min(length, MAX_TEXT_BYTES)));
}
