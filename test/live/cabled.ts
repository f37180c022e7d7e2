/** Hosts behind veth cables, as behind network cards: the near ends are devices for ports. */

import type { Lab, Namespace } from './netns.ts';

export interface Cabled {
  hosts: Namespace[];
  devices: string[];
  /** The devices inside the namespaces. */
  fars: string[];
}

/** Host n has 10.NET.0.n and fd00:NET::n. */
export function cabled(
  lab: Lab,
  label: string,
  count: number,
  net: string,
  { mtu = 1500, first = 1, ipv6 = true } = {},
): Cabled {
  const hosts: Namespace[] = [];
  const devices: string[] = [];
  const fars: string[] = [];
  for (let n = first; n < first + count; n++) {
    const [near, far] = [lab.device(`${label}${n}`), lab.device(`${label}f${n}`)];
    lab.makeVeth(near, far);
    lab.run('ip', 'link', 'set', near, 'mtu', String(mtu));
    const host = lab.namespace(`${label}${n}`, { ipv6 });
    host.adopt(far, { address: [`10.${net}.0.${n}/24`, ...(ipv6 ? [`fd00:${net}::${n}/64`] : [])], mtu });
    hosts.push(host);
    devices.push(near);
    fars.push(far);
  }
  return { hosts, devices, fars };
}
