/** VTEPs, peers, the VXLAN FDB and its events of a running switch: the names are the directory's. */

import {
  type PeerView,
  peerViews,
  type VtepView,
  type VxlanNames,
  vtepViews,
  vxlanEventNames,
  vxlanFdbViews,
} from '../control/vxlan/views.ts';
import { drainEvents } from '../tables/fdb/events.ts';
import { formatMac } from '../wire/ethernet.ts';
import { fdbEventName, type VxlanEvent } from './events.ts';
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

/** What happened to the VXLAN FDB since the last call, and how many events were lost. */
export function vxlanNews(sw: ReadableSwitch): { events: VxlanEvent[]; lost: number } {
  const events: VxlanEvent[] = [];
  let names: ReturnType<typeof vxlanEventNames> | undefined;
  const lost = drainEvents(sw.tables.vxlan.fdb.events, (raw) => {
    names ??= vxlanEventNames(sw.tables.vxlan, namesOf(sw));
    const place = names(raw);
    if (place === null) return;
    const { vtep, port, vni, remote, oldRemote } = place;
    const mac = formatMac(raw.macHigh, raw.macLow);
    events.push({ event: `vxlan-${fdbEventName(raw.kind)}`, vtep, port, vni, mac, remote, oldRemote });
  });
  return { events, lost };
}
