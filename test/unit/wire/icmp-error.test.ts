import { describe, expect, it } from 'vitest';
import { addressBytes } from '../../../src/wire/address.ts';
import { icmpIpv4, icmpv6Ipv6, ipv4Packet, ipv6Packet, udpIpv4, udpIpv6 } from '../../../src/wire/build.ts';
import { icmpChecksumOk, icmpCode, icmpMtu, icmpType } from '../../../src/wire/icmp.ts';
import {
  icmpTimeExceeded,
  icmpTooBig,
  icmpUnreachable,
  icmpv6TimeExceeded,
  icmpv6TooBig,
  icmpv6Unreachable,
} from '../../../src/wire/icmp-error.ts';
import { icmpv6ChecksumOk, icmpv6Code, icmpv6Type, icmpv6Word } from '../../../src/wire/icmpv6.ts';
import {
  ipv4ChecksumOk,
  ipv4Dst,
  ipv4Src,
  ipv4Tos,
  ipv4TotalBytes,
  writeIpv4Fragment,
} from '../../../src/wire/ipv4.ts';
import { linkLocalAddress, solicitedNodeGroup } from '../../../src/wire/ipv6.ts';
import { ipv6Text } from '../../../src/wire/ipv6-text.ts';
import { ALL_NODES, ndValid, routerAdvertisement, routerSolicitation } from '../../../src/wire/nd.ts';
import { hexOf, viewOf } from './bytes.ts';

const ROUTER = 0x0a000001;
const ROUTER6 = addressBytes('2001:db8::1')!;
const v4 = (bytes: number, dst = '10.1.0.2', src = '10.0.0.2') =>
  udpIpv4({ src, dst, tos: 0xa8 }, 1, 2, new Uint8Array(bytes));
const v6 = (bytes: number, dst = '2001:db8:1::2', src = '2001:db8::2') =>
  udpIpv6({ src, dst }, 1, 2, new Uint8Array(bytes));

describe('ICMP errors', () => {
  it('say the MTU, quote at most 576 bytes in all, and have right checksums', () => {
    const packet = v4(1400);
    const error = icmpTooBig(viewOf(packet), 0, ROUTER, 1400)!;
    const view = viewOf(error);
    expect(error.length).toBe(576);
    expect([ipv4TotalBytes(view, 0), ipv4ChecksumOk(view, 0), icmpChecksumOk(view, 20, 556)]).toEqual([
      576,
      true,
      true,
    ]);
    expect([icmpType(view, 20), icmpCode(view, 20), icmpMtu(view, 20)]).toEqual([3, 4, 1400]);
    expect([ipv4Src(view, 0), ipv4Dst(view, 0), ipv4Tos(view, 0)]).toEqual([ROUTER, 0x0a000002, 0xc8]);
    expect(hexOf(error.subarray(28))).toBe(hexOf(packet.subarray(0, 548)));
  });

  it('quote a short packet whole, without what pads the frame', () => {
    const packet = v4(1);
    const padded = new Uint8Array(60);
    padded.set(packet);
    expect(icmpTimeExceeded(viewOf(padded), 0, ROUTER)!.length).toBe(28 + packet.length);
  });

  it('are not owed about groups, nobodies, later fragments and other errors', () => {
    const fragment = v4(100);
    writeIpv4Fragment(viewOf(fragment), 0, false, false, 8);
    const first = v4(100);
    writeIpv4Fragment(viewOf(first), 0, false, true, 0);
    const about = (packet: Uint8Array) => icmpUnreachable(viewOf(packet), 0, ROUTER, 0) !== null;
    expect(about(fragment)).toBe(false);
    expect(about(first)).toBe(true);
    expect(about(v4(1, '224.0.0.5'))).toBe(false);
    expect(about(v4(1, '255.255.255.255'))).toBe(false);
    for (const src of ['0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255'])
      expect(about(v4(1, '10.1.0.2', src))).toBe(false);
    const ip = { src: '10.0.0.2', dst: '10.1.0.2' };
    expect(about(icmpIpv4(ip, 8, 0, 1, 1))).toBe(true);
    for (const type of [3, 4, 5, 11, 12, 99]) expect(about(icmpIpv4(ip, type, 0, 1, 1))).toBe(false);
    expect(about(ipv4Packet(ip, 1))).toBe(false);
  });
});

