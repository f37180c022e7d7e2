/** `classify:` compiled into a table of its own, which takes the place of the one in force between two batches. */

import type { ClassificationConfig, ClassifyKind } from '../config/types.ts';
import {
  BY_MAC,
  BY_PROTOCOL,
  BY_SUBNET,
  type ClassifyTable,
  createClassifyTable,
  MAC_WORDS,
  MASKED_WORDS,
  macSlot,
  PROTOCOL_WORDS,
} from '../tables/classify-table.ts';
import { createRib4, createRib6, growVrfs, putPrefix } from '../tables/lpm/update.ts';
import { sharedInt32 } from '../tables/shared.ts';
import { addressBytes } from '../wire/address.ts';
import { parseMac } from '../wire/ethernet.ts';

const NUMBERS: Record<ClassifyKind, number> = { mac: BY_MAC, subnet: BY_SUBNET, protocol: BY_PROTOCOL };

/** Compiled, by who plans on another thread where frames are waiting: ten thousand addresses take longer than they may. */
export interface ReadyClassification {
  table: ClassifyTable;
  /** What it was compiled from; of another thread as JSON. */
  from: ClassificationConfig | Uint8Array;
}

export function readyClassification(config: ClassificationConfig): ReadyClassification {
  const json = new TextEncoder().encode(JSON.stringify(config));
  const shared = new Uint8Array(new SharedArrayBuffer(json.length));
  shared.set(json);
  return { table: compileClassification(config), from: shared };
}

export function configOf({ from }: ReadyClassification): ClassificationConfig {
  if (!(from instanceof Uint8Array)) return from;
  return JSON.parse(Buffer.from(from.buffer, from.byteOffset, from.length).toString()) as ClassificationConfig;
}

/** Readers on other threads must be given the new arrays. */
export function adoptClassification(
  table: ClassifyTable,
  { order, subnets4, subnets6, ...arrays }: ClassifyTable,
): void {
  table.order.set(order);
  Object.assign(table, arrays);
  Object.assign(table.subnets4, subnets4);
  Object.assign(table.subnets6, subnets6);
}

export function compileClassification(config: ClassificationConfig): ClassifyTable {
  const table = createClassifyTable();
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
  const ribs = { 4: createRib4(table.subnets4), 16: createRib6(table.subnets6) };
  growVrfs(ribs[4], 1);
  growVrfs(ribs[16], 1);
  for (const { prefix, vid } of config.subnets) {
    const [address, length] = prefix.split('/');
    const bytes = addressBytes(address!)!;
    putPrefix(ribs[bytes.length as 4 | 16], 0, bytes, Number(length), vid);
  }
  return table;
}

/** The same in shared memory; an empty list stays shorter than one entry. */
function share(words: Int32Array, entry: number): Int32Array {
  const shared = sharedInt32(words.length);
  if (words.length >= entry) shared.set(words);
  return shared;
}
