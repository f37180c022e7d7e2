/**
 * Random worlds for the data plane: tables, frames and what control does in between, all from one seed, so that
 * the same story can be told to several data planes and what comes out compared.
 */

import { HEADROOM, SMALL_SLOT_BYTES } from '../../../src/dataplane/arena.ts';
import { type Batch, createBatch, INDEX_MASK, RX_TRUNCATED, SHAPE_ALT } from '../../../src/dataplane/batch.ts';
import { fidLedger, portLedger, sumLedger } from '../../../src/dataplane/counters.ts';
import { createDataplane, type Dataplane, LIMIT_MIN_MTU, LIMIT_TOUCH } from '../../../src/dataplane/dataplane.ts';
import { usedPorts } from '../../../src/dataplane/egress-ports.ts';
import { transmit } from '../../../src/dataplane/transmit.ts';
import { setBit } from '../../../src/tables/bitmap.ts';
import { listEntries, putEntry, removeEntry, settle } from '../../../src/tables/fdb/entries.ts';
import { drainEvents } from '../../../src/tables/fdb/events.ts';
import {
  KIND_BLACKHOLE,
  KIND_EXTERNAL,
  KIND_LOCAL,
  KIND_STATIC,
  KIND_STICKY,
  setFidAge,
} from '../../../src/tables/fdb/fdb.ts';
import { flushAll, flushFid, flushPort } from '../../../src/tables/fdb/flush.ts';
import { newerOf } from '../../../src/tables/fdb/links.ts';
import { sweepSlice } from '../../../src/tables/fdb/sweep.ts';
import * as P from '../../../src/tables/port-table.ts';

/** mulberry32: a small generator of reproducible numbers. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  }

  below(n: number): number {
    return this.next() % n;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)];
  }
}

/** A frame as it arrives. */
export interface Arrival {
  port: number;
  bytes: Uint8Array;
  truncated: boolean;
  gso: number;
  csum: number;
  nowMs: number;
}

export type Step = Arrival | ((dp: Dataplane) => void);

export interface Story {
  setUp(dp: Dataplane): void;
  ports: number;
  steps: Step[];
}

const MACS = [
  ...Array.from({ length: 12 }, (_, i) => [2, 0, 0, 0, 0, i + 1]),
  [2, 0, 0xff, 0xff, 0xff, 0xff],
  [0, 0, 0, 0, 0, 0],
  [0, 0, 0, 0, 0, 1],
];
const GROUPS = [
  [255, 255, 255, 255, 255, 255],
  [0x33, 0x33, 0, 0, 0, 1],
  [1, 0, 0x5e, 0, 0, 251],
  [1, 0x80, 0xc2, 0, 0, 0],
  [1, 0x80, 0xc2, 0, 0, 0x0e],
  [1, 0x80, 0xc2, 0, 0, 0x10],
];
const VIDS = [1, 2, 3, 4, 5];
const BRIDGES = 2;
const FIDS = 12;
const USUAL =
  P.PORT_EXISTS |
  P.PORT_UP |
  P.PORT_STATE_LEARNS |
  P.PORT_STATE_FORWARDS |
  P.PORT_LEARNING |
  P.PORT_INGRESS_FILTERING |
  P.PORT_ACCEPT_UNTAGGED |
  P.PORT_ACCEPT_TAGGED;
const ODD_FLAGS = [
  P.PORT_UP,
  P.PORT_STATE_LEARNS,
  P.PORT_STATE_FORWARDS,
  P.PORT_LEARNING,
  P.PORT_INGRESS_FILTERING,
  P.PORT_ACCEPT_UNTAGGED,
  P.PORT_ACCEPT_TAGGED,
  P.PORT_TUNNEL_CVIDS,
  P.PORT_HUB,
  P.PORT_STATIC_VIOLATION_DROPS,
  P.PORT_REGENERATES,
];

