/** Pairing, masks, padding, checks and noise. */
import { describe, expect, it } from 'vitest';
import { compareFrames, fieldAt } from '../../../src/scenario/compare.ts';
import type { FrameSpec } from '../../../src/scenario/format.ts';
import { checksHold } from '../../../src/scenario/frame-checks.ts';
import { isNoise } from '../../../src/scenario/noise.ts';
import {
  ethernetFrame,
  icmpIpv4,
  icmpv6Ipv6,
  ipv4Packet,
  ipv6Packet,
  udpIpv4,
  udpIpv6,
} from '../../../src/wire/build.ts';

const none = () => false;
const bytes = (hex: string) => Buffer.from(hex, 'hex');
const HEAD = 'ffffffffffff02000000000a88b5';

function spec(name: string, hex: string, mask?: string): FrameSpec {
  return { name, bytes: bytes(hex), mask: mask === undefined ? null : bytes(mask), checks: [] };
}
function compare(frames: FrameSpec[], captured: [string, string][], expected: [string, string, number?][]) {
  return compareFrames(
    expected.map(([port, frame, times = 1]) => ({ port, frame, times })),
    new Map(frames.map((f) => [f.name, f])),
    captured.map(([port, hex]) => ({ port, bytes: bytes(hex) })),
    none,
  );
}

describe('comparing frames', () => {
  const one = spec('one', `${HEAD}01`);
  const two = spec('two', `${HEAD}02`);
  const any = spec('any', `${HEAD}00`, `${'ff'.repeat(14)}00`);

  it('takes any order, and every frame once', () => {
    const out: [string, string][] = [
      ['p1', `${HEAD}02`],
      ['p2', `${HEAD}01`],
      ['p1', `${HEAD}01`],
    ];
    expect(
      compare([one, two], out, [
        ['p1', 'one'],
        ['p1', 'two'],
        ['p2', 'one'],
      ]),
    ).toBeNull();
    expect(
      compare([one, two], out, [
        ['p1', 'one'],
        ['p1', 'two'],
      ])?.message,
    ).toBe('one left by p2, and should not have');
    expect(
      compare([one, two], out, [
        ['p1', 'one', 2],
        ['p1', 'two'],
        ['p2', 'one'],
      ])?.message,
    ).toBe('one was to leave by p1, but nothing left by p1 (1 of 2 missing)');
  });

  it('gives a masked frame what no exact one wants', () => {
    const out: [string, string][] = [
      ['p1', `${HEAD}01`],
      ['p1', `${HEAD}77`],
    ];
    expect(
      compare([any, one], out, [
        ['p1', 'any'],
        ['p1', 'one'],
      ]),
    ).toBeNull();
    expect(
      compare([any, two], out, [
        ['p1', 'any'],
        ['p1', 'two'],
      ]),
    ).toMatchObject({ port: 'p1', offset: 14 });
  });

  it('tolerates zeros up to 60 bytes, and nothing else behind a frame', () => {
    const padded = `${HEAD}01${'00'.repeat(45)}`;
    const match = (hex: string) => compare([one], [['p1', hex]], [['p1', 'one']]);
    expect(match(padded)).toBeNull();
    expect(match(padded.slice(0, 40))).toBeNull();
    expect(match(`${padded}00`)?.message).toContain('at byte 15 (payload, byte 1); it has 61 bytes instead of 15');
    expect(match(`${padded.slice(0, -2)}01`)).not.toBeNull();
    expect(match(HEAD)?.message).toContain('at byte 14 (payload, byte 0); it has 14 bytes instead of 15');
  });

  it('names what stands at a byte', () => {
    const frame = bytes('ffffffffffff02000000000a88a8000a8100000b080045');
    const names = [0, 6, 12, 14, 16, 19, 20, 22].map((at) => fieldAt(frame, at));
    expect(names).toEqual([
      'destination address',
      'source address',
      'TPID',
      'TCI',
      'TPID',
      'TCI',
      'EtherType',
      'payload, byte 0',
    ]);
  });
});

describe('checks of a received frame', () => {
  const head = { dst: 'ff:ff:ff:ff:ff:ff', src: '02:00:00:00:00:0a', tags: [{ vid: 5 }] };
  const v4 = { src: '10.0.0.1', dst: '10.0.0.2' };
  const v6 = { src: 'fd00::1', dst: 'fd00::2' };
  const data = Uint8Array.of(1, 2, 3);
  const all = ['ipv4_header_checksum_valid', 'udp_checksum_present_and_valid'] as const;
  const over4 = Buffer.from(ethernetFrame(head, 0x0800, udpIpv4(v4, 9, 10, data)));
  const over6 = Buffer.from(ethernetFrame(head, 0x86dd, udpIpv6(v6, 9, 10, data)));
  const flip = (frame: Buffer, at: number) => {
    const copy = Buffer.from(frame);
    copy[at]! ^= 1;
    return copy;
  };

  it('hold over IPv4 and IPv6, behind tags', () => {
    expect(checksHold(over4, all)).toBeNull();
    expect(checksHold(over6, ['udp_checksum_present_and_valid'])).toBeNull();
    expect(checksHold(over6, all)).toBe('it has no IPv4 header');
  });

  it('see a flipped bit, a missing checksum and no UDP', () => {
    expect(checksHold(flip(over4, 18 + 8), all)).toBe('its IPv4 header checksum is wrong');
    for (const frame of [flip(over4, over4.length - 1), flip(over6, over6.length - 1)]) {
      expect(checksHold(frame, ['udp_checksum_zero_or_valid'])).toBe('its UDP checksum is wrong');
    }
    const zero = Buffer.from(over4);
    zero.writeUInt16BE(0, 18 + 20 + 6);
    expect(checksHold(zero, ['udp_checksum_zero_or_valid'])).toBeNull();
    expect(checksHold(zero, all)).toBe('it has no UDP checksum');
    expect(checksHold(Buffer.alloc(60), all)).toBe('it has no IPv4 header');
    for (let length = 14; length < over4.length; length++)
      expect(checksHold(over4.subarray(0, length), all)).not.toBeNull();
  });

  it('know queries from the bridge where a scenario tolerates them', () => {
    const igmp = Buffer.from(ethernetFrame(head, 0x0800, ipv4Packet(v4, 2, Uint8Array.of(0x11, 0, 0, 0, 0, 0, 0, 0))));
    const report = Buffer.from(ethernetFrame(head, 0x0800, ipv4Packet(v4, 2, Uint8Array.of(0x16, 0, 0, 0))));
    const mld = ipv6Packet(v6, 0, Uint8Array.of(58, 0, 5, 2, 0, 0, 1, 0, 130, 0, 0, 0));
    const both = ['igmp_queries_from_the_bridge', 'mld_queries_from_the_bridge'];
    expect(isNoise(igmp, both)).toBe(true);
    expect(isNoise(Buffer.from(ethernetFrame(head, 0x86dd, mld)), both)).toBe(true);
    expect(isNoise(igmp, [])).toBe(false);
    expect(isNoise(igmp, ['mld_queries_from_the_bridge'])).toBe(false);
    expect(isNoise(report, both)).toBe(false);
    for (const packet of [icmpIpv4(v4, 8, 0, 1, 1), icmpv6Ipv6(v6, 128, 0, 1)]) {
      expect(isNoise(Buffer.from(ethernetFrame(head, 0x0800, packet)), both)).toBe(false);
    }
    for (let length = 0; length < igmp.length; length++) isNoise(igmp.subarray(0, length), both);
  });
});
