/**
 * Neighbors behind tunnels by name, for suppression: told by a control plane, taken back, and what is known. Functions over
 * `Control`. Those of the configuration are not among them: they are its tunnels' settings.
 */

import { addressText } from '../../wire/address.ts';
import { formatMac, isGroupMac, isZeroMac, parseMac } from '../../wire/ethernet.ts';
import type { Control } from '../control.ts';
import { ControlError } from '../model.ts';
import type { Tunnel } from './model.ts';
import { tunnelNamed } from './names.ts';
import { bytesOf } from './remotes.ts';
import { MAX_TOLD_NEIGHBORS } from './tunnel-neighbors.ts';

export interface NeighborPlace {
  port: string;
  /** Null on an unaware bridge. */
  vid: number | null;
  address: string;
}

export interface TunnelNeighborView extends NeighborPlace {
  mac: string;
  isRouter: boolean;
  kind: 'dynamic' | 'external';
  /** Seconds since it was last heard of; 0 for one that was told. */
  ageSeconds: number;
}

/** Puts a neighbor in place of what was told of the address before. */
export function tellNeighbor(control: Control, place: NeighborPlace, macText: string, isRouter: boolean): void {
  const { tunnel, vid, address } = placeOf(control, place);
  const mac = parseMac(macText);
  if (mac === null || isGroupMac(mac.high) || isZeroMac(mac.high, mac.low)) {
    throw new ControlError(`${macText} is no MAC address of a host`);
  }
  if (!tunnel.neighbors.tell(vid, address, mac, isRouter)) {
    throw new ControlError(`port ${place.port} has no room for more neighbors (${MAX_TOLD_NEIGHBORS} in all)`);
  }
}

export function untellNeighbor(control: Control, place: NeighborPlace): void {
  const { tunnel, vid, address } = placeOf(control, place);
  if (!tunnel.neighbors.untell(vid, address)) {
    const where = vid === 0 ? '' : ` in VLAN ${vid}`;
    throw new ControlError(`port ${place.port} was told of no neighbor ${address}${where}`);
  }
}

/** Told and learned ones, of one port or of all. */
export function tunnelNeighbors(control: Control, portName?: string): TunnelNeighborView[] {
  const now = control.nowMs();
  const tunnels = portName === undefined ? [...control.vxlan.tunnels.values()] : [tunnelNamed(control, portName)];
  return tunnels.flatMap(({ port, neighbors }) =>
    neighbors.list(now).map(({ vid, address, mac, isRouter, kind, heardMs }) => ({
      port: port.name,
      vid: vid === 0 ? null : vid,
      address,
      mac: formatMac(mac.high, mac.low),
      isRouter,
      kind,
      ageSeconds: kind === 'dynamic' ? ((now - heardMs) | 0) / 1000 : 0,
    })),
  );
}

function placeOf(control: Control, place: NeighborPlace): { tunnel: Tunnel; vid: number; address: string } {
  const tunnel = tunnelNamed(control, place.port);
  const { bridge } = tunnel.port;
  if (bridge === null) throw new ControlError(`port ${place.port} is in no bridge`);
  control.fidOf(bridge, place.vid);
  return { tunnel, vid: place.vid ?? 0, address: addressText(bytesOf(place.address)) };
}
