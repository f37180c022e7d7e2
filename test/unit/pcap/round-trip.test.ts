/** What the writers write, the reader reads back: times, lengths, bytes, in every format and byte order. */
import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PcapWriter } from '../../../src/pcap/pcap-writer.ts';
import { OPT_COMMENT, OPT_EPB_FLAGS } from '../../../src/pcap/pcapng-format.ts';
import { OptionWalk } from '../../../src/pcap/pcapng-options.ts';
import { type Direction, PcapngWriter } from '../../../src/pcap/pcapng-writer.ts';
import { CaptureReader } from '../../../src/pcap/reader.ts';
import { MemorySink, MemorySource } from '../../../src/pcap/source.ts';
import { frame } from './bases.ts';
import { readAll, type Seen } from './records.ts';

const aFrame = fc.record({
  data: fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.nat(70_000).map((n) => frame(n, n)),
  ),
  more: fc.oneof(fc.constant(0), fc.nat(100_000)),
  seconds: fc.nat(0xffff_ffff),
  nanos: fc.nat(999_999_999),
});

const aCommentedFrame = fc.record({
  frame: aFrame,
  port: fc.nat(2),
  direction: fc.constantFrom<Direction>('unknown', 'inbound', 'outbound'),
  comment: fc.string({ maxLength: 40, unit: 'grapheme' }),
});

function seen(bytes: Uint8Array): Seen[] {
  const { records, error } = readAll(() => new CaptureReader(new MemorySource(bytes)));
  expect(error).toBeNull();
  return records;
}

describe('PcapWriter', () => {
  it('comes back as it went in', () => {
    fc.assert(
      fc.property(fc.array(aFrame, { maxLength: 20 }), fc.boolean(), fc.boolean(), (frames, nanos, bigEndian) => {
        const sink = new MemorySink();
        const writer = new PcapWriter(sink, { nanos, bigEndian });
        for (const f of frames) {
          writer.write(f.data, 0, f.data.length, f.data.length + f.more, f.seconds, f.nanos);
        }
        writer.flush();
        const reader = new CaptureReader(new MemorySource(sink.bytes()));
        expect(reader.format).toBe('pcap');
        for (const f of frames) {
          expect(reader.next()).toBe(true);
          expect(reader.seconds).toBe(f.seconds);
          expect(reader.nanos).toBe(nanos ? f.nanos : f.nanos - (f.nanos % 1000));
          expect(reader.origLen).toBe(f.data.length + f.more);
          expect(Buffer.compare(reader.buffer.subarray(reader.offset, reader.offset + reader.capLen), f.data)).toBe(0);
        }
        expect(reader.next()).toBe(false);
        expect(reader.next()).toBe(false);
      }),
    );
  });

  it('cuts to the snap length and keeps the original length', () => {
    const sink = new MemorySink();
    const writer = new PcapWriter(sink, { snapLen: 20 });
    writer.write(frame(60, 1), 10, 50, 50, 1, 0);
    writer.flush();
    expect(seen(sink.bytes())).toMatchObject([{ capLen: 20, origLen: 50 }]);
  });

  it('writes exactly these bytes', () => {
    const sink = new MemorySink();
    const writer = new PcapWriter(sink);
    writer.write(Uint8Array.of(9, 0xaa, 0xbb), 1, 2, 60, 0x01020304, 5999);
    writer.flush();
    expect(Buffer.from(sink.bytes()).toString('hex')).toBe(
      'd4c3b2a1' +
        '02000400' +
        '00000000' +
        '00000000' +
        '00000400' +
        '01000000' +
        '04030201' +
        '05000000' +
        '02000000' +
        '3c000000' +
        'aabb',
    );
  });

  it('writes nothing before its buffer is full or flushed', () => {
    const sink = new MemorySink();
    const writer = new PcapWriter(sink);
    writer.write(frame(60, 1), 0, 60, 60, 1, 0);
    expect(sink.bytes().length).toBe(0);
    writer.flush();
    expect(sink.bytes().length).toBe(24 + 16 + 60);
  });
});

describe('PcapngWriter', () => {
  it('comes back as it went in, with direction and comment', () => {
    fc.assert(
      fc.property(fc.array(aCommentedFrame, { maxLength: 20 }), fc.boolean(), (frames, bigEndian) => {
        const sink = new MemorySink();
        const writer = new PcapngWriter(sink, { bigEndian, application: 'etherloom' });
        const units = [9, 6, 0].map((tsresol, i) => {
          writer.addInterface({ name: `p${i}`, tsresol, linkType: i });
          return 10 ** (9 - tsresol);
        });
        for (const { frame: f, port, direction, comment } of frames) {
          const { length } = f.data;
          writer.write(port, f.data, 0, length, length + f.more, f.seconds, f.nanos, direction, comment);
        }
        writer.flush();
        const reader = new CaptureReader(new MemorySource(sink.bytes()));
        expect(reader.format).toBe('pcapng');
        for (const { frame: f, port, direction, comment } of frames) {
          expect(reader.next()).toBe(true);
          expect(reader.interfaceId).toBe(port);
          expect(reader.linkType).toBe(port);
          expect(reader.interfaces[port]!.name).toBe(`p${port}`);
          expect(reader.seconds).toBe(f.seconds);
          expect(reader.nanos).toBe(f.nanos - (f.nanos % units[port]!));
          expect(reader.origLen).toBe(f.data.length + f.more);
          expect(Buffer.compare(reader.buffer.subarray(reader.offset, reader.offset + reader.capLen), f.data)).toBe(0);
          expect(options(reader)).toEqual({ flags: ['unknown', 'inbound', 'outbound'].indexOf(direction), comment });
        }
        expect(reader.next()).toBe(false);
      }),
    );
  });

  it('refuses an interface that the section has not got', () => {
    const writer = new PcapngWriter(new MemorySink());
    expect(() => writer.write(0, frame(1, 1), 0, 1, 1, 0, 0)).toThrow('interface 0 was not added');
    writer.addInterface();
    writer.section();
    expect(() => writer.writeSimple(frame(1, 1), 0, 1, 1)).toThrow('needs an interface');
  });

  it('cuts a comment that no option can hold, between characters', () => {
    const sink = new MemorySink();
    const writer = new PcapngWriter(sink);
    writer.addInterface();
    writer.write(0, frame(3, 1), 0, 3, 3, 0, 0, 'unknown', '€'.repeat(30_000));
    writer.flush();
    const reader = new CaptureReader(new MemorySource(sink.bytes()));
    reader.next();
    expect(options(reader).comment).toBe('€'.repeat(21_845));
  });
});

function options(reader: CaptureReader): { flags: number; comment: string } {
  const walk = new OptionWalk();
  walk.begin(reader.view, reader.optionsOffset, reader.optionsLength, reader.littleEndian);
  const found = { flags: 0, comment: '' };
  while (walk.next()) {
    const value = reader.buffer.subarray(walk.valueOffset, walk.valueOffset + walk.valueLength);
    if (walk.code === OPT_COMMENT) found.comment = new TextDecoder('utf-8', { ignoreBOM: true }).decode(value);
    if (walk.code === OPT_EPB_FLAGS) found.flags = reader.view.getUint32(walk.valueOffset, reader.littleEndian);
  }
  return found;
}
