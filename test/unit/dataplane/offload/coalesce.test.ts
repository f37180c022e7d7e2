/** Coalescing in software: what is put together, what is not, and that segmentation gives back every byte. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Arena,
  createArena,
  frameStart,
  LARGE_FRAME_BYTES,
  slotsInUse,
  takeFor,
  takeLarge,
} from '../../../../src/dataplane/arena.ts';
import { type Batch, createBatch, INDEX_MASK, RX_TRUNCATED, SHAPE_ALT } from '../../../../src/dataplane/batch.ts';
import { coalesce, createCoalesce } from '../../../../src/dataplane/offload/coalesce.ts';
import { createFinish, type Finish, sendFinished } from '../../../../src/dataplane/offload/finish.ts';
import { Random } from '../world.ts';
import { type Flow, randomFlow, segments, superFrame } from './flows.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function receive(arena: Arena, batch: Batch, frames: Uint8Array[]): void {
  for (const bytes of frames) {
    const i = batch.count++;
    const slot = takeFor(arena, bytes.length);
    expect(slot).toBeGreaterThanOrEqual(0);
    batch.slot[i] = slot;
    batch.off[i] = frameStart(arena, slot);
    batch.len[i] = bytes.length;
    batch.port[i] = 3;
    batch.rxFlags[i] = 0;
    batch.gso[i] = 0;
    batch.csum[i] = 0;
    batch.timeUs[i] = i;
    arena.bytes.set(bytes, batch.off[i]);
  }
}

const rows = (arena: Arena, b: Batch) =>
  Array.from({ length: b.count }, (_, i) => ({
    bytes: hex(arena.bytes.subarray(b.off[i], b.off[i] + b.len[i])),
    gso: b.gso[i],
    csum: b.csum[i],
  }));

/** What leaves by a port that takes only plain frames. */
function sent(arena: Arena, b: Batch, finish: Finish): string[] {
  const out: string[] = [];
  const all = Int32Array.from({ length: b.count }, (_, i) => i);
  const send = (batch: Batch, list: Int32Array, start: number, count: number) => {
    for (let k = start; k < start + count; k++) {
      const i = list[k] & INDEX_MASK;
      const part = (at: number, length: number) => hex(arena.bytes.subarray(at, at + length));
      out.push(
        list[k] < SHAPE_ALT
          ? part(batch.off[i], batch.len[i])
          : part(batch.altHeadOff[i], batch.altHeadLen[i]) + part(batch.altOff[i], batch.altLen[i]),
      );
    }
    return count;
  };
  expect(sendFinished(finish, { send, lastError: 0 }, b, all, 0, b.count, 0)).toBe(b.count);
  return out;
}

const FLOW: Flow = {
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
  flags: 0x18,
  window: 500,
  options: Uint8Array.from([1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8]),
  payload: Uint8Array.from({ length: 5000 }, (_, i) => i * 13),
  size: 1448,
  tunnel: null,
};

/** Puts frames together, and says how many rows are left. */
function together(frames: Uint8Array[], change?: (b: Batch) => void) {
  const arena = createArena({ smallSlots: 300, largeSlots: 16 });
  const batch = createBatch();
  receive(arena, batch, frames);
  change?.(batch);
  coalesce(createCoalesce(arena), batch, 0);
  expect(slotsInUse(arena)).toBe(batch.count);
  return { arena, batch, rows: rows(arena, batch) };
}

