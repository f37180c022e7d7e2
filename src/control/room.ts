/**
 * Whether a configuration fits into the tables that were made at the start: asked before anything is changed, so that
 * want of room never stops a plan half-way.
 */

import type { SwitchConfig } from '../config/types.ts';
import type { DataplaneShared } from '../dataplane/dataplane.ts';
import { TUNNEL_ROW } from '../tables/port-table.ts';
import { VIDS } from '../tables/vni-table.ts';
import { parseMac } from '../wire/ethernet.ts';
import { asksCustomerVid, ControlError } from './model.ts';

/** Throws ControlError when it does not. Remotes that are the very objects of `from` are not counted: they fit. */
export function requireRoom(
  { ports, vlans, vxlan, router }: DataplaneShared,
  to: SwitchConfig,
  from: SwitchConfig | null = null,
): void {
  const domains = to.bridges.reduce((sum, { type, vlans }) => sum + (type === 'unaware' ? 1 : vlans.length), 0);
  const tunnels = to.ports.filter(asksCustomerVid).length;
  // An interface is a port, too.
  need('ports', to.ports.length + to.interfaces.length, ports.capacity);
  need('interfaces', to.interfaces.length, router.fid.length - 1);
  need('bridges', to.bridges.length, vlans.bridges);
  need('VLANs of all bridges', domains, vlans.capacity - 1);
  need('VTEPs', to.vteps.length, vxlan.vteps.capacity);
  need('VNIs', vniCount(to), vxlan.vnis.capacity - 1);
  need('tunnels', tunnelCount(to), vxlan.vnis.rowOf.length / VIDS);
  if (from === null || !hasSameRemotes(from, to)) need('remote VTEPs', remoteCount(to), vxlan.remotes.capacity);
  need('dot1q-tunnel ports with a list of customer VLANs', tunnels, ports.tunnelCvids.length / TUNNEL_ROW);
}

function need(what: string, wanted: number, room: number): void {
  if (wanted <= room) return;
  throw new ControlError(
    `${wanted} ${what} do not fit into the running switch, which has room for ${room}; restart it`,
  );
}

function hasSameRemotes(a: SwitchConfig, b: SwitchConfig): boolean {
  if (a.vxlanEntries !== b.vxlanEntries || a.vteps.length !== b.vteps.length || a.ports.length !== b.ports.length)
    return false;
  return (
    a.vteps.every((vtep, n) => vtep === b.vteps[n]) && a.ports.every((port, n) => port.tunnel === b.ports[n]!.tunnel)
  );
}

export function vniCount({ ports }: SwitchConfig): number {
  return ports.reduce((sum, { tunnel }) => sum + (tunnel?.vnis.length ?? 0), 0);
}

export function tunnelCount({ ports }: SwitchConfig): number {
  return ports.filter(({ tunnel }) => tunnel !== null).length;
}

/** Rows of remotes: each address once for every VTEP, and a list for every entry of a group address. */
export function remoteCount({ ports, vteps, vxlanEntries }: SwitchConfig): number {
  const vtepOf = new Map(ports.map(({ name, tunnel }) => [name, tunnel?.vtep]));
  const all = new Set<string>();
  for (const { name, peers } of vteps) for (const peer of peers) all.add(`${name} ${peer}`);
  for (const { tunnel } of ports) {
    for (const remote of [...(tunnel?.remotes ?? []), tunnel?.group ?? ''])
      if (remote !== '') all.add(`${tunnel!.vtep} ${remote}`);
  }
  let lists = 0;
  for (const { port, mac, remotes } of vxlanEntries) {
    for (const remote of remotes) all.add(`${vtepOf.get(port)} ${remote}`);
    if (remotes.length > 0 && isGroup(mac)) lists++;
  }
  return all.size + lists;
}

function isGroup(mac: string): boolean {
  return (parseMac(mac)!.high & 0x0100) !== 0;
}
