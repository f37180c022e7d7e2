/** What every adapter does, whatever it is attached to: the suite that a new kind has to pass (adapter-kinds.ts). */

import { readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Adapter, closeApart, isLinked } from '../../src/adapters/adapter.ts';
import { createArena, frameStart, release, slotsInUse, takeFor } from '../../src/dataplane/arena.ts';
import { BATCH_FRAMES, createBatch, SHAPE_ALT } from '../../src/dataplane/batch.ts';
import { KINDS, type Kind, type Opened } from './adapter-kinds.ts';
import { liveObstacle, until } from './netns.ts';
import { useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const HEADER = 'ffffffffffff02000000000188b5';
/** A number at the front of the payload, and bytes that depend on it. */
function numbered(n: number, length = 60): Buffer {
  const frame = Buffer.alloc(length, n & 0xff);
  frame.write(HEADER, 'hex');
  if (length >= 18) frame.writeUInt32BE(n, 14);
  return frame;
}
const isOurs = (frame: Buffer) => frame.length < 14 || frame.subarray(12, 14).toString('hex') === '88b5';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
function residentBytes(): number {
  collect();
  return process.memoryUsage().rss;
}

/** ETHERLOOM_OPENINGS: that often, whatever the kind (npm run leaks). */
const OPENINGS = process.env.ETHERLOOM_OPENINGS;
const LONG_MS = 4 * 3600e3;

const descriptors = () => readdirSync('/proc/self/fd').length;

describe.skipIf(obstacle !== null).each(Object.entries(KINDS))('adapter %s', (name, makeKind) => {
  const lab = useLab();
  let kind: Kind;
  const arena = createArena({ smallSlots: 8192, largeSlots: 64 });
  const batch = createBatch();
  const words = Int32Array.from({ length: BATCH_FRAMES }, (_, i) => i);
  const opened: Adapter[] = [];
  /** For the tests that leave nothing behind. */
  let shared: Opened | undefined;
  /** Slots that open adapters may keep for themselves. */
  const kept = () => (shared === undefined ? 0 : kind.ownSlots);
  let labels = 0;

  beforeAll(() => {
    kind = makeKind(lab);
  });
  afterEach(async () => {
    for (const adapter of opened.splice(0)) {
      adapter.close();
      await adapter.closeApart?.(); // one whose device was lost is being closed already
    }
    expect(slotsInUse(arena)).toBe(kept());
  });
  afterAll(() => {
    shared?.adapter.close();
    expect(slotsInUse(arena)).toBe(0);
  });

  async function openShared(): Promise<Opened> {
    if (shared === undefined) {
      shared = await open(9000);
      opened.splice(opened.indexOf(shared.adapter), 1);
    }
    return shared;
  }

  async function open(mtu = 1500, memory = arena): Promise<Opened> {
    const one = await kind.open(memory, `${name[0]}${name.at(-1)}${labels++}`, mtu);
    opened.push(one.adapter);
    if (one.cable !== null) await until(() => one.links.at(-1)?.up === true, 'the link is up');
    return one;
  }

  /** What has arrived by now, at most a batch. */
  function receive(adapter: Adapter, max = BATCH_FRAMES): Buffer[] {
    batch.count = 0;
    const got = adapter.receive(batch, 7, max);
    expect(got).toBeLessThanOrEqual(max);
    expect(batch.count).toBe(got);
    const frames: Buffer[] = [];
    for (let i = 0; i < got; i++) {
      expect(batch.port[i]).toBe(7);
      frames.push(Buffer.from(arena.bytes.subarray(batch.off[i]!, batch.off[i]! + batch.len[i]!)));
      release(arena, batch.slot[i]!);
    }
    batch.count = 0;
    return frames;
  }

  async function receiveOurs(adapter: Adapter, count: number): Promise<Buffer[]> {
    const frames: Buffer[] = [];
    await until(() => {
      frames.push(...receive(adapter).filter(isOurs));
      return frames.length >= count;
    }, `${count} frames arrive`);
    return frames;
  }

  /** Sends up to a batch of frames as their own shape, or as the other one of a frame that is cut at byte 12. */
  function send(adapter: Adapter, frames: readonly Buffer[], alt = false): number {
    batch.count = frames.length;
    for (const [i, frame] of frames.entries()) {
      const slot = takeFor(arena, frame.length);
      expect(slot).toBeGreaterThanOrEqual(0);
      const at = frameStart(arena, slot);
      arena.bytes.set(frame, at);
      batch.slot[i] = slot;
      batch.off[i] = at;
      batch.len[i] = frame.length;
      batch.gso[i] = batch.csum[i] = 0;
      words[i] = alt ? i | SHAPE_ALT : i;
      if (!alt) continue;
      batch.altHeadOff[i] = at - 64;
      batch.altHeadLen[i] = 12;
      batch.altOff[i] = at + 12;
      batch.altLen[i] = frame.length - 12;
      arena.bytes.copyWithin(at - 64, at, at + 12);
      arena.bytes.fill(0, at, at + 12);
    }
    const taken = adapter.send(batch, words, 0, frames.length);
    for (let i = 0; i < frames.length; i++) release(arena, batch.slot[i]!);
    batch.count = 0;
    return taken;
  }

  async function arriveFar({ far }: Opened, count: number): Promise<Buffer[]> {
    const frames: Buffer[] = [];
    await until(() => {
      frames.push(...far.frames.splice(0).filter(isOurs));
      return frames.length >= count;
    }, `${count} frames arrive at the far end`);
    return frames;
  }

  it('moves bursts of 1, a batch and one more, in order, both ways and in both shapes', async () => {
    const one = await openShared();
    for (const count of [1, 7, 8, 9, BATCH_FRAMES - 1, BATCH_FRAMES, BATCH_FRAMES + 1]) {
      const frames = Array.from({ length: count }, (_, n) => numbered(n, 60 + (n % 5)));
      for (const frame of frames) one.far.send(frame);
      expect(await receiveOurs(one.adapter, count)).toEqual(frames);
      const part = frames.slice(0, BATCH_FRAMES);
      expect(send(one.adapter, part, count % 2 === 0)).toBe(part.length);
      expect(await arriveFar(one, part.length)).toEqual(part);
    }
  });

  it('takes no more than it was told to, and adds behind what the batch has', async () => {
    const { adapter, far } = await openShared();
    for (let n = 0; n < 9; n++) far.send(numbered(n));
    const first: Buffer[] = [];
    await until(() => first.push(...receive(adapter, 3).filter(isOurs)) >= 3, 'three frames arrive');
    const rest = [...first, ...(await receiveOurs(adapter, 9 - first.length))];
    expect(rest.map((frame) => frame.readUInt32BE(14))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    far.send(numbered(9));
    batch.count = 5;
    await until(() => adapter.receive(batch, 7, 1) === 1, 'one more frame arrives');
    expect(batch.count).toBe(6);
    expect(batch.port[5]).toBe(7);
    release(arena, batch.slot[5]!);
    batch.count = batch.capacity;
    far.send(numbered(10));
    expect(adapter.receive(batch, 7, 8)).toBe(0); // a full batch has no room
    batch.count = 0;
    await receiveOurs(adapter, 1);
  });

  it('moves 9,000-byte frames between small ones', async () => {
    const one = await openShared();
    const frames = [60, 9014, 61, 1514, 9014, 2000, 62].map((length, n) => numbered(n, length));
    for (const frame of frames) one.far.send(frame);
    expect(await receiveOurs(one.adapter, frames.length)).toEqual(frames);
    for (const alt of [false, true]) {
      expect(send(one.adapter, frames, alt)).toBe(frames.length);
      expect(await arriveFar(one, frames.length)).toEqual(frames);
    }
  });

  it('sends what stands behind a frame that is too short to be one', async () => {
    const one = await openShared();
    const taken = send(one.adapter, [numbered(1), numbered(2, 13), numbered(3, 14), numbered(4)]);
    expect(taken).toBe(kind.refusesShort ? 3 : 4);
    if (kind.refusesShort) expect(one.adapter.lastError).not.toBe(0);
    const lengths = (await arriveFar(one, taken)).map((frame) => frame.length);
    expect(lengths).toEqual(kind.refusesShort ? [60, 14, 60] : [60, 13, 14, 60]);
  });

  it('lets frames wait while the arena has no slot, and loses none of them', async () => {
    const one = await openShared();
    // All slots are taken by someone else.
    const taken: number[] = [];
    if (name === 'memory') for (let n = 0; n < 5; n++) one.far.send(numbered(n)); // takes its slots at the door
    if (kind.ownSlots > 0) return; // takes its slots when it is opened
    for (let slot = takeFor(arena, 60); slot >= 0; slot = takeFor(arena, 60)) taken.push(slot);
    if (name !== 'memory') {
      for (let n = 0; n < 5; n++) one.far.send(numbered(n));
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(receive(one.adapter)).toEqual([]);
    }
    for (const slot of taken) release(arena, slot);
    expect((await receiveOurs(one.adapter, 5)).map((frame) => frame.readUInt32BE(14))).toEqual([0, 1, 2, 3, 4]);
  });

  it('outlives a flood that nobody reads: bounded queues, and the next frames pass', async () => {
    const one = await open();
    for (let n = 0; n < 3000; n++) one.far.send(numbered(n, 1000));
    const quiet = async () => {
      const frames = receive(one.adapter).length;
      await new Promise((resolve) => setTimeout(resolve, frames === 0 ? 30 : 0));
      return frames + receive(one.adapter).length;
    };
    let waited = 0;
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (let n = await quiet(); n > 0; n = await quiet()) waited += n;
    expect(waited).toBeGreaterThan(100);
    const last = numbered(1e6);
    one.far.send(last);
    await until(() => receive(one.adapter).some((frame) => frame.equals(last)), 'the next frame passes');
  });

  it('is full at some point when the far end does not read, and says so without an error', async () => {
    if (kind.queueFrames === 0) return;
    const one = await open();
    const frames = Array.from({ length: BATCH_FRAMES }, (_, n) => numbered(n));
    let taken = 0;
    let last = BATCH_FRAMES;
    for (let burst = 0; last === BATCH_FRAMES && burst < 100; burst++) {
      last = send(one.adapter, frames);
      taken += last;
    }
    expect(taken).toBe(kind.queueFrames);
    expect(send(one.adapter, frames)).toBe(0);
    expect(one.adapter.lastError).toBe(0);
    await arriveFar(one, 1);
    await until(() => send(one.adapter, [numbered(1)]) === 1, 'there is room again');
  });

  it('is full when its device takes nothing any more, loses nothing that it took, and goes on', async () => {
    if (kind.jam === null) return;
    const { adapter, far, go } = await kind.jam(lab, arena, `j${name.at(-1)}${labels++}`);
    opened.push(adapter);
    // To one host, so that nobody on the way makes copies.
    const next = (n: number) => numbered(n, 600).fill(0x02, 0, 6);
    await until(() => send(adapter, [next(0)]) === 1, 'the link is up');
    let taken = 1;
    for (let burst = 0, none = 0; none < 2; burst++) {
      expect(burst).toBeLessThan(400);
      const frames = Array.from({ length: 64 }, (_, n) => next(taken + n));
      const got = send(adapter, frames);
      expect(adapter.lastError).toBe(0);
      none = got === 0 ? none + 1 : 0;
      taken += got;
    }
    go();
    const arrived = new Set<number>();
    const look = () => {
      for (const frame of far.frames.splice(0)) if (isOurs(frame)) arrived.add(frame.readUInt32BE(14));
      return arrived.size;
    };
    await until(() => look() >= taken, `${taken} frames arrive`);
    expect(Math.max(...arrived)).toBe(taken - 1);
    await until(() => send(adapter, [next(taken)]) === 1, 'there is room again');
    await until(() => look() === taken + 1, 'and it arrives');
  });

  it('tells link down and up, and sends again afterwards', async () => {
    const { adapter, links, cable } = await open();
    if (cable === null) return expect(isLinked(adapter)).toBe(false);
    cable.down();
    await until(() => links.at(-1)?.up === false, 'down is told');
    expect(links.at(-1)!.reason).toMatch(/^(interface down|no carrier)$/);
    expect(send(adapter, [numbered(1)])).toBeLessThanOrEqual(1); // a card without carrier may take frames
    cable.up();
    await until(() => links.at(-1)?.up === true, 'up is told');
    await until(() => send(adapter, [numbered(1)]) === 1, 'frames leave again');
    expect(links.map(({ up }) => up)).toEqual([true, false, true]);
  });

  it('survives the deletion of its device under load', async () => {
    const { adapter, links, far, cable } = await open();
    if (cable === null) return;
    for (let n = 0; n < 500; n++) far.send(numbered(n));
    await receiveOurs(adapter, 50);
    cable.remove();
    await until(() => {
      receive(adapter);
      send(adapter, [numbered(1)]);
      return isLinked(adapter) && adapter.gone;
    }, 'the deletion is noticed');
    await until(() => links.at(-1)?.reason === 'interface deleted', 'the deletion is told');
    expect(send(adapter, [numbered(1)])).toBe(0);
    expect(adapter.lastError).not.toBe(0);
    expect(receive(adapter)).toEqual([]);
  });

  it('is closed with frames under way, and is silent afterwards', async () => {
    const { adapter, links, far } = await open();
    for (let n = 0; n < 100; n++) far.send(numbered(n));
    await receiveOurs(adapter, 1);
    send(adapter, [numbered(1), numbered(2)]);
    const told = links.length;
    adapter.close();
    adapter.close();
    expect(slotsInUse(arena)).toBe(kept());
    expect(receive(adapter)).toEqual([]);
    expect(send(adapter, [numbered(1)])).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(links.length).toBe(told);
  });

  it('is closed apart, where it can be: silent at once, and gone when that is done', async () => {
    const { adapter, links, far } = await open();
    if (adapter.closeApart === undefined) return;
    for (let n = 0; n < 100; n++) far.send(numbered(n));
    await receiveOurs(adapter, 1);
    const [told, before] = [links.length, descriptors()];
    const closing = adapter.closeApart();
    expect(adapter.fd).toBe(-1);
    expect(receive(adapter)).toEqual([]);
    expect(send(adapter, [numbered(1)])).toBe(0);
    await closing;
    await adapter.closeApart();
    adapter.close();
    expect(descriptors()).toBeLessThan(before);
    expect(slotsInUse(arena)).toBe(kept());
    expect(links.length).toBe(told);
  });

  const timeout = OPENINGS === undefined ? undefined : LONG_MS;
  it(
    'leaks neither descriptors nor slots nor memory when it is opened again and again',
    timeout === undefined ? {} : { timeout },
    async () => {
      const openAgain = kind.prepare(arena, `l${name.at(-1)}`);
      for (let i = 0; i < 5; i++) (await openAgain()).close();
      await new Promise((resolve) => setTimeout(resolve, 20));
      const before = descriptors();
      const resident = residentBytes();
      const openings = OPENINGS === undefined ? kind.openings : Number(OPENINGS);
      for (let i = 0; i < openings; i++) {
        const adapter = await openAgain();
        batch.count = 0;
        // The host may speak on a fresh interface.
        const got = adapter.receive(batch, 0, 8);
        for (let n = 0; n < got; n++) release(arena, batch.slot[n]);
        if (i % 2 === 0) adapter.close();
        else await closeApart(adapter);
      }
      await until(() => descriptors() <= before, 'all descriptors are closed');
      // A ring is 4 MB: one that stayed mapped at every opening would be seen. What waits to be collected goes.
      await until(() => residentBytes() - resident < 100e6, 'no memory stays');
      if (OPENINGS !== undefined) {
        const more = (residentBytes() - resident) / 1e6;
        console.log(
          `${openings} openings of ${name}: ${more.toFixed(1)} MB more, ${descriptors() - before} descriptors`,
        );
      }
      expect(slotsInUse(arena)).toBe(kept());
    },
  );
});
