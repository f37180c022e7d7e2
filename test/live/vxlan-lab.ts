/** Hosts that carry VXLAN between them: namespaces on one cable, and kernel devices in them as peers. */

import type { Lab, Namespace } from './netns.ts';

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

export interface KernelVtepOptions {
  vni: number;
  /** Of the host inside, with its prefix length. */
  address: string;
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
  namespace.run('ip', 'addr', 'add', address, 'dev', name, ...(address.includes(':') ? ['nodad'] : []));
  if (mtu !== undefined) namespace.run('ip', 'link', 'set', name, 'mtu', String(mtu));
  namespace.run('ip', 'link', 'set', name, 'up');
  return name;
}
