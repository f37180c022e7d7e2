import { createSocket, type Socket } from 'node:dgram';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nativeAvailable } from '../../../src/adapters/native.ts';
import { endpointText, openUdp, parseEndpoint, type UdpAdapter, type UdpOptions } from '../../../src/adapters/udp.ts';
import { type Arena, createArena, release, slotsInUse } from '../../../src/dataplane/arena.ts';
import { createBatch, SHAPE_ALT } from '../../../src/dataplane/batch.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface End {
  udp: UdpAdapter;
  arena: Arena;
  readable: number;
}

let transport: UdpAdapter['transport'];

async function open(options: Omit<UdpOptions, 'mtu'>, smallSlots = 16): Promise<End> {
  const arena = createArena({ smallSlots, largeSlots: 2 });
  const end: End = { udp: undefined as unknown as UdpAdapter, arena, readable: 0 };
  const events = { link: () => {}, readable: () => void end.readable++ };
  end.udp = await openUdp({ mtu: 1500, ...options }, { arena, events }, transport);
  expect(end.udp.transport).toBe(transport);
  closers.push(() => end.udp.close());
  return end;
}

/** A plain socket, as QEMU would have, and the text of its endpoint. */
async function plainSocket(host = '127.0.0.1'): Promise<{ socket: Socket; at: string; frames: Buffer[] }> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  await new Promise<void>((done) => socket.bind(0, host, done));
  closers.push(() => socket.close());
  const frames: Buffer[] = [];
  socket.on('message', (frame) => frames.push(frame));
  return { socket, at: endpointText({ host, port: socket.address().port }), frames };
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error('timed out');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function frameOf(length: number, fill = 7): Buffer {
  return Buffer.alloc(length, fill);
}

function sendFrame(end: End, frame: Buffer): number {
  const batch = createBatch(1);
  end.arena.bytes.set(frame, 128);
  batch.slot[0] = -1;
  batch.off[0] = 128;
  batch.len[0] = frame.length;
  return end.udp.send(batch, Int32Array.of(0), 0, 1);
}

function receiveAll(end: End, max = 256): Buffer[] {
  const batch = createBatch();
  const got = end.udp.receive(batch, 5, max);
  const frames: Buffer[] = [];
  for (let i = 0; i < got; i++) {
    expect(batch.port[i]).toBe(5);
    frames.push(Buffer.from(end.arena.bytes.slice(batch.off[i], batch.off[i] + batch.len[i])));
    release(end.arena, batch.slot[i]);
  }
  return frames;
}

describe('endpoints', () => {
  it.each([
    ['127.0.0.1:5001', { host: '127.0.0.1', port: 5001 }],
    ['[::1]:5001', { host: '::1', port: 5001 }],
    ['host.example:1', { host: 'host.example', port: 1 }],
  ])('reads %s', (text, endpoint) => {
    expect(parseEndpoint(text)).toEqual(endpoint);
    expect(endpointText(endpoint)).toBe(text);
  });
  it.each(['', 'host', 'host:', ':5', '::1:5', '[::1]', '[::1]:70000', 'a b:1', 'h:65536'])('refuses "%s"', (text) => {
    expect(() => parseEndpoint(text)).toThrow(TypeError);
  });
});

const TRANSPORTS = (nativeAvailable().ok ? ['native', 'dgram'] : ['dgram']) as UdpAdapter['transport'][];

