/** The scenarios of the repository: their files are what scenario-files.ts makes, and every one of them passes. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { scenarioFiles } from '../../../fixtures/scenario-files.ts';
import { readScenario } from '../../../src/scenario/read.ts';
import { runScenario } from '../../../src/scenario/run.ts';

const folder = join(import.meta.dirname, '../../../fixtures/scenarios');
const all = scenarioFiles();

beforeAll(() => {
  if (process.env.ETHERLOOM_FIXTURES !== 'write') return;
  mkdirSync(folder, { recursive: true });
  for (const file of all) writeFileSync(join(folder, `${file.id}.yaml`), file.text());
});

describe('fixtures/scenarios', () => {
  it('holds what scenario-files.ts makes', () => {
    expect(readdirSync(folder).sort()).toEqual(all.map((file) => `${file.id}.yaml`).sort());
    for (const file of all) expect(readFileSync(join(folder, `${file.id}.yaml`), 'utf8'), file.id).toBe(file.text());
  });

  it.each(all)('$id passes', (file) => {
    expect(runScenario(readScenario(file.text(), `${file.id}.yaml`))).toEqual({ result: 'pass' });
  });
});
