/**
 * `serviceVlans:` of a dot1q-tunnel port: customer VLANs by number and range, each to a service VLAN (802.1Q-2022 §15.9, the C-VID
 * registration table). Both directions must be right: where the service tag stands for the tag of the customer, the service VLAN is
 * for one customer VLAN, or nobody would know which tag to put back.
 */
import { show } from './error.ts';
import type { RawPort } from './schema/port.ts';
import type { ServiceVlan } from './types.ts';
import { expandVlans } from './vlan-range.ts';

type Raw = NonNullable<RawPort['serviceVlans']>;

/** `own` is the VLAN of untagged frames. `refuse` throws. */
export function readServiceVlans(
  raw: Raw,
  own: number | null,
  refuse: (key: string, problem: string) => never,
): ServiceVlan[] {
  const found: ServiceVlan[] = [];
  const keyOf = new Map<number, string>();
  for (const [key, to] of Object.entries(raw)) {
    const cvids = expandVlans(key);
    if (!Array.isArray(cvids)) return refuse(key, cvids.problem);
    const { vlan: vid, keepTag } = typeof to === 'number' ? { vlan: to, keepTag: true } : to;
    for (const cvid of cvids) {
      const first = keyOf.get(cvid);
      if (first !== undefined) return refuse(key, `customer VLAN ${cvid} is in ${show(first)} already`);
      keyOf.set(cvid, key);
      found.push({ cvid, vid, keepTag });
    }
  }
  for (const { cvid, vid, keepTag } of found) {
    if (keepTag) continue;
    const other = found.find((each) => each.vid === vid && each.cvid !== cvid);
    if (other === undefined && vid !== own) continue;
    const what = other === undefined ? 'of untagged frames as well' : `of customer VLAN ${other.cvid} as well`;
    refuse(keyOf.get(cvid)!, `service VLAN ${vid} is ${what}: without its tag nobody knows whose frame it is`);
  }
  return found.sort((a, b) => a.cvid - b.cvid);
}

/** The service VLANs with their keys. */
export function memberVids(raw: Raw): [string, number][] {
  return Object.entries(raw).map(([key, to]) => [key, typeof to === 'number' ? to : to.vlan]);
}
