import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipv4Packet, ipv6Packet } from '../../../src/wire/build.ts';
import {
  decrementIpv4Ttl,
  formatIpv4,
  IPV4_OPTION_ROUTER_ALERT,
  ipv4ChecksumOk,
  ipv4DontFragment,
  ipv4Dst,
  ipv4FindOption,
  ipv4Fits,
  ipv4FragmentOffset,
  ipv4GroupMacLow,
  ipv4HeaderBytes,
  ipv4IsFragment,
  ipv4MoreFragments,
  ipv4Protocol,
  ipv4Src,
  ipv4Tos,
  ipv4TotalBytes,
  ipv4Ttl,
  isIpv4Multicast,
  parseIpv4,
  writeIpv4Checksum,
  writeIpv4Fragment,
} from '../../../src/wire/ipv4.ts';
import {
  createUpper,
  findUpper,
  ipv6Class,
  ipv6Fits,
  ipv6FlowLabel,
  ipv6HopLimit,
  ipv6Next,
  ipv6PayloadBytes,
  isIpv6LinkLocal,
  isIpv6Multicast,
  isIpv6Unspecified,
  MAX_EXTENSIONS,
  sameIpv6,
  writeIpv6,
} from '../../../src/wire/ipv6.ts';
import { ipv6Text, parseIpv6 } from '../../../src/wire/ipv6-text.ts';
import { bytesOf, concat, viewOf } from './bytes.ts';

describe('ipv4', () => {
  const ip = { src: '10.0.0.1', dst: '192.168.255.254', ttl: 7, tos: 0xb8 };

  it('writes a header that reads back and sums right', () => {
    const packet = ipv4Packet(ip, 17, new Uint8Array(5));
    const view = viewOf(packet);
    expect(ipv4Fits(view, 0, packet.length)).toBe(true);
    expect(ipv4ChecksumOk(view, 0)).toBe(true);
    expect([ipv4HeaderBytes(view, 0), ipv4TotalBytes(view, 0)]).toEqual([20, 25]);
    expect([ipv4Ttl(view, 0), ipv4Tos(view, 0), ipv4Protocol(view, 0)]).toEqual([7, 0xb8, 17]);
    expect([ipv4Src(view, 0), ipv4Dst(view, 0)]).toEqual([0x0a000001, 0xc0a8fffe]);
    expect([ipv4DontFragment(view, 0), ipv4IsFragment(view, 0)]).toEqual([true, false]);
  });

  it.each<[string, (view: DataView) => void, boolean]>([
    ['as written', () => {}, true],
    ['version 5', (view) => view.setUint8(0, 0x55), false],
    ['header length 16', (view) => view.setUint8(0, 0x44), false],
    ['header length beyond the total', (view) => view.setUint8(0, 0x4f), false],
    ['total length 0', (view) => view.setUint16(2, 0), false],
    ['total length below the header', (view) => view.setUint16(2, 19), false],
    ['total length of the header', (view) => view.setUint16(2, 20), true],
    ['total length beyond the frame', (view) => view.setUint16(2, 26), false],
  ])('fits: %s', (_, change, expected) => {
    const view = viewOf(ipv4Packet(ip, 17, new Uint8Array(5)));
    change(view);
    expect(ipv4Fits(view, 0, 25)).toBe(expected);
  });

  it('does not fit when cut anywhere', () => {
    const packet = ipv4Packet(ip, 17, new Uint8Array(5));
    for (let end = 0; end < packet.length; end++) expect(ipv4Fits(viewOf(packet), 0, end)).toBe(false);
  });

  it('keeps the checksum right over every TTL', () => {
    const view = viewOf(ipv4Packet({ ...ip, ttl: 255 }, 1));
    for (let ttl = 254; ttl >= 0; ttl--) {
      decrementIpv4Ttl(view, 0);
      expect([ipv4Ttl(view, 0), ipv4ChecksumOk(view, 0)]).toEqual([ttl, true]);
    }
  });

  it('reads and writes fragments in bytes', () => {
    const view = viewOf(ipv4Packet(ip, 1));
    writeIpv4Fragment(view, 0, false, true, 1480);
    writeIpv4Checksum(view, 0);
    expect([ipv4FragmentOffset(view, 0), ipv4MoreFragments(view, 0), ipv4IsFragment(view, 0)]).toEqual([
      1480,
      true,
      true,
    ]);
    writeIpv4Fragment(view, 0, false, false, 8);
    expect(ipv4IsFragment(view, 0)).toBe(true);
  });

  it.each([
    ['router alert first', '46 94040000', 20],
    ['behind NOPs', '47 0101010194040000', 24],
    ['behind another option', '47 8803ff0194040000', 24],
    ['behind the end', '47 0094040000000000', -1],
    ['option of length 0', '47 8800ff0194040000', -1],
    ['option of length 1', '47 8801ff0194040000', -1],
    ['option that leaves the header', '46 88ff0000', -1],
    ['kind without a length', '46 01010188', -1],
  ])('finds an option: %s', (_, hex, expected) => {
    const option = bytesOf(hex);
    const header = concat(option.subarray(0, 1), new Uint8Array(19), option.subarray(1));
    expect(ipv4FindOption(viewOf(header), 0, IPV4_OPTION_ROUTER_ALERT)).toBe(expected);
  });

  it.each(['0.0.0.0', '10.0.0.1', '255.255.255.255', '1.2.3.4'])('text %s goes both ways', (text) => {
    expect(formatIpv4(parseIpv4(text)!)).toBe(text);
  });

  it.each(['', '1.2.3', '1.2.3.4.5', '256.0.0.1', '01.2.3.4', '1.2.3.4 ', 'a.b.c.d', '1..2.3', '-1.2.3.4'])(
    'refuses %j',
    (text) => {
      expect(parseIpv4(text)).toBeNull();
    },
  );

  it('maps groups to MACs (RFC 1112 6.4)', () => {
    expect(isIpv4Multicast(parseIpv4('224.0.0.1')!)).toBe(true);
    expect(isIpv4Multicast(parseIpv4('239.255.255.255')!)).toBe(true);
    expect(isIpv4Multicast(parseIpv4('240.0.0.0')!)).toBe(false);
    expect(ipv4GroupMacLow(parseIpv4('239.255.1.2')!)).toBe(0x5e7f0102);
  });
});

