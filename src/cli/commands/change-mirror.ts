/**
 * Commands that change the mirrors of a running switch.
 */

import type { Command } from 'commander';
import { collect, wholeNumber } from '../arguments.ts';
import { type Finish, onSwitch, send } from './on-switch.ts';

export function addMirrorCommands(program: Command, finish: Finish): void {
  const mirror = program.command('mirror').description('copies of frames for an observer (SPAN, RSPAN)');
  const path = (name: string) => `/v1/mirrors/${encodeURIComponent(name)}`;
  onSwitch(mirror.command('add <mirror>'))
    .description('copy frames out of a port or into a VLAN')
    .option('--output <port>', 'port that the copies leave by; it takes part in nothing else')
    .option('--output-vlan <vid>', 'VLAN that the copies are put into, instead of a port', wholeNumber(1, 4094))
    .option('--src <port>', 'copy what this port receives; may be repeated', collect, [])
    .option('--dst <port>', 'copy what this port sends; may be repeated', collect, [])
    .option('--all', 'copy what any port of the bridge receives or sends')
    .option('--vlans <set>', 'only frames of these VLANs; alone: of every port of the bridge')
    .option('--bridge <name>', 'bridge of --all and --output-vlan; default: that of the switch')
    .option('--replace', 'in place of a mirror of this name')
    .addHelpText(
      'after',
      '\nExamples:\n  etherloom mirror add watch --output p9 --src p1 --dst p1\n' +
        '  etherloom mirror add remote --output-vlan 999 --vlans 10,20\n',
    )
    .action(async (name: string, o) => {
      const { output, outputVlan, src, dst, all, vlans, bridge, replace } = o;
      const body = {
        ...{ output, outputVlan, selectAll: all, selectVlan: vlans, bridge },
        ...{ selectSrc: src, selectDst: dst },
      };
      const query = replace === true ? {} : { replace: 'false' };
      finish(await send({ method: 'PUT', path: path(name), query, body }, o));
    });
  onSwitch(mirror.command('del <mirror>'))
    .description('end a mirror')
    .addHelpText('after', '\nExample:\n  etherloom mirror del watch\n')
    .action(async (name: string, o) => finish(await send({ method: 'DELETE', path: path(name) }, o)));
  onSwitch(mirror.command('show'))
    .description('the mirrors and what they have copied, as `show mirrors`')
    .addHelpText('after', '\nExample:\n  etherloom mirror show --json\n')
    .action(async (o) => {
      const { show } = await import('../show.ts');
      finish(await show('mirrors', { ...o, json: o.json === true }));
    });
}
