/** Where things are in the picture: boxes of ports in columns, lines of VLANs in rows, block below block. */

import type { Port, Vlan } from './types.ts';

export const LABELS = 126;
export const COLUMN = 118;
export const BOX = { width: 108, height: 78 };
const BOX_TOP = 8;
export const FIRST_ROW = 116;
export const ROW = 34;
/** Below boxes: room for the way of a frame. */
export const RAIL = 16;

export interface Block {
  readonly title: string;
  readonly ports: readonly Port[];
  readonly rows: readonly Vlan[];
  readonly hidden: number;
  readonly top: number;
}

export function xOf(column: number): number {
  return LABELS + column * COLUMN + COLUMN / 2;
}

export function yOf({ top }: Block, row: number): number {
  return top + FIRST_ROW + row * ROW;
}

/** Where stems begin. */
export function belowBoxes({ top }: Block): number {
  return top + BOX_TOP + BOX.height;
}

/** An interface of the router is in its VLAN as a host is. */
export function howOn({ vid, tagged, untagged }: Vlan, { name, adapter, pvid }: Port): '' | 'tagged' | 'untagged' {
  if (untagged.includes(name) || (adapter === 'router' && vid === pvid)) return 'untagged';
  return tagged.includes(name) ? 'tagged' : '';
}
