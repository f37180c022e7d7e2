/** The long run: worlds of frames, fabrics, captures, changes, broken files, forged datagrams, from consecutive seeds, until the numbers or the time are up. */
import { fuzzBroken } from './broken.ts';
import { BLOCK, fuzzCaptures } from './captures.ts';
import { fuzzChanges } from './changes.ts';
import { fuzzDatagrams } from './datagrams.ts';
import { fuzzFabric } from './fabric.ts';
import { fuzzWorld } from './frames.ts';
import { fuzzRouting } from './routing.ts';

export interface FuzzOptions {
  frames: number;
  fabric: number;
  captures: number;
  changes: number;
  broken: number;
  datagrams: number;
  routing: number;
  seed: number;
  /** Stops after so many seconds, an equal share of them for each part. */
  seconds: number;
  say: (line: string, done: boolean) => void;
}

/** Frames that go through one random switch. */
export const WORLD_FRAMES = 20_000;

/** Frames that go through one fabric: each is looked at more closely. */
export const FABRIC_FRAMES = 2000;

/** Changes of one switch, one after the other. */
export const CHAIN_STEPS = 50;

/** Broken files for one switch. */
export const BROKEN_FILES = 100;
const PARTS = ['frames', 'fabric', 'captures', 'changes', 'broken', 'datagrams', 'routing'] as const;
type Part = (typeof PARTS)[number];

/** Resolves with null, or with what went wrong and how to see it again. */
export async function fuzz(options: FuzzOptions): Promise<string | null> {
  return (
    (await part(options, 'frames', options.frames, WORLD_FRAMES, fuzzWorld)) ??
    (await part(options, 'fabric', options.fabric, FABRIC_FRAMES, fuzzFabric)) ??
    (await part(options, 'captures', options.captures, BLOCK, fuzzCaptures)) ??
    (await part(options, 'changes', options.changes, CHAIN_STEPS, fuzzChanges)) ??
    (await part(options, 'broken', options.broken, BROKEN_FILES, fuzzBroken)) ??
    (await part(options, 'datagrams', options.datagrams, WORLD_FRAMES, fuzzDatagrams)) ??
    (await part(options, 'routing', options.routing, WORLD_FRAMES, fuzzRouting))
  );
}

async function part(
  { seed, seconds, say }: FuzzOptions,
  what: Part,
  total: number,
  chunk: number,
  run: (seed: number, count: number) => unknown,
): Promise<string | null> {
  const started = performance.now();
  const others = PARTS.filter((each) => each !== what).map((each) => ` --${each} 0`);
  let done = 0;
  while (done < total) {
    const elapsed = (performance.now() - started) / 1000;
    if (elapsed > seconds / PARTS.length) break;
    const count = Math.min(chunk, total - done);
    // A world or a chain of changes takes one seed, a capture one each.
    const here = (seed + (what === 'captures' ? done : done / chunk)) | 0;
    try {
      await run(here, count);
    } catch (error) {
      const again = `npm run fuzz -- --seed ${here} --${what} ${count}${others.join('')}`;
      return `${what}: ${error instanceof Error ? error.stack : error}\nagain with: ${again}`;
    }
    done += count;
    say(`${what}: ${done.toLocaleString('en')} of ${total.toLocaleString('en')}`, done === total);
  }
  if (done < total) say(`${what}: ${done.toLocaleString('en')} of ${total.toLocaleString('en')}, time is up`, true);
  return null;
}
