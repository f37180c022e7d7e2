/**
 * Small captures made in memory, one of every kind that the reader knows: what the truncation and mutation
 * tests damage. Deterministic: no clock, no chance.
 */
import { PcapWriter, type PcapWriterOptions } from '../../../src/pcap/pcap-writer.ts';
import {
  BLOCK_CUSTOM,
  BLOCK_CUSTOM_NO_COPY,
  BLOCK_DECRYPTION_SECRETS,
  BLOCK_JOURNAL,
  BLOCK_NAME_RESOLUTION,
  BLOCK_PACKET,
  BLOCK_STATISTICS,
  BLOCK_SYSDIG_EVENT,
  BLOCK_SYSDIG_EVENT_V2,
} from '../../../src/pcap/pcapng-format.ts';
import { PcapngWriter } from '../../../src/pcap/pcapng-writer.ts';
import { MemorySink } from '../../../src/pcap/source.ts';

export interface Base {
  name: string;
  bytes: Uint8Array;
  /** Where each record ends in the file: a capture cut before that has not got the record. */
  recordEnds: number[];
}

const SECONDS = 1_700_000_000;
const FRAME_BYTES = [60, 61, 0, 14, 64, 1, 1514 % 256];

export function frame(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (seed * 31 + i * 7) & 0xff;
  return bytes;
}

function pcap(name: string, options: PcapWriterOptions): Base {
  const sink = new MemorySink();
  const writer = new PcapWriter(sink, options);
  const recordEnds: number[] = [];
  FRAME_BYTES.forEach((length, i) => {
    writer.write(frame(length, i), 0, length, length + (i % 2) * 100, SECONDS + i, i * 111_111_111);
    writer.flush();
    recordEnds.push(sink.bytes().length);
  });
  return { name, bytes: sink.bytes(), recordEnds };
}

/** The modified format (magic a1b2cd34) with its 24 or 28 byte record headers; no writer makes it. */
function modified(name: string, headerBytes: 24 | 28, little: boolean): Base {
  const recordEnds: number[] = [];
  const bytes = new Uint8Array(24 + FRAME_BYTES.reduce((sum, length) => sum + headerBytes + length, 0));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0xa1b2cd34, little);
  view.setUint16(4, 2, little);
  view.setUint16(6, 4, little);
  view.setUint32(16, 65_535, little);
  view.setUint32(20, 1, little);
  let at = 24;
  FRAME_BYTES.forEach((length, i) => {
    [SECONDS + i, i * 1000, length, length].forEach((value, k) => {
      view.setUint32(at + 4 * k, value, little);
    });
    view.setUint32(at + 16, i, little); // ifindex
    view.setUint16(at + 20, 0x0800, little); // protocol
    bytes.set(frame(length, i), at + headerBytes);
    at += headerBytes + length;
    recordEnds.push(at);
  });
  return { name, bytes, recordEnds };
}

function words(little: boolean, ...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setUint32(i * 4, value, little);
  });
  return bytes;
}

function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function text(s: string): Uint8Array {
  return new TextEncoder().encode(s);
}

/** Two sections of opposite byte order, three interfaces in each, every kind of block. */
function pcapng(name: string, firstLittle: boolean): Base {
  const sink = new MemorySink();
  const recordEnds: number[] = [];
  const writer = new PcapngWriter(sink, { application: 'etherloom', comment: 'one', bigEndian: !firstLittle });
  const record = (): void => {
    writer.flush();
    recordEnds.push(sink.bytes().length);
  };
  for (const little of [firstLittle, !firstLittle]) {
    if (little !== firstLittle) writer.section({ os: 'test', hardware: 'none', bigEndian: !little });
    writer.addInterface({ name: 'p1', snapLen: 64 });
    writer.addInterface({ name: 'p2', linkType: 0, tsresol: 6, description: 'loopback' });
    writer.write(0, frame(60, 1), 0, 60, 60, SECONDS, 123_456_789, 'inbound', 'dropped: INGRESS_VLAN');
    record();
    writer.write(1, frame(5, 2), 0, 5, 9, SECONDS + 1, 999_999_000, 'outbound');
    record();
    writer.block(BLOCK_CUSTOM, join(words(little, 32_473), frame(9, 3)));
    record();
    writer.writeSimple(frame(64, 4), 0, 64, 100);
    record();
    writer.block(BLOCK_NAME_RESOLUTION, words(little, 0));
    writer.addInterface({ name: 'p3', snapLen: 0, tsresol: 3 });
    writer.write(2, frame(0, 5), 0, 0, 0, SECONDS + 2, 0);
    record();
    const obsolete = words(little, 0, 0x61234, 0x56789abc, 7, 7);
    if (little) obsolete[0] = 1;
    else obsolete[1] = 1;
    writer.block(BLOCK_PACKET, join(obsolete, frame(8, 6)));
    record();
    writer.block(BLOCK_STATISTICS, words(little, 0, 0, 0));
    writer.block(BLOCK_DECRYPTION_SECRETS, words(little, 0x544c534b, 4, 0));
    writer.block(0x0000_0b0b, frame(20, 7));
    writer.block(BLOCK_CUSTOM_NO_COPY, words(little, 32_473));
    record();
    writer.block(BLOCK_JOURNAL, text('__REALTIME_TIMESTAMP=1700000000000000\nMESSAGE=hello\n'));
    record();
    writer.block(BLOCK_SYSDIG_EVENT, frame(32, 8));
    record();
    writer.block(BLOCK_SYSDIG_EVENT_V2, frame(40, 9));
    record();
  }
  return { name, bytes: sink.bytes(), recordEnds };
}

export function baseCaptures(): Base[] {
  return [
    pcap('pcap LE micro', {}),
    pcap('pcap LE nano', { nanos: true }),
    pcap('pcap BE micro', { bigEndian: true }),
    pcap('pcap BE nano', { bigEndian: true, nanos: true }),
    pcap('pcap snap length 20, link type RAW', { snapLen: 20, linkType: 101 }),
    modified('pcap modified, 24', 24, true),
    modified('pcap modified BE, 28', 28, false),
    pcapng('pcapng LE then BE', true),
    pcapng('pcapng BE then LE', false),
  ];
}