describe('ICMPv6 errors', () => {
  it('say the MTU, quote at most 1,280 bytes in all, and have right checksums', () => {
    const packet = v6(1400);
    const error = icmpv6TooBig(viewOf(packet), 0, ROUTER6, 1300)!;
    const view = viewOf(error);
    expect(error.length).toBe(1280);
    expect(icmpv6ChecksumOk(view, 0, 40, 1240)).toBe(true);
    expect([icmpv6Type(view, 40), icmpv6Code(view, 40), icmpv6Word(view, 40)]).toEqual([2, 0, 1300]);
    expect(hexOf(error.subarray(48))).toBe(hexOf(packet.subarray(0, 1232)));
  });

  it('are not owed about groups (but their size), nobodies and other errors', () => {
    const about = (packet: Uint8Array) => icmpv6Unreachable(viewOf(packet), 0, ROUTER6, 0) !== null;
    expect(about(v6(1))).toBe(true);
    expect(about(v6(1, 'ff05::1'))).toBe(false);
    expect(icmpv6TooBig(viewOf(v6(1, 'ff05::1')), 0, ROUTER6, 1280)).not.toBeNull();
    expect(about(v6(1, '2001:db8:1::2', '::'))).toBe(false);
    expect(about(v6(1, '2001:db8:1::2', 'ff02::1'))).toBe(false);
    const ip = { src: '2001:db8::2', dst: '2001:db8:1::2' };
    expect(about(icmpv6Ipv6(ip, 128, 0, 1))).toBe(true);
    for (const type of [1, 2, 3, 4, 127, 137]) expect(about(icmpv6Ipv6(ip, type, 0, 1))).toBe(false);
    expect(about(ipv6Packet(ip, 58))).toBe(false);
    expect(icmpv6TimeExceeded(viewOf(v6(1)), 0, ROUTER6)!.length).toBe(48 + 49);
  });
});

describe('neighbor discovery', () => {
  const mac = { high: 0x0200, low: 0x00000001 };
  const text = (bytes: Uint8Array) => ipv6Text(viewOf(bytes), 0);

  it('makes link-local addresses and solicited-node groups', () => {
    expect(text(linkLocalAddress(0x5254, 0x00123456))).toBe('fe80::5054:ff:fe12:3456');
    expect(text(solicitedNodeGroup(addressBytes('2001:db8::12:3456')!))).toBe('ff02::1:ff12:3456');
  });

  it('believes only what RFC 4861 6.1 and 7.1 allow', () => {
    const own = linkLocalAddress(mac.high, mac.low);
    const facts = {
      hopLimit: 64,
      lifetimeSeconds: 1800,
      mtu: 1500,
      prefixes: [
        {
          prefix: addressBytes('2001:db8::')!,
          length: 64,
          flags: 0xc0,
          validSeconds: 86_400,
          preferredSeconds: 14_400,
        },
      ],
    };
    const ra = routerAdvertisement(own, ALL_NODES, mac, facts);
    const valid = (packet: Uint8Array) => ndValid(viewOf(packet), 0, 40, packet.length - 40);
    expect(valid(ra)).toBe(true);
    expect(valid(routerAdvertisement(ROUTER6, ALL_NODES, mac, facts))).toBe(false);
    expect(valid(routerSolicitation(own, mac))).toBe(true);
    expect(valid(routerSolicitation(new Uint8Array(16), mac))).toBe(true);
    for (const [at, value] of [
      [7, 254],
      [41, 1],
      [50, 9],
      [57, 0],
    ] as const) {
      const damaged = Uint8Array.from(ra);
      damaged[at] = value;
      expect(valid(damaged)).toBe(false);
    }
  });
});
