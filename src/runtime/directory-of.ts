/**
 * The names of a switch as plain data, for other threads.
 */

import type { Directory, DirectoryVlan } from '../api/directory.ts';
import type { SwitchConfig } from '../config/types.ts';
import type { Control } from '../control/control.ts';

export function directoryOf(control: Control, config: SwitchConfig): Directory {
  const kinds = new Map(config.ports.map((port) => [port.name, port.adapter.kind]));
  const ports = [...control.ports.values()];
  return {
    name: config.name,
    bridges: [...control.bridges.values()].map(({ name, index, settings }) => ({ name, index, type: settings.type })),
    ports: ports.map(({ name, index, bridge, settings }) => ({
      name,
      index,
      bridge: bridge?.name ?? null,
      adapter: kinds.get(name) ?? 'memory',
      mode: bridge?.settings.type === 'unaware' ? 'unaware' : settings.mode,
      pvid: settings.pvid,
      mtu: settings.mtu,
      state: settings.state,
    })),
    vlans: vlansOf(control),
  };
}

function vlansOf(control: Control): DirectoryVlan[] {
  const vlans: DirectoryVlan[] = [];
  for (const bridge of control.bridges.values()) {
    const unaware = bridge.settings.type === 'unaware';
    const ports = control.portsOf(bridge);
    for (const vlan of [...bridge.vlans.values()].sort((a, b) => a.vid - b.vid)) {
      const members = ports
        .filter((port) => unaware || port.members.has(vlan.vid))
        .map((port) => ({ port: port.name, tagged: port.members.get(vlan.vid) === false }));
      vlans.push({ fid: vlan.fid, bridge: bridge.name, vid: unaware ? null : vlan.vid, name: vlan.name, members });
    }
  }
  return vlans;
}
