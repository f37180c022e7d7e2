/**
 * `etherloom bench`: finds the benchmarks of the checkout, which are compiled beside the program and are not part of
 * the package.
 */

import { existsSync } from 'node:fs';
import { complain } from './complain.ts';

export interface BenchOptions {
  json: boolean;
  rounds?: number | undefined;
  seconds?: number | undefined;
  clock?: 'wall' | 'processor' | undefined;
  svg?: string | undefined;
  out?: string | undefined;
}

/** What bench/main.ts offers. */
interface Benchmarks {
  runAll(
    names: readonly string[],
    options: BenchOptions,
    print: (text: string) => void,
    progress: (line: string) => void,
  ): Promise<number>;
}

const COMPILED = new URL('../../out/bench/bench/main.js', import.meta.url);

/** Resolves with the exit status. */
export async function runBench(names: readonly string[], options: BenchOptions): Promise<number> {
  const tell = (line: string) => process.stderr.write(`${line}\n`);
  if (!existsSync(COMPILED)) {
    complain(
      process.stderr,
      'the benchmarks are not built: they are part of a checkout, `npm run build` compiles them',
    );
    return 1;
  }
  const { runAll } = (await import(COMPILED.href)) as Benchmarks;
  return runAll(names, options, (text) => process.stdout.write(text), tell);
}
