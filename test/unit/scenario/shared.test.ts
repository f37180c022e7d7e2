/** The conformance scenarios of ../shared/scenarios: what has to pass passes, the rest is skipped for a reason. */
import { describe, expect, it } from 'vitest';
import { CAPABILITIES, POLICIES } from '../../../src/scenario/capabilities.ts';
import { readScenario } from '../../../src/scenario/read.ts';
import { runScenario } from '../../../src/scenario/run.ts';
import { shared, sharedPresent } from './shared.ts';

const needsOf = (text: string) => /^needs: \[(.*)\]$/m.exec(text)![1]!.split(', ');

describe.skipIf(!sharedPresent)('shared scenarios (../shared/scenarios)', () => {
  const files: [string, string][] = sharedPresent ? shared : [['skipped: ../shared/scenarios is not there', '']];

  it.each(files)('%s', (name, text) => {
    const result = runScenario(readScenario(text, name));
    const lacking = needsOf(text).filter((need) => !Object.hasOwn(CAPABILITIES, need));
    if (lacking.length === 0) expect(result).toEqual({ result: 'pass' });
    else expect(result).toMatchObject({ result: 'skip', missing: expect.arrayContaining(lacking) });
  });

  it.each(files)('%s is skipped for its own keys too, where its needs say nothing', (name, text) => {
    const policies = /^policy: \[(.*)\]$/m.exec(text)?.[1]?.split(', ') ?? [];
    const lacking = [
      ...needsOf(text).filter((need) => !Object.hasOwn(CAPABILITIES, need)),
      ...policies.filter((policy) => !Object.hasOwn(POLICIES, policy)),
    ];
    const silent = readScenario(text.replace(/^needs: .*$/m, 'needs: [bridge]').replace(/^policy: .*$/m, ''), name);
    expect(silent.missing.length !== 0).toBe(lacking.length !== 0);
  });
});
