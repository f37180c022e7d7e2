/**
 * What takes an action back, read before it is done. A plan that fails goes back the way it came: each state on it was there before, so there is
 * room for it.
 */

import { compressVlans } from '../../config/vlan-range.ts';
import type { Control } from '../control.ts';
import type { PlacedPort, Port, Vlan } from '../model.ts';
import { hasVid, isEmpty, type VidSet, VidSets, vidsIn, without } from '../vid-set.ts';
import { vtepNamed } from '../vxlan/names.ts';
import type { Action } from './action.ts';
import { routerOf } from './apply.ts';

/** A port without what it is attached to: who follows ports knows that. */
export type PortPlace = Omit<PlacedPort, 'adapter'>;

/** A port that went comes back. */
export interface ReturnPort {
  do: 'return-port';
  port: PortPlace;
  tagged: VidSet;
  untagged: VidSet;
}

/** In the order in which they are to be done. */
export type Inverse = readonly (Action | ReturnPort)[];

/** Of an action that says all itself; null for others. */
export function inverseAlone(action: Action): Action | null {
  switch (action.do) {
    case 'add-route':
      return { do: 'remove-route', route: action.route };
    case 'remove-route':
      return { do: 'add-route', route: action.route };
    case 'add-entry':
      return { do: 'remove-entry', entry: action.entry };
    case 'remove-entry':
      return { do: 'add-entry', entry: action.entry };
    case 'add-vxlan-entry':
      return { do: 'remove-vxlan-entry', entry: action.entry };
    case 'remove-vxlan-entry':
      return { do: 'add-vxlan-entry', entry: action.entry };
    case 'add-interface':
      return { do: 'remove-interface', interface: action.interface.name };
    case 'add-vlan':
      if (action.changes !== undefined) return null;
      return { do: 'remove-vlan', bridge: action.bridge, vid: action.vlan.vid };
    case 'add-bridge':
      return { do: 'remove-bridge', bridge: action.bridge };
    case 'add-port':
      return { do: 'remove-port', port: action.port.name };
    case 'add-vtep':
      return { do: 'remove-vtep', vtep: action.vtep.name };
    case 'add-mirror':
      return { do: 'remove-mirror', mirror: action.mirror.name };
    default:
      return null;
  }
}

/** Throws ControlError where the action cannot be done. */
export function inverseOf(control: Control, action: Action): Inverse {
  const alone = inverseAlone(action);
  if (alone !== null) return [alone];
  switch (action.do) {
    case 'remove-port':
      return [returning(control, control.port(action.port))];
    case 'set-port': {
      const { settings } = control.port(action.port);
      return [{ do: 'set-port', port: action.port, settings, changes: '' }];
    }
    case 'set-pvid':
      return [{ do: 'set-pvid', port: action.port, pvid: control.port(action.port).settings.pvid }];
    case 'set-tunnel': {
      const tunnel = control.vxlan.tunnels.get(action.port)?.settings;
      return tunnel === undefined ? [] : [{ do: 'set-tunnel', port: action.port, tunnel, changes: '' }];
    }
    case 'add-vlan': {
      const vlan = control.bridge(action.bridge).vlans.get(action.vlan.vid);
      return vlan === undefined ? [] : [addingVlan(action.bridge, vlan)];
    }
    case 'remove-vlan':
      return returningVlan(control, action.bridge, action.vid);
    case 'set-bridge':
      return [{ ...action, settings: control.bridge(action.bridge).settings }];
    case 'remove-bridge': {
      const { name, settings, vlans } = control.bridge(action.bridge);
      const listed = settings.type === 'unaware' ? [] : [...vlans.values()];
      return [{ do: 'add-bridge', bridge: name, settings }, ...listed.map((vlan) => addingVlan(name, vlan))];
    }
    case 'remove-interface':
      return [{ do: 'add-interface', interface: routerOf(control).interface(action.interface).config }];
    case 'set-interface': {
      const { config } = routerOf(control).interface(action.interface.name);
      return [{ do: 'set-interface', interface: config, changes: '' }];
    }
    default:
      return inverseOfOthers(control, action);
  }
}

function inverseOfOthers(control: Control, action: Action): Inverse {
  switch (action.do) {
    case 'set-member':
    case 'remove-member':
      return membersAgain(control.port(action.port), action);
    case 'remove-vtep':
    case 'set-vtep': {
      const { name, settings } = vtepNamed(control, action.do === 'set-vtep' ? action.vtep.name : action.vtep);
      const vtep = { name, ...settings };
      return [action.do === 'set-vtep' ? { do: 'set-vtep', vtep, changes: '' } : { do: 'add-vtep', vtep }];
    }
    case 'remove-mirror': {
      const mirror = control.mirrors.get(action.mirror)?.config;
      return mirror === undefined ? [] : [{ do: 'add-mirror', mirror }];
    }
    case 'set-poll':
      return [{ do: 'set-poll', poll: control.poll }];
    case 'set-classification':
      return [{ do: 'set-classification', classification: control.classified }];
    case 'set-macvlan':
      return [{ do: 'set-macvlan', groups: [...control.macvlan] }];
    case 'set-ipvlan':
      return [{ do: 'set-ipvlan', groups: [...control.ipvlan] }];
    case 'set-vrfs':
      return [{ do: 'set-vrfs', vrfs: routerOf(control).configuration().vrfs }];
    default:
      return [];
  }
}

export function returning({ vxlan }: Control, { name, bridge, settings, members }: Port): ReturnPort {
  const tunnel = vxlan.tunnels.get(name)?.settings ?? null;
  const port = { ...settings, name, bridge: bridge?.name ?? null, tunnel };
  const { vids, untagged } = members.copy();
  return { do: 'return-port', port, tagged: without(vids, untagged), untagged };
}

function addingVlan(bridge: string, { vid, name, fdbMaxEntries, secondary }: Vlan): Action {
  const vlan = { vid, name, fdbMaxEntries, ...(secondary === undefined ? {} : { secondary }) };
  return { do: 'add-vlan', bridge, vlan };
}

function returningVlan(control: Control, name: string, vid: number): Action[] {
  const bridge = control.bridge(name);
  const vlan = bridge.vlans.get(vid);
  if (vlan === undefined) return [];
  const actions = [addingVlan(name, vlan)];
  for (const { name: port, members, settings } of control.portsOf(bridge)) {
    if (members.has(vid))
      actions.push({ do: 'set-member', port, vids: `${vid}`, untagged: hasVid(members.untagged, vid) });
    if (settings.pvid === vid) actions.push({ do: 'set-pvid', port, pvid: vid });
  }
  return actions;
}

/** What the memberships are that the action changes. */
function membersAgain(
  { name: port, members, settings }: Port,
  { vids: text }: Extract<Action, { do: 'set-member' | 'remove-member' }>,
): Action[] {
  const { vids, untagged } = members;
  const changed = new VidSets().of(text);
  const actions: Action[] = [];
  const add = (set: VidSet, make: (vids: string) => Action) => {
    if (!isEmpty(set)) actions.push(make(compressVlans([...vidsIn(set)])));
  };
  add(without(changed, vids), (each) => ({ do: 'remove-member', port, vids: each }));
  for (const shape of [false, true]) {
    const had = shape ? common(changed, untagged) : common(changed, without(vids, untagged));
    add(had, (each) => ({ do: 'set-member', port, vids: each, untagged: shape }));
  }
  const { pvid } = settings;
  if (pvid !== null && hasVid(changed, pvid)) actions.push({ do: 'set-pvid', port, pvid });
  return actions;
}

function common(a: VidSet, b: VidSet): VidSet {
  return without(a, without(a, b));
}
