/**
 * Compile macvlan groups: rows and lists that the stage reads. Done again whenever a port comes or goes, as numbers change
 * under the names; a port that is not there, or is in a bridge for the time of a plan, is left out.
 */

import type { MacvlanConfig, MacvlanMode } from '../config/types.ts';
import type { DataplaneShared } from '../dataplane/dataplane.ts';
import {
  GROUP_WORDS,
  MACVLAN_CHILD,
  MACVLAN_HOST,
  MACVLAN_PARENT,
  MAX_MACVLAN_GROUPS,
  MODE_BRIDGE,
  MODE_PASSTHRU,
  MODE_PRIVATE,
  MODE_SOURCE,
  MODE_VEPA,
  STATION_WORDS,
  stationAt,
} from '../tables/macvlan-table.ts';
import { sharedInt32 } from '../tables/shared.ts';
import { parseMac } from '../wire/ethernet.ts';
import { compilePort } from './compile.ts';
import { ControlError, type Port } from './model.ts';

const MODES: Record<MacvlanMode, number> = {
  private: MODE_PRIVATE,
  vepa: MODE_VEPA,
  bridge: MODE_BRIDGE,
  passthru: MODE_PASSTHRU,
  source: MODE_SOURCE,
};

/** The part of control that groups are made of. */
export interface Grouped {
  readonly dp: DataplaneShared;
  readonly macvlan: readonly MacvlanConfig[];
  readonly ports: ReadonlyMap<string, Port>;
  readonly onTablesMoved: () => void;
  readonly port: (name: string) => Port;
}

export function requireMacvlan(control: Grouped, groups: readonly MacvlanConfig[]): void {
  if (groups.length > MAX_MACVLAN_GROUPS) throw new ControlError(`more than ${MAX_MACVLAN_GROUPS} macvlan groups`);
  for (const { name, parent, children, host } of groups) {
    for (const port of [parent, ...children.map((child) => child.port), ...(host === null ? [] : [host.port])]) {
      if (control.port(port).bridge !== null) throw new ControlError(`port ${port} of group ${name} is in a bridge`);
    }
  }
}

export function compileMacvlan(control: Grouped): void {
  const { dp, macvlan } = control;
  const table = dp.macvlan;
  const free = (name: string): Port | undefined => {
    const port = control.ports.get(name);
    return port?.bridge === null ? port : undefined;
  };
  const before = Int32Array.from(table.role);
  table.role.fill(0);
  table.tagged.fill(0);
  table.groupOf.fill(-1);
  const groups: number[] = [];
  const childList: number[] = [];
  const sourceList: number[] = [];
  const stations: { group: number; mac: string; port: number; mode: number }[] = [];
  macvlan.forEach(({ parent: parentName, vlan, children, host, hostAccess }, group) => {
    const parent = free(parentName)?.index ?? -1;
    const hostPort = host === null ? -1 : (free(host.port)?.index ?? -1);
    const [firstChild, firstSource] = [childList.length, sourceList.length];
    let passthru = -1;
    let next = 0;
    for (const child of children) {
      const port = free(child.port)?.index;
      // Without its parent the group is nowhere.
      if (port === undefined || parent < 0) continue;
      const mode = MODES[child.mode];
      table.role[port] = MACVLAN_CHILD;
      table.groupOf[port] = group;
      table.mode[port] = mode;
      childList.push(port, mode);
      if (mode === MODE_PASSTHRU) passthru = port;
      for (const mac of child.macs) stations.push({ group, mac, port, mode });
      for (const mac of child.sources) {
        const { high, low } = parseMac(mac)!;
        sourceList.push(low, high, port);
      }
    }
    if (hostPort >= 0 && parent >= 0) {
      table.role[hostPort] = MACVLAN_HOST;
      table.groupOf[hostPort] = group;
      // Only children ask for it: from outside the host gets what is no child's.
      if (hostAccess) stations.push({ group, mac: host!.mac, port: hostPort, mode: 0 });
    }
    if (parent >= 0) {
      next = table.groupOf[parent] + 1;
      table.role[parent] = MACVLAN_PARENT;
      table.groupOf[parent] = group;
      if (vlan !== null) table.tagged[parent] = 1;
    }
    const counts = [(childList.length - firstChild) / 2, (sourceList.length - firstSource) / 3];
    groups.push(parent, vlan ?? 0, next, hostPort, hostAccess ? 1 : 0, passthru);
    groups.push(firstChild, counts[0], firstSource, counts[1]);
  });
  table.groups = share(groups, GROUP_WORDS);
  table.children = share(childList, 2);
  table.sources = share(sourceList, 3);
  let slots = 1;
  while (slots < stations.length * 2 + 1) slots *= 2;
  table.macs = sharedInt32(slots * STATION_WORDS);
  for (const { group, mac, port, mode } of stations) {
    const { high, low } = parseMac(mac)!;
    table.macs.set([low, high, group + 1, port, mode], stationAt(table, group, high, low));
  }
  for (const port of control.ports.values()) {
    if (port.bridge === null && (before[port.index] !== 0 || table.role[port.index] !== 0)) compilePort(dp, port);
  }
  control.onTablesMoved();
}

function share(words: readonly number[], atLeast: number): Int32Array {
  const shared = sharedInt32(Math.max(words.length, atLeast));
  shared.set(words);
  return shared;
}
