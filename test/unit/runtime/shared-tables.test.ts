/**
 * Threads that forward by the same tables, while addresses move, expire and are evicted, and control flushes, adds entries and
 * makes the table larger. The frames of each thread are the same in every run; how they fall among each other is not.
 */

import { MessageChannel, Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { MemoryAdapter } from '../../../src/adapters/memory.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { addEntry, deleteEntry, flush } from '../../../src/control/fdb-control.ts';
import { slotsInUse } from '../../../src/dataplane/arena.ts';
import { fidLedger, portCounters, portLedger, sumLedger, sumPortCounters } from '../../../src/dataplane/counters.ts';
import { postTables } from '../../../src/dataplane/table-memory.ts';
import { configure, SwitchCore } from '../../../src/runtime/core.ts';
import { findEntry, listEntries } from '../../../src/tables/fdb/entries.ts';
import { STAT_NAMES } from '../../../src/tables/fdb/fdb.ts';
import { announceMove } from '../../../src/tables/gate.ts';
import { sharedInt32 } from '../../../src/tables/shared.ts';
import { auditFdb } from '../tables/audit-fdb.ts';

const THREAD = new URL('./forward-thread.mjs', import.meta.url);
/** Of words: milliseconds; threads at the end of the storm; whether to settle; threads that have; frames pushed, late, that left; slots kept. */
const [NOW, DONE, SETTLE, SETTLED, PUSHED, LATE, LEFT, SLOTS] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
const THREADS = 3;
const ROUNDS = 1000;
const MACS = 300;
/** Of control at least. */
const TURNS = 80;
const BLUE_LIMIT = 40;

const RED = ['r0', 'r1', 'r2', 'r3', 'r4'];
const BLUE = ['b0', 'b1'];
const CONFIG = `
switch: { fdb: { ageSeconds: 10, maxEntries: 400 } }
vlans: { 10: {}, 20: {} }
ports:
${RED.map((name) => `  ${name}: { adapter: memory, mode: access, vlan: 10 }`).join('\n')}
${BLUE.map((name) => `  ${name}: { adapter: memory, mode: access, vlan: 20, fdbMaxEntries: ${BLUE_LIMIT} }`).join('\n')}
`;

const macText = (n: number) =>
  `0a:00:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`;

describe('threads that share tables', () => {
  it('keep FDB, counters and ledger whole, the order of flows, and agree where every host is', async () => {
    const words = sharedInt32(16);
    words[NOW] = 1000;
    const nowMs = () => Atomics.load(words, NOW);
    const core = new SwitchCore({ nowMs, ports: 16, fids: 8, fdbEntries: 420, smallSlots: 256, workers: THREADS + 1 });
    configure(core, loadConfig(CONFIG, 'test.yaml'));
    const { control, dp } = core;
    const index = (name: string) => control.port(name).index;
    const queues = new Map<number, MemoryAdapter>();
    for (const name of [...RED, ...BLUE]) {
      const adapter = new MemoryAdapter({ mtu: 1500 }, { arena: dp.arena, events: { link() {}, readable() {} } });
      adapter.onFrame = () => {
        Atomics.add(words, LEFT, 1);
        return true;
      };
      core.attach(name, adapter);
      queues.set(index(name), adapter);
    }
    const channels: MessageChannel[] = [];
    const ended: Promise<void>[] = [];
    for (let worker = 1; worker <= THREADS; worker++) {
      const channel = new MessageChannel();
      channels.push(channel);
      const shared = { posted: postTables(dp), words, rounds: ROUNDS, macs: MACS, workers: THREADS + 1 };
      const own = { worker, channel: channel.port2, seed: 7 * worker };
      const ports = { red: RED.map(index), blue: BLUE.map(index) };
      const workerData = { ...shared, ...own, ...ports };
      const thread = new Worker(THREAD, { workerData, transferList: [channel.port2] });
      ended.push(new Promise((resolve, reject) => thread.on('error', reject).on('exit', () => resolve())));
    }
    let moves = 0;
    control.onTablesMoved = () => {
      moves++;
      for (const { port1 } of channels) port1.postMessage(postTables(dp));
      announceMove(dp.gate);
    };

    let pushed = 0;
    const send = (port: number, mac: number) => {
      const frame = Buffer.alloc(60);
      frame.write('ffffffffffff0200', 'hex');
      frame.writeUInt32BE(mac, 8);
      frame.writeUInt16BE(0x88b5, 12);
      frame.writeUInt32BE(0x1000 + ++pushed, 14);
      expect(queues.get(port)!.push(frame)).toBe(true);
      core.poll(port);
    };

    let added = 0;
    const failed = Promise.race(ended.map((end) => end.then(() => null)));
    for (let turn = 0; turn < TURNS || Atomics.load(words, DONE) < THREADS; turn++) {
      // Now and then all are silent for longer than addresses are kept.
      Atomics.add(words, NOW, turn % 25 === 24 ? 10_100 : 40);
      send(index(RED[turn % RED.length]!), turn % MACS);
      while (!core.tick(128));
      core.exclusively(() => {
        expect(auditFdb(dp.fdb)).toEqual([]);
        for (let n = 0; n < 25 && turn < TURNS && turn % 3 === 0; n++) {
          addEntry(control, { bridge: 'loom0', vid: 10, mac: macText(added++), port: 'r0', kind: 'static' });
        }
        if (turn % 9 === 8 && turn < TURNS) deleteEntry(control, 'loom0', 10, macText(added - 1 - turn));
        if (turn % 11 === 0) flush(control, { port: RED[turn % RED.length]! });
        if (turn % 17 === 0) flush(control, { vid: 20 });
        expect(auditFdb(dp.fdb)).toEqual([]);
      });
      // A thread that has failed says so.
      if (turn % 16 === 0) await Promise.race([failed, new Promise((resolve) => setImmediate(resolve))]);
    }
    Atomics.store(words, SETTLE, 1);
    Atomics.notify(words, SETTLE);
    for (let mac = 0; mac < MACS; mac += THREADS + 1) send(index(RED[mac % RED.length]!), mac);
    await Promise.all(ended);
    for (const { port1 } of channels) port1.close();

    expect(words[SETTLED]).toBe(THREADS);
    expect(auditFdb(dp.fdb)).toEqual([]);
    // Where every host is, and that the storm had bounds.
    const fid = control.fidOf(control.bridge('loom0'), 10);
    for (let mac = 0; mac < MACS; mac++) {
      const found = findEntry(dp.fdb, fid, 0x0200, mac, nowMs());
      expect(found, `host ${mac}`).toMatchObject({ kind: 'dynamic', port: index(RED[mac % RED.length]!) });
    }
    const entries = [...listEntries(dp.fdb, nowMs())];
    for (const name of BLUE) {
      expect(entries.filter(({ port }) => port === index(name)).length).toBeLessThanOrEqual(BLUE_LIMIT);
    }
    expect(new Set(entries.map(({ fid, macHigh, macLow }) => `${fid} ${macHigh} ${macLow}`)).size).toBe(entries.length);
    // Everything has happened that may.
    expect(moves).toBeGreaterThan(0);
    const stats = Object.fromEntries(STAT_NAMES.map((name, n) => [name, dp.fdb.stats[n]!]));
    for (const name of ['learned', 'moved', 'evicted', 'aged']) expect(stats[name], name).toBeGreaterThan(0);

    expect(words[LATE]).toBe(0);
    const sum = (name: string) => sumPortCounters(dp.countersOf.map((each) => portCounters(each, index(name))));
    const ports = [...RED, ...BLUE].map(sum);
    expect(ports.reduce((n, { rxFrames }) => n + rxFrames, 0)).toBe(words[PUSHED]! + pushed);
    expect(ports.reduce((n, { txFrames }) => n + txFrames, 0)).toBe(words[LEFT]);
    expect(ports.reduce((n, { delivered, floodCopies }) => n + delivered + floodCopies, 0)).toBe(words[LEFT]);
    const rows = dp.countersOf.flatMap((each) => [
      ...Array.from({ length: each.ports }, (_, p) => portLedger(each, p)),
      ...Array.from({ length: each.fids }, (_, f) => fidLedger(each, f)),
    ]);
    for (const row of rows) expect(row.balanced).toBe(true);
    expect(sumLedger(rows).received).toBeGreaterThan(0);
    expect(words[SLOTS]! + slotsInUse(dp.arena)).toBe(0);
  });
});
