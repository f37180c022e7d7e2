/** Hosts that carry VXLAN between them: namespaces on one cable or switch, Etherloom or a kernel device in each. */

import { eventually, type Lab, type Namespace } from './netns.ts';
import type { Bench, Raw, SwitchProcess } from './switch-process.ts';

/** A host of the underlay. */
export interface UnderlayHost {
  readonly namespace: Namespace;
  readonly address: string;
  readonly device: string;
}

export interface CableOptions {
  v6?: boolean;
  mtu?: number;
}

const underlayAddress = (n: number, v6: boolean) => (v6 ? `2001:db8::${n}` : `192.0.2.${n}`);

/** Two hosts on one cable, 192.0.2.1 and .2 or 2001:db8::1 and ::2. */
export function cable(lab: Lab, { v6 = false, mtu = 1500 }: CableOptions = {}): [UnderlayHost, UnderlayHost] {
  const devices = [lab.device('u1'), lab.device('u2')] as const;
  lab.makeVeth(devices[0], devices[1]);
  const hosts = devices.map((device, n) => {
    const namespace = lab.namespace(`u${n + 1}`, { ipv6: true });
    const address = underlayAddress(n + 1, v6);
    namespace.adopt(device, { address: `${address}/${v6 ? 64 : 24}`, mtu });
    return { namespace, address, device };
  });
  return [hosts[0]!, hosts[1]!];
}

/** Several hosts on a bridge of the kernel, 192.0.2.1 and up. */
export function lan(lab: Lab, count: number, { mtu = 1500 }: CableOptions = {}): UnderlayHost[] {
  const middle = lab.namespace('lan');
  middle.run('ip', 'link', 'add', 'lan', 'type', 'bridge');
  middle.run('ip', 'link', 'set', 'lan', 'up');
  return Array.from({ length: count }, (_, n) => {
    const [near, far] = [lab.device(`n${n}`), lab.device(`f${n}`)];
    lab.makeVeth(near, far);
    middle.adopt(far, { mtu });
    middle.run('ip', 'link', 'set', far, 'master', 'lan');
    const namespace = lab.namespace(`u${n + 1}`);
    const address = underlayAddress(n + 1, false);
    namespace.adopt(near, { address: `${address}/24`, mtu });
    return { namespace, address, device: near };
  });
}

/** Pings until one comes back: links have to come up, and neighbors have to be found first. */
export async function reaches(from: Namespace, address: string): Promise<void> {
  const once = async () => (await from.ping(address, { count: 1, timeoutMs: 500 })) === 1;
  await eventually(once, `${from.name} reaches ${address}`);
}

/** A host on a TAP of Etherloom. */
export interface Inside {
  /** Its port is called so. */
  name: string;
  vlan: number;
  address: string | string[];
  mtu?: number;
}

export type Underlay = 'udp' | 'port' | 'raw-socket';

export interface SiteOptions {
  underlay?: Underlay;
  /** Settings of the VTEP `v0` beside its address. */
  vtep?: Raw;
  /** Tunnel ports by name. */
  tunnels: Record<string, Raw>;
  hosts: Inside[];
  /** Further VTEPs. */
  vteps?: Record<string, Raw>;
  /** Of the router. */
  interfaces?: Record<string, Raw>;
  /** Further arguments of `run`. */
  args?: readonly string[];
}

export interface Site {
  readonly sw: SwitchProcess;
  readonly hosts: Namespace[];
  /** Of the hosts. */
  readonly devices: string[];
}

/**
 * Etherloom on a host of the underlay, hosts of its own on TAPs. With the underlay `port` the VTEP has the address, on
 * a TAP that a bridge joins to the cable; with `udp` the kernel has it.
 */
export async function site(lab: Lab, bench: Bench, host: UnderlayHost, options: SiteOptions): Promise<Site> {
  const { underlay = 'udp', vtep = {}, tunnels, hosts, vteps = {}, interfaces = {}, args = [] } = options;
  const { namespace, address, device } = host;
  const ports: Record<string, Raw> = { ...tunnels };
  const taps = hosts.map(({ name, vlan, mtu = 1450 }) => {
    const tap = lab.device(`${name}${address.at(-1)}`);
    ports[name] = { adapter: 'tap', device: tap, vlan, mtu };
    return tap;
  });
  const v0: Raw = { underlay, local: address, ...vtep };
  const bits = address.includes(':') ? 64 : 24;
  const uplink = lab.device(`up${address.at(-1)}`);
  if (underlay === 'port') {
    ports.up = { adapter: 'tap', device: uplink, mtu: 1600 };
    Object.assign(v0, { local: `${address}/${bits}`, uplink: 'up' });
  }
  const sw = await bench.start({ vteps: { v0, ...vteps }, ports, interfaces }, args, namespace);
  if (underlay === 'port') {
    namespace.run('ip', 'addr', 'del', `${address}/${bits}`, 'dev', device);
    namespace.run('ip', 'link', 'add', 'join', 'type', 'bridge');
    for (const each of [device, uplink]) namespace.run('ip', 'link', 'set', each, 'master', 'join');
    namespace.run('ip', 'link', 'set', uplink, 'up');
    namespace.run('ip', 'link', 'set', 'join', 'up');
  }
  const inside = hosts.map(({ name, address: own, mtu = 1450 }, n) => {
    const each = lab.namespace(`${name}${address.at(-1)}`, { ipv6: true });
    each.adopt(taps[n]!, { address: own, mtu, from: namespace });
    return each;
  });
  return { sw, hosts: inside, devices: taps };
}

export interface KernelVtepOptions {
  vni: number;
  /** Of the host inside, with its prefix length. */
  address: string | string[];
  port?: number;
  remote?: string;
  /** Further words of `ip link add … type vxlan`. */
  more?: string[];
  mtu?: number;
}

/** A kernel vxlan device that is a host of its segment as well; returns its name. */
export function kernelVtep(host: UnderlayHost, options: KernelVtepOptions): string {
  const { vni, address, port = 4789, remote, more = [], mtu } = options;
  const name = `vx${vni}`;
  const { namespace } = host;
  const to = remote === undefined ? [] : ['remote', remote];
  const link = ['ip', 'link', 'add', name, 'type', 'vxlan', 'id', String(vni), 'dstport', String(port)] as const;
  namespace.run(...link, 'local', host.address, ...to, ...more);
  for (const text of [address].flat()) {
    namespace.run('ip', 'addr', 'add', text, 'dev', name, ...(text.includes(':') ? ['nodad'] : []));
  }
  if (mtu !== undefined) namespace.run('ip', 'link', 'set', name, 'mtu', String(mtu));
  namespace.run('ip', 'link', 'set', name, 'up');
  return name;
}
