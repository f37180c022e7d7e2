/**
 * Compile groups of ports that share a parent. Done again whenever a port or an interface comes or goes, as numbers change
 * under the names; a port that is not there, or is in a bridge for the time of a plan, is left out.
 */

import { compilePort } from '../compile.ts';
import { compileIpvlan } from './compile-ipvlan.ts';
import { compileMacvlan } from './compile-macvlan.ts';
import type { Grouped } from './group-words.ts';

export function compileGroups(control: Grouped): void {
  const { dp } = control;
  const inGroup = (port: number) => dp.macvlan.role[port] !== 0 || dp.ipvlan.role[port] !== 0;
  const before = new Set([...control.ports.values()].filter(({ index }) => inGroup(index)));
  compileMacvlan(control);
  compileIpvlan(control);
  for (const port of control.ports.values()) {
    if (port.bridge === null && (before.has(port) || inGroup(port.index))) compilePort(dp, port);
  }
  control.tablesMoved();
}
