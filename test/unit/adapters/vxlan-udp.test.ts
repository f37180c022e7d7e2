/** Two underlays on the loopback tell each other datagrams; what arrives is judged field by field and by the dissector. */

import { createSocket } from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import { nativeAvailable } from '../../../src/adapters/native.ts';
import { readOuter } from '../../../src/adapters/outer-headers.ts';
import { openVxlanUdp, type VxlanUdpOptions } from '../../../src/adapters/vxlan-udp.ts';
import { openDgram } from '../../../src/adapters/vxlan-udp-dgram.ts';
import { slotsInUse } from '../../../src/dataplane/arena.ts';
import { createBatch } from '../../../src/dataplane/batch.ts';
import { addressBytes, addressText } from '../../../src/wire/address.ts';
import { arpFrame, vxlanPayload } from '../../../src/wire/build.ts';
import { dissectFrame } from '../../../src/wire/dissect.ts';
import { ipv4ChecksumOk } from '../../../src/wire/ipv4.ts';
import { freePort } from '../../free-port.ts';
import { type End, type Open, openEnd as openUnclosed, receive, send } from './underlay-end.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const available = nativeAvailable();
if (!available.ok) console.warn(`skipped: the addon: ${available.why}`);

async function openEnd(open: Open, options?: Partial<VxlanUdpOptions>, smallSlots?: number): Promise<End> {
  const end = await openUnclosed(open, options, smallSlots);
  closers.push(() => end.adapter.close());
  return end;
}

const inner = arpFrame(
  { dst: 'ff:ff:ff:ff:ff:ff', src: '02:aa:00:00:00:01' },
  {
    operation: 1,
    senderMac: '02:aa:00:00:00:01',
    senderIp: '10.0.0.1',
    targetMac: '00:00:00:00:00:00',
    targetIp: '10.0.0.2',
  },
);
const numbered = (n: number, length: number) => {
  const payload = Buffer.alloc(length, n & 0xff);
  payload.writeUInt32BE(n);
  return payload;
};

describe('addresses', () => {
  it.each(['10.0.0.1', '::', '2001:db8::1', 'fe80::1'])('%s becomes bytes and text again', (text) => {
    expect(addressText(addressBytes(text)!)).toBe(text);
  });
  it.each(['', '1.2.3', 'host', '::1%lo', '10.0.0.1/8'])('"%s" is none', (text) => {
    expect(addressBytes(text)).toBeNull();
  });
});

const ways: [string, Open][] = [['dgram', openDgram]];
if (available.ok) ways.unshift(['native', openVxlanUdp]);

