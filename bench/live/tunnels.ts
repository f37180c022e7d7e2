/**
 * Two hosts on two machines, joined by a VXLAN tunnel: Etherloom and its peers for S9.
 *
 *   host a ── switch ── VTEP ══ cable of the underlay ══ VTEP ── switch ── host b
 *             \_____ machine _____/                    \_____ machine _____/
 *
 * A machine is a namespace; the cable is a veth pair with an MTU of 1,500 bytes, so that hosts have one of 1,450.
 */

import type { ChildProcess } from 'node:child_process';
import { deviceName, Host, ip } from './hosts.ts';
import { type LiveSwitch, OvsDaemon, ovsBridge, runEtherloom } from './switches.ts';

const VNI = 10;
const INNER_MTU = 1450;

/** A machine of the underlay and the end of the cable that it has. */
interface Machine {
  host: Host;
  device: string;
  peer: string;
}

function machines(): [Machine, Machine] {
  const [a, b] = [new Host('192.0.2.1'), new Host('192.0.2.2')];
  const [x, y] = [deviceName(), deviceName()];
  ip('link', 'add', x, 'type', 'veth', 'peer', 'name', y);
  a.adopt(x);
  b.adopt(y);
  return [
    { host: a, device: x, peer: b.address },
    { host: b, device: y, peer: a.address },
  ];
}

/** What all have in common: two machines, one half of the tunnel on each. */
abstract class Tunnel implements LiveSwitch {
  abstract readonly who: string;
  readonly #machines: Machine[] = [];

  async open(a: Host, b: Host): Promise<void> {
    const both = machines();
    this.#machines.push(...both);
    for (const [k, inside] of [a, b].entries()) await this.join(both[k], inside);
  }

  /** Joins a host to the tunnel's end on its machine. */
  protected abstract join(machine: Machine, inside: Host): Promise<void>;

  close(): void {
    for (const { host } of this.#machines) host.close();
  }
}

/** Gives a device of the machine to the host. */
function handOver({ host }: Machine, device: string, inside: Host): void {
  host.ip('link', 'set', device, 'netns', inside.namespace);
  inside.ip('addr', 'add', `${inside.address}/24`, 'dev', device);
  inside.ip('link', 'set', device, 'mtu', String(INNER_MTU));
  inside.ip('link', 'set', device, 'up');
}

/** A vxlan device in a bridge of the kernel, the host on a veth pair. */
export class KernelVxlan extends Tunnel {
  readonly who = 'kernel-vxlan';

  protected async join(machine: Machine, inside: Host): Promise<void> {
    const { host, peer } = machine;
    const [outer, inner] = [deviceName(), deviceName()];
    const vxlan = ['link', 'add', 'vx', 'type', 'vxlan', 'id', String(VNI), 'dstport', '4789'];
    host.ip('link', 'add', 'br0', 'type', 'bridge');
    host.ip(...vxlan, 'local', host.address, 'remote', peer);
    host.ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner);
    host.ip('link', 'set', 'vx', 'master', 'br0', 'up');
    host.ip('link', 'set', outer, 'master', 'br0', 'up');
    host.ip('link', 'set', 'br0', 'up');
    handOver(machine, inner, inside);
  }
}

export class EtherloomVxlan extends Tunnel {
  readonly who = 'etherloom';
  readonly #folder: string;
  readonly #children: ChildProcess[] = [];

  constructor(folder: string) {
    super();
    this.#folder = folder;
  }

  protected async join(machine: Machine, inside: Host): Promise<void> {
    const { host, peer } = machine;
    const device = deviceName();
    const ports = {
      p1: { adapter: 'tap', device, vlan: 10, mtu: INNER_MTU },
      t1: { adapter: 'vxlan', vlan: 10, vxlan: { vtep: 'v0', vni: VNI, remotes: [peer] } },
    };
    const vteps = { v0: { underlay: 'udp', local: host.address } };
    const { child } = await runEtherloom(this.#folder, { vteps, ports }, host.namespace);
    this.#children.push(child);
    handOver(machine, device, inside);
  }

  override close(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    super.close();
  }
}

/**
 * Open vSwitch's userspace datapath at both ends. Its tunnels leave through a bridge that has the cable and the
 * machine's address.
 */
export class OvsVxlan extends Tunnel {
  readonly who = 'ovs';
  readonly #folder: string;
  readonly #daemons: OvsDaemon[] = [];

  constructor(folder: string) {
    super();
    this.#folder = folder;
  }

  protected async join(machine: Machine, inside: Host): Promise<void> {
    const { host, device, peer } = machine;
    const daemon = new OvsDaemon(this.#folder, host.namespace);
    this.#daemons.push(daemon);
    daemon.start();
    const tap = deviceName();
    const vxlan = ['type=vxlan', `options:remote_ip=${peer}`, `options:key=${VNI}`];
    daemon.vsctl(...ovsBridge('phy'), '--', 'add-port', 'phy', device);
    daemon.vsctl(...ovsBridge('br0'), '--', 'add-port', 'br0', 'vx', '--', 'set', 'Interface', 'vx', ...vxlan);
    daemon.vsctl('add-port', 'br0', tap, '--', 'set', 'Interface', tap, 'type=tap');
    host.ip('addr', 'flush', 'dev', device);
    host.ip('addr', 'add', `${host.address}/24`, 'dev', 'phy');
    host.ip('link', 'set', 'phy', 'up');
    handOver(machine, tap, inside);
  }

  override close(): void {
    for (const daemon of this.#daemons) daemon.close();
    super.close();
  }
}
