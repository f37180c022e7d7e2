/**
 * The FDB as JSON text, for a million entries: bytes are written straight from the table, without an object or a string
 * an entry, and what is the same for many (the VLAN before the address, the port and the kind behind it) is made once.
 * To make objects first takes twice as long: 1.3 s of the thread for a million against 0.6 (a busy machine).
 */

import {
  FDB_KIND_NAMES,
  type Fdb,
  isLive,
  KIND_DYNAMIC,
  KIND_MASK,
  KIND_SHIFT,
  keyHigh,
  NO_PORT,
  PORT_MASK,
  probe,
  startSlot,
} from '../tables/fdb/fdb.ts';
import { checkFilter, type FdbFilter, fdbStats, gather, macHigh, macLow } from './fdb-view.ts';
import type { ReadableSwitch } from './reader.ts';

/**
 * Of the first piece, which node takes from memory that it has; each is twice the one before, up to the most: memory of that size is not had for
 * nothing.
 */
const FIRST_BYTES = 2048;
const MOST_BYTES = 256 * 1024;
/** An address and an age. */
const VARIABLE_BYTES = 17 + 12;
const HEX = Buffer.from('0123456789abcdef');
const [COLON, DOT, ZERO] = Buffer.from(':.0');

/** A piece at a time; throws Refusal at once. */
export function fdbJson(readable: ReadableSwitch, filter: FdbFilter, nowMs: number): Generator<Buffer> {
  checkFilter(filter, readable.directory);
  return pieces(readable, filter, nowMs | 0);
}

function* pieces({ tables, directory }: ReadableSwitch, filter: FdbFilter, now: number): Generator<Buffer> {
  const { fdb } = tables;
  const tails = new Tails(directory.ports);
  const only = filter.port === undefined ? -1 : directory.ports.find(({ name }) => name === filter.port)!.index;
  yield Buffer.from(`{"switch":${JSON.stringify(directory.name)},"entries":[`);
  let bytes = FIRST_BYTES;
  let out = Buffer.allocUnsafe(bytes);
  let at = 0;
  let comma = '';
  for (const { fid, bridge, vid, macs } of gather(fdb, directory, filter, now)) {
    let head = Buffer.from(`${comma}{"bridge":${JSON.stringify(bridge)},"vid":${vid},"mac":"`);
    for (const mac of macs) {
      const slot = find(fdb, fid, mac, now);
      if (slot < 0) continue;
      const word3 = fdb.rec[(slot << 2) + 3];
      if (only >= 0 && (word3 & PORT_MASK) !== only) continue;
      const tail = tails.of(word3);
      if (at + head.length + VARIABLE_BYTES + tail.length > out.length) {
        yield out.subarray(0, at);
        bytes = Math.max(Math.min(2 * bytes, MOST_BYTES), head.length + VARIABLE_BYTES + tail.length);
        out = Buffer.allocUnsafe(bytes);
        at = 0;
      }
      at += head.copy(out, at);
      at = writeMac(out, at, mac);
      at += tail.copy(out, at);
      at = writeAge(out, at, fdb, slot, word3, now);
      if (comma !== '') continue;
      comma = ',';
      head = Buffer.from(`${comma}${head}`);
    }
  }
  yield out.subarray(0, at);
  yield Buffer.from(`],"stats":${JSON.stringify(fdbStats(fdb))}}\n`);
}

function find(fdb: Fdb, fid: number, mac: number, now: number): number {
  const low = macLow(mac);
  const high = keyHigh(macHigh(mac), fid);
  const slot = probe(fdb, low, high, startSlot(fdb, low, high));
  return slot >= 0 && isLive(fdb, slot, now) ? slot : -1;
}

/** What stands between the address and the age, by port and kind. */
class Tails {
  readonly #names: ReadonlyMap<number, string>;
  readonly #made = new Map<number, Buffer>();

  constructor(ports: ReadableSwitch['directory']['ports']) {
    this.#names = new Map(ports.map(({ index, name }) => [index, name]));
  }

  of(word3: number): Buffer {
    const key = word3 & (KIND_MASK | PORT_MASK);
    const made = this.#made.get(key);
    if (made !== undefined) return made;
    const port = key & PORT_MASK;
    const name = port === NO_PORT ? null : (this.#names.get(port) ?? null);
    const kind = FDB_KIND_NAMES[(key & KIND_MASK) >> KIND_SHIFT];
    const tail = Buffer.from(`","port":${JSON.stringify(name)},"kind":"${kind}","ageSeconds":`);
    this.#made.set(key, tail);
    return tail;
  }
}

function writeMac(out: Buffer, at: number, mac: number): number {
  const high = macHigh(mac);
  const low = macLow(mac);
  let end = at;
  for (let i = 0; i < 6; i++) {
    const byte = i < 2 ? (high >>> (8 - i * 8)) & 0xff : (low >>> (40 - i * 8)) & 0xff;
    if (i > 0) out[end++] = COLON;
    out[end++] = HEX[byte >>> 4];
    out[end++] = HEX[byte & 15];
  }
  return end;
}

/** Seconds with three decimals, and the brace. */
function writeAge(out: Buffer, at: number, fdb: Fdb, slot: number, word3: number, now: number): number {
  const isLearned = (word3 & KIND_MASK) >> KIND_SHIFT === KIND_DYNAMIC;
  let ms = isLearned ? Math.max(0, (now - fdb.rec[(slot << 2) + 2]) | 0) : 0;
  let digits = 4;
  for (let n = ms; n >= 10_000; n = Math.floor(n / 10)) digits++;
  const end = at + digits + 1;
  for (let i = end - 1; i >= at; i--) {
    if (i === end - 4) {
      out[i] = DOT;
      continue;
    }
    out[i] = ZERO + (ms % 10);
    ms = Math.floor(ms / 10);
  }
  out[end] = BRACE;
  return end + 1;
}

const [BRACE] = Buffer.from('}');
