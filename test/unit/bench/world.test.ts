/** The plan of the frames, and that the digest is of what they demand: it is what keeps a fast wrong switch out. */

import { expect, test } from 'vitest';
import { BATCH, expectedDigest, FRAME_BYTES, makeFrames, portOf, RECORD_BYTES, vidOf } from '../../../bench/world.ts';

const SPEC = { mode: 'forward', macs: 1000, ports: 4, vlans: 1, frames: 2 * BATCH, burst: 32 } as const;

test('frames go from the port of their source to that of their destination, never back', () => {
  for (const spec of [SPEC, { ...SPEC, vlans: 8, ports: 64 }, { ...SPEC, burst: 0 }, { ...SPEC, macs: 2, ports: 2 }]) {
    const { file, to } = makeFrames(spec);
    for (let i = 0; i < spec.frames; i++) {
      const at = 4 + i * RECORD_BYTES;
      const port = file.readInt32LE(at);
      const destination = file.readUInt32BE(at + 10);
      const source = file.readUInt32BE(at + 16);
      expect(file.readInt32LE(at + 4)).toBe(FRAME_BYTES);
      expect(port).toBe(portOf(spec, source));
      expect(to[i]).toBe(portOf(spec, destination));
      expect(to[i]).not.toBe(port);
      if (spec.burst > 0) expect(port).toBe(Math.floor(i / spec.burst) % spec.ports);
      if (spec.vlans > 1) {
        expect(file.readUInt32BE(at + 20)).toBe(0x81000000 + vidOf(spec, source));
        expect(vidOf(spec, destination)).toBe(vidOf(spec, source));
      }
    }
  }
});

test('the same plan gives the same frames; one wrong byte, port or frame less changes the digest', () => {
  const frames = makeFrames(SPEC);
  expect(makeFrames(SPEC).file.equals(frames.file)).toBe(true);
  const right = expectedDigest(SPEC, frames);
  const wrongByte = { ...frames, file: Buffer.from(frames.file) };
  wrongByte.file[4 + 8 + FRAME_BYTES - 1] ^= 1;
  expect(expectedDigest(SPEC, wrongByte)).not.toBe(right);
  const wrongPort = { ...frames, to: frames.to.slice() };
  wrongPort.to[5] = (wrongPort.to[5] + 1) % SPEC.ports;
  expect(expectedDigest(SPEC, wrongPort)).not.toBe(right);
  const lost = { ...frames, to: frames.to.slice() };
  lost.to[7] = SPEC.ports;
  expect(expectedDigest(SPEC, lost)).not.toBe(right);
});
