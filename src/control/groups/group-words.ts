/** What compiling groups of any kind has in common: what a port is to its group, and words to be shared. */

import type { IpvlanConfig, MacvlanConfig } from '../../config/types/groups.ts';
import type { DataplaneShared } from '../../dataplane/dataplane.ts';
import {
  GROUP_HOST,
  GROUP_NEXT,
  GROUP_PARENT,
  GROUP_ROLE_CHILD,
  GROUP_ROLE_HOST,
  GROUP_ROLE_PARENT,
  type GroupTable,
  MAX_GROUPS,
} from '../../tables/group-table.ts';
import { sharedInt32 } from '../../tables/shared.ts';
import { ControlError, type Port, type RouterControl } from '../model.ts';

/** The part of control that groups are made of. */
export interface Grouped {
  readonly dp: DataplaneShared;
  readonly macvlan: readonly MacvlanConfig[];
  readonly ipvlan: readonly IpvlanConfig[];
  readonly ports: ReadonlyMap<string, Port>;
  readonly router: RouterControl | null;
  readonly tablesMoved: () => void;
  readonly port: (name: string) => Port;
}

/** The ports of a group, by name. The parent of an ipvlan group in mode l3 or l3s is an interface. */
export function portsOfGroup(group: MacvlanConfig | IpvlanConfig): string[] {
  const { parent, children, host } = group;
  const hasParentPort = !('mode' in group) || group.mode === 'l2';
  return [
    ...(hasParentPort ? [parent] : []),
    ...children.map(({ port }) => port),
    ...(host === null ? [] : [host.port]),
  ];
}

/** Throws ControlError for too many groups, and for ports that are not there or in a bridge. */
export function requireGroups(control: Grouped, kind: string, groups: readonly (MacvlanConfig | IpvlanConfig)[]): void {
  if (groups.length > MAX_GROUPS) throw new ControlError(`more than ${MAX_GROUPS} ${kind} groups`);
  for (const group of groups) {
    for (const port of portsOfGroup(group)) {
      if (control.port(port).bridge !== null) {
        throw new ControlError(`port ${port} of group ${group.name} is in a bridge`);
      }
    }
  }
}

/** Nobody is in a group. */
export function clearRoles(table: GroupTable): void {
  table.role.fill(0);
  table.tagged.fill(0);
  table.groupOf.fill(-1);
}

/** The number of a port that may be in a group now, or -1. */
export function freePort(control: Grouped, name: string | null): number {
  const port = name === null ? undefined : control.ports.get(name);
  return port?.bridge === null ? port.index : -1;
}

/** Writes what parent and host are to the group, and the columns that say so; children are there already. */
export function placeGroup(
  table: GroupTable,
  group: number,
  words: number[],
  { parent, host, vlan }: { parent: number; host: number; vlan: number | null },
): void {
  words[GROUP_PARENT] = parent;
  words[GROUP_HOST] = parent < 0 ? -1 : host;
  words[GROUP_NEXT] = parent < 0 ? 0 : table.groupOf[parent] + 1;
  if (parent < 0) return;
  if (host >= 0) {
    table.role[host] = GROUP_ROLE_HOST;
    table.groupOf[host] = group;
  }
  table.role[parent] = GROUP_ROLE_PARENT;
  table.groupOf[parent] = group;
  if (vlan !== null) table.tagged[parent] = 1;
}

export function placeChild(table: GroupTable, group: number, port: number): void {
  table.role[port] = GROUP_ROLE_CHILD;
  table.groupOf[port] = group;
}

export function shareWords(words: readonly number[], atLeast: number): Int32Array {
  const shared = sharedInt32(Math.max(words.length, atLeast));
  shared.set(words);
  return shared;
}

/** Room for a hash at half load: a power of two of records. */
export function hashWords(records: number, wordsEach: number): Int32Array {
  let slots = 1;
  while (slots < records * 2 + 1) slots *= 2;
  return sharedInt32(slots * wordsEach);
}
