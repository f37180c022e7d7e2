/** What commander refuses is one line in the words of this program. */

import { afterEach, describe, expect, it, vi } from 'vitest';
import { main } from '../../../src/cli/main.ts';

async function refusal(...args: string[]): Promise<{ status: number; said: string }> {
  let said = '';
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += text;
    return true;
  });
  const streams = [process.stdout, process.stderr].map((stream) => [stream, stream.listeners('error')] as const);
  for (const [stream] of streams) stream.removeAllListeners('error');
  const status = await main(args);
  write.mockRestore();
  // `main` listens until its process ends.
  for (const [stream, listeners] of streams) {
    stream.removeAllListeners('error');
    for (const listener of listeners) stream.on('error', listener as (error: Error) => void);
  }
  return { status, said };
}

/** A process calls `main` once, and leaves its listeners behind. */
afterEach(() => {
  for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners('error');
});

describe('a call that cannot be', () => {
  it.each([
    [['shwo'], "unknown command 'shwo' (did you mean show?)"],
    [['xyzzy'], "unknown command 'xyzzy'; `etherloom --help` lists them"],
    [['run', '--prot', 'x'], "unknown option '--prot' (did you mean --port?)"],
    [['show', 'fdb', '--vlan', '5000'], '--vlan: "5000" is not valid; valid are 1-4094'],
    [['check'], '--config <file> is missing'],
    [['fdb', 'add'], '<mac> is missing'],
    [['completion', 'tcsh'], '<shell>: "tcsh" is not valid; valid are bash, zsh, fish'],
    [['bench', 'S1', '--clock', 'x\ny'], '--clock: "x y" is not valid; valid are wall, processor'],
    [['show', 'ports', 'fdb'], "too many arguments for 'show': 2; it takes 1"],
  ])('%j', async (args, said) => {
    expect(await refusal(...args)).toEqual({ status: 2, said: `etherloom: ${said}\n` });
  });
});
