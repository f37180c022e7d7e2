import { describe, expect, it } from 'vitest';
import {
  arpFits,
  arpOperation,
  arpSenderHigh,
  arpSenderIp,
  arpSenderLow,
  arpTargetHigh,
  arpTargetIp,
  arpTargetLow,
  arpText,
  isArpProbe,
  isGratuitousArp,
} from '../../../src/wire/arp.ts';
import {
  arpFrame,
  ethernetFrame,
  icmpIpv4,
  icmpv6Ipv6,
  ipv4Packet,
  ipv6Packet,
  padFrame,
  udpIpv4,
  udpIpv6,
  vxlanPayload,
} from '../../../src/wire/build.ts';
import { icmpChecksumOk, icmpCode, icmpIdent, icmpMtu, icmpSequence, icmpType } from '../../../src/wire/icmp.ts';
import {
  icmpv6ChecksumOk,
  icmpv6Type,
  icmpv6Word,
  NA_OVERRIDE,
  NA_SOLICITED,
  naFlags,
  ndFindMac,
  ndFits,
  ndTargetAt,
  writeNdMacOption,
} from '../../../src/wire/icmpv6.ts';
import { ipv4Fits } from '../../../src/wire/ipv4.ts';
import { parseIpv6 } from '../../../src/wire/ipv6-text.ts';
import {
  TCP_ACK,
  TCP_SYN,
  tcpAcknowledgment,
  tcpChecksumOkIpv4,
  tcpChecksumOkIpv6,
  tcpDst,
  tcpFits,
  tcpFlags,
  tcpHeaderBytes,
  tcpSequence,
  tcpSrc,
  writeTcpChecksumIpv4,
  writeTcpChecksumIpv6,
} from '../../../src/wire/tcp.ts';
import {
  udpBytes,
  udpChecksum,
  udpChecksumOkIpv4,
  udpChecksumOkIpv6,
  udpDst,
  udpFits,
  udpSrc,
  writeUdpChecksumIpv6,
} from '../../../src/wire/udp.ts';
import {
  vxlanFits,
  vxlanFlags,
  vxlanGroup,
  vxlanHasVni,
  vxlanReserved8,
  vxlanReservedClear,
  vxlanVni,
  writeVxlan,
  writeVxlanGroup,
} from '../../../src/wire/vxlan.ts';
import { bytesOf, concat, hexOf, viewOf } from './bytes.ts';

const A = '02:00:00:00:00:01';
const B = '02:00:00:00:00:02';
const IP4 = { src: '10.0.0.1', dst: '10.0.0.2' };
const IP6 = { src: 'fe80::1', dst: 'fe80::2' };

describe('arp', () => {
  const frame = arpFrame(
    { dst: 'ff:ff:ff:ff:ff:ff', src: A },
    { operation: 1, senderMac: A, senderIp: '10.0.0.1', targetMac: '00:00:00:00:00:00', targetIp: '10.0.0.2' },
  );

  it('is written as RFC 826 has it', () => {
    expect(hexOf(frame)).toBe(
      hexOf(
        bytesOf(
          'ffffffffffff 020000000001 0806',
          '0001 0800 06 04 0001',
          '020000000001 0a000001 000000000000 0a000002',
        ),
      ),
    );
  });

  it('reads back', () => {
    const view = viewOf(frame);
    expect(arpFits(view, 14, frame.length)).toBe(true);
    expect(arpFits(view, 14, frame.length - 1)).toBe(false);
    expect(arpOperation(view, 14)).toBe(1);
    expect([arpSenderHigh(view, 14), arpSenderLow(view, 14), arpSenderIp(view, 14)]).toEqual([0x0200, 1, 0x0a000001]);
    expect([arpTargetHigh(view, 14), arpTargetLow(view, 14), arpTargetIp(view, 14)]).toEqual([0, 0, 0x0a000002]);
    expect(arpText(view, 14)).toBe('who has 10.0.0.2, tell 10.0.0.1');
    expect([isGratuitousArp(view, 14), isArpProbe(view, 14)]).toEqual([false, false]);
  });

  it.each([
    ['another hardware type', 0, 6],
    ['another protocol', 2, 0x86dd],
    ['another address size', 4, 0x0804],
    ['another protocol size', 4, 0x0610],
  ])('does not fit with %s', (_, at, value) => {
    const copy = frame.slice();
    viewOf(copy).setUint16(14 + at, value);
    expect(arpFits(viewOf(copy), 14, copy.length)).toBe(false);
  });

  it('knows an announcement, a probe and a reply', () => {
    const make = (operation: number, senderIp: string, targetIp: string) =>
      viewOf(arpFrame({ dst: B, src: A }, { operation, senderMac: A, senderIp, targetMac: B, targetIp }));
    expect(isGratuitousArp(make(1, '10.0.0.1', '10.0.0.1'), 14)).toBe(true);
    expect(isArpProbe(make(1, '0.0.0.0', '10.0.0.1'), 14)).toBe(true);
    expect(arpText(make(2, '10.0.0.1', '10.0.0.2'), 14)).toBe(`10.0.0.1 is at ${A}`);
    expect(arpText(make(9, '10.0.0.1', '10.0.0.2'), 14)).toBe('arp operation 9');
  });
});

