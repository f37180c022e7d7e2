/**
 * What Linux says of an interface in files (sysfs), for adapters that do without the addon. Where there are no such
 * files, an interface is taken to be there and up.
 */

import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

const CLASS = '/sys/class/net';
const IFF_UP = 1;

export interface InterfaceLink {
  up: boolean;
  reason: string;
}

function read(device: string, file: string): string | null {
  try {
    return readFileSync(`${CLASS}/${device}/${file}`, 'utf8').trim();
  } catch {
    return null; // `carrier` of an interface that is down cannot be read either
  }
}

/** Null when there is no such interface. */
export function linkOf(device: string): InterfaceLink | null {
  if (!existsSync(CLASS)) return { up: true, reason: 'interface up' };
  const flags = read(device, 'flags');
  if (flags === null) return null;
  if ((Number(flags) & IFF_UP) === 0) return { up: false, reason: 'interface down' };
  return read(device, 'carrier') === '1' ? { up: true, reason: 'interface up' } : { up: false, reason: 'no carrier' };
}

/** Infinity where it cannot be known, null when there is no such interface. */
export function interfaceMtu(device: string): number | null {
  if (!existsSync(CLASS)) return Number.POSITIVE_INFINITY;
  const mtu = read(device, 'mtu');
  return mtu === null ? null : Number(mtu);
}

/** 0 where it cannot be known, or when there is no such interface. An interface that is made anew has another. */
export function interfaceIndexOf(device: string | null): number {
  return device === null ? 0 : Number(read(device, 'ifindex') ?? 0);
}

/** The interface that has this address; null when none has. */
export function interfaceWith(address: string): string | null {
  const has = ([, addresses]: [string, { address: string }[] | undefined]) =>
    addresses?.some((each) => each.address === address) === true;
  return Object.entries(networkInterfaces()).find(has)?.[0] ?? null;
}
