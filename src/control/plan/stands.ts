/**
 * What stands before a large plan, by which the plan is put in order (piecemeal.ts): the model, or for who plans on another thread the
 * configuration.
 */

import type { RouteConfig } from '../../config/types/routing.ts';
import type { SwitchConfig } from '../../config/types.ts';
import { addressText, sharePrefix } from '../../wire/address.ts';
import { parseMac } from '../../wire/ethernet.ts';
import type { Control } from '../control.ts';
import { UNAWARE_VID } from '../domains.ts';
import { ownPrefixes, prefixOf, routeKey } from '../router/prefixes.ts';
import { routerOf } from './apply.ts';
import { entryKey } from './entries.ts';

export interface Stands {
  /** VID null: of an unaware bridge. */
  hasVlan(bridge: string, vid: number | null): boolean;
  hasPort(bridge: string, port: string): boolean;
  /** Whether an interface has the MAC. */
  isOwnMac(bridge: string, vid: number | null, mac: string): boolean;
  /** Of a tunnel port that has the VNI, else null. */
  vtepOf(port: string, vni: number): string | null;
  /** Whether an interface has the prefix of a route that there is not: its own, or that of a neighbor. */
  isConnected(route: RouteConfig): boolean;
}

export function modelStands(control: Control): Stands {
  return {
    hasVlan: (bridge, vid) => control.bridges.get(bridge)?.vlans.has(vid ?? UNAWARE_VID) === true,
    hasPort: (bridge, port) => control.ports.get(port)?.bridge?.name === bridge,
    isOwnMac: (bridge, vid, mac) => {
      const fid = control.bridges.get(bridge)?.vlans.get(vid ?? UNAWARE_VID)?.fid;
      return fid !== undefined && control.router !== null && control.router.ownerOfMac(fid, parseMac(mac)!) !== null;
    },
    vtepOf: (port, vni) => {
      const tunnel = control.vxlan.tunnels.get(port);
      return tunnel?.segments.some((each) => each.vni === vni) === true ? tunnel.vtep.name : null;
    },
    isConnected: (route) => routerOf(control).routes.isConnected(route),
  };
}

export function configStands({ bridges, ports, interfaces, routes }: SwitchConfig): Stands {
  const vlans = new Set<string>();
  for (const { name, type, vlans: listed } of bridges) {
    if (type === 'unaware') vlans.add(`${name} null`);
    for (const { vid } of listed) vlans.add(`${name} ${vid}`);
  }
  const portByName = new Map(ports.map((port) => [port.name, port]));
  const ownMacs = new Set(interfaces.map(entryKey));
  const known = new Set(routes.map(routeKey));
  const connected = interfaces.flatMap((each) => ownPrefixes(each).map((prefix) => ({ ...prefix, vrf: each.vrf })));
  const keys = new Set(connected.map(({ vrf, bytes, length }) => `${vrf} ${addressText(bytes)}/${length}`));
  return {
    hasVlan: (bridge, vid) => vlans.has(`${bridge} ${vid}`),
    hasPort: (bridge, port) => portByName.get(port)?.bridge === bridge,
    isOwnMac: (bridge, vid, mac) => ownMacs.has(entryKey({ bridge, vid, mac })),
    vtepOf: (port, vni) => {
      const tunnel = portByName.get(port)?.tunnel;
      return tunnel?.vnis.some((each) => each.vni === vni) === true ? tunnel.vtep : null;
    },
    isConnected: (route) => {
      if (known.has(routeKey(route))) return false;
      const { bytes, length } = prefixOf(route.prefix);
      if (keys.has(`${route.vrf} ${addressText(bytes)}/${length}`)) return true;
      // A host may be a neighbor.
      if (length !== bytes.length * 8) return false;
      return connected.some(
        (own) =>
          own.vrf === route.vrf && own.bytes.length === bytes.length && sharePrefix(own.bytes, bytes, own.length),
      );
    },
  };
}
