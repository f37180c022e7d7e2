/** Whatever the configuration and whatever the bytes: a trace and an explanation come of it, and the two agree. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TraceError } from '../../../src/trace/error.ts';
import { explain } from '../../../src/trace/explain.ts';
import { questionOf } from '../../../src/trace/question.ts';
import { readFields, readHex } from '../../../src/trace/read-frame.ts';
import { trace } from '../../../src/trace/trace.ts';
import { worldOf } from '../../../src/trace/world.ts';
import { randomConfig } from '../control/random-config.ts';

const octets = (...values: number[]) => fc.constant(Uint8Array.from(values));
const address = fc.constantFrom(
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [2, 0, 0, 0, 0, 1],
  [2, 0, 0, 0, 0, 2],
  [1, 0x80, 0xc2, 0, 0, 0],
  [1, 0, 0x5e, 0, 0, 1],
);
const tag = fc.tuple(fc.constantFrom(0x81, 0x88), fc.constantFrom(0, 0xa8), fc.nat(255), fc.nat(255));
/** Anything from nothing to a frame with a few tags. */
const frame = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  octets(),
  fc
    .tuple(address, address, fc.array(tag, { maxLength: 3 }), fc.uint8Array({ maxLength: 80 }))
    .map(([dst, src, tags, rest]) => Uint8Array.from([...dst, ...src, ...tags.flat(), ...rest])),
);

describe('hostile questions', () => {
  it('random frames in random configurations are traced and explained', () => {
    fc.assert(
      fc.property(randomConfig, fc.array(frame, { minLength: 1, maxLength: 3 }), fc.nat(), (config, frames, n) => {
        if (config.ports.length === 0) return;
        const world = worldOf(config);
        const port = config.ports[n % config.ports.length].name;
        const to = config.ports[(n >> 4) % config.ports.length].name;
        for (const bytes of frames) {
          const found = trace(world, { port, bytes });
          expect(found.verdict === 'dropped').toBe(found.reason !== null);
          expect(found.outputs.length > 0).toBe(found.verdict === 'delivered');
          const { explanation } = explain({ config, down: [], learned: [] }, { port, bytes }, to);
          expect(explanation.text).not.toBe('');
          expect(explanation.fix?.delivered ?? [to]).toContain(to);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('text is read, or refused as what it is', () => {
    const readers = [readHex, readFields, (text: string) => questionOf(new URLSearchParams(text), () => [])];
    const piece = fc.constantFrom(
      'dst=',
      'vlan=',
      'ip=',
      '10.0.0.1',
      '-',
      ',',
      '/',
      'udp=',
      'ff',
      '&',
      'port=a',
      'drop=1',
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 12 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (given) => {
        for (const read of readers) {
          try {
            read(given);
          } catch (error) {
            expect(error).toBeInstanceOf(TraceError);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});