describe('ipv6', () => {
  const ip = { src: 'fe80::1', dst: 'ff02::fb', ttl: 255, tos: 0xb8 };
  const extension = (next: number, units: number) => {
    const bytes = new Uint8Array((units + 1) * 8);
    bytes.set([next, units]);
    return bytes;
  };
  const fragment = (next: number, offset: number, more: boolean) =>
    Uint8Array.from([next, 0, offset >> 8, (offset & 0xf8) | Number(more), 0, 0, 0, 7]);
  const walk = (next: number, ...parts: Uint8Array[]) => {
    const packet = ipv6Packet(ip, next, concat(...parts));
    const upper = createUpper();
    findUpper(viewOf(packet), 0, packet.length, upper);
    return upper;
  };

  it('writes a header that reads back', () => {
    const packet = ipv6Packet(ip, 17, new Uint8Array(9));
    const view = viewOf(packet);
    expect(ipv6Fits(view, 0, packet.length)).toBe(true);
    expect(ipv6Fits(view, 0, packet.length - 1)).toBe(false);
    expect(ipv6Fits(view, 0, 39)).toBe(false);
    expect([ipv6Class(view, 0), ipv6FlowLabel(view, 0), ipv6PayloadBytes(view, 0)]).toEqual([0xb8, 0, 9]);
    expect([ipv6Next(view, 0), ipv6HopLimit(view, 0)]).toEqual([17, 255]);
    writeIpv6(view, 0, 58, 9, 64, 0xff, 0xfffff);
    expect([ipv6Class(view, 0), ipv6FlowLabel(view, 0)]).toEqual([0xff, 0xfffff]);
    view.setUint8(0, 0x40);
    expect(ipv6Fits(view, 0, packet.length)).toBe(false);
  });

  it('asks addresses their kind', () => {
    const view = viewOf(ipv6Packet(ip, 59));
    expect([isIpv6LinkLocal(view, 8), isIpv6Multicast(view, 8)]).toEqual([true, false]);
    expect([isIpv6LinkLocal(view, 24), isIpv6Multicast(view, 24)]).toEqual([false, true]);
    expect([sameIpv6(view, 8, view, 8), sameIpv6(view, 8, view, 24)]).toEqual([true, false]);
    expect(isIpv6Unspecified(viewOf(parseIpv6('::')!), 0)).toBe(true);
    expect(isIpv6Unspecified(viewOf(parseIpv6('::1')!), 0)).toBe(false);
  });

  it('finds the upper header at once', () => {
    expect(walk(17, new Uint8Array(8))).toMatchObject({ protocol: 17, at: 40, fragment: false, whole: true });
  });

  it('walks hop-by-hop, routing, destination and authentication headers', () => {
    const authentication = new Uint8Array(24);
    authentication.set([17, 4]); // (4 + 2) units of 4 bytes
    const upper = walk(0, extension(43, 0), extension(60, 2), extension(51, 0), authentication, new Uint8Array(8));
    expect(upper).toMatchObject({ protocol: 17, at: 40 + 8 + 24 + 8 + 24, whole: true });
  });

  it('reads the fragment header and stops behind a later fragment', () => {
    expect(walk(44, fragment(17, 0, true), new Uint8Array(8))).toMatchObject({
      protocol: 17,
      at: 48,
      fragment: true,
      fragmentOffset: 0,
      moreFragments: true,
      fragmentIdent: 7,
      whole: true,
    });
    expect(walk(44, fragment(60, 1480, false), new Uint8Array(8))).toMatchObject({
      protocol: 60,
      at: 48,
      fragmentOffset: 1480,
      moreFragments: false,
      whole: true,
    });
  });

  it('says so when an extension is cut at any byte', () => {
    const packet = ipv6Packet(ip, 0, concat(extension(60, 1), extension(17, 1)));
    const upper = createUpper();
    for (let end = 40; end < packet.length; end++) {
      findUpper(viewOf(packet), 0, end, upper);
      expect(upper.whole).toBe(false);
    }
  });

  it('gives up after the most extensions', () => {
    const chain = (count: number) => Array.from({ length: count }, (_, i) => extension(i === count - 1 ? 17 : 60, 0));
    expect(walk(60, ...chain(MAX_EXTENSIONS))).toMatchObject({ protocol: 17, whole: true });
    expect(walk(60, ...chain(MAX_EXTENSIONS + 1))).toMatchObject({ protocol: 60, whole: false });
  });

  it.each([
    // RFC 5952 section 4 and 5
    ['2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:DB8::ABCD', '2001:db8::abcd'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['::192.0.2.1', '::192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('text of %s is %s', (given, expected) => {
    expect(ipv6Text(viewOf(parseIpv6(given)!), 0)).toBe(expected);
  });

  it.each([
    '',
    ':',
    ':::',
    '1',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '1:2:3:4:5:6:7:8::',
    '::12345',
    'g::',
    '1:',
    ':1',
    '1.2.3.4::',
    '::1.2.3',
    '::1.2.3.4:5',
    'fe80::1%eth0',
  ])('refuses %j', (text) => {
    expect(parseIpv6(text)).toBeNull();
  });

  it('every address survives its text', () => {
    const group = fc.oneof(fc.constant(0), fc.nat(0xffff));
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const bytes = new Uint8Array(16);
        groups.forEach((value, i) => {
          viewOf(bytes).setUint16(2 * i, value);
        });
        expect(parseIpv6(ipv6Text(viewOf(bytes), 0))).toEqual(bytes);
      }),
    );
  });
});
