/** TAP adapters on real devices: frames, super-frames, vanishing devices, descriptors. */

import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import type { Adapter, AdapterContext } from '../../src/adapters/adapter.ts';
import { OFFLOAD_TSO4 } from '../../src/adapters/adapter.ts';
import { native } from '../../src/adapters/native.ts';
import { createPoller, type Poller } from '../../src/adapters/poller.ts';
import { openTap, type TapAdapter, type TapOptions } from '../../src/adapters/tap.ts';
import { type Arena, createArena, release, slotsInUse } from '../../src/dataplane/arena.ts';
import { BATCH_FRAMES, type Batch, createBatch } from '../../src/dataplane/batch.ts';
import { installed, liveObstacle, type Namespace, until } from './netns.ts';
import { useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

interface LinkEvent {
  up: boolean;
  reason: string;
}

interface Opened {
  tap: TapAdapter;
  links: LinkEvent[];
}

async function open(arena: Arena, device: string, options: Partial<TapOptions> = {}): Promise<Opened> {
  const links: LinkEvent[] = [];
  const context: AdapterContext = {
    arena,
    events: { link: (up, reason) => void links.push({ up, reason }), readable: () => {} },
  };
  const defaults: TapOptions = { device, mtu: 1500, offloads: 'off', queues: 1, persistent: false };
  return { tap: await openTap({ ...defaults, ...options }, context), links };
}

/** The least of switches: what comes in at one adapter leaves at the other. */
interface Wire {
  /** Longest frame and number of super-frames that passed. */
  longest: number;
  superFrames: number;
  frames: number;
  lost: number;
  stop(): void;
}

function join(arena: Arena, a: Adapter, b: Adapter): Wire {
  const batch = createBatch();
  const list = Int32Array.from({ length: BATCH_FRAMES }, (_, i) => i);
  const adapters = [a, b];
  let poller: Poller | undefined;
  const wire: Wire = {
    longest: 0,
    superFrames: 0,
    frames: 0,
    lost: 0,
    stop() {
      poller?.close();
      poller = undefined;
    },
  };
  const turn = (n: number) => {
    if (poller === undefined) return;
    for (let i = 0; i < n; i++) {
      const port = poller.ready[i];
      batch.count = 0;
      const got = adapters[port].receive(batch, port, BATCH_FRAMES);
      for (let k = 0; k < got; k++) {
        wire.longest = Math.max(wire.longest, batch.len[k]);
        if (batch.gso[k] >>> 8 !== 0) wire.superFrames++;
      }
      wire.frames += got;
      wire.lost += got - adapters[1 - port].send(batch, list, 0, got);
      for (let k = 0; k < got; k++) release(arena, batch.slot[k]);
    }
    poller.arm();
  };
  poller = createPoller(turn);
  adapters.forEach((adapter, port) => void poller!.add(adapter.fd, port));
  poller.arm();
  return wire;
}

/** Arena bytes as a batch of one frame. */
function put(arena: Arena, batch: Batch, frame: Uint8Array): void {
  batch.count = 1;
  batch.slot[0] = -1;
  batch.off[0] = 4096;
  batch.len[0] = frame.length;
  batch.gso[0] = 0;
  batch.csum[0] = 0;
  arena.bytes.set(frame, 4096);
}

const ONE = Int32Array.of(0);

/** Broadcast, EtherType of local experiments (0x88b5), `length` bytes in all. */
function experimentalFrame(length: number, fill: number): Buffer {
  const frame = Buffer.alloc(length, fill);
  frame.write('ffffffffffff02000000000188b5', 'hex');
  return frame;
}

const isExperimental = (frame: Buffer) => frame.readUInt16BE(12) === 0x88b5;

/** Addresses, protocol and length of a UDP datagram behind `payload`'s EtherType and 20 bytes of IPv4 (RFC 768). */
function pseudoHeader(payload: Buffer): Buffer {
  return Buffer.concat([payload.subarray(2 + 12, 2 + 20), Buffer.from([0, 17]), payload.subarray(2 + 24, 2 + 26)]);
}

/** Ones' complement sum of 16-bit words, not inverted. */
function sum16(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

describe.skipIf(obstacle !== null)('TAP adapter', () => {
  const lab = useLab();
  const closers: (() => void)[] = [];
  const arena = createArena({ smallSlots: 1024, largeSlots: 512 });

  const track = <T extends Opened>(opened: T): T => {
    closers.push(() => opened.tap.close());
    return opened;
  };

  /** Two namespaces with a TAP each and addresses 10.9.0.1 and .2; the adapters are joined by a wire. */
  async function pair(
    label: string,
    options: Partial<TapOptions> = {},
  ): Promise<{ hosts: Namespace[]; taps: TapAdapter[]; wire: Wire }> {
    const hosts: Namespace[] = [];
    const taps: TapAdapter[] = [];
    for (const n of [1, 2]) {
      const device = lab.device(`${label}${n}`);
      taps.push(track(await open(arena, device, options)).tap);
      const host = lab.namespace(`${label}${n}`);
      host.adopt(device, { address: `10.9.0.${n}/24`, mtu: options.mtu ?? 1500 });
      hosts.push(host);
    }
    const wire = join(arena, taps[0], taps[1]);
    closers.push(wire.stop);
    return { hosts, taps, wire };
  }

  afterEach(() => {
    for (const close of closers.splice(0).reverse()) close();
    expect(slotsInUse(arena)).toBe(0);
  });

  it.each(['off', 'auto'] as const)('passes a ping between two namespaces, offloads %s', async (offloads) => {
    const { hosts, wire } = await pair(`p${offloads[0]}`, { offloads });
    expect(await hosts[0].ping('10.9.0.2', { count: 5 })).toBe(5);
    expect(await hosts[1].ping('10.9.0.1', { size: 1472, dontFragment: true })).toBe(3);
    expect(wire.lost).toBe(0);
  });

  it('passes 9,000-byte packets without fragments at MTU 9000', async () => {
    const { hosts, wire } = await pair('j', { mtu: 9000 });
    expect(await hosts[0].ping('10.9.0.2', { size: 8972, dontFragment: true })).toBe(3);
    expect(wire.longest).toBe(9014);
  });

  it.skipIf(!installed('iperf3'))('passes TCP super-frames whole with offloads', async () => {
    const { hosts, taps, wire } = await pair('g', { offloads: 'on' });
    expect(taps[0].offloads & OFFLOAD_TSO4).toBe(OFFLOAD_TSO4);
    hosts[1].start('iperf3', '-s', '-1');
    await until(() => hosts[1].run('ss', '-Hltn').includes(':5201'), 'the server listens');
    const iperf = await hosts[0].tryAsync('iperf3', '-c', '10.9.0.2', '-n', '200M', '-J');
    expect(iperf.status, iperf.stdout + iperf.stderr).toBe(0);
    expect(JSON.parse(iperf.stdout).end.sum_received.bytes).toBeGreaterThan(199e6);
    expect(wire.longest).toBeGreaterThan(20_000);
    expect(wire.superFrames).toBeGreaterThan(100);
  });

  it('hands over every byte of frames from 14 bytes to a full MTU, tags included', async () => {
    const device = lab.device('by');
    const { tap } = track(await open(arena, device));
    const host = lab.namespace('by');
    host.adopt(device);
    const socket = await host.frameSocket(device);
    const batch = createBatch();

    for (const length of [60, 61, 1513, 1514]) {
      const frame = experimentalFrame(length, length & 0xff);
      put(arena, batch, frame);
      expect(tap.send(batch, ONE, 0, 1)).toBe(1);
      expect(await socket.next(isExperimental)).toEqual(frame);
      socket.send(frame);
      const received = await receiveOne(tap, (bytes) => isExperimental(bytes));
      expect(received).toEqual(frame);
    }
    const tagged = Buffer.concat([
      experimentalFrame(12, 0xff),
      Buffer.from('8100606488b50102', 'hex'),
      Buffer.alloc(46, 7),
    ]);
    put(arena, batch, tagged);
    expect(tap.send(batch, ONE, 0, 1)).toBe(1);
    expect(await socket.next((frame) => frame.readUInt16BE(12) === 0x8100)).toEqual(tagged);
    socket.send(tagged);
    expect(await receiveOne(tap, (bytes) => bytes.readUInt16BE(12) === 0x8100)).toEqual(tagged);

    // Less than an Ethernet header is refused by the kernel, and the frames behind it still leave.
    batch.count = 2;
    batch.off.fill(4096, 0, 2);
    batch.len.set([13, 60]);
    expect(tap.send(batch, Int32Array.of(0, 1), 0, 2)).toBe(1);
    expect(tap.lastError).toBe(22); // EINVAL
  });

  it.each([
    ['main, untagged', 0, false],
    ['main, tagged', 4, false],
    ['alternative, tag pushed', 0, true],
    ['alternative, tag popped', 4, true],
  ])('has the kernel finish the checksum where it belongs: shape %s', async (_, mainTag, alt) => {
    // Sent with an unfinished checksum into a bridge, and read behind it by an adapter that wants it finished.
    const [from, to] = [lab.device(`f${mainTag}${alt ? 1 : 0}`), lab.device(`t${mainTag}${alt ? 1 : 0}`)];
    const sender = track(await open(arena, from, { offloads: 'auto' })).tap;
    const receiver = track(await open(arena, to)).tap;
    const host = lab.namespace(`c${mainTag}${alt}`);
    for (const device of [from, to]) host.adopt(device);
    host.run('ip', 'link', 'add', 'bridge0', 'type', 'bridge');
    for (const device of [from, to, 'bridge0'])
      host.run('ip', 'link', 'set', device, ...(device === 'bridge0' ? [] : ['master', 'bridge0']), 'up');

    const batch = createBatch();
    const addresses = Buffer.from('ffffffffffff020000000001', 'hex');
    const tag = Buffer.from('81000064', 'hex');
    const payload = Buffer.from('08004500002000004000401126cb0a0000010a00000200010002000c0000deadbeef', 'hex');
    payload.writeUInt16BE(sum16(pseudoHeader(payload)), 2 + 26);
    const shape = (tagged: boolean) => (tagged ? Buffer.concat([addresses, tag]) : addresses);
    const head = shape(mainTag === 4);
    const sentHead = shape((mainTag === 4) !== alt);
    put(arena, batch, Buffer.concat([head, payload]));
    batch.gso[0] = 1; // VIRTIO_NET_HDR_F_NEEDS_CSUM
    batch.csum[0] = (head.length + 2 + 20) | (6 << 16);
    arena.bytes.set(sentHead, 4000);
    batch.altHeadOff[0] = 4000;
    batch.altHeadLen[0] = sentHead.length;
    batch.altOff[0] = 4096 + head.length;
    batch.altLen[0] = payload.length;
    expect(sender.send(batch, Int32Array.of(alt ? 1 << 16 : 0), 0, 1)).toBe(1);
    const frame = await receiveOne(receiver, (bytes) => bytes.subarray(6, 12).equals(addresses.subarray(6)));
    expect(frame.subarray(0, sentHead.length)).toEqual(sentHead);
    const arrived = frame.subarray(sentHead.length);
    expect(arrived.length).toBe(payload.length);
    // A finished checksum makes the whole sum come out as ones (RFC 1071).
    expect(sum16(Buffer.concat([pseudoHeader(arrived), arrived.subarray(2 + 20)]))).toBe(0xffff);
  });

  it('reads a frame of the whole burst size, one less and one more', async () => {
    const device = lab.device('n');
    const { tap } = track(await open(arena, device));
    const host = lab.namespace('n');
    host.adopt(device);
    const socket = await host.frameSocket(device);
    for (const count of [7, 8, 9, 255, 256, 257]) {
      for (let i = 0; i < count; i++) socket.send(experimentalFrame(60, i & 0xff));
      const seen: number[] = [];
      const batch = createBatch();
      await until(() => {
        batch.count = 0;
        const got = tap.receive(batch, 3, BATCH_FRAMES);
        for (let i = 0; i < got; i++) {
          expect(batch.port[i]).toBe(3);
          const bytes = Buffer.from(arena.bytes.subarray(batch.off[i], batch.off[i] + batch.len[i]));
          if (isExperimental(bytes)) seen.push(bytes[20]);
          release(arena, batch.slot[i]);
        }
        return seen.length >= count;
      }, `${count} frames arrive`);
      expect(seen).toEqual(Array.from({ length: count }, (_, i) => i & 0xff));
    }
  });

  it('drops and counts a frame that is longer than its slot, and delivers those around it', async () => {
    const device = lab.device('cut');
    const { tap } = track(await open(arena, device));
    const host = lab.namespace('cut');
    host.adopt(device, { mtu: 9000 }); // behind the adapter's back
    const socket = await host.frameSocket(device);
    socket.send(experimentalFrame(100, 1));
    socket.send(experimentalFrame(3000, 2));
    socket.send(experimentalFrame(200, 3));
    expect((await receiveOne(tap, isExperimental)).length).toBe(100);
    expect((await receiveOne(tap, isExperimental)).length).toBe(200);
    expect(tap.framesTooLong).toBe(1);
  });

  it('leaves frames in the kernel while the arena has no slot', async () => {
    const tiny = createArena({ smallSlots: 1, largeSlots: 0 });
    const device = lab.device('ar');
    const { tap } = track(await open(tiny, device));
    const host = lab.namespace('ar');
    host.adopt(device);
    const socket = await host.frameSocket(device);
    for (let i = 0; i < 3; i++) socket.send(experimentalFrame(60, i));
    const batch = createBatch();
    await until(() => tap.receive(batch, 0, 8) === 1, 'the first frame arrives');
    expect(tap.receive(batch, 0, 8)).toBe(0);
    release(tiny, batch.slot[0]);
    await until(() => tap.receive(batch, 0, 8) === 1, 'the second frame arrives');
    release(tiny, batch.slot[1]);
    expect(slotsInUse(tiny)).toBe(0);
  });

  it('tells link down and up, in another namespace too', async () => {
    const device = lab.device('lk');
    const { tap, links } = track(await open(arena, device));
    const host = lab.namespace('lk');
    await until(() => links.length === 1, 'the first state is told');
    expect(links[0]).toEqual({ up: true, reason: 'interface up' });
    host.adopt(device);
    host.run('ip', 'link', 'set', device, 'down');
    await until(() => links.length === 2, 'down is told');
    expect(links[1]).toEqual({ up: false, reason: 'interface down' });
    const batch = createBatch();
    put(arena, batch, experimentalFrame(60, 0));
    expect(tap.send(batch, ONE, 0, 1)).toBe(0);
    expect(tap.lastError).toBe(5); // EIO
    host.run('ip', 'link', 'set', device, 'up');
    await until(() => links.length === 3, 'up is told');
    expect(links[2].up).toBe(true);
    expect(tap.send(batch, ONE, 0, 1)).toBe(1);
  });

  it('tells the links of many devices, and of those that go meanwhile', async () => {
    const devices = ['a', 'b', 'c', 'd', 'e'].map((name) => lab.device(`m${name}`));
    const opened: Opened[] = [];
    for (const device of devices) opened.push(track(await open(arena, device)));
    const host = lab.namespace('mn');
    await until(() => opened.every(({ links }) => links.length === 1), 'first states are told');
    host.adopt(devices[1]!);
    host.run('ip', 'link', 'set', devices[1]!, 'down');
    host.adopt(devices[2]!);
    host.run('ip', 'link', 'del', devices[2]!);
    opened[3]!.tap.close();
    await until(() => opened[1]!.links.length === 2 && opened[2]!.links.length === 2, 'changes are told');
    expect(opened.map(({ links }) => links.map(({ up }) => up))).toEqual([
      [true],
      [true, false],
      [true, false],
      [true],
      [true],
    ]);
  });

  it('survives the deletion of its interface, and opens again', async () => {
    const device = lab.device('rm');
    const { tap, links } = track(await open(arena, device));
    const host = lab.namespace('rm');
    host.adopt(device);
    host.run('ip', 'link', 'del', device);
    const batch = createBatch();
    expect(tap.receive(batch, 0, 8)).toBe(0);
    expect(tap.fd).toBe(-1);
    await until(() => links.some(({ reason }) => reason === 'interface deleted'), 'the deletion is told');
    put(arena, batch, experimentalFrame(60, 0));
    expect(tap.send(batch, ONE, 0, 1)).toBe(0);
    expect(tap.lastError).not.toBe(0);
    tap.close();
    const again = track(await open(arena, device));
    expect(again.tap.created).toBe(true);
  });

  it('ends the wait of a poller when an interface is deleted while it waits', async () => {
    const { hosts, taps, wire } = await pair('w');
    hosts[0].run('ip', 'link', 'del', taps[0].device);
    await until(() => taps[0].fd === -1, 'the adapter notices');
    expect(taps[1].fd).toBeGreaterThan(0);
    wire.stop();
  });

  it('keeps a persistent device, and removes one that is not', async () => {
    const device = lab.device('ps');
    (await open(arena, device, { persistent: true })).tap.close();
    expect(native().ifInfo(device)).not.toBeNull();
    const second = await open(arena, device, { mustExist: true });
    expect(second.tap.created).toBe(false);
    native().tapSetPersist(second.tap.fd, false);
    second.tap.close();
    expect(native().ifInfo(device)).toBeNull();
    await expect(open(arena, device, { mustExist: true })).rejects.toThrow(/ENODEV/);
  });

  it('gives each queue of a multi-queue device to one adapter', async () => {
    const device = lab.device('mq');
    const first = track(await open(arena, device, { queues: 2 }));
    const second = track(await open(arena, device, { queues: 2 }));
    expect(second.tap.fd).not.toBe(first.tap.fd);
    expect(second.tap.created).toBe(false);
  });

  it('says who holds a device that is taken, and that eth-like names are no TAPs', async () => {
    const device = lab.device('bz');
    track(await open(arena, device));
    await expect(open(arena, device)).rejects.toThrow(
      expect.objectContaining({ code: 'EBUSY', syscall: 'ioctl(TUNSETIFF)' }),
    );
    await expect(open(arena, 'lo')).rejects.toThrow(expect.objectContaining({ code: 'EINVAL' }));
    await expect(open(arena, lab.device('mt'), { mtu: 65_530 })).rejects.toThrow(/ioctl\(SIOCSIFMTU\)/);
  });

  it('leaks no descriptor in 1,000 openings', async () => {
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const device = lab.device('fd');
    (await open(arena, device, { persistent: true })).tap.close();
    const before = descriptors();
    for (let i = 0; i < 1000; i++) (await open(arena, device)).tap.close();
    const last = (await open(arena, device)).tap;
    native().tapSetPersist(last.fd, false);
    last.close();
    // Made and removed each time: the kernel takes 20 ms for a removal.
    for (let i = 0; i < 25; i++) (await open(arena, device)).tap.close();
    await expect(open(arena, 'lo')).rejects.toThrow();
    expect(descriptors()).toBe(before);
  });

  async function receiveOne(tap: TapAdapter, matches: (frame: Buffer) => boolean): Promise<Buffer> {
    const batch = createBatch();
    let found: Buffer | undefined;
    await until(() => {
      batch.count = 0;
      while (found === undefined && tap.receive(batch, 0, 1) === 1) {
        const bytes = Buffer.from(arena.bytes.subarray(batch.off[0], batch.off[0] + batch.len[0]));
        release(arena, batch.slot[0]);
        batch.count = 0;
        if (matches(bytes)) found = bytes;
      }
      return found !== undefined;
    }, 'a frame is received');
    return found!;
  }
});
