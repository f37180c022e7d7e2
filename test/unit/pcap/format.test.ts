/** The rules of both formats, one damaged or odd field at a time; the right column is what tshark 4.0 does. */
import { describe, expect, it } from 'vitest';
import { PcapWriter } from '../../../src/pcap/pcap-writer.ts';
import {
  BLOCK_DECRYPTION_SECRETS,
  BLOCK_ENHANCED_PACKET,
  BLOCK_INTERFACE,
  BLOCK_NAME_RESOLUTION,
  BLOCK_SIMPLE_PACKET,
} from '../../../src/pcap/pcapng-format.ts';
import { PcapngWriter } from '../../../src/pcap/pcapng-writer.ts';
import { CaptureError, CaptureReader } from '../../../src/pcap/reader.ts';
import { MemorySink, MemorySource } from '../../../src/pcap/source.ts';
import { frame } from './bases.ts';
import { type Outcome, readAll } from './records.ts';

function read(bytes: Uint8Array): Outcome {
  return readAll(() => new CaptureReader(new MemorySource(bytes), { file: 'x' }));
}

/** A pcap of frames of 60 bytes; `header` pokes 32-bit words into the file header by offset. */
function pcap(header: Record<number, number>, frames = 2): Uint8Array {
  const sink = new MemorySink();
  const writer = new PcapWriter(sink);
  for (let i = 0; i < frames; i++) writer.write(frame(60, i), 0, 60, 90, 1000, 5000);
  writer.flush();
  const bytes = sink.bytes().slice();
  const view = new DataView(bytes.buffer);
  for (const [at, value] of Object.entries(header)) view.setUint32(Number(at), value, true);
  return bytes;
}

const version = (major: number, minor: number) => ({ 4: major | (minor << 16) });

describe('pcap', () => {
  it.each([
    ['version 1.4', version(1, 4), 'pcap version 1.4 is not supported'],
    ['version 0.0', version(0, 0), 'pcap version 0.0 is not supported'],
    ['reserved link type bits', { 20: 0x00010001 }, 'reserved bits of the link type are set (0x00010001)'],
  ])('%s is refused', (_, header, message) => {
    const { records, error } = read(pcap(header));
    expect(records).toHaveLength(0);
    expect(error?.message).toContain(message);
  });

  it.each([
    ['version 2.5', version(2, 5)],
    ['version 3.0', version(3, 0)],
    ['snap length 0', { 16: 0 }],
    ['snap length below the frames', { 16: 20 }],
    ['bit 27 of the link type', { 20: 0x08000001 }],
  ])('%s is read all the same', (_, header) => {
    const { records, error } = read(pcap(header));
    expect(error).toBeNull();
    expect(records).toMatchObject([
      { capLen: 60, origLen: 90, linkType: 1, seconds: 1000, nanos: 5000 },
      { capLen: 60, origLen: 90 },
    ]);
  });

  it('tells the FCS length where the link type field has it', () => {
    const open = (network: number) => new CaptureReader(new MemorySource(pcap({ 20: network })));
    expect(open(0x24000001).fcsBytes).toBe(4);
    expect(open(0x24000001).linkType).toBe(0);
    expect(open(0x20000001).fcsBytes).toBe(-1);
  });

  it.each([0x1c0001ac, 0x1c0001ab])("reads Ixia's, with four bytes more in the file header: magic %i", (magic) => {
    const bytes = pcap({ 0: magic });
    const ixia = Uint8Array.from([...bytes.subarray(0, 24), 0, 0, 0, 152, ...bytes.subarray(24)]);
    expect(read(ixia)).toMatchObject({
      records: [
        { capLen: 60, origLen: 90, linkType: 1, seconds: 1000, nanos: 5000 },
        { capLen: 60, origLen: 90 },
      ],
      error: null,
    });
    expect(read(ixia.subarray(0, 27)).error?.message).toBe(
      'x: byte 0: the pcap file header is cut short: 27 of 28 bytes',
    );
  });

  it('takes the lengths in the old order before version 2.3 and from DG/UX, and by size in 2.3', () => {
    const swapped = (major: number, minor: number) => pcap({ ...version(major, minor), 32: 90, 36: 60 }, 1);
    for (const bytes of [swapped(2, 2), swapped(543, 0), swapped(2, 3)]) {
      expect(read(bytes)).toMatchObject({ records: [{ capLen: 60, origLen: 90 }], error: null });
    }
    expect(read(pcap(version(2, 3), 1)).records).toMatchObject([{ capLen: 60, origLen: 90 }]);
  });

  it('carries a fraction above one second into the seconds', () => {
    const big = read(pcap({ 28: 0xffff_ffff }, 1)).records[0]!;
    expect([big.seconds, big.nanos]).toEqual([1000 + 4294, 967_295_000]);
  });

  it('delivers a captured length above the original one', () => {
    expect(read(pcap({ 36: 10 }, 4)).records[0]).toMatchObject({ capLen: 60, origLen: 10 });
  });

  it('accepts 262144 bytes in a record and not one more', () => {
    const sink = new MemorySink();
    const writer = new PcapWriter(sink, { snapLen: 300_000 });
    for (let i = 0; i < 3; i++) writer.write(frame(60, i), 0, 60, 60, 1, 0);
    writer.write(new Uint8Array(262_144), 0, 262_144, 262_144, 1, 0);
    writer.write(new Uint8Array(262_145), 0, 262_145, 262_145, 1, 0);
    writer.flush();
    const { records, error } = read(sink.bytes());
    expect(records.map((record) => record.capLen)).toEqual([60, 60, 60, 262_144]);
    expect(error?.message).toBe('x: byte 262412: record of 262145 bytes, more than the maximum of 262144');
    expect(error?.byteOffset).toBe(262_412);
  });

  it('reads a stream without looking ahead when asked to', () => {
    const bytes = pcap({}, 3);
    let reads = 0;
    const source = new MemorySource(bytes);
    const oneRecord = {
      read: (into: Uint8Array, offset: number) => source.read(into, offset, reads++ === 0 ? 24 : 76),
    };
    const reader = new CaptureReader(oneRecord, { readAhead: false });
    expect(reads).toBe(1);
    reader.next();
    expect(reads).toBe(2);
    expect(reader.bytesRead).toBe(100);
  });
});

