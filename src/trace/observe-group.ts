/** What the stages of groups found out, in words. */

import type { Batch } from '../dataplane/batch.ts';
import {
  DROP_NONE,
  INGRESS_PORT_DOWN,
  IPVLAN_NO_CHILD,
  IPVLAN_NO_GROUP,
  IPVLAN_NOT_ROUTED,
  IPVLAN_OTHER_MAC,
  IPVLAN_PAUSE,
  IPVLAN_PRIVATE,
  LOOKUP_REFLECTION,
  MACVLAN_NO_CHILD,
  MACVLAN_NO_GROUP,
} from '../dataplane/reasons.ts';
import { GROUP_ROLE_CHILD, GROUP_ROLE_PARENT } from '../tables/group-table.ts';
import { formatMac } from '../wire/ethernet.ts';
import { addressedTo } from './frame-fields.ts';
import type { Told } from './types.ts';
import { portName, type World } from './world.ts';

export function observeMacvlan(world: World, b: Batch) {
  return observeGroup(world, b, world.dp.macvlan.role[b.port[0]], formatMac(b.dstHigh[0], b.dstLow[0]));
}

export function observeIpvlan(world: World, b: Batch) {
  const frame = Buffer.from(world.dp.arena.bytes.subarray(b.off[0], b.off[0] + b.len[0]));
  const dst = addressedTo(frame) ?? formatMac(b.dstHigh[0], b.dstLow[0]);
  return observeGroup(world, b, world.dp.ipvlan.role[b.port[0]], dst);
}

/** `dst`: the address that the stage goes by. */
function observeGroup(world: World, b: Batch, role: number, dst: string) {
  const { dp } = world;
  const name = portName(world, b.port[0]);
  const mac = formatMac(b.dstHigh[0], b.dstLow[0]);
  return (reason: number): Told => {
    switch (reason) {
      case INGRESS_PORT_DOWN:
        return { text: `the link of ${name} is down` };
      case MACVLAN_NO_GROUP:
      case IPVLAN_NO_GROUP:
        return { text: `no group of ${name} has its VLAN` };
      case MACVLAN_NO_CHILD:
      case IPVLAN_NO_CHILD:
        return { text: `${dst} is no child's, and the group has no host` };
      case IPVLAN_OTHER_MAC:
        return { text: `${mac} is not the MAC of the group` };
      case IPVLAN_PRIVATE:
        return { text: `${dst} is another child's, and the flag private keeps them apart` };
      case IPVLAN_NOT_ROUTED:
        return { text: `of a child, to ${mac}: only unicast IP packets are routed` };
      case IPVLAN_PAUSE:
        return { text: `${name} asks for a pause` };
      case LOOKUP_REFLECTION:
        return { text: `${dst} is ${name} itself` };
      default:
    }
    const what = role === GROUP_ROLE_PARENT ? 'from outside' : role === GROUP_ROLE_CHILD ? 'of a child' : 'of the host';
    const gets = world.directory.ports.filter(({ index }) => dp.egress.count[index] > 0).map((each) => each.name);
    if (gets.length > 0) return { text: `${what}, to ${gets.join(', ')}` };
    if (reason === DROP_NONE) return { text: `${what}, to ${dst}: for the router` };
    return { text: `${what}, to ${dst}` };
  };
}
