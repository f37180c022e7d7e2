/**
 * Three spellings of the same offloads: the adapter contract's, the kernel's TUN_F_ bits, and words for people.
 *
 * TUN_F_ bits say what the reader of a TAP accepts unfinished (linux/if_tun.h). ECN (TUN_F_TSO_ECN) is not asked
 * for: the kernel then cuts the rare segments that carry CWR itself, and no other part has to know the bit. UFO was
 * removed from Linux in 4.14 and is never asked for.
 */

import { OFFLOAD_CSUM, OFFLOAD_TSO4, OFFLOAD_TSO6, OFFLOAD_USO } from './adapter.ts';

const TUN_F_CSUM = 0x01;
const TUN_F_TSO4 = 0x02;
const TUN_F_TSO6 = 0x04;
/** Since Linux 6.2, and only both together. */
const TUN_F_USO4 = 0x20;
const TUN_F_USO6 = 0x40;

const OFFLOADS: readonly { bit: number; tun: number; name: string }[] = [
  { bit: OFFLOAD_CSUM, tun: TUN_F_CSUM, name: 'csum' },
  { bit: OFFLOAD_TSO4, tun: TUN_F_TSO4, name: 'tso4' },
  { bit: OFFLOAD_TSO6, tun: TUN_F_TSO6, name: 'tso6' },
  { bit: OFFLOAD_USO, tun: TUN_F_USO4 | TUN_F_USO6, name: 'uso' },
];

/** The kernel's bits. Segmentation without checksum offload does not exist there, and comes to nothing. */
export function tunBits(offloads: number): number {
  if ((offloads & OFFLOAD_CSUM) === 0) return 0;
  return OFFLOADS.reduce((bits, { bit, tun }) => (offloads & bit ? bits | tun : bits), 0);
}

/** `csum tso4 tso6`, or `none`. */
export function offloadNames(offloads: number): string {
  const names = OFFLOADS.filter(({ bit }) => offloads & bit).map(({ name }) => name);
  return names.join(' ') || 'none';
}
