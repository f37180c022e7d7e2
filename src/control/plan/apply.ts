/**
 * Apply: one action of a plan carried out on the tables.
 */

import type { FdbEntryConfig } from '../../config/types/fdb.ts';
import type { VxlanEntryConfig } from '../../config/types/vxlan.ts';
import type { Control } from '../control.ts';
import { addEntry, deleteEntry, entryKind } from '../fdb-control.ts';
import { setIpvlan, setMacvlan } from '../groups/group-control.ts';
import { addMirror, removeMirror } from '../mirror-control.ts';
import { ControlError, type PlacedPort, portSettings, type RouterControl } from '../model.ts';
import { isEmpty, type VidSet, VidSets } from '../vid-set.ts';
import { addVxlanEntry, deleteVxlanEntry, vxlanEntryKind } from '../vxlan/fdb.ts';
import { removeTunnel, setTunnel } from '../vxlan/tunnel-control.ts';
import { addVtep, removeVtep, setVtep } from '../vxlan/vtep-control.ts';
import type { Action } from './action.ts';

/** Carries out one action. Throws ControlError when the tables have no room for it. `sets` may have been read. */
export function apply(control: Control, action: Action, sets?: VidSets): void {
  switch (action.do) {
    case 'remove-mirror':
      removeMirror(control, action.mirror);
      return;
    case 'remove-entry':
      removeConfigured(control, action.entry);
      return;
    case 'remove-vxlan-entry':
      removeVxlanEntry(control, action.entry);
      return;
    case 'remove-vtep':
      removeVtep(control, action.vtep);
      return;
    case 'add-vtep':
      addVtep(control, action.vtep);
      return;
    case 'set-vtep': {
      const { name, ...settings } = action.vtep;
      setVtep(control, name, settings);
      return;
    }
    case 'set-tunnel':
      setTunnel(control, action.port, action.tunnel);
      return;
    case 'add-vxlan-entry':
      addVxlanEntry(control, action.entry, true);
      return;
    case 'remove-port':
      if (control.vxlan.tunnels.has(action.port)) removeTunnel(control, action.port);
      control.removePort(action.port);
      return;
    case 'remove-vlan':
      // One that nobody listed went with its last port.
      if (control.bridge(action.bridge).vlans.has(action.vid)) control.removeVlan(action.bridge, action.vid);
      return;
    case 'remove-bridge':
      control.removeBridge(action.bridge);
      return;
    case 'add-bridge':
      control.addBridge(action.bridge, action.settings);
      return;
    case 'set-bridge':
      control.setBridge(action.bridge, action.settings);
      return;
    case 'add-vlan':
      control.addVlan(action.bridge, action.vlan.vid, action.vlan);
      return;
    case 'add-port':
      placePort(control, action.port, setOf(action.tagged, sets), setOf(action.untagged, sets));
      return;
    case 'set-port': {
      // The PVID is an action of its own.
      const { pvid, ...settings } = action.settings;
      control.setPort(action.port, settings);
      return;
    }
    case 'remove-member':
      control.removeMembers(action.port, setOf(action.vids, sets));
      return;
    case 'set-member':
      control.setMembers(action.port, setOf(action.vids, sets), action.untagged);
      return;
    case 'set-pvid':
      control.setPvid(action.port, action.pvid);
      return;
    case 'add-entry':
      addEntry(control, action.entry, true);
      return;
    case 'add-mirror':
      addMirror(control, action.mirror);
      return;
    case 'set-poll':
      control.setPoll(action.poll);
      return;
    case 'set-classification':
      control.setClassification(action.classification);
      return;
    case 'set-macvlan':
      setMacvlan(control, action.groups);
      return;
    case 'set-ipvlan':
      setIpvlan(control, action.groups);
      return;
    case 'set-vrfs':
      routerOf(control).routes.declareVrfs(action.vrfs);
      return;
    case 'remove-route':
      routerOf(control).routes.remove(action.route);
      return;
    case 'remove-interface':
      routerOf(control).removeInterface(action.interface);
      return;
    case 'add-interface':
      routerOf(control).addInterface(action.interface);
      return;
    case 'set-interface':
      routerOf(control).setInterface(action.interface);
      return;
    case 'add-route':
      routerOf(control).routes.add(action.route);
      return;
  }
}

function setOf(text: string, sets = new VidSets()): VidSet {
  return sets.of(text);
}

/** Gives a port its place with all that it has there, or leaves nothing of it. */
export function placePort(control: Control, port: Omit<PlacedPort, 'adapter'>, tagged: VidSet, untagged: VidSet): void {
  const { name, bridge, tunnel } = port;
  control.addPort(name, bridge, portSettings(port));
  try {
    if (!isEmpty(tagged)) control.setMembers(name, tagged, false);
    if (!isEmpty(untagged)) control.setMembers(name, untagged, true);
    if (tunnel !== null) setTunnel(control, name, tunnel);
  } catch (error) {
    control.removePort(name);
    throw error;
  }
}

export function routerOf(control: Control): RouterControl {
  if (control.router === null) throw new ControlError('this switch has no router');
  return control.router;
}

/** Takes out a configured entry. An external one may be gone: it moves with the traffic and ages then. */
function removeConfigured(control: Control, { bridge, vid, mac }: FdbEntryConfig): void {
  const kind = entryKind(control, bridge, vid, mac);
  if (kind !== null && kind !== 'dynamic') deleteEntry(control, bridge, vid, mac);
}

/** Takes out a configured entry; one that moved with the traffic is gone. */
function removeVxlanEntry(control: Control, { port, vni, mac }: VxlanEntryConfig): void {
  const kind = vxlanEntryKind(control, port, vni, mac);
  if (kind !== null && kind !== 'dynamic') deleteVxlanEntry(control, port, vni, mac);
}
