/**
 * Commands that change tunnels of a running switch: which remote an address is behind, and who may send.
 */

import { type Command, Option } from 'commander';
import { collect, wholeNumber } from '../arguments.ts';
import { type Finish, onSwitch, send } from './on-switch.ts';

const KINDS = ['static', 'external', 'blackhole'];
const vni = wholeNumber(0, 0xffffff);

export function addVxlanCommands(program: Command, finish: Finish): void {
  addVxlanFdb(program.command('vxlan-fdb').description('which remote an address is behind, in tunnels'), finish);
  addPeer(program.command('peer').description('remotes that may send to a VTEP of the running switch'), finish);
}

function addVxlanFdb(fdb: Command, finish: Finish): void {
  onSwitch(fdb.command('add <mac>'))
    .description('add a configured entry')
    .requiredOption('--port <name>', 'its tunnel port')
    .option('--vni <vni>', 'its VNI, where the port has several', vni)
    .option(
      '--remote <address>',
      'remote that it is behind; repeat for a group address; none for a blackhole',
      collect,
      [],
    )
    .addOption(new Option('--kind <kind>', 'kind of the entry').choices(KINDS).default('static'))
    .option('--replace', 'in place of an entry of this address')
    .addHelpText(
      'after',
      '\nExamples:\n  etherloom vxlan-fdb add 02:00:00:00:00:01 --port vx --vni 10010 --remote 192.0.2.2\n' +
        '  etherloom vxlan-fdb add 01:00:5e:00:00:05 --port vx --remote 192.0.2.2 --remote 192.0.2.3 --replace\n',
    )
    .action(async (mac: string, o) => {
      const { port, vni, kind, replace } = o;
      const [remote, ...others] = o.remote as string[];
      const behind = others.length === 0 ? { remote } : { remotes: [remote, ...others] };
      const body = { port, vni, mac, ...behind, kind, replace };
      finish(await send({ method: 'POST', path: '/v1/vxlan-fdb', body }, o));
    });
  onSwitch(fdb.command('del <mac>'))
    .description('remove the entry of an address, configured or learned')
    .requiredOption('--port <name>', 'its tunnel port')
    .option('--vni <vni>', 'its VNI, where the port has several', vni)
    .addHelpText('after', '\nExample:\n  etherloom vxlan-fdb del 02:00:00:00:00:01 --port vx --vni 10010\n')
    .action(async (mac: string, o) => {
      const query = { port: o.port as string, mac, ...(o.vni === undefined ? {} : { vni: String(o.vni) }) };
      finish(await send({ method: 'DELETE', path: '/v1/vxlan-fdb', query }, o));
    });
  onSwitch(fdb.command('flush'))
    .description('forget what was learned: of a port, in a VNI, behind a peer, of a VTEP, or all')
    .option('--port <name>', 'only of this tunnel port')
    .option('--vni <vni>', 'only in this VNI', vni)
    .option('--peer <address>', 'only behind this remote')
    .option('--vtep <name>', 'only of this VTEP')
    .addHelpText('after', '\nExample:\n  etherloom vxlan-fdb flush --peer 192.0.2.2\n')
    .action(async (o) => {
      const { port, vni, peer, vtep } = o;
      const body = { port, vni, peer, vtep };
      finish(await send({ method: 'POST', path: '/v1/vxlan-fdb/flush', body }, o, 'flushed'));
    });
}

function addPeer(peer: Command, finish: Finish): void {
  onSwitch(peer.command('add <address>'))
    .description('let a remote send, beside those that tunnels and entries name')
    .option('--vtep <name>', 'to this VTEP; default: the only one')
    .addHelpText('after', '\nExample:\n  etherloom peer add 192.0.2.3 --vtep v0\n')
    .action(async (address: string, { vtep, ...o }) => {
      finish(await send({ method: 'POST', path: '/v1/peers', body: { vtep, address } }, o));
    });
  onSwitch(peer.command('del <address>'))
    .description('take a remote from the peers of a VTEP; one that tunnels or entries name may send as before')
    .option('--vtep <name>', 'of this VTEP; default: the only one')
    .addHelpText('after', '\nExample:\n  etherloom peer del 192.0.2.3 --vtep v0\n')
    .action(async (address: string, { vtep, ...o }) => {
      const query = { address, ...(vtep === undefined ? {} : { vtep: vtep as string }) };
      finish(await send({ method: 'DELETE', path: '/v1/peers', query }, o));
    });
}
