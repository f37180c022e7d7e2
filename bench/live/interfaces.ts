/**
 * Switches on interfaces that exist already, two hosts behind veth pairs (S8): Etherloom on AF_PACKET and on AF_XDP, a
 * C forwarder on packet rings, Open vSwitch's userspace datapath on packet sockets.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { endsWithUs } from '../leftovers.ts';
import { deviceName, type Host, ip } from './hosts.ts';
import { type LiveSwitch, OvsDaemon, ovsBridge, runEtherloom } from './switches.ts';

/** A cable into the host; returns the end that stays outside. Nothing is left to a hardware that is not there. */
function cable(host: Host): string {
  const [outer, inner] = [deviceName(), deviceName()];
  ip('link', 'add', inner, 'type', 'veth', 'peer', 'name', outer);
  spawnSync('sysctl', ['-qw', `net.ipv6.conf.${inner}.disable_ipv6=1`]);
  ip('link', 'set', inner, 'up');
  host.adopt(outer);
  const off = ['netns', 'exec', host.namespace, 'ethtool', '-K', outer, 'tx', 'off', 'tso', 'off', 'gso', 'off'];
  const { status, error } = spawnSync('ip', off, { stdio: 'ignore' });
  if (status !== 0) throw new Error(`ethtool: ${error?.message ?? `status ${status}`}`);
  return inner;
}

export class EtherloomInterfaces implements LiveSwitch {
  readonly who: string;
  readonly #adapter: 'af-packet' | 'af-xdp';
  readonly #folder: string;
  #child: ChildProcess | undefined;

  constructor(adapter: 'af-packet' | 'af-xdp', folder: string) {
    this.#adapter = adapter;
    this.who = adapter === 'af-packet' ? 'etherloom' : 'etherloom, AF_XDP';
    this.#folder = folder;
  }

  async open(a: Host, b: Host): Promise<void> {
    const port = (host: Host) => ({ adapter: this.#adapter, device: cable(host), vlan: 10, gro: 'off' });
    ({ child: this.#child } = await runEtherloom(this.#folder, { ports: { a: port(a), b: port(b) } }));
  }

  close(): void {
    this.#child?.kill('SIGKILL');
  }
}

/** bench/c/ring.c. */
export class CRing implements LiveSwitch {
  readonly who = 'c-forwarder';
  readonly #program: string;
  #child: ChildProcess | undefined;

  constructor(program: string) {
    this.#program = program;
  }

  async open(a: Host, b: Host): Promise<void> {
    const child = endsWithUs(spawn(this.#program, [cable(a), cable(b)], { stdio: ['ignore', 'pipe', 'inherit'] }));
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`the C forwarder ended with ${code}`)));
    });
  }

  close(): void {
    this.#child?.kill('SIGKILL');
  }
}

export class OvsInterfaces implements LiveSwitch {
  readonly who = 'ovs';
  readonly #daemon: OvsDaemon;

  constructor(folder: string) {
    this.#daemon = new OvsDaemon(folder);
  }

  async open(a: Host, b: Host): Promise<void> {
    const bridge = deviceName();
    this.#daemon.start();
    const ports = [a, b].flatMap((host) => ['--', 'add-port', bridge, cable(host)]);
    this.#daemon.vsctl(...ovsBridge(bridge), ...ports);
  }

  close(): void {
    this.#daemon.close();
  }
}
