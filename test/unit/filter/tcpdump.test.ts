/** Every filter of expressions.ts against tcpdump's answers, on every Ethernet frame of the shared captures. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileFilter } from '../../../src/filter/compile.ts';
import { viewOf } from '../wire/bytes.ts';
import { EXPRESSIONS } from './expressions.ts';
import { type CapturedFrame, captureOf, capturesPresent, framesIn, sharedFrames } from './frames.ts';

const available = spawnSync('tcpdump', ['--version']).status === 0;
const MAX_OUTPUT = 64 * 1024 * 1024;

describe.skipIf(!available || !capturesPresent)('tcpdump (skipped where it or ../shared/captures is missing)', () => {
  let folder = '';
  let file = '';
  let frames: CapturedFrame[] = [];
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'etherloom-filter-'));
    file = join(folder, 'frames.pcap');
    frames = sharedFrames();
    writeFileSync(file, captureOf(frames));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  const answers = (text: string, ...options: string[]): Set<number> => {
    const run = spawnSync('tcpdump', ['-n', ...options, '-r', file, '-w', '-', '--', text], { maxBuffer: MAX_OUTPUT });
    expect(run.status, String(run.stderr)).toBe(0);
    return new Set(framesIn(run.stdout));
  };

  it.each(EXPRESSIONS)('%s', (text) => {
    const theirs = answers(text);
    const passes = compileFilter(text);
    const differing: number[] = [];
    frames.forEach(({ bytes, len }, i) => {
      if (passes(viewOf(bytes), 0, len, bytes.length) !== theirs.has(i)) differing.push(i);
    });
    if (differing.length === 0) return;
    // Where a frame is cut, libpcap's optimiser may take away the read that would have ended the filter, or do it
    // earlier. Of such frames only those count that its plain and its optimised code agree on.
    const plain = answers(text, '-O');
    const wrong = differing.filter((i) => theirs.has(i) === plain.has(i) || frames[i]!.bytes.length === frames[i]!.len);
    const told = wrong.slice(0, 5).map((i) => `${frames[i]!.capture}#${frames[i]!.n}: theirs is ${theirs.has(i)}`);
    expect(told, `${wrong.length} frames`).toEqual([]);
  });
});
