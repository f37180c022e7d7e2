/**
 * `micro`: the parts of a frame's way by themselves, with the `benchmark` package, in batches of thousands: a single
 * reader takes less than the clock's resolution.
 */

import { setImmediate } from 'node:timers/promises';
import { createBatch } from '../src/dataplane/batch.ts';
import { createDataplane, LIMIT_MIN_MTU } from '../src/dataplane/dataplane.ts';
import { forwardBatch, forwardBatchSlowly } from '../src/dataplane/pipeline.ts';
import { setBit } from '../src/tables/bitmap.ts';
import { createFdb, keyHigh, probe, startSlot } from '../src/tables/fdb/fdb.ts';
import { learnSource } from '../src/tables/fdb/learn.ts';
import * as port from '../src/tables/port-table.ts';
import { etherDstHigh, etherDstLow, etherSrcHigh, etherSrcLow, etherType } from '../src/wire/ethernet.ts';
import { tagTci } from '../src/wire/vlan.ts';
import type { Case } from './case.ts';
import type { Context } from './forwarding.ts';
import { controlCases } from './micro-control.ts';
import { groupCases } from './micro-groups.ts';
import { offloadCases } from './micro-offload.ts';
import { digits, machine, type Report, result } from './report.ts';

const FRAMES = 1024;
const ADDRESSES = 8192;
const STRIDE = 33 * 64;
const HEADROOM = 128;
const TABLE = 65_536;

/** Keeps results alive that nobody else uses. */
let sink = 0;

export async function micro(context: Context): Promise<Report> {
  const report: Report = { scenario: 'micro', unit: 'ns/item', machine: machine(), rounds: 1, results: [], ratios: {} };
  report.notes = ['all in one process: code is shared by several tables here, so forwarding is slower than in S1'];
  let benchmark: typeof import('benchmark');
  try {
    benchmark = (await import('benchmark')).default;
  } catch {
    return { ...report, missing: ['benchmark'], notes: ['the `benchmark` package is not installed: npm install'] };
  }
  for (const { name, items, run } of [
    ...parseCases(),
    ...fdbCases(),
    ...laneCases(),
    ...groupCases(),
    ...offloadCases(),
    ...controlCases(),
  ]) {
    await setImmediate(); // signals are heard between two cases
    const bench = new benchmark(name, run, { maxTime: Math.min(context.seconds, 2) }).run();
    if (bench.error !== undefined) throw new Error(`bench: ${name}: ${String(bench.error)}`);
    const values = bench.stats.sample.map((seconds) => (seconds * 1e9) / items);
    report.results.push(result(name, values));
    context.progress(`micro ${name}: ${digits((bench.stats.mean * 1e9) / items)} ns`);
    report.rounds = Math.max(report.rounds, values.length);
  }
  if (!Number.isFinite(sink)) throw new Error('bench: micro counted wrong');
  return report;
}

function parseCases(): Case[] {
  const view = new DataView(new SharedArrayBuffer(FRAMES * STRIDE));
  for (let i = 0; i < FRAMES; i++) {
    view.setUint32(i * STRIDE + HEADROOM + 8, i);
    view.setUint32(i * STRIDE + HEADROOM + 12, 0x8100_000a);
  }
  return [
    {
      name: 'read addresses and tag',
      items: FRAMES,
      run() {
        let sum = 0;
        for (let i = 0, off = HEADROOM; i < FRAMES; i++, off += STRIDE) {
          sum ^= etherDstHigh(view, off) ^ etherDstLow(view, off) ^ etherSrcHigh(view, off) ^ etherSrcLow(view, off);
          sum ^= etherType(view, off) ^ tagTci(view, off + 12);
        }
        sink ^= sum;
      },
    },
  ];
}

