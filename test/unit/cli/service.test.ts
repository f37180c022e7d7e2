/** The unit of systemd: valid, and as closed as it is said to be. Needs systemd-analyze. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { installed } from '../../live/netns.ts';

const UNIT = fileURLToPath(new URL('../../../docs/service/etherloom@.service', import.meta.url));
const here = installed('systemd-analyze');
if (!here) console.warn('skipped: no systemd-analyze');

/** The system calls of a set, those of the sets in it included. */
function callsOf(name: string): string[] {
  if (!name.startsWith('@')) return [name];
  const { stdout } = spawnSync('systemd-analyze', ['syscall-filter', name], { encoding: 'utf8' });
  const listed = stdout
    .split('\n')
    .slice(1)
    .map((line) => line.trim());
  return listed.filter((line) => line !== '' && !line.startsWith('#')).flatMap(callsOf);
}

/** What the lines of the unit leave, one after the other, and `more` behind them. */
function allowedCalls(more = ''): Set<string> {
  const allowed = new Set<string>();
  const text = readFileSync(UNIT, 'utf8') + more;
  for (const [, not, names] of text.matchAll(/^SystemCallFilter=(~?)(.*)$/gm)) {
    for (const call of names!.split(' ').flatMap(callsOf)) {
      if (not === '') allowed.add(call);
      else allowed.delete(call);
    }
  }
  return allowed;
}

describe.skipIf(!here)('the unit', () => {
  it('is exposed to a level of at most 2.0', () => {
    const { stdout } = spawnSync('systemd-analyze', ['security', '--offline=true', UNIT], { encoding: 'utf8' });
    const level = /Overall exposure level .*: ([\d.]+)/.exec(stdout)?.[1];
    expect(Number(level)).toBeLessThanOrEqual(2.0);
  });

  it('lets the switch make the system calls that it makes, and with what the page says those that give capabilities up', () => {
    const allowed = allowedCalls();
    const asked = 'prctl tgkill ioctl io_uring_setup io_uring_enter recvmmsg sendmmsg chmod';
    for (const call of asked.split(' ')) expect(allowed, call).toContain(call);
    for (const call of 'capset bpf mount ptrace setuid chown'.split(' ')) expect(allowed, call).not.toContain(call);
    const page = readFileSync(new URL('../../../docs/service.md', import.meta.url), 'utf8');
    const more = /privileges: drop \}` \| `(SystemCallFilter=.*?)`/.exec(page)?.[1];
    expect(allowedCalls(`\n${more}`)).toContain('capset');
  });
});
