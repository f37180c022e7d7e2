/** Whether a forwarding database is whole: to be asked while nobody writes it. */

import {
  BURIED,
  type Fdb,
  isRecord,
  KIND_MASK,
  META_BURIED,
  META_GRAVES_LOST,
  META_USED,
  NO_PORT,
  PORT_MASK,
  probe,
  startSlot,
} from '../../../src/tables/fdb/fdb.ts';
import { newerOf, olderOf } from '../../../src/tables/fdb/links.ts';

/** What is wrong with it, a line each. */
export function auditFdb(fdb: Fdb): string[] {
  const wrong: string[] = [];
  const { rec, meta, slots } = fdb;
  const learned = new Map<number, number>();
  const ofFid = new Int32Array(fdb.fidCount.length);
  const ofBridge = new Int32Array(fdb.bridgeCount.length);
  const [configuredOn, configuredIn] = [fdb.portConfigured, fdb.fidConfigured].map(
    (each) => new Int32Array(each.length),
  );
  let used = 0;
  let buried = 0;
  for (let slot = 0; slot < slots; slot++) {
    const [low, high, , word3] = rec.subarray(slot << 2, (slot << 2) + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    if (high === BURIED) buried++;
    if (!isRecord(high)) continue;
    used++;
    // Reached by its own probe, and so there once.
    const found = probe(fdb, low, high, startSlot(fdb, low, high));
    if (found !== slot) wrong.push(`slot ${slot}: the probe for its key ends at ${found}`);
    const port = word3 & PORT_MASK;
    if ((word3 & KIND_MASK) !== 0) {
      if (port !== NO_PORT) configuredOn![port]!++;
      configuredIn![high & 0xffff]!++;
      continue;
    }
    learned.set(slot, port);
    ofFid[high & 0xffff]!++;
    const bridge = fdb.portBridge[port]!;
    if (bridge >= 0) ofBridge[bridge]!++;
  }
  if (meta[META_USED] !== used) wrong.push(`${used} records, ${meta[META_USED]} counted`);
  if (meta[META_BURIED] !== buried) wrong.push(`${buried} graves, ${meta[META_BURIED]} counted`);
  const known = new Set(fdb.graves.subarray(0, meta[META_BURIED]! - meta[META_GRAVES_LOST]!));
  for (const slot of known)
    if (rec[(slot << 2) + 1] !== BURIED) wrong.push(`slot ${slot} is on the list of graves and none`);
  if (known.size + meta[META_GRAVES_LOST]! !== buried) wrong.push(`${known.size} graves on the list, of ${buried}`);
  lists(fdb, learned, wrong);
  compare('FID', fdb.fidCount, ofFid, wrong);
  compare('bridge', fdb.bridgeCount, ofBridge, wrong);
  compare('configured on port', fdb.portConfigured, configuredOn!, wrong);
  compare('configured in FID', fdb.fidConfigured, configuredIn!, wrong);
  return wrong;
}

/** Each learned record is on the list of its port, once, and the counts of ports are those of the lists. */
function lists(fdb: Fdb, learned: Map<number, number>, wrong: string[]): void {
  for (let port = 0; port < fdb.head.length; port++) {
    let before = -1;
    let count = 0;
    for (let slot = fdb.head[port]!; slot >= 0; slot = newerOf(fdb, slot)) {
      if (learned.get(slot) !== port) {
        wrong.push(`slot ${slot} is on the list of port ${port} and ${learned.has(slot) ? 'of another' : 'not to be'}`);
        break;
      }
      learned.delete(slot);
      if (olderOf(fdb, slot) !== before)
        wrong.push(`slot ${slot}: before it comes ${before}, not ${olderOf(fdb, slot)}`);
      before = slot;
      count++;
    }
    if (fdb.tail[port] !== before) wrong.push(`port ${port}: its list ends at ${before}, not ${fdb.tail[port]}`);
    if (fdb.portCount[port] !== count) wrong.push(`port ${port}: ${count} entries, ${fdb.portCount[port]} counted`);
  }
  for (const [slot, port] of learned) wrong.push(`slot ${slot} is on no list, of port ${port}`);
}

function compare(what: string, counted: Int32Array, are: Int32Array, wrong: string[]): void {
  for (const [n, count] of are.entries())
    if (counted[n] !== count) wrong.push(`${what} ${n}: ${count} entries, ${counted[n]} counted`);
}
