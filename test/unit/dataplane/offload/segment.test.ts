/** Segmentation in software, held against frames written one by one. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Arena, createArena, frameStart, takeFor } from '../../../../src/dataplane/arena.ts';
import { type Batch, createBatch, INDEX_MASK, SHAPE_ALT } from '../../../../src/dataplane/batch.ts';
import { createFinish, type Finish, needsFinish, sendFinished } from '../../../../src/dataplane/offload/finish.ts';
import {
  ALL_OFFLOADS,
  GSO_IN_TUNNEL,
  OFFLOAD_CSUM,
  OFFLOAD_TSO4,
  OFFLOAD_TSO6,
  OFFLOAD_TUNNEL,
} from '../../../../src/dataplane/offload/needs.ts';
import type { Sender } from '../../../../src/dataplane/transmit.ts';
import { Random } from '../world.ts';
import { type Flow, randomFlow, type SuperFrame, segments, superFrame } from './flows.ts';

interface Wire extends Sender {
  frames: string[];
  /** gso and csum of each frame. */
  columns: [number, number][];
  room: number;
  lastError: number;
}

/** Takes `room` frames and writes down their bytes. */
function createWire(arena: Arena, room = Number.POSITIVE_INFINITY): Wire {
  const hex = (at: number, length: number) => Buffer.from(arena.bytes.subarray(at, at + length)).toString('hex');
  return {
    frames: [],
    columns: [],
    room,
    lastError: 0,
    send(b, list, start, count) {
      let taken = 0;
      for (; taken < count && this.room > 0; taken++, this.room--) {
        const word = list[start + taken];
        const i = word & INDEX_MASK;
        this.columns.push([b.gso[i], b.csum[i]]);
        const main = hex(b.off[i], b.len[i]);
        const alt = hex(b.altHeadOff[i], b.altHeadLen[i]) + hex(b.altOff[i], b.altLen[i]);
        this.frames.push(word < SHAPE_ALT ? main : alt);
      }
      return taken;
    },
  };
}

interface World {
  arena: Arena;
  batch: Batch;
  finish: Finish;
  list: Int32Array;
}

function createWorld(): World {
  const arena = createArena({ smallSlots: 64, largeSlots: 16 });
  return { arena, batch: createBatch(), finish: createFinish(arena), list: new Int32Array(256) };
}

/** Puts a frame into the batch and on the list; `alt` as the tag-less shape of a frame with a tag in front, or so. */
function put({ arena, batch, list }: World, { bytes, gso, csum }: SuperFrame, alt = false): void {
  const i = batch.count++;
  const slot = takeFor(arena, bytes.length + 64);
  expect(slot).toBeGreaterThanOrEqual(0);
  const off = frameStart(arena, slot);
  batch.slot[i] = slot;
  batch.off[i] = off;
  batch.len[i] = bytes.length;
  batch.gso[i] = gso;
  batch.csum[i] = csum;
  list[i] = i;
  if (!alt) {
    arena.bytes.set(bytes, off);
    return;
  }
  // Main shape: four bytes longer, with a tag; the columns describe that one.
  const head = off - 32;
  arena.bytes.set(bytes.subarray(0, 12), head);
  arena.bytes.set(bytes.subarray(0, 12), off);
  arena.bytes.set([0x81, 0, 0, 10], off + 12);
  arena.bytes.set(bytes.subarray(12), off + 16);
  batch.len[i] += 4;
  batch.csum[i] += 4;
  batch.altHeadOff[i] = head;
  batch.altHeadLen[i] = 12;
  batch.altOff[i] = off + 16;
  batch.altLen[i] = bytes.length - 12;
  list[i] |= SHAPE_ALT;
}

const hexes = (frames: Uint8Array[]) => frames.map((frame) => Buffer.from(frame).toString('hex'));
const TSO = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6;

const PLAIN: Flow = {
  tags: [],
  isIpv6: false,
  isTcp: true,
  extra: 0,
  ident: 0xfffe,
  dontFragment: true,
  tos: 0,
  ttl: 64,
  sequence: 0xffff_f000,
  acknowledgment: 77,
  flags: 0x99, // CWR, ACK, PSH, FIN
  window: 500,
  options: new Uint8Array(0),
  payload: Uint8Array.from({ length: 5000 }, (_, i) => i * 13),
  size: 1448,
  tunnel: null,
};

