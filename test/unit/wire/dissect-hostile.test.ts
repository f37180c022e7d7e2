/** Dissection of bytes that mean harm: no exception, no look outside the frame, and text that is JSON. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ethernetFrame, ipv6Packet, udpDatagram, udpIpv4, udpIpv6, vxlanPayload } from '../../../src/wire/build.ts';
import { dissectFrame } from '../../../src/wire/dissect.ts';
import { bytesOf, concat, guardedView } from './bytes.ts';

const HEAD = { dst: '02:00:00:00:00:02', src: '02:00:00:00:00:01' };
const IP4 = { src: '10.0.0.1', dst: '10.0.0.2' };
const IP6 = { src: 'fe80::1', dst: 'ff02::1' };
const TAGS = [
  { tpid: 0x88a8, vid: 100 },
  { vid: 10, pcp: 5 },
];
const INNER = ethernetFrame({ ...HEAD, tags: TAGS }, 0x0800, udpIpv4(IP4, 1, 2, bytesOf('0102')));
const T4 = udpIpv4(IP4, 50000, 4789, vxlanPayload(42, INNER));
const T6 = udpIpv6(IP6, 50000, 4789, vxlanPayload(42, INNER));

/** One frame of every path through the code. */
const SEEDS: readonly Uint8Array[] = [
  ethernetFrame({ ...HEAD, tags: TAGS }, 0x0800, T4),
  ethernetFrame(HEAD, 0x86dd, T6),
  ethernetFrame(
    HEAD,
    0x86dd,
    ipv6Packet(
      IP6,
      0,
      concat(bytesOf('2c00 c204 0001ffff', '3c00 0000 00000001', '3302 010e', '00'.repeat(20)), new Uint8Array(24)),
    ),
  ),
  ethernetFrame(HEAD, 0x0806, bytesOf('0001 0800 06 04 0001', '020000000001 0a000001 000000000000 0a000002')),
  ethernetFrame({ ...HEAD, tags: [{ vid: 1 }] }, 60, concat(bytesOf('aaaa03 000000 8100 0005 0800'), T4)),
  ethernetFrame(HEAD, 0x8864, concat(bytesOf('1100 0007 ffff 0021'), T4)),
  ethernetFrame(HEAD, 0x8847, concat(bytesOf('00064040 00065140'), T6)),
  ethernetFrame(HEAD, 0x0800, concat(T4.subarray(0, 9), bytesOf('2f'), T4.subarray(10, 20), bytesOf('b0810800'), T4)),
  ethernetFrame(HEAD, 0x88e5, concat(bytesOf('2000 00000001 0102030405060708 0800'), T4, new Uint8Array(16))),
  ethernetFrame(HEAD, 0x88e7, concat(new Uint8Array(16), bytesOf('893f 000000000000 892f 00000000 0800'), T4)),
  ethernetFrame(HEAD, 0x0800, concat(bytesOf('4f00 0000 0000 2000 4033 0000 0a000001 0a000002'), new Uint8Array(60))),
  ethernetFrame(HEAD, 38, bytesOf('060603', '45')),
  ethernetFrame(HEAD, 0x0800, udpDatagram(1, 2)),
];

/** Dissects in the middle of poison; a read outside the frame throws. */
function probe(frame: Uint8Array, capLen: number, len: number, poison: number): void {
  const off = 33;
  const memory = new Uint8Array(off + capLen + 40).fill(poison);
  memory.set(frame.subarray(0, capLen), off);
  const fields = dissectFrame(guardedView(memory, off, capLen), off, capLen, len, 1);
  expect(fields.outer === null).toBe(capLen < 14);
  if (capLen < 14) expect(fields.error).toBeDefined();
  expect(JSON.parse(JSON.stringify(fields))).toEqual(fields);
}

describe('dissect', () => {
  it.each(SEEDS.map((seed, i) => [i, seed] as const))(
    'seed %d cut at every byte, with any poison behind',
    (_, seed) => {
      for (let capLen = 0; capLen <= seed.length; capLen++) {
        for (const poison of [0x00, 0x08, 0x81, 0xff]) {
          probe(seed, capLen, seed.length, poison);
          probe(seed, capLen, capLen, poison);
        }
      }
    },
  );

  it('any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: -1, max: 0x7fffffff }), (bytes, len) => {
        probe(bytes, bytes.length, len, 0xff);
      }),
      { numRuns: 2000 },
    );
  });

  it('damaged frames', () => {
    const change = fc.record({ at: fc.nat(120), value: fc.oneof(fc.nat(255), fc.constantFrom(0, 4, 6, 17, 47, 255)) });
    fc.assert(
      fc.property(
        fc.constantFrom(...SEEDS),
        fc.array(change, { maxLength: 6 }),
        fc.nat(200),
        fc.boolean(),
        (seed, changes, cut, isCut) => {
          const frame = seed.slice();
          for (const { at, value } of changes) if (at < frame.length) frame[at] = value;
          const capLen = isCut ? Math.min(cut, frame.length) : frame.length;
          probe(frame, capLen, frame.length, 0x45);
        },
      ),
      { numRuns: 5000 },
    );
  });

  it.each([
    ['tags', '8100 0001'],
    ['MPLS labels', '8847 0000'],
    ['GRE in GRE', '0000 880b'],
  ])('a frame of %s from end to end costs no more than its bytes', (_, hex) => {
    const pattern = bytesOf(hex);
    const frame = new Uint8Array(262_144);
    for (let i = 0; i < frame.length; i++) frame[i] = pattern[i % pattern.length]!;
    const before = process.cpuUsage();
    probe(frame, frame.length, frame.length, 0);
    expect(process.cpuUsage(before).user).toBeLessThan(5e6);
  });
});