describe.each(ways)('a VXLAN underlay on UDP sockets, %s', (way, open) => {
  it.each(['127.0.0.1', '::1'])('carries outer frames between %s and itself', async (address) => {
    const v4 = address === '127.0.0.1';
    const a = await openEnd(open, { local: address });
    const b = await openEnd(open, { local: address });
    expect(a.adapter.transport).toBe(way);
    expect(
      send(a, { port: b.adapter.port, dst: address, payload: vxlanPayload(4660, inner), ttl: 9, checksum: !v4 }),
    ).toBe(1);
    const [frame] = await receive(b, 1);
    const outer = readOuter(frame.view, 0, frame.bytes.length, v4)!;
    expect(outer).toMatchObject({ dst: address, dstPort: b.adapter.port, dontFragment: true, hasChecksum: false });
    expect(outer.srcPort).toBeGreaterThanOrEqual(49_152);
    expect(outer.ttl).toBe(way === 'native' ? 9 : 64);
    if (v4) expect(ipv4ChecksumOk(frame.view, 14)).toBe(true);
    expect(frame.payload).toEqual(Buffer.from(vxlanPayload(4660, inner)));
    expect(slotsInUse(b.arena)).toBe(0);
  });

  it('receives what the dissector reads as VXLAN', async () => {
    const a = await openEnd(open);
    const b = await openEnd(open, { port: 0 });
    send(a, { port: b.adapter.port, payload: vxlanPayload(7, inner) });
    const [frame] = await receive(b, 1);
    frame.view.setUint16(36, 4789); // the dissector goes by the port
    const fields = dissectFrame(frame.view, 0, frame.bytes.length, 1, frame.bytes.length);
    expect(fields).toMatchObject({ vxlan: { vni: 7 } });
  });

  it.each([1, 42, 50, 57])('sends a frame of two parts, the first of %i bytes', async (split) => {
    const a = await openEnd(open);
    const b = await openEnd(open);
    expect(send(a, { port: b.adapter.port, payload: vxlanPayload(1, inner), split })).toBe(1);
    expect((await receive(b, 1))[0].payload).toEqual(Buffer.from(vxlanPayload(1, inner)));
  });

  it('keeps order and bytes of a burst, whatever the lengths', async () => {
    const a = await openEnd(open);
    const b = await openEnd(open);
    const lengths = Array.from({ length: 200 }, (_, n) => [100, 100, 100, 60, 1400, 1400, 1400, 1400, 9, 5000][n % 10]);
    const sent = lengths.map((length, n) => ({ port: b.adapter.port, payload: numbered(n, length) }));
    expect(send(a, ...sent)).toBe(200);
    const frames = await receive(b, 200, 7);
    expect(frames.map((f) => f.payload.readUInt32BE())).toEqual(lengths.map((_, n) => n));
    expect(frames.every((frame, n) => frame.payload.equals(numbered(n, lengths[n])))).toBe(true);
    expect(slotsInUse(b.arena)).toBe(0);
  });

  it('gives a flow one source port, and flows several', async () => {
    const a = await openEnd(open);
    const b = await openEnd(open);
    const ports = [49_152, 53_000, 57_000, 61_000, 65_535, 53_000];
    send(a, ...ports.map((sourcePort, n) => ({ port: b.adapter.port, payload: numbered(n, 20), sourcePort })));
    const used = new Map<number, number>();
    for (const { view, bytes, payload } of await receive(b, ports.length)) {
      used.set(payload.readUInt32BE(), readOuter(view, 0, bytes.length, true)!.srcPort);
    }
    expect(used.get(5)).toBe(used.get(1));
    expect(new Set(used.values()).size).toBeGreaterThan(2);
  });

  it('says that an address is taken', async () => {
    const a = await openEnd(open);
    await expect(openEnd(open, { port: a.adapter.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await expect(openEnd(open, { local: '192.0.2.77' })).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
    // One whose threads share it is nobody else's either.
    const { port } = (await openEnd(open, { workers: 2 })).adapter;
    for (const workers of [1, 2])
      await expect(openEnd(open, { port, workers })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('counts what the network sends back, and goes on', async () => {
    const closed = await freePort();
    const a = await openEnd(open);
    const b = await openEnd(open);
    for (let n = 0; n < 5; n++) {
      send(a, { port: closed, payload: numbered(n, 30) });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(send(a, { port: b.adapter.port, payload: numbered(9, 30) })).toBe(1);
    expect((await receive(b, 1))[0].payload.readUInt32BE()).toBe(9);
    if (way === 'native') expect(a.adapter.counters.unreachable).toBeGreaterThan(0);
  });

  it('refuses what is no outer frame of its family', async () => {
    const a = await openEnd(open);
    send(a, { port: 1, payload: numbered(1, 30), dst: '::1' });
    expect(a.adapter.counters.refused).toBe(1);
  });

  it('keeps datagrams for later when slots are short, and loses none', async () => {
    const a = await openEnd(open);
    const b = await openEnd(open, {}, 3);
    const sent = Array.from({ length: 60 }, (_, n) => ({ port: b.adapter.port, payload: numbered(n, 400) }));
    send(a, ...sent);
    const frames = await receive(b, 60);
    expect(frames.map((f) => f.payload.readUInt32BE())).toEqual(sent.map((_, n) => n));
    expect(slotsInUse(b.arena)).toBe(0);
  });

  it('is silent after close', async () => {
    const a = await openEnd(open);
    a.adapter.close();
    a.adapter.close();
    expect(send(a, { port: 4789, payload: inner })).toBe(0);
    expect(a.adapter.receive(createBatch(), 0, 10)).toBe(0);
  });
});

describe.skipIf(!available.ok)('a VXLAN underlay through the addon', () => {
  it('carries TOS and TTL of every datagram', async () => {
    const a = await openEnd(openVxlanUdp);
    const b = await openEnd(openVxlanUdp);
    const marks = [
      { tos: 0, ttl: 1 },
      { tos: 0x2e << 2, ttl: 64 },
      { tos: 3, ttl: 255 },
      { tos: 0, ttl: 1 },
    ];
    send(a, ...marks.map((mark, n) => ({ port: b.adapter.port, payload: numbered(n, 64), ...mark })));
    const read = (await receive(b, 4)).map(({ view, bytes }) => readOuter(view, 0, bytes.length, true)!);
    expect(read.map(({ tos, ttl }) => ({ tos, ttl }))).toEqual(marks);
  });

  it('takes datagrams without a checksum over IPv6 where that is wanted, and only there', async () => {
    const a = await openEnd(openVxlanUdp, { local: '::1' });
    const plain = await openEnd(openVxlanUdp, { local: '::1' });
    const lenient = await openEnd(openVxlanUdp, { local: '::1', zeroChecksum6: true });
    for (const [n, { adapter }] of [plain, lenient].entries()) {
      send(a, { port: adapter.port, dst: '::1', payload: numbered(n, 40) });
      send(a, { port: adapter.port, dst: '::1', payload: numbered(n + 2, 40), checksum: true });
    }
    expect((await receive(lenient, 2)).map((f) => f.payload.readUInt32BE())).toEqual([1, 3]);
    expect((await receive(plain, 1)).map((f) => f.payload.readUInt32BE())).toEqual([2]);
  });

  it('takes groups and leaves them', async () => {
    const b = await openEnd(openVxlanUdp, { groups: [{ address: '239.1.1.7', interface: 'lo' }] });
    const sender = createSocket('udp4');
    await new Promise<void>((done) => sender.bind(0, '127.0.0.1', done));
    closers.push(() => sender.close());
    sender.setMulticastInterface('127.0.0.1');
    sender.send(numbered(3, 40), b.adapter.port, '239.1.1.7');
    const [frame] = await receive(b, 1);
    expect(readOuter(frame.view, 0, frame.bytes.length, true)!.dst).toBe('239.1.1.7');
    expect(b.adapter.leave({ address: '239.1.1.7', interface: 'lo' })).toBe(true);
    expect(b.adapter.leave({ address: '239.1.1.7', interface: 'lo' })).toBe(false);
    expect(() => b.adapter.join({ address: '10.0.0.1' })).toThrow(RangeError);
    expect(() => b.adapter.join({ address: '239.1.1.7', interface: 'el-none' })).toThrow(/no interface el-none/);
  });

  it('knows path MTUs', async () => {
    const a = await openEnd(openVxlanUdp);
    expect(a.adapter.pathMtu('127.0.0.1')).toBeGreaterThanOrEqual(65_535);
  });
});
