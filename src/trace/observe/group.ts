/** What the stages of groups found out, in words. */

import type { Batch } from '../../dataplane/batch.ts';
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
} from '../../dataplane/reasons.ts';
import { GROUP_BIT } from '../../dataplane/stages/parse.ts';
import { hasBit } from '../../tables/bitmap.ts';
import {
  CHILD_WORDS,
  GROUP_CHILD_COUNT,
  GROUP_CHILDREN,
  GROUP_ROLE_CHILD,
  GROUP_ROLE_PARENT,
  GROUP_WORDS,
  groupOfVid,
} from '../../tables/group-table.ts';
import { FILTER_WORDS, groupBit } from '../../tables/ipvlan-table.ts';
import { formatMac } from '../../wire/ethernet.ts';
import { addressedTo } from '../frame-fields.ts';
import type { Told } from '../types.ts';
import { portName, type World } from '../world.ts';

export function observeMacvlan(world: World, b: Batch) {
  return observeGroup(world, b, world.dp.macvlan.role[b.port[0]], formatMac(b.dstHigh[0], b.dstLow[0]));
}

export function observeIpvlan(world: World, b: Batch) {
  const frame = Buffer.from(world.dp.arena.bytes.subarray(b.off[0], b.off[0] + b.len[0]));
  const dst = addressedTo(frame) ?? formatMac(b.dstHigh[0], b.dstLow[0]);
  return observeGroup(world, b, world.dp.ipvlan.role[b.port[0]], dst);
}

/** Which children of an ipvlan group have not joined the group address, in words. */
function withoutThose({ dp, directory }: World, b: Batch, mac: string): string {
  const table = dp.ipvlan;
  const port = b.port[0];
  if ((b.dstHigh[0] & GROUP_BIT) === 0 || table.role[port] === 0) return '';
  const group = table.role[port] === GROUP_ROLE_PARENT ? groupOfVid(table, port, b.vid[0]) : table.groupOf[port];
  const row = group * GROUP_WORDS;
  const first = table.groups[row + GROUP_CHILDREN] / CHILD_WORDS;
  const names: string[] = [];
  for (let k = first; k < first + table.groups[row + GROUP_CHILD_COUNT]; k++) {
    const child = table.children[k * CHILD_WORDS];
    if (child === port || hasBit(table.filters, FILTER_WORDS, k, groupBit(b.dstLow[0]))) continue;
    names.push(directory.ports.find(({ index }) => index === child)!.name);
  }
  return names.length === 0 ? '' : `; ${names.join(', ')} ${names.length === 1 ? 'has' : 'have'} not joined ${mac}`;
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
        if ((b.dstHigh[0] & GROUP_BIT) !== 0) return { text: `no child has joined ${mac}, and the group has no host` };
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
    if (gets.length > 0) return { text: `${what}, to ${gets.join(', ')}${withoutThose(world, b, mac)}` };
    if (reason === DROP_NONE) return { text: `${what}, to ${dst}: for the router` };
    return { text: `${what}, to ${dst}` };
  };
}
