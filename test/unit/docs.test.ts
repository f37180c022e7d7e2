/** Pages that repeat what the code says, held to it. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DROP_REASONS, REASON_COUNT } from '../../src/dataplane/reasons.ts';

const page = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

describe('docs/drops.md', () => {
  it('lists every reason with its number and sentence', () => {
    const rows = DROP_REASONS.map((r) => `| ${r.number} | \`${r.name}\` | ${r.sentence} |`);
    const listed = page('drops.md')
      .split('\n')
      .filter((line) => /^\| \d/.test(line));
    expect(listed).toEqual(rows);
  });
});

describe('drop reasons', () => {
  it('have unique numbers that fit the counters, and ROOM_CAUSE names', () => {
    const numbers = DROP_REASONS.map((r) => r.number);
    expect(new Set(numbers).size).toBe(numbers.length);
    for (const r of DROP_REASONS) {
      expect(r.number).toBeGreaterThan(0);
      expect(r.number).toBeLessThan(REASON_COUNT);
      expect(r.name).toMatch(/^(PARSE|INGRESS|GUARD|LOOKUP|ROUTE|EGRESS|TX|VXLAN|MACVLAN|IPVLAN|WORKER)_[A-Z0-9_]+$/);
    }
  });
});
