/** Whatever the configuration and whatever the bytes: a trace and an explanation come of it, and the two agree. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TraceError } from '../../../src/trace/error.ts';
import { questionOf } from '../../../src/trace/question.ts';
import { readFields, readHex } from '../../../src/trace/read-frame.ts';
import { trace } from '../../../src/trace/trace.ts';
import { worldOf } from '../../../src/trace/world.ts';
import { load, randomConfig } from '../control/random-config.ts';
import { explain } from './explain-calmly.ts';

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

  it('random frames of ports of groups as well', () => {
    const config = load({
      ports: {
        ...Object.fromEntries(['u', 'a', 'b', 'h', 'v', 'c', 'd', 'e'].map((name) => [name, { adapter: 'memory' }])),
        p: { adapter: 'memory', mode: 'access', vlan: 10 },
      },
      interfaces: { g: { vlan: 10, addresses: ['10.0.0.1/24'] } },
      macvlan: {
        m: {
          parent: 'u',
          vlan: 1,
          children: { a: { macs: ['02:00:00:00:00:01'] }, b: { mode: 'source', sources: ['02:00:00:00:00:02'] } },
          host: { port: 'h', mac: '02:00:00:00:00:02' },
        },
      },
      ipvlan: {
        near: {
          parent: 'v',
          mac: '02:00:00:00:00:01',
          children: { c: { addresses: ['1.2.3.4'] }, d: { addresses: ['::2'] } },
        },
        far: { mode: 'l3', parent: 'g', children: { e: { addresses: ['1.2.3.4'] } } },
      },
    });
    const names = config.ports.map(({ name }) => name);
    const typed = fc.tuple(frame, fc.constantFrom(0x0800, 0x0806, 0x86dd)).map(([bytes, type]) => {
      if (bytes.length >= 14) bytes.set([type >> 8, type & 0xff], 12);
      return bytes;
    });
    fc.assert(
      fc.property(
        fc.oneof(frame, typed),
        fc.constantFrom(...names),
        fc.constantFrom(null, ...names),
        (bytes, port, to) => {
          const found = trace(worldOf(config), { port, bytes });
          expect(found.verdict === 'dropped').toBe(found.reason !== null);
          const { explanation } = explain({ config, down: [], learned: [] }, { port, bytes }, to);
          expect(explanation.text).not.toBe('');
          if (explanation.fix !== null && to !== null) expect(explanation.fix.delivered).toContain(to);
        },
      ),
      { numRuns: 60 },
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
