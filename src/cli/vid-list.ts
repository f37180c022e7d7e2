import { compressVlans } from '../config/vlan-range.ts';

/** `1 10-12 20`: VLAN IDs as people read them. */
export function vidList(vids: readonly number[]): string {
  return compressVlans([...new Set(vids)].sort((a, b) => a - b)).replaceAll(',', ' ');
}