describe('udp', () => {
  it('over IPv4 has a right checksum, notices damage, accepts none', () => {
    const packet = udpIpv4(IP4, 5000, 4789, bytesOf('010203'));
    const view = viewOf(packet);
    expect([udpSrc(view, 20), udpDst(view, 20), udpBytes(view, 20)]).toEqual([5000, 4789, 11]);
    expect(udpFits(view, 20, packet.length)).toBe(true);
    expect(udpChecksumOkIpv4(view, 0, 20)).toBe(true);
    packet[28]! ^= 1;
    expect(udpChecksumOkIpv4(view, 0, 20)).toBe(false);
    view.setUint16(26, 0);
    expect(udpChecksumOkIpv4(view, 0, 20)).toBe(true);
    expect(udpChecksum(viewOf(udpIpv4(IP4, 1, 2, undefined, false)), 20)).toBe(0);
  });

  it('over IPv6 must have one', () => {
    const packet = udpIpv6(IP6, 5000, 4789, bytesOf('010203'));
    const view = viewOf(packet);
    expect(udpChecksumOkIpv6(view, 0, 40)).toBe(true);
    view.setUint16(46, 0);
    expect(udpChecksumOkIpv6(view, 0, 40)).toBe(false);
  });

  it('sends a computed zero as 0xFFFF (RFC 768, RFC 8200 8.1)', () => {
    const packet = udpIpv6(IP6, 0, 2, bytesOf('0000'));
    const view = viewOf(packet);
    view.setUint16(48, udpChecksum(view, 40)); // now the sum without the checksum is 0xFFFF
    writeUdpChecksumIpv6(view, 0, 40);
    expect(udpChecksum(view, 40)).toBe(0xffff);
    expect(udpChecksumOkIpv6(view, 0, 40)).toBe(true);
  });

  it.each([
    [7, false],
    [8, true],
    [11, true],
    [12, false],
    [0, false],
  ])('length field %d fits in 11 bytes: %s', (length, expected) => {
    const view = viewOf(udpIpv4(IP4, 1, 2, bytesOf('010203')));
    view.setUint16(24, length);
    expect(udpFits(view, 20, 31)).toBe(expected);
    expect(udpFits(view, 20, 27)).toBe(false);
  });
});

describe('tcp', () => {
  const segment = bytesOf('0050 c350 00000001 80000002 6012 ffff 0000 0000 020405b4');

  it('reads the header and its options', () => {
    const view = viewOf(segment);
    expect(tcpFits(view, 0, 24)).toBe(true);
    expect(tcpFits(view, 0, 23)).toBe(false);
    expect([tcpSrc(view, 0), tcpDst(view, 0), tcpHeaderBytes(view, 0)]).toEqual([80, 50000, 24]);
    expect([tcpSequence(view, 0), tcpAcknowledgment(view, 0)]).toEqual([1, 0x80000002]);
    expect(tcpFlags(view, 0)).toBe(TCP_SYN | TCP_ACK);
    expect(tcpFits(viewOf(bytesOf(`${'00'.repeat(12)}4000${'00'.repeat(6)}`)), 0, 20)).toBe(false);
  });

  it('has a checksum over either IP', () => {
    const v4 = viewOf(ipv4Packet(IP4, 6, segment));
    writeTcpChecksumIpv4(v4, 0, 20, 24);
    expect(tcpChecksumOkIpv4(v4, 0, 20, 24)).toBe(true);
    const v6 = viewOf(ipv6Packet(IP6, 6, segment));
    writeTcpChecksumIpv6(v6, 0, 40, 24);
    expect(tcpChecksumOkIpv6(v6, 0, 40, 24)).toBe(true);
    v6.setUint8(45, 9);
    expect(tcpChecksumOkIpv6(v6, 0, 40, 24)).toBe(false);
  });
});

