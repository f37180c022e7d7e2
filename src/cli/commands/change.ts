/**
 * Commands that change a running switch.
 */

import { type Command, Option } from 'commander';
import { collect, duration, wholeNumber } from '../arguments.ts';
import { addMirrorCommands } from './change-mirror.ts';
import { addVxlanCommands } from './change-vxlan.ts';
import { type Finish, onSwitch, send } from './on-switch.ts';

const KINDS = ['static', 'sticky', 'local', 'external', 'blackhole'];

export function addChangeCommands(program: Command, finish: Finish): void {
  onSwitch(program.command('plan'))
    .description('what applying a configuration to the running switch would do; changes nothing')
    .requiredOption('-c, --config <file>', 'configuration; - reads stdin')
    .addHelpText('after', '\nExample:\n  etherloom plan -c new.yaml\n')
    .action(async (o) => finish(await (await import('../change.ts')).planCommand(o)));

  onSwitch(program.command('apply'))
    .description('make the running switch what a configuration says, whole or not at all')
    .requiredOption('-c, --config <file>', 'configuration; - reads stdin')
    .option(
      '--confirm <time>',
      'take the change back after so long, unless `etherloom confirm` says to keep it',
      duration,
    )
    .addHelpText('after', '\nExample:\n  etherloom apply -c new.yaml --confirm 60s && etherloom confirm\n')
    .action(async (o) => finish(await (await import('../change.ts')).applyCommand(o)));

  onSwitch(program.command('confirm'))
    .description('keep the change that waits to be confirmed')
    .addHelpText('after', '\nExample:\n  etherloom confirm\n')
    .action(async (o) => finish(await send({ method: 'POST', path: '/v1/confirm' }, o, 'confirmed')));

  onSwitch(program.command('rollback'))
    .description('take the change back that waits to be confirmed')
    .addHelpText('after', '\nExample:\n  etherloom rollback\n')
    .action(async (o) =>
      finish(
        await send({ method: 'POST', path: '/v1/rollback' }, o, 'rolled back the change that waited to be confirmed'),
      ),
    );

  addFdb(program.command('fdb').description('entries of the forwarding database'), finish);
  addVxlanCommands(program, finish);
  addVlan(program.command('vlan').description('VLANs of the running switch'), finish);
  addMirrorCommands(program, finish);
  addPort(program.command('port').description('ports of the running switch'), finish);

  onSwitch(program.command('counters').description('counters of the running switch').command('reset'))
    .description('count from zero again: ports, VLANs, drops')
    .addHelpText('after', '\nExample:\n  etherloom counters reset\n')
    .action(async (o) => finish(await send({ method: 'POST', path: '/v1/counters/reset' }, o, 'counters are zero')));
}

function addFdb(fdb: Command, finish: Finish): void {
  onSwitch(fdb.command('add <mac>'))
    .description('add a configured entry')
    .option('--vlan <vid>', 'its VLAN', wholeNumber(1, 4094))
    .option('--port <name>', 'its port; none for a blackhole')
    .addOption(new Option('--kind <kind>', 'kind of the entry').choices(KINDS).default('static'))
    .option('--bridge <name>', 'its bridge, where the port does not say it')
    .option('--replace', 'in place of an entry of this address')
    .addHelpText(
      'after',
      '\nExamples:\n  etherloom fdb add 02:00:00:00:00:01 --vlan 10 --port p1\n  etherloom fdb add 02:00:00:00:00:66 --vlan 10 --kind blackhole\n',
    )
    .action(async (mac: string, o) => {
      const { vlan, port, kind, bridge, replace } = o;
      finish(await send({ method: 'POST', path: '/v1/fdb', body: { mac, vlan, port, kind, bridge, replace } }, o));
    });
  onSwitch(fdb.command('del <mac>'))
    .description('remove the entry of an address, configured or learned')
    .option('--vlan <vid>', 'its VLAN', wholeNumber(1, 4094))
    .option('--bridge <name>', 'its bridge; default: that of the switch')
    .addHelpText('after', '\nExample:\n  etherloom fdb del 02:00:00:00:00:01 --vlan 10\n')
    .action(async (mac: string, o) => {
      const query = {
        mac,
        ...(o.vlan === undefined ? {} : { vlan: String(o.vlan) }),
        ...(o.bridge === undefined ? {} : { bridge: o.bridge as string }),
      };
      finish(await send({ method: 'DELETE', path: '/v1/fdb', query }, o));
    });
  onSwitch(fdb.command('flush'))
    .description('forget what was learned: on a port, in a VLAN, in a bridge, or all')
    .option('--port <name>', 'only on this port')
    .option('--vlan <vid>', 'only in this VLAN', wholeNumber(1, 4094))
    .option('--bridge <name>', 'only in this bridge')
    .addHelpText('after', '\nExamples:\n  etherloom fdb flush\n  etherloom fdb flush --port p1 --vlan 10\n')
    .action(async (o) => {
      const { port, vlan, bridge } = o;
      finish(await send({ method: 'POST', path: '/v1/fdb/flush', body: { port, vlan, bridge } }, o, 'flushed'));
    });
}

