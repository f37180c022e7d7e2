/**
 * Open vSwitch as a peer: its own database, switch and sockets in a folder of the test, with the datapath that lives in
 * the switch's process (netdev), in a namespace. The system's own Open vSwitch is never spoken to.
 *
 * The switch owns the underlay's device: bridge `phy` has it and the host's address, as the netdev datapath wants for
 * tunnels. It verifies UDP checksums as they stand, so the sender's device must not leave them to be computed later.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { undoneAtEnd } from './at-end.ts';
import { installed, until } from './netns.ts';
import { endOf } from './switch-process.ts';
import type { UnderlayHost } from './vxlan-lab.ts';

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';
const PROGRAMS = ['ovsdb-tool', 'ovsdb-server', 'ovs-vswitchd', 'ovs-vsctl', 'ethtool'];

/** Why there can be no Open vSwitch here, or null. */
export function ovsObstacle(): string | null {
  const missing = PROGRAMS.filter((program) => !installed(program));
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`;
  return existsSync(SCHEMA) ? null : `there is no ${SCHEMA}`;
}

export interface Ovs {
  /** `ovs-vsctl` on this switch's database; throws with its output when it fails. */
  vsctl(...args: string[]): string;
  close(): Promise<void>;
}

/** Starts a switch on a host; its bridge `br0` is there, joined to nothing. */
export async function startOvs(host: UnderlayHost, sender: UnderlayHost): Promise<Ovs> {
  const dir = mkdtempSync(join(tmpdir(), 'etherloom-ovs-'));
  const env = { ...process.env, OVS_RUNDIR: dir, OVS_LOGDIR: dir, OVS_DBDIR: dir };
  const children: ChildProcess[] = [];
  const kill = () => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  };
  const killed = undoneAtEnd(kill);
  const database = join(dir, 'db.sock');
  const vsctl = (...args: string[]): string => {
    // Its socket is there a moment before it listens.
    const all = [`--db=unix:${database}`, '--retry', '--timeout=20', ...args];
    const { status, stdout, stderr } = spawnSync('ovs-vsctl', all, { encoding: 'utf8', env });
    if (status !== 0) throw new Error(`ovs-vsctl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const start = (command: string, ...args: string[]) => {
    const child = spawn(command, args, { stdio: 'ignore', env });
    children.push(child);
    return child;
  };
  const close = async () => {
    // The switch first: it takes its devices down.
    for (const child of children.reverse()) await endOf(child, 'SIGTERM');
    killed();
  };
  try {
    const made = spawnSync('ovsdb-tool', ['create', join(dir, 'conf.db'), SCHEMA], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`ovsdb-tool: ${made.stderr}`);
    start('ovsdb-server', join(dir, 'conf.db'), `--remote=punix:${database}`, `--unixctl=${join(dir, 'ovsdb.ctl')}`);
    await until(() => existsSync(database), 'the database of Open vSwitch listens');
    vsctl('--no-wait', 'init');
    const control = `--unixctl=${join(dir, 'vswitchd.ctl')}`;
    start('ip', 'netns', 'exec', host.namespace.name, 'ovs-vswitchd', `unix:${database}`, control);
    vsctl(...bridge('phy'), '--', 'add-port', 'phy', host.device, '--', ...bridge('br0'));
    const { namespace } = host;
    namespace.run('ip', 'addr', 'flush', 'dev', host.device);
    namespace.run('ip', 'addr', 'add', `${host.address}/24`, 'dev', 'phy');
    namespace.run('ip', 'link', 'set', 'phy', 'up');
    sender.namespace.run('ethtool', '-K', sender.device, 'tx', 'off');
    return { vsctl, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const bridge = (name: string) => ['add-br', name, '--', 'set', 'bridge', name, 'datapath_type=netdev'];
