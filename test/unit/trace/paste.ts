/** What an explanation prints, written into the file that it is about, as a reader of it would. */

import { parse } from 'yaml';
import type { Fix } from '../../../src/trace/explain.ts';
import type { File } from './feature.ts';

/** Keys that say which VLANs a port has: those of one mode mean nothing in another. */
const VLAN_KEYS = ['mode', 'vlan', 'vlans', 'native', 'pvid', 'tagged', 'untagged', 'cvids', 'serviceVlans', 'accept'];

/** Null where a change is none of the file: links, and what was learned. */
export function pasted(before: File, changes: Fix['changes']): File | null {
  const file = structuredClone(before);
  const removed: { holder: File; key: string | number }[] = [];
  for (const { path, value } of changes) {
    if (/^(link|learned) /.test(path)) return null;
    const keys = path.split('.').flatMap((part) => {
      const [, name, index] = /^(.*?)(?:\[(\d*)\])?$/.exec(part)!;
      return index === undefined ? [name!] : [name!, index === '' ? Number.NaN : Number(index)];
    });
    const last = keys.pop()!;
    let holder = file;
    keys.forEach((key, at) => {
      const next = typeof (keys[at + 1] ?? last) === 'number' ? [] : {};
      holder = holder[key] ??= next;
    });
    if (value === null) removed.push({ holder, key: last });
    else {
      const what = parse(`value: ${value}`).value;
      if (Number.isNaN(last)) holder.push(what);
      else if (keys[0] === 'ports' && keys.length === 1) {
        for (const key of VLAN_KEYS) delete holder[last][key];
        Object.assign(holder[last], what);
      } else holder[last] = what;
    }
  }
  for (const { holder, key } of removed.sort((a, b) => Number(b.key) - Number(a.key) || 0)) {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
  }
  return file;
}
