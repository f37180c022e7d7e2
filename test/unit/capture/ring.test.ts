/** The ring: what is written is read, in order and whole; what finds no room is lost and counted. */

import { describe, expect, it } from 'vitest';
import { createRing, lostRecords, RingReader, RingWriter } from '../../../src/capture/ring.ts';

describe('ring', () => {
  it('hands over records of any size, round and round', () => {
    const ring = createRing(2048);
    const writer = new RingWriter(ring);
    const reader = new RingReader(ring);
    for (let n = 0; n < 5000; n++) {
      const bytes = 4 + ((n * 37) % 400);
      const at = writer.reserve(bytes);
      expect(at).toBeGreaterThan(0);
      expect(at + bytes).toBeLessThanOrEqual(2048);
      writer.view.setInt32(at, n);
      expect(reader.next()).toBe(-1);
      writer.publish();
      const found = reader.next();
      expect(reader.view.getInt32(found)).toBe(n);
    }
    expect(reader.next()).toBe(-1);
    expect(lostRecords(ring)).toBe(0);
  });

  it('loses what finds no room, keeps what is there, and goes on', () => {
    const ring = createRing(1024);
    const writer = new RingWriter(ring);
    const reader = new RingReader(ring);
    let kept = 0;
    for (let n = 0; n < 40; n++) {
      const at = writer.reserve(56);
      if (at < 0) continue;
      writer.view.setInt32(at, n);
      kept++;
    }
    writer.publish();
    expect(kept).toBe(16);
    expect(lostRecords(ring)).toBe(24);
    for (let n = 0; n < kept; n++) expect(reader.view.getInt32(reader.next())).toBe(n);
    expect(reader.next()).toBe(-1);
    expect(writer.reserve(2000)).toBe(-1);
    expect(writer.reserve(56)).toBeGreaterThan(0);
  });

  it('takes back the last reservation, also one at the end of the ring', () => {
    const ring = createRing(1024);
    const writer = new RingWriter(ring);
    const reader = new RingReader(ring);
    for (let n = 0; n < 3000; n++) {
      const taken = writer.reserve(8 + ((n * 13) % 300));
      if (n % 3 === 0) writer.cancel(taken);
      else writer.view.setInt32(taken, n);
      writer.publish();
      const at = reader.next();
      expect(at < 0 ? -1 : reader.view.getInt32(at)).toBe(n % 3 === 0 ? -1 : n);
    }
    expect(lostRecords(ring)).toBe(0);
  });

  it('has a size that is a power of two', () => {
    for (const bytes of [0, 512, 1000, 3000, -1024, 1.5]) expect(() => createRing(bytes)).toThrow(RangeError);
  });
});
