/**
 * Etherloom's side of an in-memory benchmark, in a process of its own: the counterpart of bench/c/main.c.
 *
 *   worker.js MODE MACS PORTS VLANS FRAMES_FILE [WORKERS]
 *
 * In mode `turns` it forwards as a running switch does, in turns, and WORKERS threads do so over one set of tables, each with
 * memory and frames of its own (team.ts).
 */

import { readFileSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { isMainThread, workerData } from 'node:worker_threads';
import { createBatch } from '../src/dataplane/batch.ts';
import { createDataplane, type Dataplane, joinDataplane, LIMIT_MIN_MTU } from '../src/dataplane/dataplane.ts';
import { forwardBatch } from '../src/dataplane/pipeline.ts';
import { beginTurn, endTurn } from '../src/dataplane/turn.ts';
import { monotonicMs } from '../src/runtime/clock.ts';
import { setBit } from '../src/tables/bitmap.ts';
import { flushAll } from '../src/tables/fdb/flush.ts';
import { sweepAll } from '../src/tables/fdb/sweep.ts';
import {
  PORT_ACCEPT_TAGGED,
  PORT_ACCEPT_UNTAGGED,
  PORT_EXISTS,
  PORT_INGRESS_FILTERING,
  PORT_LEARNING,
  PORT_STATE_FORWARDS,
  PORT_STATE_LEARNS,
  PORT_UP,
} from '../src/tables/port-table.ts';
import { serveTeam, Team, type TeamMate } from './team.ts';
import { BATCH, CHECKED_FRAMES, Fnv, FRAME_BYTES, RECORD_BYTES, STORM_DESTINATION } from './world.ts';

const HEADROOM = 128;
const STRIDE = 33 * 64;
const SEED = 12_345;
const mate = isMainThread ? null : (workerData as TeamMate);
const args = mate?.args ?? process.argv.slice(2);
const [mode, macsText, portsText, vlansText, framesFile, workersText = '1'] = args;
const workers = Number(workersText);
const macs = Number(macsText);
const ports = Number(portsText);
const vlans = Number(vlansText);
const file = readFileSync(framesFile);
const frames = file.readInt32LE(0);

const dp =
  mate === null ? makeWorld() : joinDataplane(mate.tables, mate.worker, { smallSlots: frames + 32, largeSlots: 1 });
const { view, bytes } = dp.arena;
const batch = createBatch(BATCH);
const offs = Int32Array.from({ length: frames }, (_, i) => i * STRIDE + HEADROOM);
const lens = Int32Array.from({ length: frames }, (_, i) => file.readInt32LE(4 + i * RECORD_BYTES + 4));
const from = Int32Array.from({ length: frames }, (_, i) => file.readInt32LE(4 + i * RECORD_BYTES));
const batches: [Int32Array, Int32Array, Int32Array][] = [];
for (let k = 0; k < frames; k += BATCH) {
  batches.push([offs.subarray(k, k + BATCH), from.subarray(k, k + BATCH), lens.subarray(k, k + BATCH)]);
}
let at = 0;
let fresh = 0x100;

function makeWorld(): Dataplane {
  const entries = Math.max(65_536, Math.floor(macs * 1.1));
  const made = createDataplane({
    ports: Math.max(64, ports),
    fids: 4160,
    bridges: 1,
    fdbEntries: entries,
    smallSlots: frames + 32,
    largeSlots: 1,
    seed: SEED,
    workers,
  });
  const { ports: table, vlans: vlanTable, fdb, limits } = made;
  fdb.bridgeLimit[0] = entries;
  limits[LIMIT_MIN_MTU] = 1500;
  const one = vlans === 1;
  for (let fid = 1; fid <= vlans; fid++) {
    const vid = one ? 10 : fid;
    vlanTable.fidOf[vid] = fid;
    vlanTable.vid[fid] = vid;
  }
  for (let p = 0; p < ports; p++) {
    table.flags[p] =
      PORT_EXISTS |
      PORT_UP |
      PORT_STATE_LEARNS |
      PORT_STATE_FORWARDS |
      PORT_LEARNING |
      PORT_INGRESS_FILTERING |
      PORT_ACCEPT_UNTAGGED |
      (one ? 0 : PORT_ACCEPT_TAGGED);
    table.pvid[p] = one ? 10 : -1;
    table.tpid[p] = 0x8100;
    table.pushTpid[p] = 0x8100;
    table.mtu[p] = 1500;
    fdb.portBridge[p] = 0;
    for (let q = 0; q < ports; q++) if (q !== p) setBit(table.reach, table.width, p, q, true);
    for (let kind = 0; kind < 3; kind++) setBit(table.flood, table.width, kind, p, true);
    for (let fid = 1; fid <= vlans; fid++) {
      setBit(vlanTable.member, vlanTable.width, fid, p, true);
      if (one) setBit(vlanTable.untagged, vlanTable.width, fid, p, true);
    }
  }
  return made;
}

function layFrames(): void {
  for (let i = 0; i < frames; i++) {
    const record = 4 + i * RECORD_BYTES + 8;
    bytes.set(file.subarray(record, record + FRAME_BYTES), offs[i]);
  }
}

/** One frame from every address, to an address that nobody has. */
function teach(): void {
  for (let first = 0; first < macs; first += frames) {
    const end = Math.min(macs, first + frames);
    for (let m = first; m < end; m++) {
      const off = offs[m - first];
      view.setUint16(off, 0x0200);
      view.setUint32(off + 2, 0x7fffffff);
      view.setUint16(off + 6, 0x0200);
      view.setUint32(off + 8, m);
      view.setUint32(off + 12, vlans > 1 ? (0x81000000 | (1 + (m % vlans))) >>> 0 : 0x08000000);
    }
    for (let k = first; k < end; k += BATCH) {
      batch.count = Math.min(BATCH, end - k);
      for (let j = 0; j < batch.count; j++) {
        const m = k + j;
        batch.off[j] = offs[m - first];
        batch.len[j] = FRAME_BYTES;
        batch.port[j] = (Math.floor(m / vlans) * 5 + (m % vlans)) % ports;
      }
      go(performance.now());
      dp.egress.count.fill(0);
    }
  }
}

function takeBatch(): void {
  const columns = batches[at];
  if (++at === batches.length) at = 0;
  batch.count = BATCH;
  batch.off.set(columns[0]);
  batch.port.set(columns[1]);
  batch.len.set(columns[2]);
}

function go(nowMs: number): void {
  batch.nowMs.fill(nowMs | 0);
  forwardBatch(dp, batch);
}

function emptyLists(): void {
  for (let p = 0; p < ports; p++) dp.egress.count[p] = 0;
}

function forwardRound(seconds: number): string {
  const start = performance.now();
  const end = start + seconds * 1e3;
  let now = start;
  let done = 0;
  while (now < end) {
    takeBatch();
    go(now);
    emptyLists();
    done += BATCH;
    now = performance.now();
  }
  return `${done} ${Math.round((now - start) * 1e6)}`;
}

/** The same in turns, by the clock that all threads have. */
function turnsRound(seconds: number): number {
  const end = monotonicMs() + seconds * 1e3;
  let done = 0;
  for (let now = monotonicMs(); now < end; now = monotonicMs()) {
    takeBatch();
    beginTurn(dp);
    go(now);
    emptyLists();
    endTurn(dp);
    done += BATCH;
  }
  return done;
}

/** So many frames by one reading of the clock: the number that it returns is an object on V8's heap (S13). */
function forwardFrames(count: number): string {
  const now = performance.now() | 0;
  for (let done = 0; done < count; done += BATCH) {
    takeBatch();
    go(now);
    emptyLists();
  }
  return String(count);
}

/** Every frame has a source never seen; the table is flushed, outside the timing, when it has `macs`. */
function learnRound(seconds: number): string {
  let spent = 0;
  let done = 0;
  while (spent < seconds * 1e3) {
    flushTable();
    const start = performance.now();
    let now = start;
    for (let n = 0; n + BATCH < macs; n += BATCH) {
      takeBatch();
      for (let j = 0; j < BATCH; j++) {
        view.setInt32(batch.off[j] + 8, fresh);
        fresh = (fresh + 1) | 0;
      }
      go(now);
      emptyLists();
      done += BATCH;
      now = performance.now();
    }
    spent += now - start;
  }
  return `${done} ${Math.round(spent * 1e6)}`;
}

function flushTable(): void {
  const now = performance.now() | 0;
  flushAll(dp.fdb, now);
  sweepAll(dp.fdb, now);
  const keep = view.getInt32(offs[0] + 8);
  view.setInt32(offs[0] + 8, STORM_DESTINATION);
  batch.count = 1;
  batch.off[0] = offs[0];
  batch.len[0] = FRAME_BYTES;
  batch.port[0] = ports - 1;
  go(now);
  emptyLists();
  view.setInt32(offs[0] + 8, keep);
}

/** Digest of what is delivered: see expectedDigest. */
function check(): string {
  const hash = new Fnv();
  const { egress } = dp;
  at = 0;
  for (let k = 0; k < frames && k < CHECKED_FRAMES; k += BATCH) {
    takeBatch();
    go(performance.now());
    for (let p = 0; p < ports; p++) {
      for (let n = 0; n < egress.count[p]; n++) {
        const i = egress.list[p * egress.stride + n];
        hash.copy(p, batch.len[i], bytes, batch.off[i]);
      }
    }
    emptyLists();
  }
  at = 0;
  return String(hash.value());
}

/** Collections since the last such question, and the longest of them in milliseconds. */
async function collections(): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, 20));
  const said = `${collected} ${longestMs}`;
  collected = 0;
  longestMs = 0;
  return said;
}

let collected = 0;
let longestMs = 0;
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) {
    collected++;
    longestMs = Math.max(longestMs, duration);
  }
}).observe({ entryTypes: ['gc'] });

if (mode !== 'learn' && mate === null) teach();
layFrames();
if (mate !== null) serveTeam(mate, turnsRound);
const team = mode === 'turns' ? new Team(dp, workers, args, turnsRound) : null;
if (mode === 'learn') flushTable();
const answer = async (line: string): Promise<string> => {
  if (line === 'check') return check();
  if (line === 'gc') return String(globalThis.gc?.() ?? 0);
  if (line === 'heap') return String(process.memoryUsage().heapUsed);
  if (line === 'gcstats') return collections();
  if (line.startsWith('frames ')) return forwardFrames(Number(line.slice(7)));
  if (team !== null) return team.round(Number(line));
  return mode === 'learn' ? learnRound(Number(line)) : forwardRound(Number(line));
};
if (mate === null) process.stdout.write('ready\n');
for await (const line of mate === null ? createInterface({ input: process.stdin }) : [])
  process.stdout.write(`${await answer(line)}\n`);
