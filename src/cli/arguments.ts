/** Readers of arguments, for commander. */

import { InvalidArgumentError } from 'commander';

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
