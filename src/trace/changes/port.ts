/** Changes of single ports and of configured entries that several reasons ask for. */

import type { FdbEntryConfig } from '../../config/types/fdb.ts';
import type { PortConfig } from '../../config/types.ts';
import { countTags, FIRST_TAG, TAG_BYTES } from '../../wire/vlan.ts';
import type { Frame } from '../frame-fields.ts';
import type { Situation } from '../situation.ts';
import { type Change, linkUp, moveEntry, removeEntry, setKey } from './change.ts';

const ETHERNET_HEADER = 14;
const MAX_MTU = 65_535;
/** Ports and VLANs looked at where any would do. */
export const FEW = 8;

/** Configured entries of an address: gone, or on `port`. */
export function entryChanges(
  s: Situation,
  bridge: string | null,
  vid: number | null,
  mac: string,
  port: string | null,
): Change[] {
  const is = (e: FdbEntryConfig) => e.bridge === bridge && e.vid === vid && e.mac === mac;
  const entry = s.config.fdbEntries.find(is);
  if (entry === undefined) return [];
  const at = s.file.fdbEntries.findIndex(is);
  const movable = port !== null && entry.port !== null && entry.port !== port;
  return [...(movable ? [moveEntry(entry, at, port)] : []), removeEntry(entry, at)];
}

function mtuOf({ bytes }: Frame): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return bytes.length - ETHERNET_HEADER - countTags(view, FIRST_TAG, bytes.length) * TAG_BYTES;
}

export function isTooLong(port: PortConfig, frame: Frame): boolean {
  return mtuOf(frame) > port.mtu;
}

export function longer(port: PortConfig, frame: Frame): Change[] {
  const mtu = mtuOf(frame);
  if (mtu > MAX_MTU) return [];
  return [setKey(port, 'mtu', mtu, `the MTU of ${port.name} were ${mtu} instead of ${port.mtu}`)];
}

/** Off by configuration, or by its link. */
export function upChanges({ down }: Situation, port: PortConfig): Change[] {
  return [
    ...(port.enabled ? [] : [setKey(port, 'enabled', true, `${port.name} were enabled`)]),
    ...(down.includes(port.name) ? [linkUp(port)] : []),
  ];
}

export const forwarding = (port: PortConfig): Change =>
  setKey(port, 'state', 'forwarding', `${port.name} were forwarding`);
export const hairpin = (port: PortConfig): Change =>
  setKey(port, 'hairpin', true, `${port.name} sent back what came from it`);
export const acceptAll = (port: PortConfig): Change =>
  setKey(port, 'acceptFrames', 'all', `${port.name} took frames with and without a tag`);

/** VLANs of a port, those of its untagged frames first. */
export function vidsOf(port: PortConfig): number[] {
  const untagged = port.members.filter((member) => member.untagged).map((member) => member.vid);
  const all = [...(port.pvid === null ? [] : [port.pvid]), ...untagged, ...port.members.map((member) => member.vid)];
  return [...new Set(all)].slice(0, FEW);
}
