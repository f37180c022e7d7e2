/** Whatever is asked of whatever frame: an answer or one error with its column, and no look outside the frame. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileFilter } from '../../../src/filter/compile.ts';
import { FilterError } from '../../../src/filter/error.ts';
import { MAX_FILTER_LENGTH } from '../../../src/filter/lex.ts';
import { guardedView, viewOf } from '../wire/bytes.ts';
import { EXPRESSIONS } from './expressions.ts';
import { randomFilter } from './random.ts';

const frames = fc.array(
  fc.record({
    // The bytes that decide where the layers are, and anything behind.
    head: fc.constantFrom(
      '',
      '0800450000300000000040110000',
      '08004f00003000000000400600000a0000010a0000020050',
      '86dd60000000001011400000',
      '8100000a0800450000300000000040110000',
      '810000018100000a0800',
      '88470001218045',
      '8864110000010020002145',
      '0806000108000604000',
      '002e4242030000',
    ),
    body: fc.uint8Array({ maxLength: 120 }),
    cut: fc.integer({ min: 0, max: 160 }),
  }),
  { minLength: 1, maxLength: 20 },
);

function look(passes: ReturnType<typeof compileFilter>, made: { head: string; body: Uint8Array; cut: number }): void {
  const whole = Buffer.concat([Buffer.alloc(12, 1), Buffer.from(made.head, 'hex'), made.body]);
  const captured = Math.min(made.cut, whole.length);
  const off = 16;
  const memory = Buffer.alloc(off + whole.length + 64, 0xff);
  whole.copy(memory, off);
  expect(typeof passes(guardedView(memory, off, captured), off, whole.length, captured)).toBe('boolean');
}

describe('fuzz', () => {
  it('random filters on random frames', () => {
    fc.assert(
      fc.property(randomFilter, frames, (text, many) => {
        let passes: ReturnType<typeof compileFilter>;
        try {
          passes = compileFilter(text);
        } catch (error) {
          expect(error, text).toBeInstanceOf(FilterError);
          return;
        }
        for (const made of many) look(passes, made);
      }),
      { numRuns: 1500 },
    );
  });

  it('every expression of the comparison on random frames', () => {
    const all = EXPRESSIONS.map((text) => compileFilter(text));
    fc.assert(
      fc.property(frames, (many) => {
        for (const made of many) for (const passes of all) look(passes, made);
      }),
      { numRuns: 5 },
    );
  });

  it('broken filters: one line with a column inside the text', () => {
    const pieces = fc.constantFrom(
      ...EXPRESSIONS.flatMap((text) => text.split(' ')),
      ...['(', ')', '[', ']', ':', '/', '\\', '€', '"', "'", ';', '`', '\n', '1.2.3', '::', 'aa:bb', '0x', '09', '-'],
    );
    const text = fc.oneof(
      fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(' ')),
      fc.string({ maxLength: 40, unit: 'binary' }),
    );
    fc.assert(
      fc.property(text, (broken) => {
        try {
          compileFilter(broken);
        } catch (error) {
          expect(error, broken).toBeInstanceOf(FilterError);
          const { column, message } = error as FilterError;
          expect(message.split('\n')).toHaveLength(1);
          expect(column).toBeGreaterThanOrEqual(1);
          expect(column).toBeLessThanOrEqual(broken.length + 1);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('long ones compile up to a bound and are refused behind it; all answer', () => {
    const fill = (unit: string, last: string) => {
      const times = Math.floor((MAX_FILTER_LENGTH - last.length) / unit.length);
      return unit.repeat(times) + last;
    };
    const frame = viewOf(Buffer.alloc(64));
    const long = [
      fill('ip or ', 'arp'),
      fill('port 1 or ', 'arp'),
      fill('vlan or ', 'arp'),
      fill('vxlan and ', 'arp'),
      `host (${'1.1.1.1 or '.repeat(99)}1.1.1.1)`,
      `${'ip or tcp and '.repeat(100)}arp`,
      `${'('.repeat(90)}${'vlan and ip or '.repeat(90)}ip${')'.repeat(90)}`,
      `${'('.repeat(90)}ip[${'1+'.repeat(200)}1] = 1${')'.repeat(90)}`,
    ];
    for (const text of long) expect(typeof compileFilter(text)(frame, 0, 64, 64), text.slice(0, 40)).toBe('boolean');
    const endless = [
      `${'('.repeat(2000)}ip`,
      `${'not '.repeat(1000)}ip`,
      `ip[${'-'.repeat(2000)}1] = 1`,
      'x'.repeat(5000),
      fill('ip or tcp and ', 'arp'),
      `${fill('1+', '1 = 1')}`,
      fill('host (1.1.1.1 and ', ''),
    ];
    for (const text of endless) expect(() => compileFilter(text), text.slice(0, 40)).toThrow(FilterError);
  });
});
