/** Groups of ports that share a parent, set as a whole. */

import type { IpvlanConfig, MacvlanConfig } from '../../config/types/groups.ts';
import type { Control } from '../control.ts';
import { compileGroups } from './compile-groups.ts';
import { requireIpvlan } from './compile-ipvlan.ts';
import { requireGroups } from './group-words.ts';

/** All macvlan groups. Throws ControlError when a port is not there or in a bridge. */
export function setMacvlan(control: Control, groups: readonly MacvlanConfig[]): void {
  requireGroups(control, 'macvlan', groups);
  control.macvlan = groups;
  compileGroups(control);
  control.onPortsChanged();
}

/** The same for ipvlan groups, whose interfaces have to be there as well. */
export function setIpvlan(control: Control, groups: readonly IpvlanConfig[]): void {
  requireIpvlan(control, groups);
  control.ipvlan = groups;
  compileGroups(control);
  control.onPortsChanged();
}
