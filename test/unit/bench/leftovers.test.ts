/** What a benchmark leaves is undone, also when a signal ends it. */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { undoAll, undoneAtEnd } from '../../../bench/leftovers.ts';

const compiled = new URL('../../../out/bench/bench/leftovers.js', import.meta.url);
const built = existsSync(compiled);
if (!built) console.warn('skipped: the benchmarks are not built');

describe('leftovers', () => {
  it('are undone once, the last first, whatever one of them says', () => {
    const done: number[] = [];
    const first = undoneAtEnd(() => void done.push(1));
    undoneAtEnd(() => {
      throw new Error('gone');
    });
    undoneAtEnd(() => void done.push(3));
    const fourth = undoneAtEnd(() => void done.push(4));
    fourth();
    fourth();
    undoAll();
    undoAll();
    first();
    expect(done).toEqual([4, 3, 1]);
  });

  it.skipIf(!built).each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('are undone on %s', async (signal, status) => {
    // The grandchild holds the pipe open as long as it lives.
    const program = `
      import { spawn } from 'node:child_process';
      import { endsWithUs, undoOnSignals } from '${compiled.href}';
      undoOnSignals();
      endsWithUs(spawn('sleep', ['600'], { stdio: 'inherit' })).once('spawn', () => console.log('ready'));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const closed = new Promise((resolve) => child.stdout.once('close', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill(signal);
    expect(await ended).toBe(status);
    await closed;
  });
});