describe.each(TRANSPORTS)('UDP adapter, %s', (way) => {
  beforeEach(() => {
    transport = way;
  });

  it.each(['127.0.0.1', '::1'])('moves frames both ways over %s, one per datagram', async (host) => {
    const peer = await plainSocket(host);
    const end = await open({ local: endpointText({ host, port: 0 }), remote: peer.at });
    for (const length of [60, 1514, 9014]) expect(sendFrame(end, frameOf(length, length & 0xff))).toBe(1);
    await until(() => peer.frames.length === 3);
    expect(peer.frames.map((frame) => frame.length)).toEqual([60, 1514, 9014]);
    expect(peer.frames[1]).toEqual(frameOf(1514, 1514 & 0xff));

    for (const length of [60, 1514, 9014]) peer.socket.send(frameOf(length, 3), end.udp.local.port, host);
    const frames: Buffer[] = [];
    await until(() => frames.push(...receiveAll(end)) >= 0 && frames.length === 3);
    // A descriptor is polled; what has none says so itself.
    if (end.udp.fd < 0) expect(end.readable).toBeGreaterThan(0);
    expect(frames).toEqual([60, 1514, 9014].map((length) => frameOf(length, 3)));
    expect(slotsInUse(end.arena)).toBe(0);
  });

  it('finds its peer by name, and says what it is bound to', async () => {
    const peer = await plainSocket();
    const end = await open({ local: '127.0.0.1:0', remote: peer.at.replace('127.0.0.1', 'localhost') }).catch(
      () => null,
    );
    if (end === null) return; // localhost is ::1 first on some machines
    expect(end.udp.device).toBe(`127.0.0.1:${end.udp.local.port}`);
    sendFrame(end, frameOf(60));
    await until(() => peer.frames.length === 1);
  });

  it('sends the alternative shape as one datagram', async () => {
    const peer = await plainSocket();
    const end = await open({ local: '127.0.0.1:0', remote: peer.at });
    const batch = createBatch(2);
    end.arena.bytes.set(frameOf(16, 1), 100);
    end.arena.bytes.set(frameOf(46, 2), 300);
    batch.altHeadOff[1] = 100;
    batch.altHeadLen[1] = 16;
    batch.altOff[1] = 300;
    batch.altLen[1] = 46;
    expect(end.udp.send(batch, Int32Array.of(99, 1 | SHAPE_ALT), 1, 1)).toBe(1);
    await until(() => peer.frames.length === 1);
    expect(peer.frames[0]).toEqual(Buffer.concat([frameOf(16, 1), frameOf(46, 2)]));
  });

  it('takes frames of its peer alone', async () => {
    const peer = await plainSocket();
    const stranger = await plainSocket();
    const end = await open({ local: '127.0.0.1:0', remote: peer.at });
    stranger.socket.send(frameOf(60, 9), end.udp.local.port, '127.0.0.1');
    await new Promise((resolve) => setTimeout(resolve, 50));
    peer.socket.send(frameOf(60, 1), end.udp.local.port, '127.0.0.1');
    const frames: Buffer[] = [];
    await until(() => frames.push(...receiveAll(end)) > 0);
    expect(frames).toEqual([frameOf(60, 1)]);
  });

  it.runIf(way === 'dgram')('bounds its queue, keeps the oldest and counts the rest', async () => {
    const peer = await plainSocket();
    const end = await open({ local: '127.0.0.1:0', remote: peer.at, queueFrames: 4 });
    for (let i = 0; i < 10; i++) peer.socket.send(frameOf(60, i), end.udp.local.port, '127.0.0.1');
    await until(() => end.udp.counters.queueFull === 6);
    expect(receiveAll(end).map((frame) => frame[0])).toEqual([0, 1, 2, 3]);
  });

  it('tells again what was left behind, and waits for slots', async () => {
    const peer = await plainSocket();
    const end = await open({ local: '127.0.0.1:0', remote: peer.at }, 1);
    for (let i = 0; i < 5; i++) peer.socket.send(frameOf(60, i), end.udp.local.port, '127.0.0.1');
    const seen: number[] = [];
    let asked = end.udp.fd < 0;
    await until(() => {
      // What the kernel holds is polled for once; then what the addon holds is told.
      if (end.readable === 0 && asked) return false;
      asked = seen.length > 0 || end.udp.fd < 0;
      end.readable = 0;
      seen.push(...receiveAll(end, 2).map((frame) => frame[0]));
      return seen.length === 5;
    });
    expect(seen).toEqual([0, 1, 2, 3, 4]);
  });

  it('passes on runts, an empty datagram among them: frames are judged elsewhere', async () => {
    const peer = await plainSocket();
    const end = await open({ local: '127.0.0.1:0', remote: peer.at });
    for (const length of [0, 1, 13]) peer.socket.send(frameOf(length), end.udp.local.port, '127.0.0.1');
    const frames: Buffer[] = [];
    await until(() => frames.push(...receiveAll(end)) >= 0 && frames.length === 3);
    expect(frames.map((frame) => frame.length)).toEqual([0, 1, 13]);
  });

  it('lives without a peer, and reaches one that comes later', async () => {
    const gone = await plainSocket();
    const { port } = gone.socket.address();
    const end = await open({ local: '127.0.0.1:0', remote: gone.at });
    closers.splice(0, 1)[0]!(); // the peer's socket closes
    for (let i = 0; i < 5; i++) {
      expect(sendFrame(end, frameOf(60))).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const peer = createSocket('udp4');
    closers.push(() => peer.close());
    const frames: Buffer[] = [];
    peer.on('message', (frame) => frames.push(frame));
    await new Promise<void>((done) => peer.bind(port, '127.0.0.1', done));
    await until(() => sendFrame(end, frameOf(60, 4)) === 1 && frames.length > 0);
    expect(frames[0]).toEqual(frameOf(60, 4));
    expect(end.udp.counters.errors).toBe(0);
  });

  it('counts a frame that no datagram can hold', async () => {
    const peer = await plainSocket();
    const end = await open({ local: '127.0.0.1:0', remote: peer.at });
    sendFrame(end, frameOf(65_520));
    await until(() => end.udp.counters.tooLong === 1);
  });

  it('says that its port is taken, by error code', async () => {
    const peer = await plainSocket();
    await expect(open({ local: peer.at, remote: '127.0.0.1:9' })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await expect(open({ local: '[::1]:0', remote: '127.0.0.1:9' })).rejects.toThrow(/address family/);
  });

  it('closes twice, and does nothing afterwards', async () => {
    const peer = await plainSocket();
    const end = await open({ local: '127.0.0.1:0', remote: peer.at });
    end.udp.close();
    end.udp.close();
    expect(sendFrame(end, frameOf(60))).toBe(0);
    expect(receiveAll(end)).toEqual([]);
  });
});
