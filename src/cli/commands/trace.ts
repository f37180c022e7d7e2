/** The commands that ask where a frame goes, and why not elsewhere. */

import type { Command } from 'commander';
import { collect, wholeNumber } from '../arguments.ts';
import { type Finish, onSwitch } from './on-switch.ts';

const MAX_ID = 2 ** 31;

export function addTraceCommands(program: Command, finish: Finish): void {
  withFrame(program.command('trace'))
    .description('the way that a frame would take, stage by stage; nothing is sent or learned')
    .option('--live <filter>', "the next real frames that the filter wants, tcpdump's; '' for all")
    .option('--count <n>', '--live: end after so many frames; 10 unless told', wholeNumber(1, 1_000_000))
    .addHelpText(
      'after',
      '\nExamples:\n  etherloom trace --port p1 --eth dst=02:00:00:00:00:02,vlan=10,ip=10.0.0.1-10.0.0.2\n' +
        '  etherloom trace -c switch.yaml --port p1 --pcap a.pcap#3 --learned 02:00:00:00:00:02@p2\n' +
        "  etherloom trace --live 'arp or icmp' --count 3\n",
    )
    .action(async (o) => {
      const options = { ...o, json: o.json === true };
      if (o.live === undefined) finish(await (await import('../trace.ts')).trace(options));
      else finish(await (await import('../trace-live.ts')).traceLive(options));
    });

  withFrame(program.command('explain'))
    .description('why a frame does not arrive, and the smallest change under which it would')
    .option('--to <port>', 'port where it should arrive; any when left out')
    .addHelpText('after', '\nExample:\n  etherloom explain -c switch.yaml --port p1 --to p3 --eth vlan=20\n')
    .action(async (o) => finish(await (await import('../trace.ts')).explain({ ...o, json: o.json === true })));
}

function withFrame(command: Command): Command {
  return onSwitch(command)
    .option('--port <name>', 'port that the frame arrives on')
    .option('--frame <hex>', 'the frame, without FCS')
    .option('--pcap <file#n>', 'the frame, the n-th record of a capture')
    .option('--eth <fields>', 'the frame, by fields: dst= src= vlan=VID[/PCP] svlan= type= ip=A-B udp=A-B arp=A-B len=')
    .option('--drop <id>', 'the frame, one that was dropped: an ID of show samples', wholeNumber(1, MAX_ID))
    .option('--learned <mac@port>', 'an address that the switch is to know; MAC@PORT/VLAN; repeat', collect, [])
    .option('-c, --config <file>', 'the switch of this configuration, instead of a running one');
}
