/** What the macvlan stage found out, in words. */

import type { Batch } from '../dataplane/batch.ts';
import { LOOKUP_REFLECTION, MACVLAN_NO_CHILD, MACVLAN_NO_GROUP } from '../dataplane/reasons.ts';
import { MACVLAN_CHILD, MACVLAN_PARENT } from '../tables/macvlan-table.ts';
import { formatMac } from '../wire/ethernet.ts';
import type { Told } from './types.ts';
import { portName, type World } from './world.ts';

export function observeMacvlan(world: World, b: Batch) {
  const { dp } = world;
  const port = b.port[0];
  const name = portName(world, port);
  const role = dp.macvlan.role[port];
  const dst = formatMac(b.dstHigh[0], b.dstLow[0]);
  return (reason: number): Told => {
    if (reason === MACVLAN_NO_GROUP) return { text: `no group of ${name} has its VLAN` };
    if (reason === MACVLAN_NO_CHILD) return { text: `${dst} is no child's, and the group has no host` };
    if (reason === LOOKUP_REFLECTION) return { text: `${dst} is ${name} itself` };
    const what = role === MACVLAN_PARENT ? 'from outside' : role === MACVLAN_CHILD ? 'of a child' : 'of the host';
    const gets = world.directory.ports.filter(({ index }) => dp.egress.count[index] > 0).map((each) => each.name);
    return { text: gets.length === 0 ? `${what}, to ${dst}` : `${what}, to ${gets.join(', ')}` };
  };
}