describe('coalescing', () => {
  it.each([
    ['IPv4', FLOW],
    ['IPv6', { ...FLOW, isIpv6: true }],
    ['tagged', { ...FLOW, tags: [0x88a80064, 0x8100600a] }],
    ['without options', { ...FLOW, options: new Uint8Array(0), size: 1460 }],
  ])('makes the super-frame that a kernel would have handed over: %s', (_, flow) => {
    const { rows } = together(segments(flow));
    expect(rows.length).toBe(1);
    const whole = superFrame(flow);
    const field = (whole.csum & 0xffff) + 16;
    expect(rows[0].gso).toBe(whole.gso);
    expect(rows[0].csum).toBe(whole.csum);
    // The pseudo header's sum may be written in two ways, 0 and 0xffff; all else is the same.
    expect(rows[0].bytes).toBe(hex(whole.bytes));
    expect(field).toBeLessThan(whole.bytes.length);
  });

  it('is undone by segmentation byte for byte, and keeps the order within every flow', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const r = new Random(seed);
        const arena = createArena({ smallSlots: 600, largeSlots: r.chance(10) ? 2 : 40 });
        const finish = createFinish(arena);
        const batch = createBatch();
        // Streams of several flows, told apart by their MAC addresses, interleaved in runs.
        const streams = Array.from({ length: 1 + r.below(12) }, (_, n) => {
          let flow = randomFlow(r, 12_000);
          while (flow.tunnel !== null && r.chance(80)) flow = randomFlow(r, 12_000);
          const frames = segments({ ...flow, flags: r.chance(80) ? flow.flags & 0x18 : flow.flags });
          for (const frame of frames) frame[5] = n;
          if (frames.length > 1 && r.chance(20)) frames.splice(r.below(frames.length), 1);
          if (r.chance(20)) frames[r.below(frames.length)][r.below(frames[0].length)] ^= 1 << r.below(8);
          for (const frame of frames) frame[5] = n;
          if (r.chance(10)) frames.push(Uint8Array.from([...frames[0], 0, 0]));
          return frames.filter((frame) => frame.length <= LARGE_FRAME_BYTES);
        });
        const frames: Uint8Array[] = [];
        while (frames.length < 250 && streams.some((stream) => stream.length > 0)) {
          frames.push(...r.pick(streams).splice(0, 1 + r.below(10)));
        }
        receive(
          arena,
          batch,
          frames.slice(0, 250).filter((frame) => frame.length <= 1984),
        );
        const before = rows(arena, batch).map(({ bytes }) => bytes);
        coalesce(createCoalesce(arena), batch, 0);
        expect(slotsInUse(arena)).toBe(batch.count + 1);
        const after = sent(arena, batch, finish);
        const byFlow = (all: string[]) => {
          const flows: Record<string, string[]> = {};
          for (const each of all) {
            const key = each.slice(0, 12);
            flows[key] ??= [];
            flows[key].push(each);
          }
          return flows;
        };
        expect(byFlow(after)).toEqual(byFlow(before));
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  it('leaves a segment that is alone as it is', () => {
    const [one] = segments(FLOW);
    const { rows } = together([one]);
    expect(rows).toEqual([{ bytes: hex(one), gso: 0, csum: 0 }]);
  });

  it('ends with PSH, with a shorter segment, and begins again', () => {
    const [a, b, c, d] = segments(FLOW); // d is shorter and has PSH
    const more = segments({ ...FLOW, sequence: (FLOW.sequence + 5000) | 0, ident: 2 });
    expect(together([a, b, c, d, ...more]).rows.length).toBe(2);
  });

  it('takes nothing for consecutive that is not', () => {
    const change = (more: Partial<Flow>) => segments({ ...FLOW, flags: 0x10, ...more });
    const base = change({});
    const cases: [string, Partial<Flow>][] = [
      ['acknowledgment', { acknowledgment: 78 }],
      ['window', { window: 501 }],
      ['options', { options: Uint8Array.from([1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 9]) }],
      ['TOS', { tos: 2 }],
      ['TTL', { ttl: 63 }],
      ["don't-fragment", { dontFragment: false }],
      ['identification', { ident: 0 }],
      ['sequence', { sequence: 0xffff_f001 }],
      ['tags', { tags: [0x8100000a] }],
      ['flags', { flags: 0x50 }],
    ];
    for (const [what, more] of cases) {
      expect(together([base[0], change(more)[1]]).rows.length, what).toBe(2);
    }
    expect(together([base[0], base[1]]).rows.length).toBe(1);
    expect(together([base[0], base[2]]).rows.length).toBe(2);
    expect(together([base[1], base[0]]).rows.length).toBe(2);
    const wrong = base[1].slice();
    wrong[1000] ^= 1;
    expect(together([base[0], wrong]).rows.length).toBe(2);
    const padded = Uint8Array.from([...base[1], 0, 0]);
    expect(together([base[0], padded]).rows.length).toBe(2);
    expect(together([base[0], base[1]], (b) => b.rxFlags.fill(RX_TRUNCATED)).rows.length).toBe(2);
    const otherPort = (b: Batch) => {
      b.port[1] = 4;
    };
    expect(together([base[0], base[1]], otherPort).rows.length).toBe(2);
  });

  it('lets any other frame of the flow end it', () => {
    const [a, b, c] = segments({ ...FLOW, flags: 0x10 });
    const [ack] = segments({ ...FLOW, flags: 0x10, payload: new Uint8Array(0) });
    const fragment = segments({ ...FLOW })[0].slice();
    fragment[20] |= 0x20;
    const [udp] = segments({ ...FLOW, isTcp: false, size: 0, payload: new Uint8Array(100) });
    expect(together([a, ack, b, c]).rows.length).toBe(3);
    expect(together([a, fragment, b, c]).rows.length).toBe(3);
    expect(together([a, udp, b, c]).rows.length).toBe(2);
  });

  it('stops at 64 KB of packet', () => {
    const frames = segments({ ...FLOW, payload: new Uint8Array(100_000), flags: 0x10 });
    const { rows } = together(frames);
    expect(rows.length).toBe(2);
    expect(rows[0].bytes.length / 2 - 14).toBeLessThanOrEqual(65_535);
    expect(rows[0].bytes.length / 2).toBeGreaterThan(62_000);
  });

  it('lets go without a large slot', () => {
    const arena = createArena({ smallSlots: 64, largeSlots: 1 });
    takeLarge(arena);
    const batch = createBatch();
    receive(arena, batch, segments(FLOW));
    const before = rows(arena, batch);
    coalesce(createCoalesce(arena), batch, 0);
    expect(rows(arena, batch)).toEqual(before);
  });

  it('leaves what others hold in a shared slot alone', () => {
    const arena = createArena({ smallSlots: 4, largeSlots: 4 });
    const batch = createBatch();
    const frames = segments({ ...FLOW, flags: 0x10 });
    const slot = takeLarge(arena);
    frames.forEach((bytes, i) => {
      batch.slot[i] = slot;
      batch.off[i] = frameStart(arena, slot) + i * 2000;
      batch.len[i] = bytes.length;
      arena.bytes.set(bytes, batch.off[i]);
      if (i > 0) arena.holders[slot]++;
    });
    batch.count = frames.length;
    coalesce(createCoalesce(arena), batch, 0);
    expect(batch.count).toBe(1);
    expect(batch.slot[0]).not.toBe(slot);
    expect(arena.holders[slot]).toBe(0);
    expect(sent(arena, batch, createFinish(arena))).toEqual(frames.map(hex));
  });

  it('survives frames of nonsense', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const r = new Random(seed);
        const frames = segments({ ...randomFlow(r, 4000), flags: 0x10 })
          .slice(0, 40)
          .filter((frame) => frame.length <= LARGE_FRAME_BYTES);
        for (const frame of frames) {
          for (let n = r.below(4); n > 0; n--) frame[r.below(Math.min(80, frame.length))] = r.below(256);
        }
        const cut = frames.map((frame) => (r.chance(20) ? frame.slice(0, r.below(80)) : frame));
        together(cut.map((frame) => frame.slice(0, 1984)));
      }),
      { numRuns: 1000, seed: 2 },
    );
  });
});
