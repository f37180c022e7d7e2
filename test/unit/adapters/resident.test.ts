/** What a process gives back of its binary, in a process of its own. */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { nativeAvailable } from '../../../src/adapters/native.ts';

const ADDON = fileURLToPath(new URL('../../../native/build/Release/etherloom.node', import.meta.url));
const PROGRAM = `
  const { readFileSync } = require('node:fs');
  const addon = require(${JSON.stringify(ADDON)});
  const resident = () => Number(/^RssFile:\\s+(\\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  const before = resident();
  const released = addon.residentRelease();
  const after = resident();
  // Everything that was dropped works as it did: parser, compiler, collector, regular expressions, crypto, ICU.
  gc();
  const sum = new Function('n', 'let s = 0; for (let i = 0; i < n; i++) s += i; return s')(1e6);
  const hash = require('node:crypto').createHash('sha256').update('abc').digest('hex').slice(0, 8);
  const text = new Intl.NumberFormat('de').format(1234.5);
  console.log(JSON.stringify({ released, fell: before - after, sum, hash, text, again: addon.residentRelease() > 0 }));
`;

it.skipIf(!nativeAvailable().ok)('lets go of pages of the binary, and goes on', () => {
  const { stdout, status } = spawnSync(process.execPath, ['--expose-gc', '-e', PROGRAM], { encoding: 'utf8' });
  expect(status).toBe(0);
  const { released, fell, ...rest } = JSON.parse(stdout);
  expect(released).toBeGreaterThan(10e6);
  expect(fell).toBeGreaterThan(5000);
  expect(rest).toEqual({ sum: 499_999_500_000, hash: 'ba7816bf', text: '1.234,5', again: true });
});
