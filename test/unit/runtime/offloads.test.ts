/** Offloads: which are in force, and what becomes of frames that come with more. */

import { describe, expect, it } from 'vitest';
import { OFFLOAD_CSUM, OFFLOAD_TSO4, OFFLOAD_TSO6, OFFLOAD_USO } from '../../../src/adapters/adapter.ts';
import { createBatch } from '../../../src/dataplane/batch.ts';
import { finishOffloads } from '../../../src/runtime/finish-offloads.ts';
import { decideOffloads, type OffloadPort } from '../../../src/runtime/offload-policy.ts';

const ALL = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | OFFLOAD_USO;

describe('offloads in force', () => {
  const tap = (name: string, available = ALL, more: Partial<OffloadPort> = {}): OffloadPort => ({
    name,
    bridge: 'loom0',
    kind: 'tap',
    declined: false,
    available,
    ...more,
  });
  const udp = (name: string, bridge = 'loom0'): OffloadPort => tap(name, 0, { kind: 'udp', bridge });
  const decided = (...ports: OffloadPort[]) => Object.fromEntries(decideOffloads(ports));

  it('are all that TAPs can do among themselves', () => {
    expect(decided(tap('a'), tap('b'))).toEqual({
      a: { offloads: ALL, why: null },
      b: { offloads: ALL, why: null },
    });
    expect(decided()).toEqual({});
  });

  it('are none beside a UDP port, which is named', () => {
    expect(decided(tap('a'), udp('u'))).toEqual({
      a: { offloads: 0, why: 'held back by u (udp)' },
      u: { offloads: 0, why: null },
    });
  });

  it('are none beside a port that declines them', () => {
    expect(decided(tap('a'), tap('b', 0, { declined: true }))).toEqual({
      a: { offloads: 0, why: 'held back by b (offloads: off)' },
      b: { offloads: 0, why: 'offloads: off' },
    });
  });

  it('are none where the kernel offers none', () => {
    expect(decided(tap('a', 0))).toEqual({ a: { offloads: 0, why: 'the kernel offers none' } });
  });

  it('are what the least of several kernels can do', () => {
    expect(decided(tap('a'), tap('b', ALL & ~OFFLOAD_USO)).a).toEqual({
      offloads: ALL & ~OFFLOAD_USO,
      why: 'held back by b (tap)',
    });
  });

  it('are the business of each bridge alone', () => {
    expect(decided(tap('a'), udp('u', 'br1'), tap('b', ALL, { bridge: 'br1' }))).toMatchObject({
      a: { offloads: ALL },
      b: { offloads: 0 },
    });
  });

  it('name a few of many who hold back', () => {
    const { a } = decided(tap('a'), ...['u1', 'u2', 'u3', 'u4', 'u5'].map((name) => udp(name)));
    expect(a!.why).toBe('held back by u1 (udp), u2 (udp), u3 (udp) and 2 more');
  });
});

describe('frames that come with more', () => {
  const NEEDS_CSUM = 1;
  const TCPV4 = 1 << 8;
  const OFF = 64;

  /** A frame whose checksum field at 14+20+`field` holds the sum of its pseudo header. */
  function unfinished(payload: Uint8Array, field: number, pseudo: number, gso: number) {
    const bytes = new Uint8Array(4096).fill(0xee);
    bytes.set(payload, OFF + 34);
    const view = new DataView(bytes.buffer);
    view.setUint16(OFF + 34 + field, pseudo);
    const b = createBatch(4);
    b.count = 1;
    b.off[0] = OFF;
    b.len[0] = 34 + payload.length;
    b.gso[0] = gso;
    b.csum[0] = 34 | (field << 16);
    return { b, view };
  }

  /** Ones' complement sum of what the checksum covers, pseudo header included: 0xffff when it is right. */
  function verify(view: DataView, at: number, end: number, pseudo: number): number {
    let sum = pseudo;
    for (; at + 2 <= end; at += 2) sum += view.getUint16(at);
    if (at < end) sum += view.getUint8(at) << 8;
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    return sum;
  }

  it.each([8, 9, 20, 21, 1000, 1481])('get their checksum: %i bytes of payload', (length) => {
    const payload = Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 0xff);
    const { b, view } = unfinished(payload, 6, 0x1234, NEEDS_CSUM);
    finishOffloads(view, b, 0, 1, 0);
    expect(verify(view, OFF + 34, OFF + 34 + length, 0x1234)).not.toBe(0);
    // The sum over all, the pseudo header's being in the field before, is now all ones with it added once.
    expect(verify(view, OFF + 34, OFF + 34 + length, 0x1234)).toBe(0xffff);
    expect([b.gso[0], b.csum[0]]).toEqual([0, 0]);
  });

  it('send a computed 0 as 0xffff', () => {
    const { b, view } = unfinished(Uint8Array.of(0, 0, 0xff, 0xff, 0, 0, 0, 0), 6, 0, NEEDS_CSUM);
    finishOffloads(view, b, 0, 1, 0);
    expect(view.getUint16(OFF + 34 + 6)).toBe(0xffff);
  });

  it('are left alone while what they need is in force', () => {
    const { b, view } = unfinished(new Uint8Array(40), 16, 0x1234, NEEDS_CSUM | TCPV4 | (1448 << 16));
    finishOffloads(view, b, 0, 1, ALL);
    expect(b.gso[0]).toBe(NEEDS_CSUM | TCPV4 | (1448 << 16));
    finishOffloads(view, b, 0, 1, OFFLOAD_CSUM); // a super-frame needs more
    expect(b.gso[0]).toBe(0);
  });

  it('with a checksum outside the frame touch nothing', () => {
    const { b, view } = unfinished(new Uint8Array(8), 6, 0x1234, NEEDS_CSUM);
    b.csum[0] = 0xffff | (0xffff << 16);
    const before = new Uint8Array(view.buffer.slice(0));
    finishOffloads(view, b, 0, 1, 0);
    expect(new Uint8Array(view.buffer)).toEqual(before);
    expect(b.gso[0]).toBe(0);
  });

  it('without offload are not looked at', () => {
    const { b, view } = unfinished(new Uint8Array(8), 6, 0x1234, 0);
    const before = new Uint8Array(view.buffer.slice(0));
    finishOffloads(view, b, 0, 1, 0);
    expect(new Uint8Array(view.buffer)).toEqual(before);
  });
});
