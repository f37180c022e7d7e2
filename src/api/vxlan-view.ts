/** VTEPs, peers and the VXLAN FDB of a running switch: the names are the directory's. */

import {
  type PeerView,
  peerViews,
  type VtepView,
  type VxlanNames,
  vtepViews,
  vxlanFdbViews,
} from '../control/vxlan-views.ts';
import type { ReadableSwitch } from './reader.ts';

function namesOf({ directory }: ReadableSwitch): VxlanNames {
  const ports = new Map(directory.ports.map((port) => [port.index, port.name]));
  const tunnels = new Map(directory.tunnels.map(({ port, vnis }) => [port, new Map(vnis.map((v) => [v.vni, v.vid]))]));
  return {
    vteps: directory.vteps,
    portName: (index) => ports.get(index) ?? null,
    vidOf: (port, vni) => tunnels.get(port)?.get(vni) ?? null,
  };
}

export function vtepsOf(sw: ReadableSwitch): VtepView[] {
  return vtepViews(sw.tables.vxlan, namesOf(sw));
}

export function peersOf(sw: ReadableSwitch): PeerView[] {
  return peerViews(sw.tables.vxlan, namesOf(sw));
}

export function vtepsView(sw: ReadableSwitch): object {
  return { vteps: vtepsOf(sw) };
}

export function peersView(sw: ReadableSwitch): object {
  return { peers: peersOf(sw) };
}

export function vxlanFdbView(sw: ReadableSwitch, nowMs: number): object {
  return { entries: vxlanFdbViews(sw.tables.vxlan, namesOf(sw), nowMs) };
}