function addVlan(vlan: Command, finish: Finish): void {
  const vid = wholeNumber(1, 4094);
  onSwitch(vlan.command('add').argument('<vid>', 'VLAN ID', vid).argument('[vlan-name]', 'its name'))
    .description('list a VLAN in its bridge, or give it another name and limit')
    .option('--max-entries <n>', 'limit of learned entries; 0: none of its own', wholeNumber(0, 1_048_576))
    .option('--isolated <vid>', 'makes it the primary of a private VLAN: the VLAN of isolated hosts', vid)
    .option('--communities <vlans>', 'the same: a VLAN for each community, such as 102,103')
    .option('--bridge <name>', 'bridge; default: that of the switch')
    .addHelpText(
      'after',
      '\nExamples:\n  etherloom vlan add 30 green\n  etherloom vlan add 100 tenants --isolated 101 --communities 102,103\n',
    )
    .action(async (id: number, name: string | undefined, o) => {
      const { maxEntries: fdbMaxEntries, isolated, communities } = o;
      const body = { name, fdbMaxEntries, isolated, communities };
      finish(await send({ method: 'PUT', path: `/v1/vlans/${id}`, query: bridgeQuery(o), body }, o));
    });
  onSwitch(vlan.command('del').argument('<vid>', 'VLAN ID', vid))
    .description('remove a VLAN, also from trunk and hybrid ports')
    .option('--bridge <name>', 'bridge; default: that of the switch')
    .addHelpText('after', '\nExample:\n  etherloom vlan del 30\n')
    .action(async (id: number, o) => {
      finish(await send({ method: 'DELETE', path: `/v1/vlans/${id}`, query: bridgeQuery(o) }, o));
    });
}

function addPort(port: Command, finish: Finish): void {
  const path = (name: string) => `/v1/ports/${encodeURIComponent(name)}`;
  for (const word of ['up', 'down'] as const) {
    onSwitch(port.command(`${word} <port>`))
      .description(word === 'up' ? 'turn a port on' : 'turn a port off: it is down, whatever its link')
      .addHelpText('after', `\nExample:\n  etherloom port ${word} p1\n`)
      .action(async (name: string, o) => {
        finish(await send({ method: 'PATCH', path: path(name), body: { enabled: word === 'up' ? null : false } }, o));
      });
  }
  onSwitch(
    port.command('set').argument('<port>', 'its name').argument('<key=value...>', 'as in `run --port`', collect, []),
  )
    .description('change settings of a port; KEY= takes one away')
    .addHelpText(
      'after',
      '\nExamples:\n  etherloom port set p1 access=20\n  etherloom port set up trunk=10+20-30 native=1\n',
    )
    .action(async (name: string, words: string[], o) => {
      finish(await (await import('../change-port.ts')).setPort(name, path, words, o));
    });
  onSwitch(port.command('add <spec>'))
    .description('add a port: NAME=ADAPTER:DEVICE,KEY=VALUE…')
    .addHelpText('after', '\nExample:\n  etherloom port add p9=tap:tap9,access=10\n')
    .action(async (spec: string, o) => finish(await (await import('../change-port.ts')).addPort(spec, path, o)));
  onSwitch(port.command('del <port>'))
    .description('remove a port with the FDB entries on it')
    .addHelpText('after', '\nExample:\n  etherloom port del p9\n')
    .action(async (name: string, o) => finish(await send({ method: 'DELETE', path: path(name) }, o)));
}

function bridgeQuery({ bridge }: { bridge?: string }): Record<string, string> {
  return bridge === undefined ? {} : { bridge };
}
