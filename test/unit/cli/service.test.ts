/** The unit of systemd: valid, and as closed as it is said to be. Needs systemd-analyze. */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { installed } from '../../live/netns.ts';

const UNIT = fileURLToPath(new URL('../../../docs/service/etherloom@.service', import.meta.url));
const here = installed('systemd-analyze');
if (!here) console.warn('skipped: no systemd-analyze');

describe.skipIf(!here)('the unit', () => {
  it('is exposed to a level of at most 2.0', () => {
    const { stdout } = spawnSync('systemd-analyze', ['security', '--offline=true', UNIT], { encoding: 'utf8' });
    const level = /Overall exposure level .*: ([\d.]+)/.exec(stdout)?.[1];
    expect(Number(level)).toBeLessThanOrEqual(2.0);
  });
});
