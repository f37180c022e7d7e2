/** What a worker that ended in the middle of its work leaves: tables, gate and ledger are put in order on the arrays that it had. */

import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { addEntry } from '../../../src/control/fdb-control.ts';
import {
  DELIVERED,
  FID_COUNTERS,
  fidLedger,
  PORT_COUNTERS,
  portLedger,
  RX_FRAMES,
} from '../../../src/dataplane/counters.ts';
import { type DataplaneShared, joinDataplane, sharedPart } from '../../../src/dataplane/dataplane.ts';
import { accountLost, putDown, takeUp } from '../../../src/dataplane/under-way.ts';
import { configure, SwitchCore } from '../../../src/runtime/core.ts';
import { Reclaiming } from '../../../src/runtime/reclaiming.ts';
import { META_USED } from '../../../src/tables/fdb/fdb.ts';
import { countReplacement, enterBatch, epochOf, exclusive, lock, replacements } from '../../../src/tables/gate.ts';
import { auditFdb } from '../tables/audit-fdb.ts';

const CONFIG =
  'switch: { fdb: { maxEntries: 16 } }\nvlans: { 10: {} }\nports: { a: { adapter: memory, vlan: 10 }, b: { adapter: memory, vlan: 10 } }\n';

function twoWorkers() {
  const core = new SwitchCore({ nowMs: () => 1000, ports: 8, fids: 8, fdbEntries: 16, smallSlots: 16, workers: 2 });
  configure(core, loadConfig(CONFIG, 'test.yaml'));
  return core;
}

describe('a worker that has ended', () => {
  it('is waited for until the arrays that it wrote to are known', () => {
    const core = twoWorkers();
    const { control, dp } = core;
    const { gate } = dp;
    const reclaiming = new Reclaiming();
    reclaiming.known(sharedPart(dp), replacements(gate));
    const posted: { tables: DataplaneShared; replaced: number }[] = [];
    control.onTablesMoved = () => {
      posted.push({ tables: sharedPart(dp), replaced: replacements(gate) + 1 });
      countReplacement(gate);
    };
    const before = dp.fdb.rec;
    core.exclusively(() => {
      for (let n = 0; posted.length === 0; n++) {
        const mac = `0a:00:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`;
        addEntry(control, { bridge: 'loom0', vid: 10, mac, port: 'a', kind: 'static' });
      }
    });
    expect(dp.fdb.rec).not.toBe(before);

    // The new arrays are under way to who puts things in order; the side worker has them, and ends while it writes.
    const side = joinDataplane(sharedPart(dp), 1, { smallSlots: 16 });
    enterBatch(side.gate);
    lock(side.gate);
    side.fdb.meta[META_USED] += 7;
    expect(auditFdb(dp.fdb)).not.toEqual([]);
    const lost: number[] = [];
    reclaiming.ended(1, (n) => lost.push(n));
    expect(lost).toEqual([]);
    expect(epochOf(gate, 1) & 1).toBe(1);
    for (const { tables, replaced } of posted) reclaiming.known(tables, replaced);
    expect(lost).toEqual([0]);
    expect(auditFdb(dp.fdb)).toEqual([]);
    expect(exclusive(gate, () => 'free')).toBe('free');
  });

  it('leaves its frames as drops of the port that they came by, and rows that balance', () => {
    const core = twoWorkers();
    const { control, dp } = core;
    const counters = dp.countersOf[1]!;
    const { port: ports, fid: fids } = counters;
    const a = control.port('a').index;
    const fid = control.fidOf(control.bridge('loom0'), 10);
    const reclaiming = new Reclaiming();
    reclaiming.known(sharedPart(dp), 0);
    const ended = () => {
      let lost = -1;
      reclaiming.ended(1, (n) => {
        lost = n;
      });
      return lost;
    };

    takeUp(counters, a, 6);
    // Two are entered wholly, one on its port alone, one on one side of its port's row.
    ports[a * PORT_COUNTERS + RX_FRAMES] += 4;
    ports[a * PORT_COUNTERS + DELIVERED] += 3;
    fids[fid * FID_COUNTERS + RX_FRAMES] += 2;
    fids[fid * FID_COUNTERS + DELIVERED] += 2;
    expect(ended()).toBe(3);
    expect(portLedger(counters, a)).toMatchObject({
      received: 6,
      delivered: 3,
      drops: { WORKER_LOST: 3 },
      balanced: true,
    });
    for (const f of [0, fid]) expect(fidLedger(counters, f).balanced).toBe(true);
    expect(fidLedger(counters, 0).drops).toEqual({ WORKER_LOST: 2 });

    // Delivered, and not yet entered as received.
    takeUp(counters, a, 2);
    ports[a * PORT_COUNTERS + DELIVERED] += 1;
    expect(ended()).toBe(1);
    expect(portLedger(counters, a)).toMatchObject({ received: 8, delivered: 4, balanced: true });

    takeUp(counters, a, 2);
    putDown(counters);
    expect(ended()).toBe(0);
    expect(accountLost(counters)).toBe(0);
  });
});
