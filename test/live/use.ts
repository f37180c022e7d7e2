/**
 * A lab and a bench for the tests of a group, made when they are first used. They are gone after the group, or after every
 * test; a test that failed says before that what its switches know.
 *
 *   const lab = useLab();                 one for the group
 *   const bench = useBench();             one for every test: no switch of the test before is there
 *   const bench = useBench('group');      for switches that `beforeAll` starts
 */

import { afterAll, afterEach, type TestContext } from 'vitest';
import { createLab, type Lab } from './netns.ts';
import { type Bench, createBench } from './switch-process.ts';

export type Life = 'test' | 'group';

/** What test-reporter.mjs takes from a failed test. */
declare module 'vitest' {
  interface TaskMeta {
    witness?: string;
  }
}

export function useLab(life: Life = 'group'): Lab {
  const lab = createLab();
  if (life === 'test') afterEach(() => lab.close());
  else afterAll(() => lab.close());
  return lab;
}

export function useBench(life: Life = 'test'): Bench {
  const bench = createBench();
  const tell = async ({ result, meta }: TestContext['task'] | Parameters<Parameters<typeof afterAll>[0]>[1]) => {
    if (result?.state !== 'fail' || meta.witness !== undefined) return;
    meta.witness = await bench.witness();
    if (meta.witness !== '') console.error(meta.witness);
  };
  afterEach(async ({ task }) => {
    await tell(task);
    if (life === 'test') await bench.close();
  });
  if (life === 'group')
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads here what the hook wants
    afterAll(async ({}, suite) => {
      await tell(suite); // a hook that failed
      await bench.close();
    });
  return bench;
}