describe('what is no capture', () => {
  it.each([
    ['nothing', '', 'the file is empty'],
    ['three bytes', 'abc', 'not a capture file'],
    ['text', 'hello, world', 'not a capture file'],
    ['line breaks', '\n\r\r\n................................', 'not a capture file'],
    ['gzip', '\x1f\x8b\x08\x00', 'compressed with gzip: decompress it first'],
    ['zstd', '\x28\xb5\x2f\xfd\x04', 'compressed with zstd'],
    ['lz4', '\x04\x22\x4d\x18\x64', 'compressed with lz4'],
    ['xz', '\xfd7zXZ\x00', 'compressed with xz'],
    ['bzip2', 'BZh9', 'compressed with bzip2'],
    ['zip', 'PK\x03\x04', 'compressed with zip'],
  ])('%s', (_, text, message) => {
    const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
    expect(() => new CaptureReader(new MemorySource(bytes), { file: 'some.pcap' })).toThrow(CaptureError);
    expect(read(bytes).error?.message).toMatch(/^x: byte 0: /);
    expect(read(bytes).error?.message).toContain(message);
  });
});

type Step = (writer: PcapngWriter) => void;
const packet: Step = (writer) => writer.write(0, frame(60, 1), 0, 60, 60, 1000, 0);

/** One section, one interface, then the steps, each flushed; `poke` sees the last step's block. */
function pcapng(steps: Step[], poke: (view: DataView, bytes: Uint8Array) => void = () => {}): Uint8Array {
  const sink = new MemorySink();
  const writer = new PcapngWriter(sink);
  writer.addInterface({ tsresol: 6 });
  let last = 0;
  for (const step of steps) {
    writer.flush();
    last = sink.bytes().length;
    step(writer);
  }
  writer.flush();
  const bytes = sink.bytes().slice();
  poke(new DataView(bytes.buffer, last), bytes.subarray(last));
  return bytes;
}

