/** Readers of arguments, for commander. */

import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';
import type { Listen } from '../api/tcp.ts';

export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const n = Number(text);
    if (!/^\d+$/.test(text) || n < least || n > most) throw new InvalidArgumentError(`valid are ${least}-${most}`);
    return n;
  };
}

export const collect = (value: string, all: string[]): string[] => [...all, value];

const UNITS: Record<string, number> = { '': 1, s: 1, m: 60, h: 3600 };
const MAX_SECONDS = 86_400;

/** `60`, `60s`, `5m`, `1h` in seconds. */
export function duration(text: string): number {
  const match = /^(\d{1,6})([smh]?)$/.exec(text);
  const seconds = match === null ? 0 : Number(match[1]) * UNITS[match[2]];
  if (seconds < 1 || seconds > MAX_SECONDS) throw new InvalidArgumentError('valid are 1s to 24h, such as 60s or 5m');
  return seconds;
}

/** Of the page, where nothing else is said. */
export const PAGE_ADDRESS = '127.0.0.1:7420';

/** `HOST:PORT`, `[IPV6]:PORT`, or `PORT` of this machine alone. */
export function listenAddress(text: string): Listen {
  const match = /^(?:(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+)):)?(\d{1,5})$/i.exec(text);
  const [, ipv6, host = '127.0.0.1', port] = match ?? [];
  if (match === null || Number(port) > 65_535 || (ipv6 !== undefined && isIP(ipv6) !== 6)) {
    throw new InvalidArgumentError('valid are HOST:PORT, [IPV6]:PORT and PORT');
  }
  return { host: ipv6 ?? host, port: Number(port) };
}
