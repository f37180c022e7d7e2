/** Drop samples: the last frames of each reason, as they came, bounded in number and size. */

import { describe, expect, it } from 'vitest';
import { Control } from '../../../src/control/control.ts';
import { frameStart, takeFor } from '../../../src/dataplane/arena.ts';
import { createBatch, RX_TRUNCATED } from '../../../src/dataplane/batch.ts';
import { createDataplane, type Dataplane } from '../../../src/dataplane/dataplane.ts';
import { forwardBatch } from '../../../src/dataplane/pipeline.ts';
import * as R from '../../../src/dataplane/reasons.ts';
import { listSamples, SAMPLE_BYTES, SAMPLES_PER_REASON } from '../../../src/dataplane/samples.ts';
import { transmit } from '../../../src/dataplane/transmit.ts';
import { ethernetFrame } from '../../../src/wire/build.ts';

const SOMEBODY = '02:00:00:00:00:01';
const BROADCAST = 'ff:ff:ff:ff:ff:ff';

function plane(): Dataplane {
  const dp = createDataplane({ ports: 8, fids: 16, fdbEntries: 64, smallSlots: 8, largeSlots: 2, batch: 64 });
  const control = new Control(dp, { nowMs: () => 0 });
  control.addBridge('x');
  for (const [name, untagged, mtu] of [
    ['a', true, 1500],
    ['b', false, 1000],
  ] as const) {
    control.addPort(name, 'x', { mtu });
    control.setMember(name, 10, untagged);
    control.setPvid(name, 10);
    control.setLink(name, true);
  }
  return dp;
}

function send(dp: Dataplane, bytes: Uint8Array, nowMs = 0, rxFlags = 0, sender: 'takes' | 'full' = 'takes'): void {
  const b = createBatch(64);
  const slot = takeFor(dp.arena, bytes.length);
  const off = frameStart(dp.arena, slot);
  dp.arena.bytes.set(bytes, off);
  b.count = 1;
  b.off[0] = off;
  b.len[0] = bytes.length;
  b.nowMs[0] = nowMs;
  b.rxFlags[0] = rxFlags;
  forwardBatch(dp, b);
  transmit(dp, b, 1, { lastError: 0, send: (_b, _list, _start, count) => (sender === 'takes' ? count : 0) });
  dp.arena.freeCount.set([8, 2]);
}

const frame = (length: number, src = SOMEBODY, dst = BROADCAST) =>
  ethernetFrame(
    { dst, src },
    0x88b5,
    Uint8Array.from({ length }, (_, i) => i),
  );

describe('drop samples', () => {
  it('keep the frame as it came, with where and why', () => {
    const dp = plane();
    const bytes = frame(61, '03:00:00:00:00:01');
    send(dp, bytes, 42);
    send(dp, bytes.subarray(0, 9), 43);
    send(dp, bytes, 44, RX_TRUNCATED);
    expect(listSamples(dp.samplesOf)).toEqual([
      sample({ number: 1, reason: R.PARSE_GROUP_SOURCE, length: 75, bytes, nowMs: 42 }),
      sample({ number: 2, reason: R.PARSE_RUNT, length: 9, bytes: bytes.slice(0, 9), nowMs: 43 }),
      sample({ number: 3, reason: R.PARSE_TRUNCATED_CAPTURE, length: 75, bytes, nowMs: 44, truncated: true }),
    ]);
  });

  const sample = (fields: object) => ({ port: 0, fid: 0, truncated: false, shaped: false, ...fields });

  it('are not shaped for a port that they do not fit', () => {
    const dp = plane();
    const bytes = frame(1200);
    send(dp, bytes);
    const [kept] = listSamples(dp.samplesOf);
    expect(kept).toMatchObject({ reason: R.EGRESS_TOO_LONG, fid: 1, length: 1214 });
    expect(kept.bytes).toEqual(bytes.slice(0, SAMPLE_BYTES));
  });

  it('say when a frame is as it was to leave', () => {
    const dp = plane();
    send(dp, frame(60), 0, 0, 'full');
    expect(listSamples(dp.samplesOf)).toMatchObject([{ reason: R.TX_RING_FULL, length: 78, shaped: true }]);
  });

  it('are the last few of each reason, and a storm is not sampled frame by frame', () => {
    const dp = plane();
    for (let ms = 0; ms < 20; ms++) send(dp, frame(ms, '03:00:00:00:00:01'), ms);
    const kept = () => listSamples(dp.samplesOf).map((each) => each.length - 14);
    expect(kept()).toEqual([12, 13, 14, 15, 16, 17, 18, 19]);
    for (let n = 0; n < 100; n++) send(dp, frame(100 + n, '03:00:00:00:00:01'), 30);
    expect(kept()).toEqual([100, 101, 102, 103, 104, 105, 106, 107]);
    expect(kept().length).toBe(SAMPLES_PER_REASON);
    send(dp, frame(0, '03:00:00:00:00:01'), 31);
    expect(kept()).toEqual([101, 102, 103, 104, 105, 106, 107, 0]);
  });

  it('leave a forwarded frame alone', () => {
    const dp = plane();
    send(dp, frame(60));
    expect(listSamples(dp.samplesOf)).toEqual([]);
    expect(dp.samples.taken[0]).toBe(0);
  });
});
