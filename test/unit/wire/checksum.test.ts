import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checksum,
  checksumUpdate16,
  checksumUpdate32,
  foldSum,
  ipv4PseudoSum,
  ipv6PseudoSum,
  sumBytes,
  sumWord,
} from '../../../src/wire/checksum.ts';
import { bytesOf, viewOf } from './bytes.ts';

/** RFC 1071 section 4.1, word by word: slow and plainly right. */
function reference(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
    sum = (sum & 0xffff) + (sum >>> 16);
  }
  return ~sum & 0xffff;
}

describe('checksum', () => {
  it('is that of RFC 1071 section 3', () => {
    const bytes = bytesOf('0001 f203 f4f5 f6f7');
    expect(foldSum(sumBytes(viewOf(bytes), 0, 8))).toBe(0xddf2);
    expect(checksum(viewOf(bytes), 0, 8)).toBe(0x220d);
  });

  it.each([
    ['an IPv4 header', '4500 0073 0000 4000 4011 0000 c0a8 0001 c0a8 00c7', 0xb861],
    ['nothing', '', 0xffff],
    ['one byte', 'ab', 0x54ff],
    ['all ones', 'ffff ffff', 0],
  ])('of %s', (_, hex, expected) => {
    const bytes = bytesOf(hex);
    expect(checksum(viewOf(bytes), 0, bytes.length)).toBe(expected);
  });

  it('agrees with the word-by-word sum for every length and offset', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(7), (bytes, pad) => {
        const padded = new Uint8Array(bytes.length + pad + 3).fill(0xee);
        padded.set(bytes, pad);
        expect(checksum(viewOf(padded), pad, bytes.length)).toBe(reference(bytes));
      }),
    );
  });

  it('does not overflow on a super-frame of ones', () => {
    const bytes = new Uint8Array(262_144).fill(0xff);
    expect(checksum(viewOf(bytes), 0, bytes.length)).toBe(reference(bytes));
  });

  it('of UDP over IPv4 includes the pseudo header (RFC 768)', () => {
    // 10.0.0.1:1 > 10.0.0.2:2, payload 01 02 03
    const bytes = bytesOf('0a000001 0a000002', '0001 0002 000b 0000 010203');
    const view = viewOf(bytes);
    expect(checksum(view, 8, 11, ipv4PseudoSum(view, 0, 17, 11))).toBe(
      reference(bytesOf('0a000001 0a000002 0011 000b', '0001 0002 000b 0000 010203')),
    );
  });

  it('of ICMPv6 includes the pseudo header (RFC 8200 8.1)', () => {
    const addresses = 'fe800000000000000000000000000001 ff0200000000000000000000000000fb';
    const bytes = bytesOf(addresses, '8700 0000 00000000');
    const view = viewOf(bytes);
    expect(checksum(view, 32, 8, ipv6PseudoSum(view, 0, 58, 8))).toBe(
      reference(bytesOf(addresses, '00000008 0000003a', '8700 0000 00000000')),
    );
  });

  it('is updated as RFC 1624 section 4 shows', () => {
    expect(checksumUpdate16(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
  });

  it('updated equals computed anew', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 60 }), fc.nat(9), fc.nat(0xffff), (bytes, word, after) => {
        const view = viewOf(bytes);
        bytes[0] = 0x45; // a sum of only zeros has two forms, and no header is that
        const sum = checksum(view, 0, bytes.length);
        const at = 2 + 2 * (word % 8);
        const before = view.getUint16(at);
        view.setUint16(at, after);
        expect(checksumUpdate16(sum, before, after)).toBe(checksum(view, 0, bytes.length));
        const long = view.getUint32(12);
        const then = checksum(view, 0, bytes.length);
        view.setUint32(12, 0xc0a80001);
        expect(checksumUpdate32(then, long, 0xc0a80001)).toBe(checksum(view, 0, bytes.length));
      }),
    );
  });

  it('folds words of any size', () => {
    expect(foldSum(sumWord(sumWord(0, 0xffffffff), 1))).toBe(1);
    expect(foldSum(0xffff_ffff_ffff)).toBe(0xffff);
  });
});
