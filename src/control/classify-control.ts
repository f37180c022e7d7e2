/** `classify:` compiled into its table, whole, between batches. */

import type { ClassificationConfig, ClassifyKind } from '../config/types.ts';
import {
  BY_MAC,
  BY_PROTOCOL,
  BY_SUBNET,
  type ClassifyTable,
  MAC_WORDS,
  MASKED_WORDS,
  macSlot,
  PROTOCOL_WORDS,
} from '../tables/classify-table.ts';
import { createPages, createTree } from '../tables/lpm.ts';
import { createRib4, createRib6, growVrfs, putPrefix } from '../tables/lpm-update.ts';
import { sharedInt32 } from '../tables/shared.ts';
import { addressBytes } from '../wire/address.ts';
import { parseMac } from '../wire/ethernet.ts';

const NUMBERS: Record<ClassifyKind, number> = { mac: BY_MAC, subnet: BY_SUBNET, protocol: BY_PROTOCOL };

/** Readers on other threads must be given the new arrays. */
export function compileClassification(table: ClassifyTable, config: ClassificationConfig): void {
  table.order.fill(0);
  config.order.forEach((kind, k) => {
    table.order[k] = NUMBERS[kind];
  });
  const exact = config.macs.filter(({ bits }) => bits === 48);
  const masked = config.macs.filter(({ bits }) => bits < 48).sort((a, b) => b.bits - a.bits);
  let slots = 1;
  while (slots < exact.length * 2 + 1) slots *= 2;
  table.macs = sharedInt32(slots * MAC_WORDS);
  for (const { mac, vid } of exact) {
    const { high, low } = parseMac(mac)!;
    let slot = macSlot(high, low, slots);
    while (table.macs[slot * MAC_WORDS + 2] !== 0) slot = (slot + 1) & (slots - 1);
    table.macs.set([low, high, vid], slot * MAC_WORDS);
  }
  table.masked = Int32Array.from(
    masked.flatMap(({ mac, bits, vid }) => {
      const { high, low } = parseMac(mac)!;
      const maskHigh = 0xffff & ~(0xffff >>> Math.min(bits, 16));
      const maskLow = bits <= 16 ? 0 : ~(bits >= 48 ? 0 : 0xffffffff >>> (bits - 16)) | 0;
      return [maskHigh, maskLow, high & maskHigh, low & maskLow, vid];
    }),
  );
  table.masked = share(table.masked, MASKED_WORDS);
  table.protocols = share(Int32Array.from(config.protocols.flatMap(({ type, vid }) => [type, vid])), PROTOCOL_WORDS);
  const [pages, tree] = [createPages(), createTree()];
  const ribs = { 4: createRib4(pages), 16: createRib6(tree) };
  growVrfs(ribs[4], 1);
  growVrfs(ribs[16], 1);
  for (const { prefix, vid } of config.subnets) {
    const [address, length] = prefix.split('/');
    const bytes = addressBytes(address!)!;
    putPrefix(ribs[bytes.length as 4 | 16], 0, bytes, Number(length), vid);
  }
  Object.assign(table.subnets4, pages);
  Object.assign(table.subnets6, tree);
}

/** The same in shared memory; an empty list stays shorter than one entry. */
function share(words: Int32Array, entry: number): Int32Array {
  const shared = sharedInt32(words.length);
  if (words.length >= entry) shared.set(words);
  return shared;
}