/** `odd` is how many per cent of ports and frames are out of the ordinary. */
export function randomStory(seed: number, frames: number, odd: number): Story {
  const r = new Random(seed);
  const ports = r.pick([2, 5, 8, 40]);
  const tables = r.next();
  const steps: Step[] = [];
  let now = r.pick([0, 5_000, 0x7fffff00]);
  for (let n = 0; n < frames; n++) {
    if (r.chance(10)) now = (now + r.pick([1, 1, 10, 10, 99, 100, 101])) | 0;
    if (r.chance(1)) now = (now + r.pick([1_000, 12_000])) | 0;
    if (r.chance(odd / 10)) now = (now - r.pick([1, 50])) | 0;
    if (r.chance(1 + odd / 20)) steps.push(randomControl(r, ports, now));
    steps.push(randomArrival(r, ports, now, odd));
  }
  return { ports, steps, setUp: (dp) => randomTables(dp, new Random(tables), ports, odd) };
}

function randomTables(dp: Dataplane, r: Random, ports: number, odd: number): void {
  const { ports: p, vlans, fdb } = dp;
  const mtus = r.chance(odd) ? [1500, 60, 9000] : [1500];
  let minMtu = 65_535;
  let fid = 1;
  for (let bridge = 0; bridge < BRIDGES; bridge++) {
    fdb.bridgeLimit[bridge] = r.chance(10 + odd / 2) ? r.pick([4, 10]) : 40;
    fdb.bridgeOverflow[bridge] = r.below(3);
    for (const vid of r.chance(20) ? [0, ...VIDS.slice(0, 2)] : VIDS) {
      if (fid === FIDS || r.chance(odd / 5)) continue;
      vlans.fidOf[bridge * 4096 + vid] = fid;
      vlans.vid[fid] = vid;
      vlans.bridge[fid] = bridge;
      if (r.chance(odd / 2)) fdb.fidLimit[fid] = 1 + r.below(4);
      setFidAge(fdb, fid, r.pick([10_000, 300_000]));
      if (vid > 1 && r.chance(odd / 5)) {
        // A secondary of a private VLAN: it learns in VLAN 1, whose row is the first of its bridge.
        const primary = vlans.fidOf[bridge * 4096 + 1];
        if (primary !== 0) {
          vlans.fidOf[bridge * 4096 + vid] = 0;
          vlans.secondaryOf[bridge * 4096 + vid] = fid;
          vlans.fdbFid[fid] = primary;
        }
      }
      fid++;
    }
  }
  for (let n = 0; n < ports; n++) {
    const bridge = r.chance(90) ? 0 : 1;
    let flags = USUAL;
    for (const flag of ODD_FLAGS) if (r.chance(odd / 3)) flags ^= flag;
    p.flags[n] = flags;
    p.bridge[n] = bridge;
    p.vlanBase[n] = bridge * 4096;
    fdb.portBridge[n] = bridge;
    p.pvid[n] = r.chance(odd / 5) ? -1 : r.chance(odd / 10) ? 0 : r.chance(95 - odd / 4) ? 1 : r.pick(VIDS);
    p.tpid[n] = r.chance(odd / 2) ? r.pick([-1, 0x88a8, 0x9100]) : 0x8100;
    p.pushTpid[n] = r.chance(odd / 2) ? 0x88a8 : 0x8100;
    p.mtu[n] = r.pick(mtus);
    minMtu = Math.min(minMtu, p.mtu[n]);
    p.reservedMac[n] = r.pick([0xffff, 0x0002]);
    p.tunnelRow[n] = 0;
    p.priority[n * P.PRIORITY_WORDS] = r.below(3) | (r.below(8) << 2);
    for (let w = 1; w < P.PRIORITY_WORDS; w++) p.priority[n * P.PRIORITY_WORDS + w] = r.next() & 0x77777777;
    if (r.chance(odd / 2)) fdb.portLimit[n] = 1 + r.below(5);
    for (let k = 0; k < 3; k++) setBit(p.flood, p.width, k, n, !r.chance(odd / 2));
    for (let f = 1; f < fid; f++) {
      setBit(vlans.member, vlans.width, f, n, r.chance(95 - odd / 4));
      setBit(vlans.untagged, vlans.width, f, n, r.chance(50));
    }
    for (let to = 0; to < ports; to++)
      setBit(p.reach, p.width, n, to, to === n ? r.chance(odd / 4) : !r.chance(odd / 4));
  }
  for (const vid of [1, 2, 4]) p.tunnelCvids[vid] = r.pick([P.CUSTOMER_PVID, 1, 2, 3 | P.CUSTOMER_STRIP]);
  dp.limits[LIMIT_MIN_MTU] = minMtu;
}

