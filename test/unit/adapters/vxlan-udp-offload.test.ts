/**
 * Super-frames over a VXLAN underlay: what leaves as one frame travels as segments that any receiver reads, and is one
 * frame again where it arrives.
 */

import { afterEach, describe, expect, it } from 'vitest';
import { nativeAvailable } from '../../../src/adapters/native.ts';
import { openVxlanUdp } from '../../../src/adapters/vxlan-udp.ts';
import { slotsInUse } from '../../../src/dataplane/arena.ts';
import { ethernetFrame, ipv4Packet, ipv6Packet, udpIpv4, vxlanPayload } from '../../../src/wire/build.ts';
import { foldSum, ipv4PseudoSum, ipv6PseudoSum } from '../../../src/wire/checksum.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../../../src/wire/ethernet.ts';
import { ipv4ChecksumOk, ipv4Ident, PROTO_TCP, writeIpv4Checksum, writeIpv4Ident } from '../../../src/wire/ipv4.ts';
import {
  TCP_ACK,
  TCP_FIN,
  TCP_PSH,
  tcpChecksumOkIpv4,
  tcpChecksumOkIpv6,
  tcpFlags,
  tcpSequence,
  writeTcpChecksumIpv4,
  writeTcpChecksumIpv6,
} from '../../../src/wire/tcp.ts';
import { udpChecksumOkIpv4 } from '../../../src/wire/udp.ts';
import { type End, openEnd, receive, type Sent, send } from './underlay-end.ts';

const available = nativeAvailable();
if (!available.ok) console.warn(`skipped: the addon: ${available.why}`);

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const CWR = 0x80;
const OPTIONS_BYTES = 12;
const L4_BYTES = 20 + OPTIONS_BYTES;
const MACS = { dst: '02:aa:00:00:00:02', src: '02:aa:00:00:00:01' };
/** From the VXLAN header on. */
const l3 = (tags: number) => 8 + 14 + tags * 4;

interface Tcp {
  v6?: boolean;
  tags?: number;
  flags?: number;
  sequence?: number;
  ident?: number;
  data: Uint8Array;
}

/** A VXLAN payload with a TCP segment whose checksum is right. */
function tcpPayload({
  v6 = false,
  tags = 0,
  flags = TCP_ACK,
  sequence = 0xfffffc00,
  ident = 65_530,
  data,
}: Tcp): Buffer {
  const segment = Buffer.alloc(L4_BYTES + data.length);
  segment.writeUInt16BE(1234, 0);
  segment.writeUInt16BE(80, 2);
  segment.writeUInt32BE(sequence >>> 0, 4);
  segment.writeUInt32BE(77, 8);
  segment.writeUInt8((L4_BYTES / 4) << 4, 12);
  segment.writeUInt8(flags, 13);
  segment.writeUInt16BE(500, 14);
  segment.set([1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8], 20); // timestamps
  segment.set(data, L4_BYTES);
  const packet = v6
    ? ipv6Packet({ src: '2001:db8::1', dst: '2001:db8::2' }, PROTO_TCP, segment)
    : ipv4Packet({ src: '10.0.0.1', dst: '10.0.0.2' }, PROTO_TCP, segment);
  const view = new DataView(packet.buffer);
  if (v6) {
    writeTcpChecksumIpv6(view, 0, 40, segment.length);
  } else {
    writeIpv4Ident(view, 0, ident & 0xffff);
    writeIpv4Checksum(view, 0);
    writeTcpChecksumIpv4(view, 0, 20, segment.length);
  }
  const head = { ...MACS, tags: Array.from({ length: tags }, (_, n) => ({ vid: 10 + n })) };
  return Buffer.from(vxlanPayload(99, ethernetFrame(head, v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4, packet)));
}

/** What `payload` is as an offloaded frame: partial checksum, gso and csum words. */
function offloaded(payload: Buffer, v6: boolean, tags: number, mss: number): Pick<Sent, 'payload' | 'gso' | 'csum'> {
  const ip = l3(tags);
  const l4 = ip + (v6 ? 40 : 20);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const bytes = payload.length - l4;
  const pseudo = v6 ? ipv6PseudoSum(view, ip + 8, PROTO_TCP, bytes) : ipv4PseudoSum(view, ip + 12, PROTO_TCP, bytes);
  const out = Buffer.from(payload);
  out.writeUInt16BE(foldSum(pseudo), l4 + 16);
  return { payload: out, gso: 1 | ((mss === 0 ? 0 : v6 ? 4 : 1) << 8) | (mss << 16), csum: l4 | (16 << 16) };
}

function randomBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = length;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

async function open(options?: Parameters<typeof openEnd>[1]): Promise<End> {
  const end = await openEnd(openVxlanUdp, options);
  closers.push(() => end.adapter.close());
  return end;
}

const SHAPES = [
  { v6: false, tags: 0 },
  { v6: true, tags: 0 },
  { v6: false, tags: 1 },
  { v6: true, tags: 2 },
];

describe.skipIf(!available.ok)('super-frames over a VXLAN underlay', () => {
  it.each(SHAPES)('leave as right segments: %o', async ({ v6, tags }) => {
    const a = await open();
    const b = await open({ offloads: 'off' });
    expect(b.adapter.offloads).toBe(0);
    const data = randomBytes(10_001);
    const mss = 1401; // odd, so that every second segment begins at an odd byte
    const flags = TCP_ACK | TCP_PSH | TCP_FIN | CWR;
    const whole = tcpPayload({ v6, tags, flags, data });
    for (const split of [undefined, 45, 52, 130, 1500]) {
      expect(send(a, { port: b.adapter.port, split, ...offloaded(whole, v6, tags, mss) })).toBe(1);
      const count = Math.ceil(data.length / mss);
      const frames = await receive(b, count);
      expect(frames.length).toBe(count);
      frames.forEach(({ payload }, n) => {
        const last = n === count - 1;
        const expected = tcpPayload({
          v6,
          tags,
          flags: flags & (last ? ~0 : ~(TCP_PSH | TCP_FIN)) & (n > 0 ? ~CWR : ~0),
          sequence: 0xfffffc00 + n * mss,
          ident: 65_530 + n,
          data: data.subarray(n * mss, (n + 1) * mss),
        });
        expect(payload.equals(expected), `segment ${n}, split ${split}`).toBe(true);
      });
    }
  });

  it.each(SHAPES)('get the checksum that is missing: %o', async ({ v6, tags }) => {
    const a = await open();
    const b = await open({ offloads: 'off' });
    for (const length of [1, 2, 100, 1333, 9001]) {
      const whole = tcpPayload({ v6, tags, data: randomBytes(length) });
      for (const split of [undefined, 50, 140]) {
        if (split !== undefined && split > 42 + whole.length) continue;
        send(a, { port: b.adapter.port, split, ...offloaded(whole, v6, tags, 0) });
        expect((await receive(b, 1))[0].payload.equals(whole), `${length} bytes, split ${split}`).toBe(true);
      }
    }
  });

  it.each(['127.0.0.1', '::1'])('are one frame again where they arrive, over %s', async (local) => {
    const a = await open({ local });
    const b = await open({ local });
    for (const v6 of [false, true]) {
      const whole = tcpPayload({ v6, flags: TCP_ACK | TCP_PSH, data: randomBytes(60_000) });
      const sent = offloaded(whole, v6, 0, 1400);
      expect(send(a, { port: b.adapter.port, dst: local, checksum: local === '::1', ...sent })).toBe(1);
      const [{ payload, gso, csum, headerBytes, view }] = await receive(b, 1);
      expect(gso).toBe(sent.gso);
      expect(csum - headerBytes).toBe(sent.csum);
      expect(payload.equals(Buffer.from(sent.payload))).toBe(true);
      if (local !== '::1') expect(ipv4ChecksumOk(view, 14)).toBe(true);
    }
    expect(slotsInUse(b.arena)).toBe(0);
  });

  it('are put together from segments that somebody else cut, and from those only that fit', async () => {
    const a = await open({ offloads: 'off' }); // sends one datagram per message
    const b = await open();
    const mss = 1000;
    const segment = (n: number, more: Partial<Tcp> = {}) =>
      tcpPayload({ sequence: n * mss, ident: n, data: randomBytes(mss), ...more });
    const broken = segment(12);
    broken[broken.length - 1] ^= 1;
    const payloads = [
      segment(1),
      segment(2),
      segment(3, { flags: TCP_ACK | TCP_PSH }), // closes a frame
      segment(4),
      segment(5, { data: randomBytes(999) }), // a shorter one as well
      segment(6),
      segment(8), // a gap
      segment(9, { ident: 7 }), // an identification that a cut would not give
      segment(10, { flags: TCP_ACK | TCP_FIN }), // never put together
      segment(11),
      broken,
      segment(13, { v6: true }),
      segment(14, { v6: true }),
    ];
    send(a, ...payloads.map((payload) => ({ port: b.adapter.port, payload })));
    const frames = await receive(b, 9);
    const heads = (gso: number) => l3(0) + L4_BYTES + (((gso >>> 8) & 0xff) === 4 ? 40 : 20);
    const segments = frames.map(({ gso, payload }) => (gso === 0 ? 1 : Math.ceil((payload.length - heads(gso)) / mss)));
    expect(segments).toEqual([3, 2, 1, 1, 1, 1, 1, 1, 2]);
    expect(frames[7].payload.equals(broken)).toBe(true);
    expect(frames[5].payload.equals(payloads[8])).toBe(true);
  });

  it('survive a round trip in any number of segments and come out byte for byte', async () => {
    const a = await open();
    const b = await open();
    const c = await open({ offloads: 'off' });
    for (const [length, mss] of [
      [2, 1],
      [64, 1],
      [2801, 1400],
      [1401, 1400],
      [64_000, 1398],
      [30_000, 536],
      [65_400, 9000],
    ]) {
      const whole = tcpPayload({ data: randomBytes(length), ident: 1 });
      send(a, { port: b.adapter.port, ...offloaded(whole, false, 0, mss) });
      send(a, { port: c.adapter.port, ...offloaded(whole, false, 0, mss) });
      const cut = await receive(c, Math.ceil(length / mss));
      // What b put together is cut again by the same code: the segments must be those that c saw.
      const back: Sent[] = [];
      let bytes = 0;
      while (bytes < length) {
        for (const { payload, gso, csum, headerBytes } of await receive(b, 1)) {
          bytes += payload.length - 74;
          back.push({ port: c.adapter.port, payload, ...(gso === 0 ? {} : { gso, csum: csum - headerBytes }) });
        }
      }
      send(b, ...back);
      const again = await receive(c, cut.length);
      expect(again.map(({ payload }) => payload.toString('hex'))).toEqual(
        cut.map(({ payload }) => payload.toString('hex')),
      );
    }
  });

  it('from a sender on this machine, which leaves checksums and cuts to a device that is none, are known as such', async () => {
    const a = await open({ offloads: 'off' });
    const b = await open({ innerMtu: 1450 });
    for (const v6 of [false, true]) {
      for (const length of [10, 5000]) {
        const { payload, csum } = offloaded(tcpPayload({ v6, data: randomBytes(length) }), v6, 0, 0);
        send(a, { port: b.adapter.port, payload });
        const [frame] = await receive(b, 1);
        const mss = 1450 - (v6 ? 40 : 20) - L4_BYTES;
        expect(frame.gso).toBe(length > mss ? 1 | ((v6 ? 4 : 1) << 8) | (mss << 16) : 1);
        expect(frame.csum).toBe(csum! + frame.headerBytes);
        expect(frame.payload.equals(Buffer.from(payload))).toBe(true);
      }
    }
    // A wrong checksum is not a missing one.
    const broken = tcpPayload({ data: randomBytes(10) });
    broken[broken.length - 1] ^= 1;
    send(a, { port: b.adapter.port, payload: broken });
    expect((await receive(b, 1))[0].gso).toBe(0);
  });

  it('of UDP are cut into datagrams', async () => {
    const a = await open();
    const b = await open({ offloads: 'off' });
    const data = randomBytes(2500);
    const packet = udpIpv4({ src: '10.0.0.1', dst: '10.0.0.2' }, 5, 6, data);
    const payload = Buffer.from(vxlanPayload(1, ethernetFrame(MACS, ETHERTYPE_IPV4, packet)));
    const csum = (l3(0) + 20) | (6 << 16);
    expect(send(a, { port: b.adapter.port, payload, gso: 1 | (5 << 8) | (1000 << 16), csum })).toBe(1);
    const frames = await receive(b, 3);
    expect(Buffer.concat(frames.map(({ payload: p }) => p.subarray(l3(0) + 28)))).toEqual(data);
    for (const { view, headerBytes } of frames) {
      const ip = headerBytes + l3(0);
      expect(ipv4ChecksumOk(view, ip)).toBe(true);
      expect(udpChecksumOkIpv4(view, ip, ip + 20)).toBe(true);
    }
  });

  it('stay what they are when they are broken: nothing is lost, nothing invented', async () => {
    const a = await open({ offloads: 'off' });
    const b = await open({ innerMtu: 1450 });
    const bytesOf = (list: { payload: Uint8Array }[]) => list.reduce((sum, { payload }) => sum + payload.length, 0);
    let state = 7;
    const random = (n: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * n);
    };
    for (let round = 0; round < 20; round++) {
      const sent = Array.from({ length: 20 }, (_, n) => {
        const whole = tcpPayload({
          v6: random(2) === 1,
          tags: random(3),
          sequence: n * 50,
          ident: n,
          data: randomBytes(50),
        });
        const payload = whole.subarray(0, random(4) === 0 ? random(whole.length) : whole.length);
        for (let flips = random(3); flips > 0 && payload.length > 0; flips--)
          payload[random(payload.length)] ^= 1 << random(8);
        return { port: b.adapter.port, payload };
      });
      expect(send(a, ...sent)).toBe(20);
      const end = { port: b.adapter.port, payload: Buffer.from(`end ${round}`) };
      send(a, end);
      const frames: Awaited<ReturnType<typeof receive>> = [];
      while (frames.at(-1)?.payload.equals(end.payload) !== true) frames.push(...(await receive(b, 1)));
      // What was put together has one head for several.
      const apart = frames.filter(({ gso }) => gso >>> 16 === 0);
      expect(bytesOf(frames)).toBeLessThanOrEqual(bytesOf([...sent, end]));
      if (apart.length === frames.length) expect(bytesOf(frames)).toBe(bytesOf([...sent, end]));
    }
    expect(slotsInUse(b.arena)).toBe(0);
  });

  it('that make no sense are refused', async () => {
    const a = await open();
    const payload = tcpPayload({ data: randomBytes(3000) });
    const csum = (l3(0) + 20) | (16 << 16);
    const port = 9;
    expect(send(a, { port, payload, gso: 1 | (1 << 8), csum })).toBe(0); // no segment size
    expect(send(a, { port, payload, gso: 1 | (9 << 8) | (1000 << 16), csum })).toBe(0); // no such type
    expect(send(a, { port, payload, gso: 1 | (4 << 8) | (1000 << 16), csum })).toBe(0); // not IPv6
    expect(send(a, { port, payload, gso: 1 | (1 << 8) | (1000 << 16), csum: 3000 })).toBe(0);
    expect(send(a, { port, payload, gso: 1, csum: 4000 })).toBe(0);
    expect(a.adapter.counters.refused).toBe(5);
  });

  it('keep sequence numbers and checksums that the wire room agrees with', async () => {
    const a = await open();
    const b = await open({ offloads: 'off' });
    for (const v6 of [false, true]) {
      send(a, { port: b.adapter.port, ...offloaded(tcpPayload({ v6, data: randomBytes(5000) }), v6, 0, 1000) });
      const frames = await receive(b, 5);
      for (const [n, { view, headerBytes, bytes }] of frames.entries()) {
        const ip = headerBytes + l3(0);
        const tcp = ip + (v6 ? 40 : 20);
        expect((v6 ? tcpChecksumOkIpv6 : tcpChecksumOkIpv4)(view, ip, tcp, bytes.length - tcp)).toBe(true);
        expect(tcpSequence(view, tcp)).toBe((0xfffffc00 + n * 1000) >>> 0);
        expect(tcpFlags(view, tcp)).toBe(TCP_ACK);
        if (!v6) expect(ipv4Ident(view, ip)).toBe((65_530 + n) & 0xffff);
      }
    }
  });
});
