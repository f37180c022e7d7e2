/** The configuration of `run` comes out of the process that reads it as if it had been read here. */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readConfigApart } from '../../../src/cli/read-config-apart.ts';
import { readRunConfig } from '../../../src/cli/run-config.ts';
import { UsageError } from '../../../src/cli/usage-error.ts';
import { ConfigError } from '../../../src/config/error.ts';

const CHILD = new URL('../../../dist/cli/config-child.js', import.meta.url);
const built = existsSync(CHILD);
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'etherloom-apart-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function file(text: string): { config: string; ports: [] } {
  const config = join(dir, 'sw.yaml');
  writeFileSync(config, text);
  return { config, ports: [] };
}

it.skipIf(!built)('is the same, and holds no key that nobody wrote', async () => {
  const options = file(
    'vlans: { 10: { name: red } }\nports:\n  p1: { adapter: tap, device: t1, mode: access, vlan: 10 }\n',
  );
  const there = await readConfigApart(options, CHILD);
  const here = readRunConfig(options);
  expect(there.config).toEqual(here.config);
  expect(there.raw).toEqual(here.raw);
  expect((there.raw.ports as Record<string, unknown>).toString).toBeUndefined();
});

it.skipIf(!built)('is refused as it is here, with its place', async () => {
  const wrong = file('ports:\n  p1: { adapter: tap, device: t1, mode: access, vlan: 4095 }\n');
  const refused = await readConfigApart(wrong, CHILD).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ConfigError);
  expect(refused).toMatchObject({ line: 2, path: 'ports.p1.vlan' });
  expect(() => readRunConfig(wrong)).toThrow((refused as Error).message);
  await expect(readConfigApart({ ports: [] }, CHILD)).rejects.toThrow(UsageError);
});
