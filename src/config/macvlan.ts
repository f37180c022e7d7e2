/** `macvlan:` while a configuration is read. A MAC is one child's in its group. */
import type { Path } from './error.ts';
import type { GroupPorts } from './group-ports.ts';
import type { RawMacvlan } from './schema/macvlan.ts';
import type { RawConfig } from './schema/schema.ts';
import type { MacvlanChild, MacvlanConfig } from './types/groups.ts';

export function readMacvlan({ macvlan }: RawConfig, ports: GroupPorts): MacvlanConfig[] {
  const names = Object.keys(macvlan);
  ports.refuseTooMany('macvlan', names);
  return names.map((name) => readGroup(name, macvlan[name]!, ports));
}

function readGroup(name: string, raw: RawMacvlan, ports: GroupPorts): MacvlanConfig {
  const path: Path = ['macvlan', name];
  ports.claimParent('macvlan', name, raw.parent, raw.vlan);
  const owned = new Map<string, string>();
  const host = raw.host ?? null;
  const hostPath: Path = [...path, 'host'];
  if (host !== null) {
    ports.claim([...hostPath, 'port'], host.port, `the host of macvlan group ${name}`);
    host.mac = ports.stationMac([...hostPath, 'mac'], host.mac);
    owned.set(host.mac, host.port);
  }
  if (raw.hostAccess && host === null) throw ports.error([...path, 'hostAccess'], 'needs a "host"');
  const children = Object.entries(raw.children).map(([port, child]): MacvlanChild => {
    const at: Path = [...path, 'children', port];
    ports.claim(at, port, `a child of macvlan group ${name}`);
    const { mode } = child;
    const macs = child.macs.map((text, n) => {
      const mac = ports.stationMac([...at, 'macs', n], text);
      const other = owned.get(mac);
      if (other !== undefined) throw ports.error([...at, 'macs', n], `${mac} is an address of ${other} already`);
      owned.set(mac, port);
      return mac;
    });
    if (mode !== 'source' && child.sources.length > 0) {
      throw ports.error([...at, 'sources'], `belongs to mode source, and this is ${mode}; remove it`);
    }
    if (mode !== 'source' && mode !== 'passthru' && macs.length === 0) {
      throw ports.error(at, `mode ${mode} needs an address in "macs"`);
    }
    const sources = [...new Set(child.sources.map((text, n) => ports.stationMac([...at, 'sources', n], text)))];
    return { port, mode, macs, sources };
  });
  const passthru = children.find(({ mode }) => mode === 'passthru');
  if (passthru !== undefined && children.length > 1) {
    throw ports.error([...path, 'children', passthru.port, 'mode'], 'passthru is for the only child of a group');
  }
  return { name, parent: raw.parent, vlan: raw.vlan ?? null, children, host, hostAccess: raw.hostAccess };
}