describe('icmp', () => {
  it('echo reads back', () => {
    const packet = icmpIpv4(IP4, 8, 0, 0x1234, 7, bytesOf('616263'));
    const view = viewOf(packet);
    expect(ipv4Fits(view, 0, packet.length)).toBe(true);
    expect([icmpType(view, 20), icmpCode(view, 20), icmpIdent(view, 20), icmpSequence(view, 20)]).toEqual([
      8, 0, 0x1234, 7,
    ]);
    expect(icmpChecksumOk(view, 20, 11)).toBe(true);
    packet[30]! ^= 0x80;
    expect(icmpChecksumOk(view, 20, 11)).toBe(false);
  });

  it('fragmentation needed carries the MTU (RFC 1191 4)', () => {
    const view = viewOf(icmpIpv4(IP4, 3, 4, 0, 1450));
    expect(icmpMtu(view, 20)).toBe(1450);
  });
});

describe('icmpv6', () => {
  it('echo has a right checksum', () => {
    const packet = icmpv6Ipv6(IP6, 128, 0, 0x12340007, bytesOf('616263'));
    const view = viewOf(packet);
    expect([icmpv6Type(view, 40), icmpv6Word(view, 40)]).toEqual([128, 0x12340007]);
    expect(icmpv6ChecksumOk(view, 0, 40, 11)).toBe(true);
    packet[8 + 15] = 9; // the source address is part of it
    expect(icmpv6ChecksumOk(view, 0, 40, 11)).toBe(false);
  });

  it('neighbor advertisement: flags, target, link-layer option', () => {
    const body = concat(parseIpv6('fe80::2')!, new Uint8Array(8));
    writeNdMacOption(viewOf(body), 16, 2, 0x0200, 2);
    const packet = icmpv6Ipv6({ ...IP6, ttl: 255 }, 136, 0, (NA_SOLICITED | NA_OVERRIDE) * 2 ** 24, body);
    const view = viewOf(packet);
    expect(ndFits(40, packet.length)).toBe(true);
    expect(naFlags(view, 40)).toBe(NA_SOLICITED | NA_OVERRIDE);
    expect(hexOf(packet.subarray(ndTargetAt(40), ndTargetAt(40) + 16))).toBe(hexOf(parseIpv6('fe80::2')!));
    expect(ndFindMac(view, 40, packet.length, 2)).toBe(66);
    expect(ndFindMac(view, 40, packet.length, 1)).toBe(-1);
    expect(ndFindMac(view, 40, packet.length - 1, 2)).toBe(-1);
    packet[65] = 0; // an option of length 0 would be an endless loop
    expect(ndFindMac(view, 40, packet.length, 1)).toBe(-1);
  });
});

describe('vxlan', () => {
  it('is written as RFC 7348 section 5 has it', () => {
    const view = new DataView(new ArrayBuffer(8));
    writeVxlan(view, 0, 0xabcdef);
    expect(hexOf(new Uint8Array(view.buffer))).toBe('08000000abcdef00');
    expect([vxlanHasVni(view, 0), vxlanVni(view, 0), vxlanReservedClear(view, 0)]).toEqual([true, 0xabcdef, true]);
    expect([vxlanFits(0, 8), vxlanFits(0, 7)]).toEqual([true, false]);
  });

  it('carries a group policy ID', () => {
    const view = viewOf(vxlanPayload(5, ethernetFrame({ dst: B, src: A }, 0x0806)));
    writeVxlanGroup(view, 0, 0x1234);
    expect([vxlanFlags(view, 0), vxlanGroup(view, 0), vxlanVni(view, 0)]).toEqual([0x8800, 0x1234, 5]);
    expect(vxlanReservedClear(view, 0)).toBe(false);
  });

  it.each([
    ['0800000000000500', true],
    ['0000000000000500', true],
    ['0900000000000500', false],
    ['0800000100000500', false],
    ['0800000000000501', false],
  ])('%s has its reserved bits clear: %s', (hex, expected) => {
    const view = viewOf(bytesOf(hex));
    expect(vxlanReservedClear(view, 0)).toBe(expected);
    expect(vxlanReserved8(view, 0)).toBe(Number.parseInt(hex.slice(-2), 16));
  });
});

describe('build', () => {
  it('pads to 60 bytes and leaves longer frames alone', () => {
    const frame = ethernetFrame({ dst: B, src: A }, 0x0806, bytesOf('01'));
    expect(frame.length).toBe(15);
    expect(padFrame(frame).length).toBe(60);
    const long = new Uint8Array(61);
    expect(padFrame(long)).toBe(long);
  });

  it.each([
    () => ethernetFrame({ dst: 'nonsense', src: A }, 0),
    () => ipv4Packet({ src: '1.2.3', dst: '1.2.3.4' }, 1),
    () => ipv6Packet({ src: 'fe80::1', dst: '1.2.3.4' }, 1),
  ])('says which address is none', (make) => {
    expect(make).toThrow(RangeError);
  });
});
