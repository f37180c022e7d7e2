/**
 * The memory adapter by itself: the adapter contract, its bounds, and the arena's slots to the last one.
 */
import { describe, expect, it, vi } from 'vitest';
import { MemoryAdapter } from '../../../src/adapters/memory.ts';
import {
  createArena,
  LARGE_FRAME_BYTES,
  release,
  SMALL_FRAME_BYTES,
  slotsInUse,
} from '../../../src/dataplane/arena.ts';
import { createBatch, RX_TRUNCATED, SHAPE_ALT } from '../../../src/dataplane/batch.ts';

function adapter(options: { queueFrames?: number } = {}, slots = { smallSlots: 4, largeSlots: 1 }) {
  const arena = createArena(slots);
  const readable = vi.fn();
  const memory = new MemoryAdapter({ mtu: 1500, ...options }, { arena, events: { link: () => {}, readable } });
  const batch = createBatch(4);
  return { arena, memory, batch, readable };
}

const bytes = (length: number, first: number) => Uint8Array.from({ length }, (_, n) => (first + n) & 0xff);

describe('receiving', () => {
  it('takes memory that was transferred away for a frame of no bytes', () => {
    const { arena, memory } = adapter();
    const gone = bytes(60, 0);
    structuredClone(gone, { transfer: [gone.buffer] });
    expect(memory.push(gone)).toBe(true);
    expect(slotsInUse(arena)).toBe(1);
    memory.close();
    expect(slotsInUse(arena)).toBe(0);
  });

  it('appends what was pushed, in order, at most so many and never beyond the batch', () => {
    const { arena, memory, batch } = adapter({ queueFrames: 8 }, { smallSlots: 8, largeSlots: 1 });
    for (let n = 0; n < 6; n++) expect(memory.push(bytes(60 + n, n), n === 1)).toBe(true);
    expect(memory.receive(batch, 7, 1)).toBe(1);
    expect(memory.receive(batch, 7, 100)).toBe(3);
    expect(batch.count).toBe(4);
    expect([...batch.len]).toEqual([60, 61, 62, 63]);
    expect([...batch.port]).toEqual([7, 7, 7, 7]);
    expect([...batch.rxFlags]).toEqual([0, RX_TRUNCATED, 0, 0]);
    for (let i = 0; i < 4; i++) {
      const at = batch.off[i]!;
      expect(arena.bytes.slice(at, at + batch.len[i]!)).toEqual(bytes(60 + i, i));
    }
    expect(memory.receive(batch, 7, 100)).toBe(0);
    batch.count = 0;
    expect(memory.receive(batch, 7, 100)).toBe(2);
    expect(memory.receive(batch, 7, 100)).toBe(0);
  });

  it('tells once that frames wait, and again after they were taken', () => {
    const { memory, batch, readable } = adapter();
    memory.push(bytes(60, 0));
    memory.push(bytes(60, 0));
    expect(readable).toHaveBeenCalledTimes(1);
    memory.receive(batch, 0, 2);
    memory.push(bytes(60, 0));
    expect(readable).toHaveBeenCalledTimes(2);
  });

  it('refuses the newest when queue or arena are full, and what fits no slot', () => {
    const queue = adapter({ queueFrames: 2 });
    expect([0, 1, 2].map((n) => queue.memory.push(bytes(60, n)))).toEqual([true, true, false]);
    const { memory, arena, batch } = adapter();
    expect(memory.push(new Uint8Array(LARGE_FRAME_BYTES + 1))).toBe(false);
    // A small frame takes a large slot when there is no other.
    expect([0, 1, 2, 3, 4, 5].map((n) => memory.push(bytes(60, n)))).toEqual([true, true, true, true, true, false]);
    expect(memory.push(new Uint8Array(SMALL_FRAME_BYTES + 1))).toBe(false);
    memory.receive(batch, 0, 4);
    for (let i = 0; i < batch.count; i++) release(arena, batch.slot[i]!);
    memory.close();
    expect(slotsInUse(arena)).toBe(0);
    expect(memory.push(bytes(60, 0))).toBe(false);
  });
});

describe('sending', () => {
  function sendable() {
    const all = adapter({ queueFrames: 2 });
    const { memory, batch, arena } = all;
    for (const n of [0, 50]) memory.push(bytes(60, n));
    memory.receive(batch, 0, 2);
    // The other shape of frame 1: ten bytes of its head elsewhere, then its payload from byte 20 on.
    batch.altHeadOff[1] = batch.off[1]! - 32;
    batch.altHeadLen[1] = 10;
    batch.altOff[1] = batch.off[1]! + 20;
    batch.altLen[1] = 40;
    arena.bytes.set(bytes(10, 200), batch.altHeadOff[1]!);
    return all;
  }
  const joined = Buffer.concat([bytes(10, 200), bytes(40, 70)]);

  it('keeps copies for take, whole in either shape, up to the bound', () => {
    const { memory, batch, arena } = sendable();
    expect(memory.send(batch, Int32Array.of(9, 0, 1 | SHAPE_ALT, 0), 1, 3)).toBe(2);
    expect(memory.lastError).toBe(0);
    arena.bytes.fill(0);
    expect(memory.take()).toEqual([Buffer.from(bytes(60, 0)), joined]);
    expect(memory.take()).toEqual([]);
    expect(memory.send(batch, Int32Array.of(0), 0, 1)).toBe(1);
  });

  it('hands views to onFrame, which may refuse', () => {
    const { memory, batch, arena } = sendable();
    const seen: [Buffer, number][] = [];
    memory.onFrame = (frame, _, index) => {
      if (index === 0) expect(frame.buffer).toBe(arena.bytes.buffer);
      seen.push([Buffer.from(frame), index]);
      return seen.length < 3;
    };
    expect(memory.send(batch, Int32Array.of(1 | SHAPE_ALT, 0, 1, 0), 0, 4)).toBe(2);
    expect(seen).toEqual([
      [joined, 1],
      [Buffer.from(bytes(60, 0)), 0],
      [Buffer.from(bytes(60, 50)), 1],
    ]);
  });

  it('takes nothing after close, and says that it is an error', () => {
    const { memory, batch } = sendable();
    memory.close();
    expect(memory.send(batch, Int32Array.of(0), 0, 1)).toBe(0);
    expect(memory.lastError).not.toBe(0);
  });
});
