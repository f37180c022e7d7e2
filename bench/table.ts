/**
 * S11: the forwarding database as a table: memory, a whole dump, flushing, ageing, at a million entries; the dump
 * beside `bridge fdb show` of the kernel at a hundred thousand, since filling a kernel bridge takes a minute a million.
 *
 * What stops forwarding is what runs between two batches: a flush, and one slice of a sweep.
 */

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fdbJson } from '../src/api/fdb-json.ts';
import { createDataplane, type Dataplane } from '../src/dataplane/dataplane.ts';
import { probe, startSlot } from '../src/tables/fdb/fdb.ts';
import { flushAll } from '../src/tables/fdb/flush.ts';
import { learnSource } from '../src/tables/fdb/learn.ts';
import { needsSweep, sweepSlice } from '../src/tables/fdb/sweep.ts';
import type { Context } from './forwarding.ts';
import { deviceName, Host } from './live/hosts.ts';
import { installed, liveObstacle } from './live/obstacle.ts';
import { digits, MIXED_UNITS, machine, type Report, result } from './report.ts';
import { median } from './stats.ts';

const MANY = 1_000_000;
const PEER = 100_000;
const PORTS = 4;
const AGE_MS = 300_000;
/** An entry as JSON is longer than this. */
const ENTRY_CHARACTERS = 80;
/** Slots of one slice, as the runtime sweeps (src/runtime/core.ts). */
const SLICE_SLOTS = 16_384;

function filled(entries: number): Dataplane {
  const dp = createDataplane({ ports: 64, fids: 16, bridges: 1, fdbEntries: entries, seed: 12_345, smallSlots: 32 });
  dp.fdb.bridgeLimit[0] = entries;
  dp.fdb.portBridge.fill(0);
  dp.fdb.fidAgeMs[1] = AGE_MS;
  for (let m = 0; m < entries; m++) {
    const high = (0x0200 << 16) | 1;
    learnSource(dp.fdb, probe(dp.fdb, m, high, startSlot(dp.fdb, m, high)), m, high, m % PORTS, 0);
  }
  if (dp.fdb.bridgeCount[0] !== entries) throw new Error('bench: S11: the table did not take all entries');
  return dp;
}

/** Milliseconds of `show fdb --json`: collected, sorted, written as text. */
function dump(dp: Dataplane): number {
  const directory = {
    name: 'bench',
    bridges: [{ name: 'bench', index: 0, type: 'c-vlan' }],
    ports: Array.from({ length: PORTS }, (_, index) => ({ name: `p${index}`, index })),
    vlans: [{ fid: 1, bridge: 'bench', vid: 10, name: 'vlan10', members: [] }],
  };
  const readable = { tables: dp, directory, statuses: [] };
  const start = performance.now();
  let length = 0;
  for (const piece of fdbJson(readable as unknown as Parameters<typeof fdbJson>[0], {}, 0)) length += piece.length;
  const spent = performance.now() - start;
  if (length < dp.fdb.bridgeCount[0] * ENTRY_CHARACTERS) throw new Error('bench: S11: the dump is not whole');
  return spent;
}

/** Ages every entry out; resolves with the longest slice and the sum, in milliseconds. */
function age(dp: Dataplane): { longest: number; sum: number } {
  let longest = 0;
  let sum = 0;
  for (let done = !needsSweep(dp.fdb, 2 * AGE_MS); !done; ) {
    const start = performance.now();
    done = sweepSlice(dp.fdb, 2 * AGE_MS, SLICE_SLOTS);
    const spent = performance.now() - start;
    longest = Math.max(longest, spent);
    sum += spent;
  }
  return { longest, sum };
}

/** Milliseconds of `bridge -json fdb show` of a kernel bridge with as many entries, a round each; null where it cannot be. */
function kernelDumps(context: Context, notes: string[]): number[] | null {
  const obstacle = liveObstacle() ?? (installed('bridge') ? null : 'it needs bridge (iproute2)');
  if (obstacle !== null) {
    notes.push(`linux-bridge does not run here: ${obstacle}`);
    return null;
  }
  const host = new Host('0.0.0.0');
  const inside = (...args: string[]) =>
    spawnSync('ip', ['netns', 'exec', host.namespace, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    const [device, peer] = [deviceName(), deviceName()];
    host.ip('link', 'add', 'br0', 'type', 'bridge');
    host.ip('link', 'add', device, 'type', 'veth', 'peer', 'name', peer);
    host.ip('link', 'set', device, 'master', 'br0', 'up');
    const lines: string[] = [];
    for (let m = 0; m < PEER; m++) {
      const mac = `02:00:00:${[m >> 16, m >> 8, m].map((x) => (x & 0xff).toString(16).padStart(2, '0')).join(':')}`;
      lines.push(`fdb add ${mac} dev ${device} master static`);
    }
    const file = join(context.folder, 'fdb.batch');
    writeFileSync(file, `${lines.join('\n')}\n`);
    context.progress(`S11: filling a kernel bridge with ${PEER.toLocaleString('en')} entries`);
    const { status, stderr } = inside('bridge', '-batch', file);
    if (status !== 0) throw new Error(String(stderr).split('\n')[0]);
    return Array.from({ length: context.rounds }, () => {
      const start = performance.now();
      inside('bridge', '-json', 'fdb', 'show');
      return performance.now() - start;
    });
  } catch (error) {
    notes.push(`linux-bridge does not run here: ${(error as Error).message}`);
    return null;
  } finally {
    host.close();
  }
}

export async function s11(context: Context): Promise<Report> {
  const notes = [
    `${MANY.toLocaleString('en')} learned entries; a dump is what show fdb --json does, without the socket`,
    'targets: at most 32 bytes an entry, a dump in 1,500 ms, stalls of at most 1 ms',
  ];
  const dumps: number[] = [];
  const flushes: number[] = [];
  const slices: number[] = [];
  const sweeps: number[] = [];
  let bytes = 0;
  for (let r = 0; r < context.rounds; r++) {
    const dp = filled(MANY);
    const { rec, links } = dp.fdb;
    bytes = (rec.byteLength + links.byteLength) / MANY;
    dumps.push(dump(dp));
    const { longest, sum } = age(dp);
    slices.push(longest);
    sweeps.push(sum);
    const start = performance.now();
    flushAll(dp.fdb, 0);
    flushes.push((performance.now() - start) * 1e3);
    context.progress(
      `S11 round ${r + 1}/${context.rounds}: dump ${dumps[r].toFixed(0)} ms, longest slice ${longest.toFixed(2)} ms`,
    );
  }
  const small = filled(PEER);
  const own = Array.from({ length: context.rounds }, () => dump(small));
  const kernel = kernelDumps(context, notes);
  const report: Report = {
    scenario: 'S11',
    unit: MIXED_UNITS,
    machine: machine(),
    rounds: context.rounds,
    results: [
      result('etherloom, bytes an entry of a full table', [bytes]),
      result('etherloom, dump ms', dumps),
      result('etherloom, flush of all µs', flushes),
      result('etherloom, ageing out all ms', sweeps),
      result('etherloom, longest slice of it ms', slices),
      result(`etherloom, dump of ${PEER.toLocaleString('en')} ms`, own),
      ...(kernel === null ? [] : [result(`bridge fdb show of ${PEER.toLocaleString('en')} ms`, kernel)]),
    ],
    ratios: kernel === null ? {} : { 'linux-bridge': digits(median(kernel) / median(own)) },
    notes,
  };
  return kernel === null ? { ...report, missing: ['linux-bridge'] } : report;
}
