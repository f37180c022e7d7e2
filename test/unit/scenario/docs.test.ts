/** docs/scenarios.md repeats the lists of the code, and its example runs. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CAPABILITIES, POLICIES } from '../../../src/scenario/capabilities.ts';
import { readScenario } from '../../../src/scenario/read.ts';
import { runScenario } from '../../../src/scenario/run.ts';

const page = readFileSync(new URL('../../../docs/scenarios.md', import.meta.url), 'utf8');

describe('docs/scenarios.md', () => {
  it('lists every capability and policy', () => {
    const rows = [...Object.entries(CAPABILITIES), ...Object.entries(POLICIES)].map(([n, m]) => `| \`${n}\` | ${m} |`);
    const section = page.slice(page.indexOf('## Capabilities'));
    expect(section.split('\n').filter((line) => line.startsWith('| `'))).toEqual(rows);
  });

  it('has an example that passes', () => {
    const [, text] = /```yaml\n([^`]*)```/.exec(page)!;
    expect(runScenario(readScenario(text!, 'scenarios.md'))).toEqual({ result: 'pass' });
  });
});
