/** A state file that somebody wrote: its checksum is right, what is in it need not be. It costs the state, never the start. */

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fdbEntries } from '../../../src/api/fdb-view.ts';
import { restore } from '../../../src/cli/run-state.ts';
import { documentOf } from '../../../src/config/load.ts';
import { basisOf } from '../../../src/runtime/state-file.ts';
import { closeAll, start } from '../api/world.ts';
import { Prng } from '../pcap/mutate.ts';

/** `ETHERLOOM_STATE_FILES=10000` for a long run. */
const FILES = Number(process.env.ETHERLOOM_STATE_FILES ?? 400);
const WORDS = ['', 'x', '__proto__', 'constructor', '-1', '1e400', '02:00:00:00:00:01', 'sw', 'p1', '\u0000', '\ud800'];
const VALUES: readonly unknown[] = [
  ...[null, true, 0, -1, 1, 10, 4095, 1e300, -1e300, 1.5, 2 ** 31, 2 ** 53, 8.64e15 + 1],
  ...[...WORDS, 'a'.repeat(70_000), [], {}, [[]], { a: {} }],
];

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'etherloom-state-'));
});
afterEach(() => {
  closeAll();
  rmSync(dir, { recursive: true, force: true });
});

/** One place of a tree becomes another value, goes, or gets a neighbor. */
function damage(random: Prng, value: unknown): unknown {
  const pick = () => structuredClone(VALUES[random.below(VALUES.length)]);
  if (value === null || typeof value !== 'object' || random.below(5) === 0) return pick();
  const entries = Object.entries(value);
  const at = random.below(entries.length + 1);
  const kept = entries.flatMap(([key, one], n): [string, unknown][] => {
    if (n !== at) return [[key, one]];
    return random.below(4) === 0 ? [] : [[key, damage(random, one)]];
  });
  if (at === entries.length) kept.push([WORDS[random.below(WORDS.length)]!, pick()]);
  return Array.isArray(value) ? kept.map(([, one]) => one) : Object.fromEntries(kept);
}

it('restores what is right in every part, and of anything else nothing', async () => {
  const file = join(dir, 'state');
  const raw = { switch: { name: 'sw' }, state: { file, fdb: true }, ports: { p1: { adapter: 'memory' } } };
  const configured = documentOf(raw, 'test.json');
  const head = {
    ...{ etherloom: 'state', version: 1, savedAt: Date.now(), basis: basisOf(configured.raw) },
    document: { ...raw, vlans: { 30: { name: 'green' } } },
  };
  const learned = [1, 2, 3].map((n) => ['sw', 1, `02:00:00:00:00:0${n}`, 'p1', n]);
  const { served } = await start(raw);
  const random = new Prng(1);
  let whole = 0;
  for (let n = 0; n < FILES; n++) {
    const lines: unknown[] = [head, ...learned];
    const at = random.below(lines.length);
    lines[at] = damage(random, lines[at]);
    const body = `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`;
    const sha256 = createHash('sha256').update(body).digest('hex');
    writeFileSync(file, `${body}${JSON.stringify({ addresses: learned.length, sha256 })}\n`);
    const said: string[] = [];
    const log = { info: (text: string) => void said.push(text), error: (text: string) => void said.push(text) };
    const { state, document } = await restore(configured, log);
    const about = `file ${n}, line ${at}: ${body.slice(0, 2000)}`;
    expect(said.length, about).toBeGreaterThan(0);
    for (const text of said) expect(text.length, about).toBeLessThan(1000);
    if (state === null) {
      expect(said, about).toHaveLength(1);
      continue;
    }
    whole++;
    if (document !== null) expect(Array.isArray(document.config.ports), about).toBe(true);
    for (const { ageSeconds } of state.known) expect(ageSeconds, about).toBeGreaterThanOrEqual(0);
    await served.relearn(state.known, Math.max(0, Date.now() - state.savedAt) / 1000);
    for (const { ageSeconds } of fdbEntries(served.readable, {}, served.nowMs())) {
      expect(ageSeconds ?? 0, about).toBeGreaterThanOrEqual(0);
    }
  }
  expect(whole).toBeGreaterThan(0);
});
