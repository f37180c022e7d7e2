/**
 * Commands that look at a running switch as it goes, and at a configuration before it runs.
 */

import type { Command } from 'commander';
import { wholeNumber } from '../arguments.ts';
import { type Finish, onSwitch, toSwitch } from './on-switch.ts';

export function addWatchCommands(program: Command, finish: Finish): void {
  onSwitch(program.command('events'))
    .description('what happens, as it happens: learned, moved, aged, links, changes')
    .option('--only <names>', 'names of events, separated by commas')
    .addHelpText('after', '\nExample:\n  etherloom events --only moved,static-violation --json\n')
    .action(async (o) => finish(await (await import('../events.ts')).events(o)));

  toSwitch(program.command('watch'))
    .description('rates, drops and events in place on the terminal, until Ctrl-C')
    .option('--interval <seconds>', 'between two looks', wholeNumber(1, 3600), 1)
    .option('--count <n>', 'looks; default: until Ctrl-C', wholeNumber(1, 1_000_000))
    .addHelpText('after', '\nExample:\n  etherloom watch --name lab --interval 2\n')
    .action(async (o) => finish(await (await import('../watch.ts')).watch(o)));

  program
    .command('check')
    .description('whether a configuration is right, without a switch')
    .requiredOption('-c, --config <file>', 'configuration; - reads stdin')
    .option('--json', 'what it means, with every default, as JSON')
    .addHelpText('after', '\nExample:\n  etherloom check -c switch.yaml\n')
    .action(async (o) => finish(await (await import('../check.ts')).check(o)));
}
