/** How long frames and the segments of super-frames may be. */

import { describe, expect, it } from 'vitest';
import { createBatch } from '../../../src/dataplane/batch.ts';
import { createDataplane } from '../../../src/dataplane/dataplane.ts';
import { tagBytes, tooLong } from '../../../src/dataplane/stages/frame-length.ts';

const dp = createDataplane({ ports: 4, fids: 4, bridges: 1, fdbEntries: 64, smallSlots: 1, largeSlots: 2 });
const b = createBatch(1);
const view = dp.arena.view;
const OFF = 4096;

function frame(len: number, tags: number): void {
  for (let at = 0; at < 64; at += 4) view.setInt32(OFF + at, 0);
  for (let t = 0; t < tags; t++) view.setUint16(OFF + 12 + 4 * t, t === 0 ? 0x88a8 : 0x8100);
  view.setUint16(OFF + 12 + 4 * tags, 0x0800);
  b.off[0] = OFF;
  b.len[0] = len;
  b.gso[0] = 0;
  b.csum[0] = 0;
}

/** A TCP super-frame over IPv4 with `segment` bytes of payload a segment. */
function superFrame(len: number, tags: number, segment: number, tcpHeader = 32): void {
  frame(len, tags);
  const tcp = 14 + 4 * tags + 20;
  view.setUint8(OFF + tcp + 12, (tcpHeader / 4) << 4);
  b.gso[0] = (segment << 16) | (1 << 8) | 1;
  b.csum[0] = (16 << 16) | tcp;
}

describe('tooLong', () => {
  it('allows MTU + 14 + 4 per tag', () => {
    dp.ports.mtu[1] = 1500;
    for (const tags of [0, 1, 2, 3]) {
      frame(1514 + 4 * tags, tags);
      expect(tooLong(dp, b, 0, 1)).toBe(false);
      frame(1515 + 4 * tags, tags);
      expect(tooLong(dp, b, 0, 1)).toBe(true);
    }
  });

  it('judges a super-frame by its segments', () => {
    dp.ports.mtu[1] = 1500;
    for (const tags of [0, 1]) {
      superFrame(40_000, tags, 1448);
      expect(tooLong(dp, b, 0, 1)).toBe(false);
      superFrame(40_000, tags, 1449);
      expect(tooLong(dp, b, 0, 1)).toBe(true);
      superFrame(40_000, tags, 8948);
      expect(tooLong(dp, b, 0, 1)).toBe(true);
    }
    dp.ports.mtu[1] = 9000;
    expect(tooLong(dp, b, 0, 1)).toBe(false);
  });

  it('does not read behind a super-frame whose checksum start is nonsense', () => {
    dp.ports.mtu[1] = 1500;
    superFrame(2000, 0, 100);
    b.csum[0] = 60_000;
    expect(tooLong(dp, b, 0, 1)).toBe(true);
  });
});

describe('tagBytes', () => {
  it('stops at the end of the frame', () => {
    frame(1600, 3);
    expect(tagBytes(view, OFF, 1600)).toBe(12);
    expect(tagBytes(view, OFF, 18)).toBe(4);
    expect(tagBytes(view, OFF, 14)).toBe(0);
  });
});