function randomArrival(r: Random, ports: number, nowMs: number, odd: number): Arrival {
  const bytes: number[] = [];
  // A host lives on one port, mostly, and many frames come from the first: runs.
  const host = r.chance(40) ? 0 : r.below(MACS.length);
  bytes.push(...(r.chance(5 + odd / 3) ? r.pick(GROUPS) : r.pick(MACS)));
  bytes.push(...(r.chance(odd / 5) ? r.pick(GROUPS) : MACS[host]));
  while (r.chance(bytes.length === 12 ? 50 : odd / 3)) {
    const vid = r.chance(92 - odd / 4) ? 1 : r.chance(odd) ? r.pick([0, 4095, 77]) : r.pick([0, ...VIDS]);
    const tpid = r.chance(100 - odd / 4) ? 0x8100 : r.pick([0x88a8, 0x9100]);
    bytes.push(tpid >> 8, tpid & 255);
    bytes.push((r.below(16) << 4) | (vid >> 8), vid & 255);
  }
  bytes.push(8, r.below(2));
  const payload = r.chance(odd) ? r.pick([0, 1, 2, 3, 4, 60, 1482, 1486, 1487, 1500, 1501, 1504]) : r.below(40) + 4;
  for (let n = 0; n < payload; n++) bytes.push(r.below(256));
  const length = r.chance(odd / 5) ? r.below(20) : bytes.length;
  const offloaded = r.chance(odd / 2);
  return {
    port: r.chance(2 + odd / 3) ? r.below(ports) : host % ports,
    bytes: Uint8Array.from(bytes.slice(0, length)),
    truncated: r.chance(odd / 10),
    gso: offloaded ? r.pick([0, 1, 0x0101 | (1400 << 16)]) : 0,
    csum: offloaded ? 34 | (16 << 16) : 0,
    nowMs,
  };
}

function randomControl(r: Random, ports: number, nowMs: number): (dp: Dataplane) => void {
  const port = r.below(ports);
  const fid = 1 + r.below(FIDS - 1);
  const [a, b, c, d, e, f] = r.pick(MACS);
  const high = (a << 8) | b;
  const low = (c << 24) | (d << 16) | (e << 8) | f;
  const kind = r.pick([KIND_STATIC, KIND_STICKY, KIND_LOCAL, KIND_EXTERNAL, KIND_BLACKHOLE]);
  const nowhere = kind === KIND_LOCAL || kind === KIND_BLACKHOLE || r.chance(10);
  const what = r.below(10);
  const slots = r.below(64);
  return (dp) => {
    if (what < 4) putEntry(dp.fdb, fid, high, low, nowhere ? -1 : port, kind);
    else if (what < 6) removeEntry(dp.fdb, fid, high, low);
    else if (what === 6) flushPort(dp.fdb, port, nowMs);
    else if (what === 7) flushFid(dp.fdb, fid, nowMs);
    else if (what === 8) flushAll(dp.fdb, nowMs);
    else sweepSlice(dp.fdb, nowMs, slots);
  };
}

export interface Outcome {
  /** Per port every frame that left, as hex. */
  sent: string[][];
  /** Per frame: reason, copies, FID, VID and destination where it had them. */
  verdicts: string[];
  counters: number[][];
  fdb: unknown;
  events: unknown[];
}

export type Forward = (dp: Dataplane, b: Batch) => unknown;