const flagged: Step = (writer) => writer.write(0, frame(4, 1), 0, 4, 4, 0, 0, 'inbound');

const word =
  (at: number, value: number) =>
  (view: DataView): void =>
    view.setUint32(at, value, true);
const block =
  (type: number, ...words: number[]): Step =>
  (writer) =>
    writer.block(type, new Uint8Array(Uint32Array.from(words).buffer));

describe('pcapng: what ends a capture, after the packet before it', () => {
  it.each<[string, Step, (view: DataView) => void, RegExp]>([
    ['different total lengths', packet, word(88, 4), /two total lengths of an Enhanced Packet Block differ: 92 and 4/],
    ['a total length of 0', block(0x99, 1), word(4, 0), /total length 0 of a block of type 0x00000099 is less than/],
    ['a total length of 8', block(0x99, 1), word(4, 8), /total length 8 .* minimum of 12/],
    ['a total length beyond any', block(0x99, 1), word(4, 136_314_892), /too large/],
    ['a packet block of 28', packet, word(4, 28), /less than its minimum of 32/],
    ['more packet than block', packet, word(20, 90), /block of 92 bytes is too small for a packet of 90/],
    ['an undescribed interface', packet, word(8, 5), /interface 5 of a packet is not described: the section has 1/],
    ['an unknown byte order', (w) => w.section(), word(8, 0x11223344), /byte-order magic 0x11223344/],
    ['version 1.1', (w) => w.section(), word(12, 0x00010001), /pcapng version 1.1 is not supported/],
    ['version 2.0', (w) => w.section(), word(12, 2), /pcapng version 2.0 is not supported/],
    ['a short section header', (w) => w.section(), word(4, 16), /total length 16 of a Section Header Block/],
    ['a short interface', block(BLOCK_INTERFACE, 0), () => {}, /total length 16 of an Interface Description Block/],
    ['short statistics', block(5, 0), () => {}, /total length 16 of an Interface Statistics Block/],
    ['a custom block without number', block(0xbad), () => {}, /total length 12 of a Custom Block/],
    ['a long simple packet', block(BLOCK_SIMPLE_PACKET, 10, 0, 0, 0, 0), () => {}, /does not end with its packet/],
    ['a short simple packet', block(BLOCK_SIMPLE_PACKET, 60, 0), () => {}, /too small for a packet of 60/],
    ['a long option', (w) => w.write(0, frame(4, 1), 0, 4, 4, 0, 0, 'unknown', 'hello'), word(32, 0x0190_0001), /400/],
    ['a long end of options', (w) => w.write(0, frame(4, 1), 0, 4, 4, 0, 0, 'inbound'), word(32, 0x190_0000), /400/],
    ['short flags', (w) => w.write(0, frame(4, 1), 0, 4, 4, 0, 0, 'inbound'), word(32, 0x0002_0002), /length 2, not 4/],
    ['a short drop count', flagged, word(32, 0x0004_0004), /drop count option of a packet is of length 4, not 8/],
    [
      'a short packet identifier',
      flagged,
      word(32, 0x0004_0005),
      /identifier option of a packet is of length 4, not 8/,
    ],
    ['a short queue', flagged, word(32, 0x0002_0006), /queue option of a packet is of length 2, not 4/],
    ['an empty verdict', flagged, word(32, 0x0000_0007), /verdict option of a packet is empty/],
    ['an empty filter', block(BLOCK_INTERFACE, 1, 0, 11), () => {}, /an empty filter of an interface/],
    ['names without an end', block(BLOCK_NAME_RESOLUTION), () => {}, /total length 12 of a Name Resolution Block/],
    ['short secrets', block(BLOCK_DECRYPTION_SECRETS, 0), () => {}, /total length 16 of a Decryption Secrets Block/],
    ['a small custom option', (w) => w.write(0, frame(4, 1), 0, 4, 4, 0, 0, 'inbound'), word(32, 0x2_0bac), /custom/],
  ])('%s', (_, step, poke, message) => {
    const damaged = read(pcapng([packet, step], poke));
    expect(damaged.records).toHaveLength(1);
    expect(damaged.error?.message).toMatch(message);
    expect(damaged.error?.byteOffset).toBe(pcapng([packet]).length);
  });

  it('a packet before any interface of its section', () => {
    const alone = (type: number) => {
      const sink = new MemorySink();
      const writer = new PcapngWriter(sink);
      writer.block(type, new Uint8Array(24));
      writer.flush();
      return read(sink.bytes()).error?.message;
    };
    expect(alone(6)).toMatch(/interface 0 of a packet is not described/);
    expect(alone(2)).toMatch(/interface 0 of a packet is not described/);
    expect(alone(3)).toMatch(/before any interface/);
  });

  it('more than 65536 interfaces in one section', () => {
    const sink = new MemorySink();
    const writer = new PcapngWriter(sink);
    for (let i = 0; i <= 65_536; i++) writer.block(BLOCK_INTERFACE, new Uint8Array(8));
    writer.flush();
    expect(read(sink.bytes()).error?.message).toMatch(/more than 65536 interfaces/);
  });
});

