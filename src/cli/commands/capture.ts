/** The command that captures frames of a running switch. */

import type { Command } from 'commander';
import { collect, wholeNumber } from '../arguments.ts';
import { type Finish, onSwitch } from './on-switch.ts';

export function addCaptureCommand(program: Command, finish: Finish): void {
  onSwitch(program.command('capture [filter...]'))
    .description("frames of the running switch as they pass; the filter is tcpdump's")
    .option('--port <name>', 'only this port; repeat', collect, [])
    .option('--dir <directions>', 'in, out, drop, or several: in,drop; default in,out')
    .option('-w, --write <file>', 'write pcapng to a file, - for stdout, instead of text')
    .option('--count <n>', 'end after so many frames', wholeNumber(1, 1_000_000_000))
    .option('--snaplen <bytes>', 'keep no more of each frame', wholeNumber(1, 262_144))
    .addHelpText(
      'after',
      '\nExamples:\n  etherloom capture --port p1 arp or icmp\n  etherloom capture --dir drop -w drops.pcapng\n' +
        "  etherloom capture -w - 'tcp port 80' | tshark -r -\n",
    )
    .action(async (filter: string[], o) => finish(await (await import('../capture.ts')).capture({ ...o, filter })));
}
