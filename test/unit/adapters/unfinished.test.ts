/** Frames whose sender left the checksum to its hardware, known by nothing but the frame. */

import { describe, expect, it } from 'vitest';
import { findUnfinished } from '../../../src/adapters/unfinished.ts';
import { createBatch } from '../../../src/dataplane/batch.ts';
import {
  csumOffset,
  csumStart,
  GSO_IN_TUNNEL,
  GSO_NONE,
  GSO_TCPV4,
  GSO_TCPV6,
  gsoSize,
  gsoType,
} from '../../../src/dataplane/offload/needs.ts';
import { ethernetFrame, ipv4Packet, ipv6Packet, udpIpv4, udpIpv6, vxlanPayload } from '../../../src/wire/build.ts';
import { foldSum, ipv4PseudoSum, ipv6PseudoSum } from '../../../src/wire/checksum.ts';
import { guardedView, viewOf } from '../wire/bytes.ts';

const HEAD = { dst: '02:00:00:00:00:01', src: '02:00:00:00:00:02' };
const V4 = { src: '10.0.0.1', dst: '10.0.0.2' };
const V6 = { src: 'fd00::1', dst: 'fd00::2' };
const [TYPE_V4, TYPE_V6, TCP, UDP] = [0x0800, 0x86dd, 6, 17];
const MTU = 1500;

/** A TCP header of 20 bytes with this checksum, and a payload. */
function tcp(payload: number, checksum: number): Uint8Array {
  const segment = new Uint8Array(20 + payload).fill(0x5a, 20);
  segment[12] = 0x50;
  viewOf(segment).setUint16(16, checksum);
  return segment;
}

const pseudo4 = (protocol: number, bytes: number) =>
  foldSum(ipv4PseudoSum(viewOf(ipv4Packet(V4, protocol)), 12, protocol, bytes));
const pseudo6 = (protocol: number, bytes: number) =>
  foldSum(ipv6PseudoSum(viewOf(ipv6Packet(V6, protocol)), 8, protocol, bytes));

function ask(frame: Uint8Array): { gso: number; csum: number } {
  const batch = createBatch(1);
  batch.len[0] = frame.length;
  batch.gso[0] = batch.csum[0] = -1;
  findUnfinished(guardedView(frame, 0, frame.length), batch, 0, MTU);
  return { gso: batch.gso[0]!, csum: batch.csum[0]! };
}

describe('an unfinished checksum', () => {
  it.each([
    ['TCP over IPv4', TYPE_V4, ipv4Packet(V4, TCP, tcp(100, pseudo4(TCP, 120))), 34, 16],
    ['TCP over IPv6', TYPE_V6, ipv6Packet(V6, TCP, tcp(0, pseudo6(TCP, 20))), 54, 16],
    ['UDP over IPv4', TYPE_V4, withChecksum(udpIpv4(V4, 1, 2, new Uint8Array(9)), 26, pseudo4(UDP, 17)), 34, 6],
    ['UDP over IPv6', TYPE_V6, withChecksum(udpIpv6(V6, 1, 2, new Uint8Array(9)), 46, pseudo6(UDP, 17)), 54, 6],
  ])('of %s is found, with tags too', (_, type, packet, start, offset) => {
    for (const tags of [[], [{ vid: 7 }], [{ vid: 7, tpid: 0x88a8 }, { vid: 8 }]]) {
      const { gso, csum } = ask(ethernetFrame({ ...HEAD, tags }, type, packet));
      expect([gsoType(gso), gso & 0xff]).toEqual([GSO_NONE, 1]);
      expect([csumStart(csum), csumOffset(csum)]).toEqual([start + tags.length * 4, offset]);
    }
  });

  it('of TCP longer than the MTU is that of a super-frame, cut as long as the MTU allows', () => {
    const v4 = ask(ethernetFrame(HEAD, TYPE_V4, ipv4Packet(V4, TCP, tcp(5000, pseudo4(TCP, 5020)))));
    expect([gsoType(v4.gso), gsoSize(v4.gso)]).toEqual([GSO_TCPV4, MTU - 40]);
    const v6 = ask(ethernetFrame(HEAD, TYPE_V6, ipv6Packet(V6, TCP, tcp(5000, pseudo6(TCP, 5020)))));
    expect([gsoType(v6.gso), gsoSize(v6.gso)]).toEqual([GSO_TCPV6, MTU - 60]);
  });

  it('is found in a VXLAN tunnel, and known for one', () => {
    const inner = (payload: number) =>
      ethernetFrame(HEAD, TYPE_V4, ipv4Packet(V4, TCP, tcp(payload, pseudo4(TCP, payload + 20))));
    for (const port of [4789, 8472]) {
      const outer = (payload: number) => udpIpv4(V4, 50_000, port, vxlanPayload(5, inner(payload)), false);
      const small = ask(ethernetFrame(HEAD, TYPE_V4, outer(100)));
      expect([small.gso, csumStart(small.csum), csumOffset(small.csum)]).toEqual([1 | GSO_IN_TUNNEL, 34 + 16 + 34, 16]);
      // The kernel leaves both open in a super-frame.
      const open = withChecksum(outer(5000), 26, pseudo4(UDP, outer(5000).length - 20));
      const large = ask(ethernetFrame(HEAD, TYPE_V4, open));
      expect([gsoType(large.gso), gsoSize(large.gso)]).toEqual([GSO_TCPV4, MTU - 20 - 16 - 14 - 40]);
    }
    const other = udpIpv4(V4, 50_000, 4790, vxlanPayload(5, inner(100)), false);
    expect(ask(ethernetFrame(HEAD, TYPE_V4, other)).gso).toBe(0);
  });

  it('is not seen in finished frames, fragments, other protocols, or what is cut short', () => {
    const whole = ethernetFrame(HEAD, TYPE_V4, ipv4Packet(V4, TCP, tcp(100, pseudo4(TCP, 120))));
    expect(ask(ethernetFrame(HEAD, TYPE_V4, udpIpv4(V4, 1, 2, new Uint8Array(9))))).toEqual({ gso: 0, csum: 0 });
    expect(ask(ethernetFrame(HEAD, TYPE_V6, udpIpv6(V6, 1, 2, new Uint8Array(9), false)))).toEqual({ gso: 0, csum: 0 });
    expect(ask(ethernetFrame(HEAD, 0x0806, whole.subarray(14)))).toEqual({ gso: 0, csum: 0 });
    const fragment = whole.slice();
    fragment[14 + 6] = 0x20;
    expect(ask(fragment).gso).toBe(0);
    for (let length = 0; length < whole.length; length++) expect(ask(whole.slice(0, length)).gso).toBe(0);
  });
});

it('reads nothing outside of a random frame', () => {
  let state = 7;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  };
  for (let n = 0; n < 20_000; n++) {
    const frame = Uint8Array.from({ length: random() >>> 1 }, random);
    if (frame.length > 24)
      frame.set(
        [
          [0x08, 0x00, 0x45],
          [0x86, 0xdd, 0x60],
          [0x81, 0x00, 0x00],
        ][n % 3]!,
        12,
      );
    ask(frame);
  }
});

function withChecksum(packet: Uint8Array, at: number, checksum: number): Uint8Array {
  viewOf(packet).setUint16(at, checksum);
  return packet;
}
