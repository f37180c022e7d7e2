/** The long run: worlds of frames, then captures, from consecutive seeds, until the numbers or the time are up. */
import { BLOCK, fuzzCaptures } from './captures.ts';
import { fuzzWorld } from './frames.ts';

export interface FuzzOptions {
  frames: number;
  captures: number;
  seed: number;
  /** Stops after so many seconds, half of them for each part. */
  seconds: number;
  say: (line: string, done: boolean) => void;
}

/** Frames that go through one random switch. */
export const WORLD_FRAMES = 20_000;

/** Returns null, or what went wrong and how to see it again. */
export function fuzz(options: FuzzOptions): string | null {
  return (
    part(options, 'frames', options.frames, WORLD_FRAMES, fuzzWorld) ??
    part(options, 'captures', options.captures, BLOCK, fuzzCaptures)
  );
}

function part(
  { seed, seconds, say }: FuzzOptions,
  what: 'frames' | 'captures',
  total: number,
  chunk: number,
  run: (seed: number, count: number) => unknown,
): string | null {
  const started = performance.now();
  const other = what === 'frames' ? 'captures' : 'frames';
  let done = 0;
  while (done < total) {
    const elapsed = (performance.now() - started) / 1000;
    if (elapsed > seconds / 2) break;
    const count = Math.min(chunk, total - done);
    // A world takes one seed, a capture one each.
    const here = (seed + (what === 'frames' ? done / chunk : done)) | 0;
    try {
      run(here, count);
    } catch (error) {
      const again = `npm run fuzz -- --seed ${here} --${what} ${count} --${other} 0`;
      return `${what}: ${error instanceof Error ? error.stack : error}\nagain with: ${again}`;
    }
    done += count;
    say(`${what}: ${done.toLocaleString('en')} of ${total.toLocaleString('en')}`, done === total);
  }
  if (done < total) say(`${what}: ${done.toLocaleString('en')} of ${total.toLocaleString('en')}, time is up`, true);
  return null;
}
