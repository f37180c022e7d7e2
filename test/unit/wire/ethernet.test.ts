import { describe, expect, it } from 'vitest';
import {
  etherDstHigh,
  etherDstLow,
  etherDstText,
  ethernetFits,
  etherSrcHigh,
  etherSrcLow,
  etherSrcText,
  etherType,
  formatMac,
  isBroadcastMac,
  isGroupMac,
  isLength,
  isLocalMac,
  isZeroMac,
  parseMac,
  reservedGroupIndex,
  writeEtherDst,
  writeEtherSrc,
  writeEtherType,
} from '../../../src/wire/ethernet.ts';
import {
  llcControl,
  llcDsap,
  llcFits,
  llcSsap,
  snapFits,
  snapOui,
  snapProtocol,
  writeSnap,
} from '../../../src/wire/llc.ts';
import { bytesOf, hexOf, viewOf } from './bytes.ts';

describe('ethernet', () => {
  const frame = bytesOf('ffff', 'ff0102030405', '02aabbccddee', '0806');
  const view = viewOf(frame);

  it('reads the fields at any offset', () => {
    expect(ethernetFits(2, frame.length)).toBe(true);
    expect(ethernetFits(3, frame.length)).toBe(false);
    expect([etherDstHigh(view, 2), etherDstLow(view, 2)]).toEqual([0xff01, 0x02030405]);
    expect([etherSrcHigh(view, 2), etherSrcLow(view, 2)]).toEqual([0x02aa, 0xbbccddee | 0]);
    expect(etherType(view, 2)).toBe(0x0806);
    expect(etherDstText(view, 2)).toBe('ff:01:02:03:04:05');
    expect(etherSrcText(view, 2)).toBe('02:aa:bb:cc:dd:ee');
  });

  it('writes what it reads', () => {
    const copy = new Uint8Array(frame.length).fill(0xff);
    const to = viewOf(copy);
    writeEtherDst(to, 2, 0xff01, 0x02030405);
    writeEtherSrc(to, 2, 0x02aa, 0xbbccddee | 0);
    writeEtherType(to, 2, 0x0806);
    expect(hexOf(copy)).toBe(hexOf(frame));
  });

  it.each([
    ['01:80:c2:00:00:0e', 0x0180, 0xc200000e],
    ['01-80-C2-00-00-0E', 0x0180, 0xc200000e],
    ['0180.c200.000e', 0x0180, 0xc200000e],
    ['0180c200000e', 0x0180, 0xc200000e],
    ['ff:ff:ff:ff:ff:ff', 0xffff, 0xffffffff],
  ])('parses %s', (text, high, low) => {
    expect(parseMac(text)).toEqual({ high, low: low | 0 });
  });

  it.each([
    '',
    '01:80:c2:00:00',
    '01:80:c2:00:00:0e:0f',
    '01:80-c2:00:00:0e',
    '1:80:c2:0:0:e',
    '0180:c200:000e',
    'gg:00:00:00:00:00',
    ' 01:80:c2:00:00:0e',
    '01:80:c2:00:00:0e\n',
  ])('refuses %j', (text) => {
    expect(parseMac(text)).toBeNull();
  });

  it('formats with leading zeros', () => {
    expect(formatMac(0x0001, 0x02030405)).toBe('00:01:02:03:04:05');
    expect(formatMac(0xffff, -1)).toBe('ff:ff:ff:ff:ff:ff');
  });

  it('tells addresses apart', () => {
    expect(isGroupMac(0x0100)).toBe(true);
    expect(isGroupMac(0x0200)).toBe(false);
    expect(isLocalMac(0x0200)).toBe(true);
    expect(isBroadcastMac(0xffff, -1)).toBe(true);
    expect(isBroadcastMac(0xffff, -2)).toBe(false);
    expect(isZeroMac(0, 0)).toBe(true);
  });

  it('numbers the sixteen reserved group addresses and no other', () => {
    for (let i = 0; i < 16; i++) expect(reservedGroupIndex(0x0180, 0xc2000000 | i | 0)).toBe(i);
    expect(reservedGroupIndex(0x0180, 0xc2000010 | 0)).toBe(-1);
    expect(reservedGroupIndex(0x0180, 0xc1ffffff | 0)).toBe(-1);
    expect(reservedGroupIndex(0x0181, 0xc2000000 | 0)).toBe(-1);
  });

  it.each([
    [0, true],
    [1500, true],
    [1501, false],
    [1535, false],
    [1536, false],
  ])('type field %d is a length: %s (802.3 3.2.6)', (value, expected) => {
    expect(isLength(value)).toBe(expected);
  });
});

describe('llc', () => {
  it('reads and writes SNAP', () => {
    const bytes = new Uint8Array(8);
    const view = viewOf(bytes);
    writeSnap(view, 0, 0x00000c, 0x2000);
    expect(hexOf(bytes)).toBe('aaaa0300000c2000');
    expect([llcDsap(view, 0), llcSsap(view, 0), llcControl(view, 0)]).toEqual([0xaa, 0xaa, 3]);
    expect([snapOui(view, 0), snapProtocol(view, 0)]).toEqual([0x0c, 0x2000]);
    expect([llcFits(0, 3), llcFits(0, 2), snapFits(0, 8), snapFits(0, 7)]).toEqual([true, false, true, false]);
  });
});
