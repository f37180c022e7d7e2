/** Scenarios that ask for something false have to fail, in the step that is false and not before. */
import { describe, expect, it } from 'vitest';
import { scenarioFiles } from '../../../fixtures/scenario-files.ts';
import { readScenario } from '../../../src/scenario/read.ts';
import { firstDifference } from '../../../src/scenario/run.ts';
import { breakings } from './breaking.ts';
import { shared, sharedPresent } from './shared.ts';

const own = scenarioFiles().map((file) => [`${file.id}.yaml`, file.text()] as const);
/** Broken copies of one file: spread over all that can be made. */
const MOST = 16;

function check(name: string, text: string): void {
  const scenario = readScenario(text, name);
  const all = [...breakings(scenario)];
  const each = Math.max(1, all.length / MOST);
  let seen = 0;
  for (let i = 0; i < all.length; i += each) {
    const { how, scenario: broken, step } = all[Math.floor(i)]!;
    const difference = firstDifference(broken, 256);
    expect(difference, how).not.toBeNull();
    expect(difference!.step, how).toBe(step);
    expect(difference!.message.length, how).toBeGreaterThan(20);
    expect(difference!.line, how).toBeGreaterThan(1);
    seen++;
  }
  expect(seen).toBeGreaterThan(Math.min(3, scenario.steps.length));
}

describe('a scenario of ours that is broken fails', () => {
  it.each(own)('%s', check);
});

const runnable = shared.filter(([name, text]) => readScenario(text, name).missing.length === 0);

describe.skipIf(!sharedPresent)('a scenario of ../shared/scenarios that is broken fails', () => {
  it.each(sharedPresent ? runnable : [['skipped: ../shared/scenarios is not there', ''] as [string, string]])(
    '%s',
    check,
  );
});
