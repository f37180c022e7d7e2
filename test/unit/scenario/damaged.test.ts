/** Damaged files: every one is read or refused with its place, and nothing that a file can say unbalances the switch. */
import { describe, expect, it } from 'vitest';
import { scenarioFiles } from '../../../fixtures/scenario-files.ts';
import { ConfigError } from '../../../src/config/load.ts';
import { readScenario } from '../../../src/scenario/read.ts';
import { runScenario } from '../../../src/scenario/run.ts';

const VALUES = ['null', 'true', '-1', '0', '4095', '9999999999', '[]', '{}', 'x', '""', '[1]', '{a: 1}', 'p1', 'br0'];
const KEYS = ['flood', 'port', 'vlan', 'mac', 'kind', 'locked', 'bogus', 'bridge', 'times', 'has'];
const FILES = scenarioFiles().map((file) => file.text());
const DAMAGED = 900;

/** mulberry32: the same damage every time. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function damage(text: string, roll: (below: number) => number): string {
  const lines = text.split('\n');
  for (let hits = 1 + roll(3); hits > 0; hits--) {
    const at = roll(lines.length);
    const line = lines[at]!;
    const value = VALUES[roll(VALUES.length)]!;
    const which = roll(4);
    if (which === 0) lines.splice(at, 1);
    else if (which === 1) lines[at] = line.replace(/: [^,}{]*/, `: ${value}`);
    else if (which === 2) lines.splice(roll(lines.length), 0, line);
    else lines[at] = line.replace(/\w+(?=:)/, KEYS[roll(KEYS.length)]!);
  }
  return lines.join('\n');
}

describe('damaged scenario files', () => {
  it('are refused with file, line and key, or judged', () => {
    const roll = dice(11);
    const seen = { refused: 0, pass: 0, skip: 0, fail: 0 };
    for (let n = 0; n < DAMAGED; n++) {
      const text = damage(FILES[roll(FILES.length)]!, roll);
      try {
        const result = runScenario(readScenario(text, 'a.yaml'));
        seen[result.result]++;
        if (result.result !== 'fail') continue;
        expect(result.difference.message, text).not.toMatch(/threw|balance|never freed|counted as|were made/);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw new Error(`${text}\n${(error as Error).stack}`);
        expect(error.message).toMatch(/^a[.]yaml:\d+: /);
        seen.refused++;
      }
    }
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(5);
  });
});
