/**
 * Searching the FDB as one types: the beginning or the end of an address, a port, a VLAN.
 *
 * The text becomes numbers once, so that a million records are compared in milliseconds, and only those that are
 * shown become text. Reading is as in fdb-view.ts: an entry counts when looking it up finds it again.
 */

import type { FdbEntryView } from '../control/fdb-control.ts';
import { findEntry } from '../tables/fdb/entries.ts';
import { FDB_KIND_NAMES, isLive, KIND_DYNAMIC, KIND_MASK, KIND_SHIFT, NO_PORT, PORT_MASK } from '../tables/fdb/fdb.ts';
import { nextTouched } from '../tables/fdb/strips.ts';
import { formatMac } from '../wire/ethernet.ts';
import type { Directory } from './directory.ts';
import type { ReadableSwitch } from './reader.ts';

export interface FdbFound {
  /** The first that match. */
  entries: FdbEntryView[];
  /** How many match. */
  total: number;
}

export function fdbSearch(readable: ReadableSwitch, text: string, limit: number, nowMs: number): FdbFound {
  const { tables, directory } = readable;
  const { fdb } = tables;
  const now = nowMs | 0;
  const wanted = matcher(text.trim().toLowerCase(), directory);
  const entries: FdbEntryView[] = [];
  let total = 0;
  const next = (slot: number) => nextTouched(fdb.strips, slot, fdb.slots);
  for (let slot = next(0); slot < fdb.slots; slot = next(slot + 1)) {
    const at = slot << 2;
    const high = fdb.rec[at + 1];
    if (high === 0 || !isLive(fdb, slot, now)) continue;
    const word3 = fdb.rec[at + 3];
    if (!wanted(high >>> 16, fdb.rec[at], high & 0xffff, word3 & PORT_MASK)) continue;
    total++;
    if (entries.length < limit) {
      const entry = entryOf(readable, high, fdb.rec[at], fdb.rec[at + 2], word3, now);
      if (entry !== null) entries.push(entry);
    }
  }
  entries.sort((a, b) => (a.vid ?? 0) - (b.vid ?? 0) || (a.mac < b.mac ? -1 : 1));
  return { entries, total };
}

function entryOf(
  { tables, directory }: ReadableSwitch,
  high: number,
  low: number,
  stampMs: number,
  word3: number,
  now: number,
): FdbEntryView | null {
  const fid = high & 0xffff;
  const vlan = directory.vlans.find((each) => each.fid === fid);
  if (vlan === undefined || findEntry(tables.fdb, fid, high >>> 16, low, now) === null) return null;
  const port = word3 & PORT_MASK;
  const kind = (word3 & KIND_MASK) >> KIND_SHIFT;
  return {
    bridge: vlan.bridge,
    vid: vlan.vid,
    mac: formatMac(high >>> 16, low),
    port: port === NO_PORT ? null : (directory.ports.find((each) => each.index === port)?.name ?? null),
    kind: FDB_KIND_NAMES[kind],
    ageSeconds: kind === KIND_DYNAMIC ? Math.max(0, (now - stampMs) | 0) / 1000 : 0,
  };
}

type Matches = (macHigh: number, macLow: number, fid: number, port: number) => boolean;

function matcher(text: string, { ports, vlans }: Directory): Matches {
  if (text === '') return () => true;
  const onPort = new Set(ports.filter((port) => port.name.toLowerCase().includes(text)).map((port) => port.index));
  const inVlan = new Set(
    vlans.filter(({ vid, name }) => String(vid) === text || name.toLowerCase() === text).map((vlan) => vlan.fid),
  );
  const mac = macMatcher(text);
  return (high, low, fid, port) => onPort.has(port) || inVlan.has(fid) || mac?.(high, low) === true;
}

/** Hex digits that an address begins or ends with, from two on; null when the text is none. */
function macMatcher(text: string): ((high: number, low: number) => boolean) | null {
  const digits = text.replace(/[:.-]/g, '');
  if (!/^[0-9a-f]{2,12}$/.test(digits)) return null;
  const n = digits.length * 4;
  const value = Number.parseInt(digits, 16);
  const first = 2 ** (48 - n);
  const last = 2 ** n;
  return (high, low) => {
    const whole = high * 0x1_0000_0000 + (low >>> 0);
    return Math.floor(whole / first) === value || whole % last === value;
  };
}
