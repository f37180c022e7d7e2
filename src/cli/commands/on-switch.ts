/** What every command to a running switch takes. */

import type { Command } from 'commander';
import type { ChangeOptions } from '../change.ts';

/** Takes the exit status of a command. */
export type Finish = (status: number) => void;

export function toSwitch(command: Command): Command {
  return command
    .option('--socket <path>', 'control socket; else $ETHERLOOM_SOCKET')
    .option('--name <name>', 'name of the switch; else $ETHERLOOM_NAME');
}

export function onSwitch(command: Command): Command {
  return toSwitch(command.option('--json', 'JSON instead of text'));
}

/** Sends a change. */
export async function send(
  question: Parameters<typeof import('../change.ts').change>[0],
  options: ChangeOptions,
  done?: string,
): Promise<number> {
  const { change } = await import('../change.ts');
  return change(question, options, done);
}