function fdbCases(): Case[] {
  const make = (limit: number) => {
    const fdb = createFdb({ entries: TABLE, ports: 64, fids: 16, bridges: 1, seed: 12_345 });
    fdb.bridgeLimit[0] = limit;
    for (let p = 0; p < 64; p++) fdb.portBridge[p] = 0;
    return fdb;
  };
  const high = keyHigh(0x0200, 1);
  const learn = (fdb: ReturnType<typeof make>, low: number) =>
    learnSource(fdb, probe(fdb, low, high, startSlot(fdb, low, high)), low, high, low & 3, 0);
  const known = make(TABLE);
  for (let m = 0; m < ADDRESSES; m++) learn(known, m);
  const full = make(ADDRESSES);
  for (let m = 0; m < ADDRESSES; m++) learn(full, m);
  let fresh = ADDRESSES;
  return [
    {
      name: 'FDB lookup, address known',
      items: ADDRESSES,
      run() {
        let sum = 0;
        for (let m = 0; m < ADDRESSES; m++) sum += probe(known, m, high, startSlot(known, m, high));
        sink ^= sum;
      },
    },
    {
      name: 'FDB lookup, address unknown',
      items: ADDRESSES,
      run() {
        let sum = 0;
        for (let m = 1 << 20; m < (1 << 20) + ADDRESSES; m++) sum += probe(known, m, high, startSlot(known, m, high));
        sink ^= sum;
      },
    },
    {
      name: 'FDB learn, source known',
      items: ADDRESSES,
      run() {
        for (let m = 0; m < ADDRESSES; m++) learn(known, m);
      },
    },
    {
      name: 'FDB learn and evict, table full',
      items: ADDRESSES,
      run() {
        for (let m = 0; m < ADDRESSES; m++) learn(full, fresh++ | 0);
      },
    },
  ];
}

function laneCases(): Case[] {
  const ports = 4;
  // A data plane for each lane: V8 compiles what the fast lane captures, so it must see one of each.
  const world = () => {
    const dp = createDataplane({
      ports: 64,
      fids: 16,
      bridges: 1,
      fdbEntries: TABLE,
      smallSlots: FRAMES,
      seed: 12_345,
    });
    const batch = createBatch(256);
    dp.fdb.bridgeLimit[0] = TABLE;
    dp.limits[LIMIT_MIN_MTU] = 1500;
    dp.vlans.fidOf[10] = 1;
    dp.vlans.vid[1] = 10;
    for (let p = 0; p < ports; p++) {
      dp.ports.flags[p] =
        port.PORT_EXISTS |
        port.PORT_UP |
        port.PORT_STATE_LEARNS |
        port.PORT_STATE_FORWARDS |
        port.PORT_LEARNING |
        port.PORT_INGRESS_FILTERING |
        port.PORT_ACCEPT_UNTAGGED;
      dp.ports.pvid[p] = 10;
      dp.ports.tpid[p] = 0x8100;
      dp.ports.mtu[p] = 1500;
      dp.fdb.portBridge[p] = 0;
      for (let q = 0; q < ports; q++) if (q !== p) setBit(dp.ports.reach, dp.ports.width, p, q, true);
      for (let kind = 0; kind < 3; kind++) setBit(dp.ports.flood, dp.ports.width, kind, p, true);
      setBit(dp.vlans.member, dp.vlans.width, 1, p, true);
      setBit(dp.vlans.untagged, dp.vlans.width, 1, p, true);
    }
    const { view } = dp.arena;
    const portOf = (i: number) => (i >> 5) % ports;
    for (let i = 0; i < FRAMES; i++) {
      const off = i * STRIDE + HEADROOM;
      view.setUint16(off, 0x0200);
      view.setUint32(off + 2, (i + 32) % FRAMES);
      view.setUint16(off + 6, 0x0200);
      view.setUint32(off + 8, i);
      view.setUint16(off + 12, 0x0800);
    }
    return (forward: typeof forwardBatch) => () => {
      for (let first = 0; first < FRAMES; first += 256) {
        batch.count = 256;
        for (let j = 0; j < 256; j++) {
          batch.off[j] = (first + j) * STRIDE + HEADROOM;
          batch.len[j] = 64;
          batch.port[j] = portOf(first + j);
        }
        forward(dp, batch);
        dp.egress.count.fill(0);
      }
    };
  };
  return [
    { name: 'forward, fast lane', items: FRAMES, run: world()(forwardBatch) },
    { name: 'forward, slow lane', items: FRAMES, run: world()(forwardBatchSlowly) },
  ];
}
