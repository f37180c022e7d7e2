/** `micro` of control: what a large configuration costs before it reaches the tables. */

import { loadConfig } from '../src/config/load.ts';
import type { Case } from './case.ts';

const TRUNKS = 64;
const VLANS = 4094;

export function controlCases(): Case[] {
  const lines = Array.from({ length: TRUNKS }, (_, i) => `  p${i}: { adapter: memory, mode: trunk, native: ${i + 1} }`);
  const text = `ports:\n${lines.join('\n')}\n`;
  return [{ name: 'load a VLAN membership', items: TRUNKS * VLANS, run: () => void loadConfig(text, 'bench.yaml') }];
}