describe('pcapng: what is odd and read all the same', () => {
  it.each<[string, Step, (view: DataView) => void, number]>([
    ['a block of no known type', block(0x99, 1, 2), () => {}, 1],
    ['a private block', block(0x8000_0099, 1, 2), () => {}, 1],
    ['a captured length above the original', packet, word(24, 10), 2],
    ['minor version 2', (w) => w.section(), word(12, 0x0002_0001), 1],
    ['a section length that is wrong', (w) => w.section(), word(16, 20), 1],
    ['statistics of an unknown interface', block(5, 9, 0, 0), () => {}, 1],
    ['junk after the end of options', (w) => w.write(0, frame(4, 1), 0, 4, 4, 0, 0, 'inbound'), word(32, 0), 2],
  ])('%s', (_, step, poke, packets) => {
    const { records, error } = read(pcapng([packet, step], poke));
    expect(error).toBeNull();
    expect(records).toHaveLength(packets);
  });

  it('an interface that tells its time offset twice: the first counts', () => {
    const offset = 0x0008_000e;
    const twice = block(BLOCK_INTERFACE, 1, 0, offset, 5, 0, offset, 7, 0);
    const { records, error } = read(pcapng([twice, block(BLOCK_ENHANCED_PACKET, 1, 0, 1_000_000, 0, 0)]));
    expect(error).toBeNull();
    expect(records).toMatchObject([{ seconds: 6, nanos: 0 }]);
  });

  it('total lengths that forgot the padding', () => {
    const short: Step = (writer) => writer.write(0, frame(57, 1), 0, 57, 57, 0, 0);
    const bytes = pcapng([packet, short], (view) => {
      view.setUint32(4, 89, true);
      view.setUint32(88, 89, true);
    });
    expect(read(bytes)).toMatchObject({ records: [{ capLen: 60 }, { capLen: 57 }], error: null });
  });

  it('a simple packet: cut to the snap length of interface 0, with the time of the record before', () => {
    const sink = new MemorySink();
    const writer = new PcapngWriter(sink);
    writer.addInterface({ snapLen: 20 });
    writer.write(0, frame(60, 1), 0, 60, 60, 77, 5);
    writer.writeSimple(frame(60, 1), 0, 60, 60);
    writer.flush();
    expect(read(sink.bytes()).records[1]).toMatchObject({
      capLen: 20,
      origLen: 60,
      timed: false,
      seconds: 77,
      nanos: 5,
    });
  });

  it('an unknown block of 20 MB is passed over in a window of 1 MiB', () => {
    const bytes = pcapng([(writer) => writer.block(0x99, new Uint8Array(20 << 20)), packet]);
    const reader = new CaptureReader(new MemorySource(bytes));
    expect(reader.next()).toBe(true);
    expect(reader.buffer.length).toBeLessThanOrEqual(1 << 20);
  });
});