describe('segmentation', () => {
  it('makes the frames that a wire would carry, of any super-frame', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const r = new Random(seed);
        const world = createWorld();
        const flows = Array.from({ length: 1 + r.below(4) }, () => randomFlow(r));
        for (const flow of flows) put(world, superFrame(flow), r.chance(30));
        const before = Buffer.from(world.arena.bytes.slice(0, frameStart(world.arena, 64)));
        const wire = createWire(world.arena);
        const { count } = world.batch;
        expect(needsFinish(world.batch, world.list, 0, count, 0)).toBe(true);
        expect(sendFinished(world.finish, wire, world.batch, world.list, 0, count, 0)).toBe(count);
        expect(wire.frames).toEqual(flows.flatMap((flow) => hexes(segments(flow))));
        expect(new Set(wire.columns.flat())).toEqual(new Set([0]));
        // The frames themselves stay as they were: other ports may take them whole.
        expect(before.equals(world.arena.bytes.slice(0, before.length))).toBe(true);
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  it('keeps FIN and PSH for the last segment and CWR for the first', () => {
    const world = createWorld();
    put(world, superFrame(PLAIN));
    const wire = createWire(world.arena);
    sendFinished(world.finish, wire, world.batch, world.list, 0, 1, 0);
    const at = 14 + 20;
    expect(wire.frames.map((hex) => Buffer.from(hex, 'hex').subarray(at + 13)[0])).toEqual([0x90, 0x10, 0x10, 0x19]);
    expect(wire.frames.map((hex) => Buffer.from(hex, 'hex').readUInt16BE(18))).toEqual([0xfffe, 0xffff, 0, 1]);
    expect(wire.frames.map((hex) => Buffer.from(hex, 'hex').readUInt32BE(at + 4))).toEqual([
      0xffff_f000, 0xffff_f5a8, 0xffff_fb50, 0xf8,
    ]);
  });

  it('leaves the checksum to a port that can, and the whole frame to one that takes it', () => {
    const world = createWorld();
    put(world, superFrame(PLAIN));
    put(world, superFrame({ ...PLAIN, size: 0 }));
    put(world, superFrame({ ...PLAIN, isIpv6: true }));
    put(world, superFrame({ ...PLAIN, isTcp: false, payload: new Uint8Array(3000) }));
    const some = createWire(world.arena);
    expect(sendFinished(world.finish, some, world.batch, world.list, 0, 4, OFFLOAD_CSUM | OFFLOAD_TSO6)).toBe(4);
    const csum = 34 | (16 << 16);
    expect(some.columns).toEqual([
      ...Array.from({ length: 4 }, () => [1, csum]),
      [1, csum],
      [world.batch.gso[2], world.batch.csum[2]],
      ...Array.from({ length: 3 }, () => [1, 34 | (6 << 16)]),
    ]);
    expect(needsFinish(world.batch, world.list, 0, 3, TSO)).toBe(false);
    expect(needsFinish(world.batch, world.list, 0, 4, TSO)).toBe(true);
    expect(needsFinish(world.batch, world.list, 0, 4, ALL_OFFLOADS)).toBe(false);
  });

  it('cuts what is inside a tunnel for every device, checksums and all', () => {
    const flow = { ...PLAIN, tunnel: { isIpv6: true, tags: [], ident: 1, checksum: true } };
    const world = createWorld();
    for (const each of [flow, { ...flow, size: 0 }]) {
      const frame = superFrame(each);
      put(world, { ...frame, gso: frame.gso | GSO_IN_TUNNEL });
    }
    expect(needsFinish(world.batch, world.list, 0, 2, ALL_OFFLOADS | OFFLOAD_TUNNEL)).toBe(false);
    expect(needsFinish(world.batch, world.list, 0, 2, ALL_OFFLOADS)).toBe(true);
    const wire = createWire(world.arena);
    expect(sendFinished(world.finish, wire, world.batch, world.list, 0, 2, ALL_OFFLOADS)).toBe(2);
    expect(wire.frames).toEqual([...hexes(segments(flow)), ...hexes(segments({ ...flow, size: 0 }))]);
    expect(new Set(wire.columns.flat())).toEqual(new Set([0]));
  });

  it('puts plain frames between, in their order and untouched', () => {
    const world = createWorld();
    const plain = segments({ ...PLAIN, size: 0, payload: new Uint8Array(10) })[0];
    put(world, { bytes: plain, gso: 0, csum: 0 });
    put(world, superFrame(PLAIN));
    put(world, { bytes: plain, gso: 0, csum: 0 }, true);
    const wire = createWire(world.arena);
    expect(sendFinished(world.finish, wire, world.batch, world.list, 0, 3, 0)).toBe(3);
    expect(wire.frames).toEqual([...hexes([plain]), ...hexes(segments(PLAIN)), ...hexes([plain])]);
  });

  it('counts a super-frame as sent when all of it was', () => {
    for (let room = 0; room <= 12; room++) {
      const world = createWorld();
      for (let n = 0; n < 3; n++) put(world, superFrame(PLAIN)); // four segments each
      const wire = createWire(world.arena, room);
      expect(sendFinished(world.finish, wire, world.batch, world.list, 0, 3, 0)).toBe(Math.floor(room / 4));
      expect(world.finish.error).toBe(0);
    }
  });

  it('goes on with more segments than a batch has rows, and stops where a port is full', () => {
    const flow = { ...PLAIN, size: 10, payload: new Uint8Array(9000) };
    const world = createWorld();
    put(world, superFrame(flow));
    put(world, superFrame(PLAIN));
    const wire = createWire(world.arena);
    expect(sendFinished(world.finish, wire, world.batch, world.list, 0, 2, 0)).toBe(2);
    expect(wire.frames).toEqual([...hexes(segments(flow)), ...hexes(segments(PLAIN))]);
    const full = createWire(world.arena, 300);
    expect(sendFinished(world.finish, full, world.batch, world.list, 0, 2, 0)).toBe(0);
    expect(full.frames.length).toBe(300);
  });

  it('tells the error of a port that refuses', () => {
    const world = createWorld();
    put(world, superFrame(PLAIN));
    const wire = createWire(world.arena, 2);
    wire.lastError = 5;
    expect(sendFinished(world.finish, wire, world.batch, world.list, 0, 1, 0)).toBe(0);
    expect(world.finish.error).toBe(5);
  });

  it('refuses frames whose columns contradict their bytes, and sends the others', () => {
    const good = superFrame(PLAIN);
    const bad: Partial<SuperFrame>[] = [
      { gso: good.gso & ~1 }, // no checksum wanted: not possible with segmentation
      { gso: 1 | (3 << 8) | (1448 << 16) }, // UFO
      { gso: 1 | (1 << 8) }, // segments of no bytes
      { csum: 0xffff | (16 << 16) },
      { csum: 34 | (0xffff << 16) },
      { csum: 34 | (6 << 16) },
      { csum: 33 | (16 << 16) },
      { csum: 35 | (16 << 16) },
      { csum: 54 | (16 << 16) },
      { bytes: good.bytes.slice(0, 40) },
      { bytes: good.bytes.slice(0, 10) },
    ];
    for (const change of bad) {
      const world = createWorld();
      put(world, { ...good, ...change });
      put(world, good);
      const wire = createWire(world.arena);
      expect(sendFinished(world.finish, wire, world.batch, world.list, 0, 2, 0), JSON.stringify(change)).toBe(1);
      expect(wire.frames).toEqual(hexes(segments(PLAIN)));
      expect(world.finish.error).toBe(22);
      expect([...world.list.subarray(0, 2)], 'the list says who was lost').toEqual([1, 0]);
    }
  });

  it('survives frames and columns of nonsense', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const r = new Random(seed);
        const world = createWorld();
        const frame = superFrame(randomFlow(r, 3000));
        for (let n = r.below(6); n >= 0; n--) frame.bytes[r.below(Math.min(90, frame.bytes.length))] = r.below(256);
        if (r.chance(40)) frame.bytes = frame.bytes.slice(0, r.below(100));
        if (r.chance(30)) frame.gso = r.next() | 0 || 1;
        if (r.chance(30)) frame.csum = r.next() | 0;
        put(world, frame, r.chance(30) && frame.bytes.length > 12);
        const wire = createWire(world.arena);
        const sent = sendFinished(world.finish, wire, world.batch, world.list, 0, 1, 0);
        if (sent === 0) expect(world.finish.error).toBe(22);
        for (const [gso] of wire.columns) expect(gso).toBe(0);
      }),
      { numRuns: 2000, seed: 2 },
    );
  });
});