/** Tells the story to a new data plane in batches of `size`, with the arena full of `poison`. */
export function tell(story: Story, forward: Forward, size: number, poison: number, touchAbove = 1 << 20): Outcome {
  const dp = createDataplane({
    ports: story.ports,
    fids: FIDS,
    bridges: BRIDGES,
    fdbEntries: 40,
    tunnelRows: 1,
    seed: 7,
    smallSlots: size,
    largeSlots: 0,
    batch: size,
  });
  story.setUp(dp);
  dp.limits[LIMIT_TOUCH] = touchAbove;
  const b = createBatch(size);
  const sent: string[][] = Array.from({ length: story.ports }, () => []);
  const verdicts: string[] = [];
  const events: unknown[] = [];
  let nowMs = 0;
  const flush = () => {
    if (b.count === 0) return;
    forward(dp, b);
    for (let i = 0; i < b.count; i++) {
      const found = b.reason[i] === 0 && b.copies[i] > 0;
      verdicts.push(`${b.reason[i]} ${b.copies[i]} ${b.fid[i]} ${b.fid[i] && b.vid[i]} ${found && b.to[i]}`);
    }
    const { count, used } = dp.egress;
    const listed = Array.from(count.keys()).filter((p) => count[p] !== 0);
    const ports = [...used.subarray(0, usedPorts(dp.egress, b, 0, b.count))];
    if (String(ports) !== String(listed)) throw new Error(`ports with frames: ${listed}; found: ${ports}`);
    for (const p of ports) {
      transmit(dp, b, p, {
        lastError: 0,
        send: (_, list, start, count) => {
          for (let k = start; k < start + count; k++) sent[p].push(frameHex(dp, b, list[k]));
          return count;
        },
      });
    }
    b.count = 0;
    drainEvents(dp.fdb.events, (event) => events.push(event));
  };
  for (const step of story.steps) {
    if (typeof step === 'function') {
      flush();
      step(dp);
      drainEvents(dp.fdb.events, (event) => events.push(event));
      continue;
    }
    nowMs = step.nowMs;
    place(dp, b, step, poison);
    if (b.count === size) flush();
  }
  flush();
  const { counters, fdb } = dp;
  const rows = sumLedger(Array.from({ length: story.ports }, (_, p) => portLedger(counters, p)));
  const columns = sumLedger(Array.from({ length: FIDS }, (_, f) => fidLedger(counters, f)));
  if (!rows.balanced || !columns.balanced) throw new Error('the ledger does not balance');
  const left = sent.reduce((sum, frames) => sum + frames.length, 0);
  if (left !== rows.delivered + rows.floodCopies) throw new Error('what left is not delivered + copies');
  const before = [...listEntries(fdb, nowMs)].map((row) => JSON.stringify(row));
  const lists = [...fdb.head].map((head) => {
    const order: number[] = [];
    for (let s = head; s >= 0; s = newerOf(fdb, s)) order.push(fdb.rec[s << 2]);
    return order;
  });
  settle(fdb, nowMs);
  return {
    sent,
    verdicts,
    counters: [counters.port, counters.fid, counters.portDrops, counters.fidDrops, fdb.stats].map((c) => [...c]),
    fdb: { before, lists, portCount: [...fdb.portCount], fidCount: [...fdb.fidCount] },
    events,
  };
}

function place(dp: Dataplane, b: Batch, frame: Arrival, poison: number): void {
  const i = b.count++;
  const slot = i * SMALL_SLOT_BYTES;
  dp.arena.bytes.fill(poison, slot, slot + SMALL_SLOT_BYTES);
  // A short frame sits at the very end of its slot, so that reading on would leave it, and the arena with the last.
  const off = frame.bytes.length < 64 ? slot + SMALL_SLOT_BYTES - frame.bytes.length : slot + HEADROOM;
  dp.arena.bytes.set(frame.bytes, off);
  b.slot[i] = -1;
  b.off[i] = off;
  b.len[i] = frame.bytes.length;
  b.port[i] = frame.port;
  b.rxFlags[i] = frame.truncated ? RX_TRUNCATED : 0;
  b.nowMs[i] = frame.nowMs;
  b.gso[i] = frame.gso;
  b.csum[i] = frame.csum;
}

function frameHex(dp: Dataplane, b: Batch, word: number): string {
  const i = word & INDEX_MASK;
  const { bytes } = dp.arena;
  const hex = (at: number, length: number) => Buffer.from(bytes.subarray(at, at + length)).toString('hex');
  const offload = `${b.gso[i]} `;
  if (word < SHAPE_ALT) return `${offload}${b.csum[i]} ${hex(b.off[i], b.len[i])}`;
  return `${offload}alt ${hex(b.altHeadOff[i], b.altHeadLen[i])}${hex(b.altOff[i], b.altLen[i])}`;
}
